//! The key that opens: plaintext only after the tag, and an end to guessing.

use crate::algorithm::NONCE_PREFIX;
use crate::forgeries::Forgeries;
use crate::ring_key::RingKey;
use crate::sealing::{nonce, split};
use crate::{Algorithm, CryptoError, Secret, Sequence};
use ring::aead::Aad;
use std::fmt;
use zeroize::Zeroize;

/// A key that opens what a [`SealingKey`](crate::SealingKey) of the same material sealed.
///
/// It takes messages in any order and from several threads. It keeps no window: whether a number was seen before is for
/// the caller to judge, after the message has opened and never before.
#[must_use]
pub struct OpeningKey {
    key: RingKey,
    prefix: [u8; NONCE_PREFIX],
    forgeries: Forgeries,
    algorithm: Algorithm,
}

impl OpeningKey {
    /// A key of exactly [`Algorithm::material_len`] bytes, which are wiped.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for another length.
    pub fn new(algorithm: Algorithm, material: Secret) -> Result<Self, CryptoError> {
        Self::with_limit(algorithm, material, algorithm.forgery_limit())
    }

    /// A key that gives up earlier, so that a test can see its end.
    pub(crate) fn with_limit(
        algorithm: Algorithm,
        material: Secret,
        forgery_limit: u64,
    ) -> Result<Self, CryptoError> {
        let (key, prefix) = split(algorithm, &material)?;
        Ok(Self { key, prefix, forgeries: Forgeries::new(forgery_limit), algorithm })
    }

    /// Opens ciphertext and tag in `sealed` and returns the message, which is [`Algorithm::tag_len`] bytes shorter.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`] when the message, its number or `aad` is not what was sealed, and
    /// [`CryptoError::TooManyForgeries`] once [`Algorithm::forgery_limit`] of them were refused.
    ///
    /// # Security
    /// After an error `sealed` holds zeros alone: neither plaintext nor ciphertext is left for a caller who does not look.
    pub fn open_in_place<'b>(
        &self,
        sequence: Sequence,
        aad: &[u8],
        sealed: &'b mut [u8],
    ) -> Result<&'b mut [u8], CryptoError> {
        match self.try_open(sequence, aad, sealed) {
            Ok(length) => Ok(&mut sealed[..length]),
            Err(error) => {
                sealed.zeroize();
                Err(error)
            }
        }
    }

    /// How many messages were refused so far.
    pub fn forgeries(&self) -> u64 {
        self.forgeries.count()
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn try_open(&self, sequence: Sequence, aad: &[u8], sealed: &mut [u8]) -> Result<usize, CryptoError> {
        self.forgeries.admit()?;
        let nonce = nonce(self.prefix, sequence.number().to_be_bytes());
        match self.key.open_in_place(nonce, Aad::from(aad), sealed) {
            Ok(message) => Ok(message.len()),
            Err(_) => Err(self.forgeries.refuse(&self.algorithm)),
        }
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpeningKey({:?}, {} forgeries)", self.algorithm, self.forgeries())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SealingKey;

    #[test]
    fn guessing_ends_at_the_forgery_limit_even_for_a_true_message() {
        let material = || Secret::from(vec![9; 36]);
        let mut sealing = SealingKey::new(Algorithm::ChaCha20Poly1305, material()).unwrap();
        let opening = OpeningKey::with_limit(Algorithm::ChaCha20Poly1305, material(), 2).unwrap();
        let mut sealed = b"true".to_vec();
        let sequence = sealing.seal_in_place(b"", &mut sealed).unwrap();
        for forged in 1..=2 {
            let tried = opening.open_in_place(sequence, b"other", &mut sealed.clone()).map(|_| ());
            assert_eq!(tried, Err(CryptoError::NotAuthentic));
            assert_eq!(opening.forgeries(), forged);
        }
        assert_eq!(opening.open_in_place(sequence, b"", &mut sealed), Err(CryptoError::TooManyForgeries));
        assert!(sealed.iter().all(|byte| *byte == 0));
        assert_eq!(opening.forgeries(), 2, "what is no longer tried is no longer counted");
    }

    #[test]
    fn messages_that_open_do_not_count_as_forgeries() {
        let material = || Secret::from(vec![9; 20]);
        let mut sealing = SealingKey::new(Algorithm::Aes128Gcm, material()).unwrap();
        let opening = OpeningKey::with_limit(Algorithm::Aes128Gcm, material(), 1).unwrap();
        for _ in 0..3 {
            let mut sealed = b"true".to_vec();
            let sequence = sealing.seal_in_place(b"aad", &mut sealed).unwrap();
            assert_eq!(opening.open_in_place(sequence, b"aad", &mut sealed).unwrap(), b"true");
        }
        assert_eq!(opening.forgeries(), 0);
    }
}
