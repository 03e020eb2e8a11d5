//! Why a keyring file was not made, read or changed.

use crate::{CryptoError, KekError, KeyringError};
use dwcp_base::{Blame, Coded, SecretFileError};
use std::io;
use std::path::PathBuf;

/// Why a keyring file was not made, read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringFileError {
    /// It can not be read.
    #[error("the keyring file was not read")]
    Read {
        /// What is wrong with it.
        source: SecretFileError,
    },
    /// The text is no keyring file.
    #[error("the text is no keyring file from line {line}, column {column} on")]
    Malformed {
        /// The line, counted from one.
        line: usize,
        /// The column, counted from one.
        column: usize,
    },
    /// It was made by a later version.
    #[error("the keyring file has version {found}, which is not known here")]
    Version {
        /// Its version.
        found: u32,
    },
    /// Its key was not wrapped or unwrapped.
    #[error("the keyring's key is not to be had")]
    Kek {
        /// Why.
        source: KekError,
    },
    /// The passphrase or key file is right, and something in the file was altered.
    #[error("the keyring file is damaged")]
    Damaged,
    /// The keyring refused a change, or the keyset in the file is not usable.
    #[error("the keyring did not do it")]
    Keyring {
        /// Why.
        source: KeyringError,
    },
    /// Its key is derived from the passphrase more cheaply than new data needs: rewrap it first.
    #[error("the keyring is wrapped too weakly for new keys")]
    Weak,
    /// There is something at the path already; it was not overwritten.
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
    /// The file is not the one that was loaded or saved last: load it again.
    #[error("{} was changed by somebody else", path.display())]
    Changed {
        /// The file.
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
    /// The file is the new one, and whether that survives a power loss is open: its directory could not be synced. Keep what
    /// opens the old one too, load it again, and save it.
    #[error("{} was replaced, and the disk did not confirm it", path.display())]
    Unsynced {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Nothing was sealed.
    #[error("the keyring was not sealed")]
    Crypto {
        /// Why.
        source: CryptoError,
    },
}

impl From<KekError> for KeyringFileError {
    fn from(source: KekError) -> Self {
        Self::Kek { source }
    }
}

impl Coded for KeyringFileError {
    fn code(&self) -> &'static str {
        match self {
            Self::Read { source } => source.code(),
            Self::Malformed { .. } => "crypto.keyring_file.malformed",
            Self::Version { .. } => "crypto.keyring_file.unknown",
            Self::Kek { source } => source.code(),
            Self::Damaged => "crypto.keyring_file.damaged",
            Self::Keyring { source } => source.code(),
            Self::Weak => "crypto.keyring_file.weak",
            Self::AlreadyExists { .. } => "crypto.keyring_file.exists",
            Self::Busy { .. } => "crypto.keyring_file.busy",
            Self::Changed { .. } => "crypto.keyring_file.changed",
            Self::Storage { .. } => "crypto.keyring_file.storage",
            Self::Unsynced { .. } => "crypto.keyring_file.unsynced",
            Self::Crypto { source } => source.code(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Kek { source } => source.blame(),
            Self::Crypto { source } => source.blame(),
            _ => Blame::Local,
        }
    }
}
