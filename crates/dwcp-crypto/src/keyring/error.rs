//! Why a keyring did not do what it was asked, and which key stands in the way.

use crate::{CryptoError, KeysetError};
use dwcp_base::{Blame, Coded};

/// Why a [`Keyring`](crate::Keyring) refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The keyring has no key of that id: the one asked for, or the one that a message names.
    #[error("the keyring has no key {id}")]
    UnknownKey {
        /// The id.
        id: u32,
    },
    /// The key is retired: it neither seals nor opens until it is restored.
    #[error("key {id} is retired")]
    RetiredKey {
        /// Its id.
        id: u32,
    },
    /// The key was destroyed. What only it could open is lost for good.
    #[error("key {id} was destroyed")]
    DestroyedKey {
        /// Its id.
        id: u32,
    },
    /// The primary key can be neither retired nor destroyed: promote another first.
    #[error("key {id} is the primary key")]
    PrimaryKey {
        /// Its id.
        id: u32,
    },
    /// The keyring is for messages where one for streams is needed, or the other way round.
    #[error("the keyring is for {}", if *streams { "streams, not for messages" } else { "messages, not for streams" })]
    WrongKind {
        /// Whether the keyring is for streams.
        streams: bool,
    },
    /// The keyring holds as many keys as it may: destroy some that nothing is sealed under any more.
    #[error("the keyring holds {limit} keys and takes no more")]
    Full {
        /// The most it holds.
        limit: usize,
    },
    /// No key was made.
    #[error("no key was made")]
    NotMade {
        /// Why.
        source: CryptoError,
    },
    /// The primary key sealed nothing.
    #[error("key {id} sealed nothing")]
    NotSealed {
        /// Its id.
        id: u32,
        /// Why.
        source: CryptoError,
    },
    /// No key of the keyring opens the message: it is damaged or forged, belongs to other associated data, or was sealed
    /// under another keyring.
    #[error("no key of the keyring opens the message")]
    NotOpened {
        /// What the last key said.
        source: CryptoError,
    },
    /// A keyset of another's making was not taken.
    #[error("the keyset is refused")]
    Keyset {
        /// Why.
        source: KeysetError,
    },
}

impl Coded for KeyringError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownKey { .. } => "crypto.key.unknown",
            Self::RetiredKey { .. } => "crypto.key.retired",
            Self::DestroyedKey { .. } => "crypto.key.destroyed",
            Self::PrimaryKey { .. } => "crypto.key.primary",
            Self::WrongKind { .. } => "crypto.keyring.mismatched",
            Self::Full { .. } => "crypto.keyring.full",
            Self::NotMade { source } | Self::NotSealed { source, .. } | Self::NotOpened { source } => {
                source.code()
            }
            Self::Keyset { source } => source.code(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::NotMade { source } | Self::NotSealed { source, .. } | Self::NotOpened { source } => {
                source.blame()
            }
            _ => Blame::Local,
        }
    }
}

impl From<KeysetError> for KeyringError {
    fn from(source: KeysetError) -> Self {
        Self::Keyset { source }
    }
}
