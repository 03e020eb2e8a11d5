//! Wrapping that commits to its key: a wrapped key opens under one secret and no other, and a wrong one is told before
//! anything is opened.
//!
//! AES-GCM alone does not: a ciphertext can be made that opens under two keys of one's choice, or, passphrase by passphrase,
//! under each of thousands. Whoever can watch whether such a file opens halves the passphrases that are left with each try.
//! So two things are derived from the secret: the wrapping key, and a commitment that is stored and compared first.

use super::{KekError, WrappedKey};
use crate::binding::Binding;
use crate::hkdf::{Hash, Prk};
use crate::one_shot::{DataAlgorithm, DataKey};
use crate::stack::leaving_no_trace;
use crate::{CryptoError, Secret, base64, constant_time_eq};

/// What wraps one key: derived from a secret for one purpose and one set of parameters.
pub(super) struct Committed {
    key: DataKey,
    commitment: Secret,
    binding: Binding,
}

impl Committed {
    /// `parameters` is the text that says where `secret` comes from: a derivation with its salt, or the name of a key.
    pub(super) fn derive(secret: &Secret, parameters: &str, context: &[u8]) -> Result<Self, CryptoError> {
        if context.len() > MOST_CONTEXT {
            return Err(CryptoError::DerivationTooLarge);
        }
        let mut binding = Binding::default();
        binding.field(parameters.as_bytes()).field(context);
        let (key, commitment) = leaving_no_trace(|| {
            let prk = Prk::extract(Hash::Sha256, b"", secret);
            let key = prk.secret(b"kek wrap", binding.bytes(), DataAlgorithm::Aes256Gcm.key_len())?;
            Ok::<_, CryptoError>((key, prk.secret(b"kek commit", binding.bytes(), COMMITMENT)?))
        })?;
        Ok(Self { key: DataKey::new(DataAlgorithm::Aes256Gcm, key)?, commitment, binding })
    }

    /// Wraps `key`: nonce, ciphertext, tag.
    pub(super) fn wrap(&self, key: &Secret) -> Result<Vec<u8>, CryptoError> {
        self.key.seal(self.binding.bytes(), key.expose())
    }

    /// The commitment as it is stored.
    pub(super) fn commitment(&self) -> String {
        base64::encode(self.commitment.expose())
    }

    /// Compares the commitment of `wrapped`, and opens it only when it is this key's.
    pub(super) fn unwrap(&self, wrapped: &WrappedKey) -> Result<Secret, KekError> {
        let stored = wrapped.parameter(COMMITMENT_NAME).and_then(base64::decode);
        if !constant_time_eq(&stored.unwrap_or_default(), self.commitment.expose()) {
            return Err(KekError::WrongKey);
        }
        self.key.open_secret(self.binding.bytes(), wrapped.wrapped()).map_err(|_| KekError::Damaged)
    }
}

/// The parameter of a [`WrappedKey`] that holds the commitment.
pub(super) const COMMITMENT_NAME: &str = "commitment";
/// As long as the hash that binds it: two secrets with one commitment are as hard to find as a collision of SHA-256.
const COMMITMENT: usize = 32;
/// Far more than a purpose needs.
const MOST_CONTEXT: usize = 1024;
