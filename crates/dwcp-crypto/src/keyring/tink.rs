//! A keyring as Tink's keyset, in clear.

use super::{AnyKey, Held, Keyring, KeyringError};
use crate::keyset::{self, Key, Keyset, KeysetInfo};
use crate::{CryptoError, KeyProblem, KeysetError, Secret};

impl Keyring {
    /// Reads a clear keyset in Tink's JSON form: at most 64 KiB and 128 keys, symmetric ones of one purpose.
    ///
    /// # Errors
    /// [`KeyringError::Keyset`] names the key that is not usable. What is unknown is refused, never dropped.
    ///
    /// # Security
    /// The caller's text holds the keys: wipe it. A keyset from elsewhere may have sealed under its keys already, which
    /// counts towards the limit of each key and is not known here.
    pub fn from_tink_json(text: &[u8]) -> Result<Self, KeyringError> {
        Self::from_keyset(keyset::from_json(text)?)
    }

    /// Reads a clear keyset in Tink's binary form, with the same bounds.
    ///
    /// # Errors
    /// As [`from_tink_json`](Self::from_tink_json).
    ///
    /// # Security
    /// As [`from_tink_json`](Self::from_tink_json).
    pub fn from_tink_binary(bytes: &[u8]) -> Result<Self, KeyringError> {
        Self::from_keyset(keyset::decode(bytes)?)
    }

    /// The clear keyset as Tink reads it, in JSON. Retired keys are in it as DISABLED, destroyed ones are not.
    ///
    /// # Security
    /// These are the keys themselves. Whoever reads the text can open everything that the keyring opens.
    pub fn to_tink_json(&self) -> Secret {
        keyset::to_json(&self.keyset())
    }

    /// The clear keyset as Tink reads it, in its binary form.
    ///
    /// # Security
    /// As [`to_tink_json`](Self::to_tink_json).
    pub fn to_tink_binary(&self) -> Secret {
        keyset::encode(&self.keyset())
    }

    /// What Tink's `KeysetInfo` tells of the keys.
    pub(crate) fn keyset_info(&self) -> KeysetInfo {
        KeysetInfo::of(&self.keyset())
    }

    fn keyset(&self) -> Keyset<&Secret> {
        let keys = self.keys.iter().map(|held| Key {
            id: held.id,
            enabled: held.enabled,
            prefix: held.prefix,
            template: held.key.template(),
            material: held.key.material(),
        });
        Keyset { primary: self.primary, keys: keys.collect(), destroyed: Vec::new() }
    }

    fn from_keyset(keyset: Keyset<Secret>) -> Result<Self, KeyringError> {
        let (primary, mut template) = (keyset.primary, None);
        let mut keys = Vec::with_capacity(keyset.keys.len());
        for Key { id, enabled, prefix, template: kind, material } in keyset.keys {
            // The codec has judged lengths and parameters already.
            let refused = |_: CryptoError| KeysetError::Key { id, problem: KeyProblem::Length };
            let key = AnyKey::new(kind, material).map_err(refused)?;
            if id == primary {
                template = Some(key.template());
            }
            keys.push(Held { id, enabled, prefix, key, created: None, changed: None });
        }
        let template = template.ok_or(KeysetError::PrimaryMissing { id: primary })?;
        let mut keyring = Self { primary, template, keys, destroyed: Vec::new() };
        for id in keyset.destroyed {
            keyring.bury(super::Tombstone { id, created: None, destroyed: None });
        }
        Ok(keyring)
    }
}
