//! A key of a keyring, of either purpose.

use crate::one_shot::DataKey;
use crate::stream::StreamKey;
use crate::{CryptoError, KeyTemplate, Secret};

pub(super) enum AnyKey {
    Data(Box<DataKey>),
    Stream(StreamKey),
}

impl AnyKey {
    pub(super) fn generate(template: KeyTemplate) -> Result<Self, CryptoError> {
        match template {
            KeyTemplate::Aead(algorithm) => DataKey::generate(algorithm).map(|key| Self::Data(Box::new(key))),
            KeyTemplate::Stream(parameters) => StreamKey::generate(parameters).map(Self::Stream),
        }
    }

    pub(super) fn new(template: KeyTemplate, material: Secret) -> Result<Self, CryptoError> {
        match template {
            KeyTemplate::Aead(algorithm) => {
                DataKey::new(algorithm, material).map(|key| Self::Data(Box::new(key)))
            }
            KeyTemplate::Stream(parameters) => {
                StreamKey::from_material(parameters, material).map(Self::Stream)
            }
        }
    }

    pub(super) fn template(&self) -> KeyTemplate {
        match self {
            Self::Data(key) => KeyTemplate::Aead(key.algorithm()),
            Self::Stream(key) => KeyTemplate::Stream(key.parameters()),
        }
    }

    pub(super) fn sealed_messages(&self) -> u64 {
        match self {
            Self::Data(key) => key.sealed_messages(),
            Self::Stream(_) => 0,
        }
    }

    /// The same key once more, as one that has sealed `sealed` messages; a key of streams has no such count.
    pub(super) fn copy(&self, sealed: u64) -> Result<Self, CryptoError> {
        let material = Secret::concat(&[self.material().expose()]);
        match self {
            Self::Data(key) => {
                DataKey::with_count(key.algorithm(), material, sealed).map(|key| Self::Data(Box::new(key)))
            }
            Self::Stream(key) => StreamKey::from_material(key.parameters(), material).map(Self::Stream),
        }
    }

    pub(super) fn material(&self) -> &Secret {
        match self {
            Self::Data(key) => key.material(),
            Self::Stream(key) => key.material(),
        }
    }
}
