//! Why a key was not wrapped or unwrapped, and what is wrong with a key file.

use crate::CryptoError;
use dwcp_base::{Blame, Coded, SecretFileError};
use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The error under a [`KekError`] of a remote key. It must not carry secrets: it is logged.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why a key was not wrapped or unwrapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KekError {
    /// The passphrase or key file is not the one that it was wrapped under. A damaged wrapping can look the same.
    #[error("the passphrase or key file is wrong")]
    WrongKey,
    /// The passphrase or key file is right, and what was wrapped is not whole or belongs to another purpose.
    #[error("the wrapped key is damaged")]
    Damaged,
    /// What is stored is malformed, or asks for a derivation that is never computed.
    #[error("the parameters of the wrapping are refused")]
    Parameters {
        /// What is wrong with them.
        source: CryptoError,
    },
    /// It was wrapped by something else.
    #[error("the key was wrapped by `{found}`, not by `{expected}`")]
    OtherKind {
        /// What was asked to unwrap it.
        expected: &'static str,
        /// What wrapped it, as the wrapping says.
        found: String,
    },
    /// It was given for opening alone: a passphrase that nobody judged protects no new data.
    #[error("the passphrase is for opening, not for new data")]
    OpensOnly,
    /// It has to wait for somebody, and was used where nobody can wait.
    #[error("the key can not be used without waiting")]
    Waits,
    /// It will not do this, now or later: its policy, or our credentials for it.
    #[error("the holder of the key refused")]
    Refused(#[source] Cause),
    /// It can not be reached, or can not serve at the moment.
    #[error("the holder of the key is unavailable")]
    Unavailable(#[source] Cause),
    /// It did not answer in time.
    #[error("the holder of the key did not answer within {} s", deadline.as_secs())]
    TimedOut {
        /// The time it had.
        deadline: Duration,
    },
    /// No randomness, no memory, or a bound was passed.
    #[error("the key was not wrapped or unwrapped")]
    Crypto {
        /// What failed.
        source: CryptoError,
    },
}

impl From<CryptoError> for KekError {
    fn from(source: CryptoError) -> Self {
        Self::Crypto { source }
    }
}

impl Coded for KekError {
    fn code(&self) -> &'static str {
        match self {
            Self::WrongKey => "crypto.kek.wrong",
            Self::Damaged => "crypto.kek.damaged",
            Self::Parameters { source } | Self::Crypto { source } => source.code(),
            Self::OtherKind { .. } => "crypto.kek.mismatched",
            Self::OpensOnly => "crypto.kek.unjudged",
            Self::Waits => "crypto.kek.waiting",
            Self::Refused(_) => "crypto.kek.refused",
            Self::Unavailable(_) => "crypto.kek.unavailable",
            Self::TimedOut { .. } => "crypto.kek.timed_out",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Unavailable(_) | Self::TimedOut { .. } => Blame::Network,
            _ => Blame::Local,
        }
    }
}

/// Why a key file was not made, read or rotated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KekFileError {
    /// It can not be read, or others can read it.
    #[error("the key file was not read")]
    Read {
        /// What is wrong with the file.
        source: SecretFileError,
    },
    /// A line is no key, or damaged.
    #[error("line {line} of {} is no key", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
    },
    /// There is no key in it.
    #[error("{} holds no key", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It holds as many keys as it may: take out the last lines, once nothing is wrapped under them any more.
    #[error("{} holds {limit} keys and takes no more", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// The most it holds.
        limit: usize,
    },
    /// There is a file already; it was not overwritten.
    #[error("{} exists already", path.display())]
    AlreadyExists {
        /// What is in the way.
        path: PathBuf,
    },
    /// Another process has held the file for ten seconds.
    #[error("{} is held by another process", path.display())]
    Busy {
        /// The lock's file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("can not {action} {}", path.display())]
    Storage {
        /// What was tried, for example `write`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No key was made.
    #[error("no key was made")]
    Crypto {
        /// What failed.
        source: CryptoError,
    },
}

impl Coded for KekFileError {
    fn code(&self) -> &'static str {
        match self {
            Self::Read { source } => source.code(),
            Self::Malformed { .. } | Self::Empty { .. } => "crypto.kek_file.malformed",
            Self::Full { .. } => "crypto.kek_file.full",
            Self::AlreadyExists { .. } => "crypto.kek_file.exists",
            Self::Busy { .. } => "crypto.kek_file.busy",
            Self::Storage { .. } => "crypto.kek_file.storage",
            Self::Crypto { source } => source.code(),
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
