//! Private keys as PEM (`PRIVATE KEY`, PKCS#8), without a copy that is not wiped.

use crate::{Document, ParseError};
use der::pem::LineEnding;
use dwcp_base::{Blame, Coded, SecretFileError};
use dwcp_crypto::{CryptoError, Secret, SigningKey};
use std::path::Path;

/// Why a key file was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It can not be read, or others can read it as well.
    #[error("the key file was not read")]
    File {
        /// What is wrong with the file.
        source: SecretFileError,
    },
    /// It does not hold one PKCS#8 key in PEM.
    #[error("the file does not hold one unencrypted PKCS#8 key in PEM")]
    Format {
        /// What is wrong with the text.
        source: ParseError,
    },
    /// The key is of a kind that is not supported.
    #[error("the key is not usable")]
    Key {
        /// What is wrong with the key.
        source: CryptoError,
    },
}

impl Coded for KeyFileError {
    fn code(&self) -> &'static str {
        match self {
            Self::File { source } => source.code(),
            Self::Format { .. } => "pki.key.malformed",
            Self::Key { .. } => "pki.key.unsupported",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// Reads a key file that only its owner can read, of at most 16 KiB.
pub(crate) fn read(path: &Path) -> Result<SigningKey, KeyFileError> {
    let text = Secret::from(
        dwcp_base::read_secret(path, LARGEST as u64).map_err(|source| KeyFileError::File { source })?,
    );
    parse(&text)
}

/// The key in the text of a key file.
pub(crate) fn parse(text: &Secret) -> Result<SigningKey, KeyFileError> {
    let pkcs8 = decode(text).map_err(|source| KeyFileError::Format { source })?;
    SigningKey::from_pkcs8(pkcs8).map_err(|source| KeyFileError::Key { source })
}

/// The PKCS#8 DER of one PEM section; white space after it does no harm.
pub(crate) fn decode(text: &Secret) -> Result<Secret, ParseError> {
    let document = Document::PrivateKey;
    ParseError::check_size(document, text.expose(), LARGEST)?;
    let text = text.expose().trim_ascii();
    let label = der::pem::decode_label(text).map_err(|_| ParseError::Missing { document })?;
    if label != LABEL {
        return Err(ParseError::malformed(document, "its label is not PRIVATE KEY"));
    }
    let length = der::pem::Decoder::new(text).map_err(|_| ParseError::Pem { document })?.remaining_len();
    Secret::build(length, |out| {
        der::pem::decode(text, out).map(|_| ()).map_err(|_| ParseError::Pem { document })
    })
}

/// A private key as one PEM section (`PRIVATE KEY`, PKCS#8).
///
/// # Errors
/// [`ParseError`] when the encoder fails, which it does not for a key made or read here.
///
/// # Security
/// Write it with owner-only permissions, as [`Disk::replace`](dwcp_base::Disk::replace) does with `secret`.
pub fn private_key_pem(key: &SigningKey) -> Result<Secret, ParseError> {
    let failed = |_: der::pem::Error| ParseError::Pem { document: Document::PrivateKey };
    let der = key.pkcs8().expose();
    let length = der::pem::encoded_len(LABEL, LineEnding::LF, der).map_err(failed)?;
    Secret::build(length, |out| der::pem::encode(LABEL, LineEnding::LF, der, out).map(|_| ()).map_err(failed))
}

const LABEL: &str = "PRIVATE KEY";
const LARGEST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_crypto::KeyType;

    #[test]
    fn a_key_makes_the_round_trip_and_trailing_white_space_does_no_harm() {
        for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
            let key = SigningKey::generate(key_type).unwrap();
            let mut text = private_key_pem(&key).unwrap().expose().to_vec();
            text.extend_from_slice(b" \n\n");
            assert_eq!(decode(&Secret::from(text)).unwrap().expose(), key.pkcs8().expose());
        }
    }

    #[test]
    fn other_keys_are_refused_without_their_bytes_in_the_error() {
        let sec1 = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        let error = decode(&Secret::from(sec1.as_bytes().to_vec())).unwrap_err();
        assert_eq!(error.to_string(), "the private key is malformed: its label is not PRIVATE KEY");
        for text in ["", "AAAA", "-----BEGIN PRIVATE KEY-----\nA?A\n-----END PRIVATE KEY-----\n"] {
            assert!(decode(&Secret::from(text.as_bytes().to_vec())).is_err(), "{text}");
        }
    }
}
