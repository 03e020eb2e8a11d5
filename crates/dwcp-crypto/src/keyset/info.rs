//! What may be told of a keyset: Tink's `KeysetInfo`, which holds no key bytes.

use super::{Keyset, Spelled, Status, key_value};
use serde::{Deserialize, Serialize};

/// Tink's `KeysetInfo` in its JSON form.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KeysetInfo {
    primary_key_id: u32,
    key_info: Vec<KeyInfo>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyInfo {
    type_url: String,
    status: String,
    key_id: u32,
    output_prefix_type: String,
}

impl KeysetInfo {
    /// Whether it names `id` as a key in use.
    pub(crate) fn has_enabled(&self, id: u32) -> bool {
        self.key_info.iter().any(|key| key.key_id == id && key.status == Status::Enabled.name())
    }

    /// What `keyset` says of itself.
    pub(crate) fn of<M>(keyset: &Keyset<M>) -> Self {
        let key_info = keyset.keys.iter().map(|key| KeyInfo {
            type_url: key_value::type_url(key.template).to_owned(),
            status: key.status().name().to_owned(),
            key_id: key.id,
            output_prefix_type: key.prefix.name().to_owned(),
        });
        Self { primary_key_id: keyset.primary, key_info: key_info.collect() }
    }
}
