//! What may be told of a key: everything but its bytes.

use crate::KeyTemplate;
use dwcp_base::UnixTime;
use std::fmt;

/// One key of a keyring, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its id: never zero, and its own within the keyring.
    pub id: u32,
    /// Whether it is in use.
    pub status: KeyStatus,
    /// Whether new data is sealed under it.
    pub primary: bool,
    /// What kind of key it is; unknown once it is destroyed.
    pub template: Option<KeyTemplate>,
    /// When it was made, if it was made here.
    pub created: Option<UnixTime>,
    /// When it was last promoted, retired, restored or destroyed.
    pub changed: Option<UnixTime>,
    /// How many messages it has sealed here: see [`Keyring`](crate::Keyring) for what that does not count. Zero for streams.
    pub sealed_messages: u64,
}

/// Whether a key is in use, with the words of Tink's keysets in mind: enabled, disabled, destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyStatus {
    /// It opens; as the primary key it seals too.
    Enabled,
    /// It neither seals nor opens until it is restored.
    Retired,
    /// Its bytes are gone for good.
    Destroyed,
}

/// `enabled`, `retired` or `destroyed`.
impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enabled => "enabled",
            Self::Retired => "retired",
            Self::Destroyed => "destroyed",
        })
    }
}
