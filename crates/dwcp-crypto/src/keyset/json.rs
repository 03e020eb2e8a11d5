//! A keyset in JSON, as Tink writes it: names in camel case, key bytes in base64.

use super::{
    Draft, DraftData, Key, Keyset, KeysetError, MOST_BYTES, MOST_KEYS, Prefix, Spelled, Status, assemble,
    key_value,
};
use crate::{Secret, base64};
use serde::{Deserialize, Serialize};
use std::io;

/// Reads a keyset of at most [`MOST_BYTES`] of text and [`MOST_KEYS`].
pub(crate) fn from_json(text: &[u8]) -> Result<Keyset<Secret>, KeysetError> {
    if text.len() > MOST_BYTES {
        return Err(KeysetError::TooLarge { limit: MOST_BYTES });
    }
    // The parser would unescape into memory of its own that nobody wipes.
    if text.contains(&b'\\') {
        return Err(KeysetError::Escaped);
    }
    // What the parser says may quote the text, and so a key: its place is all that is kept.
    let read: KeysetText<'_> = serde_json::from_slice(text)
        .map_err(|e| KeysetError::MalformedText { line: e.line(), column: e.column() })?;
    if read.key.len() > MOST_KEYS {
        return Err(KeysetError::TooManyKeys { limit: MOST_KEYS });
    }
    assemble(read.primary_key_id, read.key.into_iter().map(draft).collect())
}

/// Writes a keyset with line breaks and a final one, in memory that is wiped. Destroyed keys are left out, as in
/// [`encode`](super::encode).
pub(crate) fn to_json(keyset: &Keyset<&Secret>) -> Secret {
    let values: Vec<Secret> = keyset
        .keys
        .iter()
        .map(|key| base64::encode_secret(&key_value::write(key.template, key.material)))
        .collect();
    let key = keyset.keys.iter().zip(&values).map(|(key, value)| text_of(key, value));
    let text = KeysetText { primary_key_id: keyset.primary, key: key.collect() };
    let mut length = Count(0);
    // Writing to memory that is large enough does not fail; a defect shows itself as a short text, and in the tests.
    let _ = serde_json::to_writer_pretty(&mut length, &text);
    let Ok(secret) = Secret::build(length.0 + 1, |mut out| {
        let _ = serde_json::to_writer_pretty(&mut out, &text);
        out.fill(b'\n');
        Ok::<(), std::convert::Infallible>(())
    });
    secret
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeysetText<'a> {
    primary_key_id: u32,
    #[serde(borrow)]
    key: Vec<KeyText<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyText<'a> {
    #[serde(borrow)]
    key_data: Option<KeyDataText<'a>>,
    status: &'a str,
    key_id: u32,
    output_prefix_type: &'a str,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyDataText<'a> {
    #[serde(default)]
    type_url: &'a str,
    #[serde(default)]
    value: &'a str,
    #[serde(default)]
    key_material_type: &'a str,
}

fn draft(key: KeyText<'_>) -> Draft<'_> {
    let data = key.key_data.unwrap_or(KeyDataText { type_url: "", value: "", key_material_type: "" });
    Draft {
        id: key.key_id,
        status: Status::from_name(key.status),
        prefix: Prefix::from_name(key.output_prefix_type),
        data: DraftData {
            type_url: data.type_url,
            symmetric: data.key_material_type == SYMMETRIC,
            value: base64::decode_secret(data.value),
        },
    }
}

fn text_of<'a>(key: &Key<&Secret>, value: &'a Secret) -> KeyText<'a> {
    let data = KeyDataText {
        type_url: key_value::type_url(key.template),
        value: str::from_utf8(value.expose()).unwrap_or_default(),
        key_material_type: SYMMETRIC,
    };
    KeyText {
        key_data: Some(data),
        status: key.status().name(),
        key_id: key.id,
        output_prefix_type: key.prefix.name(),
    }
}

/// Counts what is written to it.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const SYMMETRIC: &str = "SYMMETRIC";
