//! What a key is for: its type with its parameters, under the names of Tink's templates.

use crate::hkdf::Hash;
use crate::one_shot::DataAlgorithm;
use crate::stream::StreamParameters;
use std::fmt;

/// What a key is for: its type with its parameters.
///
/// Displayed, it has the name of Tink's template where there is one: `AES256_GCM`, `XCHACHA20_POLY1305`,
/// `AES256_GCM_HKDF_1MB`. Other sizes of segments are named in bytes (`AES128_GCM_HKDF_65537B`), a hash other than SHA-256
/// stands at the end (`_SHA512`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTemplate {
    /// A key for messages, sealed in one piece.
    Aead(DataAlgorithm),
    /// A key for streams and files.
    Stream(StreamParameters),
}

impl KeyTemplate {
    /// Whether both are for messages, or both for streams.
    pub(crate) fn goes_with(self, other: Self) -> bool {
        matches!((self, other), (Self::Aead(_), Self::Aead(_)) | (Self::Stream(_), Self::Stream(_)))
    }

    /// Whether `length` bytes can be its key.
    pub(super) fn takes(self, length: usize) -> bool {
        match self {
            Self::Aead(algorithm) => length == algorithm.key_len(),
            Self::Stream(parameters) => (parameters.derived_key_size()..=MOST_STREAM_KEY).contains(&length),
        }
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = match self {
            Self::Aead(DataAlgorithm::Aes256Gcm) => return f.write_str("AES256_GCM"),
            Self::Aead(DataAlgorithm::Aes128Gcm) => return f.write_str("AES128_GCM"),
            Self::Aead(DataAlgorithm::ChaCha20Poly1305) => return f.write_str("CHACHA20_POLY1305"),
            Self::Aead(DataAlgorithm::XChaCha20Poly1305) => return f.write_str("XCHACHA20_POLY1305"),
            Self::Stream(parameters) => parameters,
        };
        write!(f, "AES{}_GCM_HKDF_", parameters.derived_key_size() * 8)?;
        match parameters.segment_size() {
            MIB => f.write_str("1MB"),
            bytes if bytes < MIB && bytes % KIB == 0 => write!(f, "{}KB", bytes / KIB),
            bytes => write!(f, "{bytes}B"),
        }?;
        match parameters.hash() {
            Hash::Sha256 => Ok(()),
            Hash::Sha384 => f.write_str("_SHA384"),
            Hash::Sha512 => f.write_str("_SHA512"),
        }
    }
}

/// The longest key that streams are derived from; more than a hash takes in has no use.
const MOST_STREAM_KEY: usize = 64;
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_tinks_templates() {
        for (parameters, name) in [
            (StreamParameters::AES256_4K, "AES256_GCM_HKDF_4KB"),
            (StreamParameters::AES128_1M, "AES128_GCM_HKDF_1MB"),
            (StreamParameters::new(16, Hash::Sha256, 65_537).unwrap(), "AES128_GCM_HKDF_65537B"),
            (StreamParameters::new(32, Hash::Sha512, 65_536).unwrap(), "AES256_GCM_HKDF_64KB_SHA512"),
        ] {
            assert_eq!(KeyTemplate::Stream(parameters).to_string(), name);
        }
        assert_eq!(KeyTemplate::Aead(DataAlgorithm::ChaCha20Poly1305).to_string(), "CHACHA20_POLY1305");
    }

    /// Whoever makes a key of the bytes judges their length as well: this is the judgement that names the key.
    #[test]
    fn a_template_takes_keys_of_its_lengths_alone() {
        for length in 0..70 {
            for algorithm in DataAlgorithm::ALL {
                let fits = length == algorithm.key_len();
                assert_eq!(KeyTemplate::Aead(algorithm).takes(length), fits, "{algorithm:?} {length}");
            }
            for (parameters, shortest) in
                [(StreamParameters::AES128_4K, 16), (StreamParameters::AES256_4K, 32)]
            {
                let fits = (shortest..=64).contains(&length);
                assert_eq!(KeyTemplate::Stream(parameters).takes(length), fits, "{shortest} {length}");
            }
        }
    }
}
