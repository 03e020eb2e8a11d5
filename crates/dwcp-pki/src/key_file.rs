//! Private keys as PEM, without a copy that is not wiped: PKCS#8 (`PRIVATE KEY`), and the two older forms that tools still write
//! (`EC PRIVATE KEY`, `RSA PRIVATE KEY`).

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
    /// It does not hold one unencrypted private key in PEM.
    #[error("the file does not hold one unencrypted private key in PEM")]
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
    let (form, der) = decode(text).map_err(|source| KeyFileError::Format { source })?;
    match form {
        Form::Pkcs8 => SigningKey::from_pkcs8(der),
        Form::Sec1 => SigningKey::from_sec1(&der),
        Form::Pkcs1 => SigningKey::from_pkcs1(&der),
    }
    .map_err(|source| KeyFileError::Key { source })
}

/// What a section's label says of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// RFC 7468 §10.
    Pkcs8,
    /// RFC 5915 §4.
    Sec1,
    /// As OpenSSL wrote RSA keys before it wrote PKCS#8.
    Pkcs1,
}

/// The DER of one PEM section and its form; white space after it does no harm, nor do the curve's parameters that `openssl ecparam`
/// writes in front of a key.
pub(crate) fn decode(text: &Secret) -> Result<(Form, Secret), ParseError> {
    let document = Document::PrivateKey;
    ParseError::check_size(document, text.expose(), LARGEST)?;
    let text = after_parameters(text.expose().trim_ascii());
    let form = match der::pem::decode_label(text).map_err(|_| ParseError::Missing { document })? {
        LABEL => Form::Pkcs8,
        "EC PRIVATE KEY" => Form::Sec1,
        "RSA PRIVATE KEY" => Form::Pkcs1,
        "ENCRYPTED PRIVATE KEY" => {
            return Err(ParseError::malformed(
                document,
                "it is encrypted; `openssl pkey` writes it in clear",
            ));
        }
        _ => return Err(ParseError::malformed(document, "its label is not PRIVATE KEY")),
    };
    let length = der::pem::Decoder::new(text).map_err(|_| ParseError::Pem { document })?.remaining_len();
    let der = Secret::build(length, |out| {
        der::pem::decode(text, out).map(|_| ()).map_err(|_| ParseError::Pem { document })
    })?;
    Ok((form, der))
}

/// What follows a leading section of curve parameters. They repeat what is in the key and are not read.
fn after_parameters(text: &[u8]) -> &[u8] {
    const BEGIN: &[u8] = b"-----BEGIN EC PARAMETERS-----";
    const END: &[u8] = b"-----END EC PARAMETERS-----";
    let past_end = || text.windows(END.len()).position(|window| window == END).map(|at| at + END.len());
    let start = if text.starts_with(BEGIN) { past_end() } else { None };
    start.and_then(|start| text.get(start..)).unwrap_or(text).trim_ascii_start()
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
            let (form, der) = decode(&Secret::from(text)).unwrap();
            assert_eq!((form, der.expose()), (Form::Pkcs8, key.pkcs8().expose()));
        }
    }

    #[test]
    fn other_keys_are_refused_without_their_bytes_in_the_error() {
        let labelled = |label: &str| {
            let text = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
            parse(&Secret::from(text.into_bytes())).map(|_| ()).unwrap_err()
        };
        for (label, why) in [
            ("OPENSSH PRIVATE KEY", "its label is not PRIVATE KEY"),
            ("ENCRYPTED PRIVATE KEY", "it is encrypted; `openssl pkey` writes it in clear"),
        ] {
            let KeyFileError::Format { source } = labelled(label) else { panic!("{label}") };
            assert_eq!(source.to_string(), format!("the private key is malformed: {why}"));
        }
        for label in ["EC PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY"] {
            assert!(matches!(labelled(label), KeyFileError::Key { .. }), "{label}");
        }
        for text in ["", "AAAA", "-----BEGIN PRIVATE KEY-----\nA?A\n-----END PRIVATE KEY-----\n"] {
            assert!(decode(&Secret::from(text.as_bytes().to_vec())).is_err(), "{text}");
        }
    }
}
