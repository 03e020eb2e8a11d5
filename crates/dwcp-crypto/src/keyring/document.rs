//! The text of a keyring file: Tink's `EncryptedKeyset`, how its key is wrapped, and the history of the keys.

use super::record::Record;
use super::{Keyring, KeyringFileError};
use crate::base64;
use crate::binding::Binding;
use crate::kek::Wrapping;
use crate::keyset::KeysetInfo;
use crate::one_shot::DataKey;
use serde::{Deserialize, Serialize};

/// A keyring file as it was read, of which nothing is believed yet.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Document {
    encrypted_keyset: String,
    keyset_info: KeysetInfo,
    dwcp_keyring: u32,
    pub(super) wrapping: Wrapping,
    history: Vec<Record>,
}

impl Document {
    pub(super) fn read(text: &[u8]) -> Result<Self, KeyringFileError> {
        let malformed = |error: serde_json::Error| KeyringFileError::Malformed {
            line: error.line(),
            column: error.column(),
        };
        let version: Version = serde_json::from_slice(text).map_err(malformed)?;
        if version.dwcp_keyring != VERSION {
            return Err(KeyringFileError::Version { found: version.dwcp_keyring });
        }
        serde_json::from_slice(text).map_err(malformed)
    }

    /// Seals `keyring` under `key`, which is wrapped as `wrapping` says.
    pub(super) fn seal(
        keyring: &Keyring,
        wrapping: &Wrapping,
        key: &DataKey,
    ) -> Result<String, KeyringFileError> {
        let history = keyring.history();
        let sealed = key
            .seal(binding(wrapping, &history).bytes(), keyring.to_tink_binary().expose())
            .map_err(|source| KeyringFileError::Crypto { source })?;
        let document = Self {
            encrypted_keyset: base64::encode(&sealed),
            keyset_info: keyring.keyset_info(),
            dwcp_keyring: VERSION,
            wrapping: wrapping.clone(),
            history,
        };
        // These types have no member that could fail to be written.
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        Ok(text)
    }

    /// Whether the clear part names `id` as a key in use.
    pub(super) fn has_enabled(&self, id: u32) -> bool {
        self.keyset_info.has_enabled(id)
    }

    pub(super) fn open(&self, key: &DataKey) -> Result<Keyring, KeyringFileError> {
        let sealed = base64::decode(&self.encrypted_keyset).ok_or(KeyringFileError::Damaged)?;
        let keyset = key
            .open_secret(binding(&self.wrapping, &self.history).bytes(), &sealed)
            .map_err(|_| KeyringFileError::Damaged)?;
        let keyring = Keyring::from_tink_binary(keyset.expose())
            .map_err(|source| KeyringFileError::Keyring { source })?;
        let keyring = keyring.with_history(&self.history).ok_or(KeyringFileError::Damaged)?;
        // Tink authenticates the keyset alone; what the file says of it in clear has to be true as well.
        if keyring.keyset_info() != self.keyset_info {
            return Err(KeyringFileError::Damaged);
        }
        Ok(keyring)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    dwcp_keyring: u32,
}

/// What is authenticated with the keyset.
fn binding(wrapping: &Wrapping, history: &[Record]) -> Binding {
    let mut binding = Binding::default();
    binding.field(b"dwcp keyring 1");
    wrapping.bind(&mut binding);
    binding.count(history.len());
    for record in history {
        record.bind(&mut binding);
    }
    binding
}

const VERSION: u32 = 1;
