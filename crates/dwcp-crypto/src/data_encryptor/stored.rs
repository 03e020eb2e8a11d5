//! The text that is stored: header, commitment, and older keys sealed under the newest. `docs/formats/data-encryptor.md` describes it.

use super::schedule::{COMMITMENT_LEN, Form, Header, MAGIC, Schedule};
use super::{MAX_OLDER, Version};
use crate::{CryptoError, DataAlgorithm, DataKey, Kdf, Secret, constant_time_eq};
use base64ct::{Base64Unpadded, Encoding};

/// The text of a key and those before it.
pub(super) fn write<'v>(
    header: &Header,
    schedule: &Schedule,
    older: impl Iterator<Item = &'v Version>,
) -> Result<String, CryptoError> {
    let entries = entries(older);
    let older = if entries.is_empty() {
        String::new()
    } else {
        let sealed = schedule.older_keys()?.seal(schedule.header().as_bytes(), entries.expose())?;
        Base64Unpadded::encode_string(&sealed)
    };
    let commitment = Base64Unpadded::encode_string(&schedule.commitment(&older)?);
    let text = format!("{header} {commitment} {older}");
    Ok(text.trim_end().to_owned())
}

/// Takes a text apart, without believing it.
pub(super) fn read(text: &str) -> Result<Stored, CryptoError> {
    if text.len() > MAX_TEXT {
        return Err(CryptoError::InvalidParameters);
    }
    let mut words = text.split(' ');
    let mut word = || words.next().ok_or(CryptoError::InvalidParameters);
    if word()? != MAGIC {
        return Err(CryptoError::InvalidParameters);
    }
    let name = word()?;
    let form =
        Form::ALL.into_iter().find(|form| form.name() == name).ok_or(CryptoError::InvalidParameters)?;
    let algorithm = DataAlgorithm::from_name(word()?).ok_or(CryptoError::InvalidParameters)?;
    let kdf = Kdf::from_phc(word()?)?;
    let mut commitment = [0; COMMITMENT_LEN];
    let decoded = Base64Unpadded::decode(word()?, &mut commitment).map_err(invalid)?.len();
    let older = words.next().unwrap_or_default();
    // One spelling: an empty last word would be a second one for "no older keys".
    if decoded != COMMITMENT_LEN || words.next().is_some() || text.ends_with(' ') {
        return Err(CryptoError::InvalidParameters);
    }
    Ok(Stored { header: Header { form, algorithm, kdf }, commitment, older: older.to_owned() })
}

/// A text, taken apart.
pub(super) struct Stored {
    pub(super) header: Header,
    commitment: [u8; COMMITMENT_LEN],
    older: String,
}

impl Stored {
    /// The older keys, once the whole text is known to be of who knew the passphrase.
    pub(super) fn unseal(&self, schedule: &Schedule) -> Result<Vec<Version>, CryptoError> {
        if !constant_time_eq(&schedule.commitment(&self.older)?, &self.commitment) {
            return Err(CryptoError::WrongPassphrase);
        }
        if self.older.is_empty() {
            return Ok(vec![]);
        }
        let sealed = Base64Unpadded::decode_vec(&self.older).map_err(invalid)?;
        let entries = schedule.older_keys()?.open_secret(schedule.header().as_bytes(), &sealed)?;
        versions(entries.expose())
    }
}

/// Older keys in a row: form, algorithm, id, key.
fn entries<'v>(older: impl Iterator<Item = &'v Version>) -> Secret {
    // At its final size from the start: a vector that grew would leave keys behind.
    let mut bytes = Vec::with_capacity(MAX_OLDER * MAX_ENTRY);
    for version in older {
        bytes.push(form_code(version.form));
        bytes.push(algorithm_code(version.key.algorithm()));
        bytes.extend_from_slice(&version.id);
        bytes.extend_from_slice(version.key.material().expose());
    }
    Secret::from(bytes)
}

fn versions(mut entries: &[u8]) -> Result<Vec<Version>, CryptoError> {
    let mut versions = vec![];
    while let Some(([form, algorithm, a, b, c, d], rest)) = entries.split_first_chunk() {
        let form = Form::ALL.into_iter().find(|one| form_code(*one) == *form);
        let algorithm = DataAlgorithm::ALL.into_iter().find(|one| algorithm_code(*one) == *algorithm);
        let (form, algorithm) = form.zip(algorithm).ok_or(CryptoError::InvalidParameters)?;
        let (key, rest) = rest.split_at_checked(algorithm.key_len()).ok_or(CryptoError::InvalidParameters)?;
        let key = DataKey::new(algorithm, Secret::from(key.to_vec()))?;
        versions.push(Version { form, id: [*a, *b, *c, *d], key, may_seal: false });
        entries = rest;
    }
    if entries.is_empty() && versions.len() <= MAX_OLDER {
        Ok(versions)
    } else {
        Err(CryptoError::InvalidParameters)
    }
}

fn form_code(form: Form) -> u8 {
    match form {
        Form::Tink => 1,
        Form::Original => 2,
    }
}

fn algorithm_code(algorithm: DataAlgorithm) -> u8 {
    match algorithm {
        DataAlgorithm::Aes256Gcm => 1,
        DataAlgorithm::Aes128Gcm => 2,
        DataAlgorithm::ChaCha20Poly1305 => 3,
        DataAlgorithm::XChaCha20Poly1305 => 4,
    }
}

fn invalid<E>(_: E) -> CryptoError {
    CryptoError::InvalidParameters
}

const MAX_TEXT: usize = 2048;
const MAX_ENTRY: usize = 6 + 32;
