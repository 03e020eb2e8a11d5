//! The key inside a key: `AesGcmKey`, `ChaCha20Poly1305Key`, `XChaCha20Poly1305Key`, `AesGcmHkdfStreamingKey`.

use super::wire::{Fields, Malformed, Value, message, number, once};
use super::{KeyProblem, KeyTemplate};
use crate::Secret;
use crate::hkdf::Hash;
use crate::one_shot::DataAlgorithm;
use crate::stream::StreamParameters;

/// The type's name and the serialized key, as `KeyData` holds them.
pub(super) fn write(template: KeyTemplate, material: &Secret) -> Secret {
    let bytes = Value::Bytes(material.expose());
    match template {
        KeyTemplate::Aead(DataAlgorithm::ChaCha20Poly1305) => message(&[(2, bytes)]),
        KeyTemplate::Aead(_) => message(&[(3, bytes)]),
        KeyTemplate::Stream(parameters) => {
            let parameters = message(&[
                (1, Value::Number(parameters.segment_size() as u64)),
                (2, Value::Number(parameters.derived_key_size() as u64)),
                (3, Value::Number(u64::from(hash_number(parameters.hash())))),
            ]);
            message(&[(2, Value::Bytes(parameters.expose())), (3, bytes)])
        }
    }
}

/// What `KeyData` calls the type.
pub(super) fn type_url(template: KeyTemplate) -> &'static str {
    match template {
        KeyTemplate::Aead(DataAlgorithm::Aes256Gcm | DataAlgorithm::Aes128Gcm) => AES_GCM,
        KeyTemplate::Aead(DataAlgorithm::ChaCha20Poly1305) => CHACHA20_POLY1305,
        KeyTemplate::Aead(DataAlgorithm::XChaCha20Poly1305) => XCHACHA20_POLY1305,
        KeyTemplate::Stream(_) => AES_GCM_HKDF_STREAMING,
    }
}

/// Reads a serialized key of the type that `type_url` names.
pub(super) fn read(type_url: &str, value: &Secret) -> Result<(KeyTemplate, Secret), KeyProblem> {
    let bytes_field = match type_url {
        CHACHA20_POLY1305 => 2,
        AES_GCM | XCHACHA20_POLY1305 | AES_GCM_HKDF_STREAMING => 3,
        _ => return Err(KeyProblem::Type),
    };
    let streaming = type_url == AES_GCM_HKDF_STREAMING;
    let parts =
        Parts::read(value.expose(), bytes_field, streaming).map_err(|Malformed| KeyProblem::Malformed)?;
    if parts.version != 0 {
        return Err(KeyProblem::Version);
    }
    let template = match (type_url, parts.key.len()) {
        (AES_GCM, 16) => KeyTemplate::Aead(DataAlgorithm::Aes128Gcm),
        (AES_GCM, _) => KeyTemplate::Aead(DataAlgorithm::Aes256Gcm),
        (CHACHA20_POLY1305, _) => KeyTemplate::Aead(DataAlgorithm::ChaCha20Poly1305),
        (XCHACHA20_POLY1305, _) => KeyTemplate::Aead(DataAlgorithm::XChaCha20Poly1305),
        _ => KeyTemplate::Stream(parameters(parts.parameters)?),
    };
    if !template.takes(parts.key.len()) {
        return Err(KeyProblem::Length);
    }
    Ok((template, Secret::copy_of(parts.key)))
}

/// The fields of any of the four messages.
struct Parts<'a> {
    version: u32,
    parameters: &'a [u8],
    key: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(value: &'a [u8], bytes_field: u32, streaming: bool) -> Result<Self, Malformed> {
        let (mut version, mut parameters, mut key) = (None, None, None);
        let mut fields = Fields::of(value);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Number(n)) => once(&mut version, number(n)?)?,
                (n, Value::Bytes(bytes)) if n == bytes_field => once(&mut key, bytes)?,
                (2, Value::Bytes(bytes)) if streaming => once(&mut parameters, bytes)?,
                _ => return Err(Malformed),
            }
        }
        Ok(Self {
            version: version.unwrap_or(0),
            parameters: parameters.unwrap_or_default(),
            key: key.unwrap_or_default(),
        })
    }
}

fn parameters(bytes: &[u8]) -> Result<StreamParameters, KeyProblem> {
    let malformed = |Malformed| KeyProblem::Malformed;
    let (mut segment, mut derived, mut hash) = (None, None, None);
    let mut fields = Fields::of(bytes);
    while let Some(field) = fields.next().map_err(malformed)? {
        let slot = match field.0 {
            1 => &mut segment,
            2 => &mut derived,
            3 => &mut hash,
            _ => return Err(KeyProblem::Malformed),
        };
        let Value::Number(n) = field.1 else { return Err(KeyProblem::Malformed) };
        once(slot, number(n).map_err(malformed)?).map_err(malformed)?;
    }
    let size = |slot: Option<u32>| slot.and_then(|n| usize::try_from(n).ok()).ok_or(KeyProblem::Parameters);
    // SHA-1 (1) and SHA-224 (5) exist there and are too weak here; Tink makes no such keys by itself.
    let hash = match hash {
        Some(SHA256) => Hash::Sha256,
        Some(SHA512) => Hash::Sha512,
        _ => return Err(KeyProblem::Parameters),
    };
    StreamParameters::new(size(derived)?, hash, size(segment)?).map_err(|_| KeyProblem::Parameters)
}

fn hash_number(hash: Hash) -> u32 {
    match hash {
        Hash::Sha256 => SHA256,
        Hash::Sha384 => SHA384,
        Hash::Sha512 => SHA512,
    }
}

const AES_GCM: &str = "type.googleapis.com/google.crypto.tink.AesGcmKey";
const CHACHA20_POLY1305: &str = "type.googleapis.com/google.crypto.tink.ChaCha20Poly1305Key";
const XCHACHA20_POLY1305: &str = "type.googleapis.com/google.crypto.tink.XChaCha20Poly1305Key";
const AES_GCM_HKDF_STREAMING: &str = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey";

/// `HashType` of common.proto.
const SHA384: u32 = 2;
const SHA256: u32 = 3;
const SHA512: u32 = 4;
