//! Why a cache gives or keeps nothing.

use dwcp_base::{Blame, Coded};
use dwcp_crypto::EnvelopeError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a record was not read or not written. What was there before is untouched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The operating system refused.
    #[error("can not {action} {}", path.display())]
    Storage {
        /// What was tried, for example `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Group or others have permissions on it.
    #[error("{} is open to others (mode {mode:04o})", path.display())]
    Exposed {
        /// The file or the directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is a link, has a second name, or is no regular file, or the directory is none: who made it so may read or write through it.
    #[error("{} is {what}", path.display())]
    Irregular {
        /// The path.
        path: PathBuf,
        /// What it is, for example `a symbolic link`.
        what: &'static str,
    },
    /// It belongs to another user than the one this process runs as.
    #[error("{} belongs to user {owner}, and this process runs as user {user}", path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// It is larger than a record can be.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The largest record.
        limit: usize,
    },
    /// It is no record of its kind.
    #[error("line {line} of {} is not that of its kind of record", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The first line that is wrong, from 1.
        line: usize,
    },
    /// It is about another directory, or other names, than its own name says: somebody moved it.
    #[error("{} is about something else than its name says", path.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
    },
    /// What was to be written is longer than a record can be, or has characters that none has.
    #[error("line {line} of the {kind} record is too long, or has characters that no record has")]
    Unfit {
        /// Which kind of record, for example `order`.
        kind: &'static str,
        /// The first line that does not fit, from 1.
        line: usize,
    },
    /// Another process has held the cache for as long as was waited.
    #[error("another process holds {}", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
    },
    /// The account's key is sealed, and no key-encryption key was given.
    #[error("the account in {} is sealed, and there is no key to open it", path.display())]
    Sealed {
        /// The file.
        path: PathBuf,
    },
    /// The account's key was not sealed or not opened.
    #[error("the account in {} can not be opened or sealed", path.display())]
    Envelope {
        /// The file.
        path: PathBuf,
        /// Why.
        source: EnvelopeError,
    },
}

impl CacheError {
    /// What an operator can do about it, as one sentence.
    pub fn fix(&self) -> String {
        match self {
            Self::Storage { path, .. } => {
                format!("make {} readable and writable for this user, on a disk with room", path.display())
            }
            Self::Exposed { path, .. } => format!(
                "chmod {} {}, and replace the account's key if others may have read it",
                if path.is_dir() { "700" } else { "600" },
                path.display()
            ),
            Self::Irregular { path, .. } | Self::Foreign { path, .. } => {
                format!(
                    "find out who made {} so, and give this user a cache directory of its own",
                    path.display()
                )
            }
            Self::TooLarge { path, .. } | Self::Malformed { path, .. } | Self::Misplaced { path } => {
                format!(
                    "restore {} from a backup, or move it away: an account or an order is then made anew",
                    path.display()
                )
            }
            Self::Unfit { .. } => {
                "shorten what was configured, or ask the authority, which sent the rest".to_owned()
            }
            Self::Busy { .. } => {
                "wait for the other process, or give each process a cache directory of its own".to_owned()
            }
            Self::Sealed { .. } | Self::Envelope { .. } => {
                "give the key-encryption key that the account was sealed under".to_owned()
            }
        }
    }
}

impl Coded for CacheError {
    fn code(&self) -> &'static str {
        match self {
            Self::Storage { .. } => "acme.cache.storage",
            Self::Exposed { .. } => "acme.cache.exposed",
            Self::Irregular { .. } => "acme.cache.irregular",
            Self::Foreign { .. } => "acme.cache.foreign",
            Self::TooLarge { .. } | Self::Malformed { .. } => "acme.cache.malformed",
            Self::Misplaced { .. } => "acme.cache.misplaced",
            Self::Unfit { .. } => "acme.cache.unfit",
            Self::Busy { .. } => "acme.cache.busy",
            Self::Sealed { .. } | Self::Envelope { .. } => "acme.cache.sealed",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
