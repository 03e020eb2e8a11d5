//! A keyset in protobuf's binary form: the messages of Tink's `tink.proto`.

use super::wire::{Fields, Malformed, Value, message, number, once};
use super::{
    Draft, DraftData, Keyset, KeysetError, MOST_BYTES, MOST_KEYS, Prefix, Spelled, Status, assemble,
    key_value,
};
use crate::Secret;

/// Reads a `Keyset` of at most [`MOST_BYTES`] and [`MOST_KEYS`].
pub(crate) fn decode(bytes: &[u8]) -> Result<Keyset<Secret>, KeysetError> {
    if bytes.len() > MOST_BYTES {
        return Err(KeysetError::TooLarge { limit: MOST_BYTES });
    }
    let malformed = |Malformed| KeysetError::MalformedBinary;
    let (mut primary, mut drafts) = (None, Vec::new());
    let mut fields = Fields::of(bytes);
    while let Some(field) = fields.next().map_err(malformed)? {
        match field {
            (1, Value::Number(n)) => once(&mut primary, number(n).map_err(malformed)?).map_err(malformed)?,
            (2, Value::Bytes(_)) if drafts.len() == MOST_KEYS => {
                return Err(KeysetError::TooManyKeys { limit: MOST_KEYS });
            }
            (2, Value::Bytes(key)) => drafts.push(draft(key).map_err(malformed)?),
            _ => return Err(KeysetError::MalformedBinary),
        }
    }
    assemble(primary.unwrap_or(0), drafts)
}

/// Writes a `Keyset` with the keys that have key bytes.
///
/// Destroyed keys are left out: Tink's Go implementation refuses a whole keyset for one that is empty, and there is
/// nothing to hand over.
pub(crate) fn encode(keyset: &Keyset<&Secret>) -> Secret {
    let keys: Vec<Secret> = keyset
        .keys
        .iter()
        .map(|key| {
            let value = key_value::write(key.template, key.material);
            let data = message(&[
                (1, Value::Bytes(key_value::type_url(key.template).as_bytes())),
                (2, Value::Bytes(value.expose())),
                (3, Value::Number(SYMMETRIC)),
            ]);
            message(&[
                (1, Value::Bytes(data.expose())),
                (2, Value::Number(key.status().number())),
                (3, Value::Number(u64::from(key.id))),
                (4, Value::Number(key.prefix.number())),
            ])
        })
        .collect();
    let mut fields = vec![(1, Value::Number(u64::from(keyset.primary)))];
    fields.extend(keys.iter().map(|key| (2, Value::Bytes(key.expose()))));
    message(&fields)
}

fn draft(bytes: &[u8]) -> Result<Draft<'_>, Malformed> {
    let (mut data, mut status, mut id, mut prefix) = (None, None, None, None);
    let mut fields = Fields::of(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(bytes)) => once(&mut data, bytes)?,
            (2, Value::Number(n)) => once(&mut status, number(n)?)?,
            (3, Value::Number(n)) => once(&mut id, number(n)?)?,
            (4, Value::Number(n)) => once(&mut prefix, number(n)?)?,
            _ => return Err(Malformed),
        }
    }
    Ok(Draft {
        id: id.unwrap_or(0),
        status: status.and_then(Status::from_number),
        prefix: prefix.and_then(Prefix::from_number),
        data: draft_data(data.unwrap_or_default()).unwrap_or(UNREADABLE),
    })
}

fn draft_data(bytes: &[u8]) -> Result<DraftData<'_>, Malformed> {
    let (mut type_url, mut value, mut material) = (None, None, None);
    let mut fields = Fields::of(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(bytes)) => once(&mut type_url, str::from_utf8(bytes).map_err(|_| Malformed)?)?,
            (2, Value::Bytes(bytes)) => once(&mut value, Secret::copy_of(bytes))?,
            (3, Value::Number(n)) => once(&mut material, n)?,
            _ => return Err(Malformed),
        }
    }
    Ok(DraftData {
        type_url: type_url.unwrap_or_default(),
        symmetric: material == Some(SYMMETRIC),
        value: Some(value.unwrap_or_else(|| Secret::copy_of(&[]))),
    })
}

/// Key data that does not read: the fault of that one key, whose id is told.
const UNREADABLE: DraftData<'static> = DraftData { type_url: "", symmetric: false, value: None };

/// `KeyMaterialType.SYMMETRIC`.
const SYMMETRIC: u64 = 1;
