//! Sealing data at rest, one message at a time, under nonces drawn at random.

mod algorithm;
mod cipher;

pub use algorithm::DataAlgorithm;

use crate::stack::leaving_no_trace;
use crate::{CryptoError, Secret, random};
use cipher::Cipher;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroize;

/// A key that seals and opens whole messages: nonce, ciphertext and tag in a row, as Tink writes them for keys without prefix.
///
/// It may be shared between threads. Every message gets a nonce of its own from the operating system at the moment it is
/// sealed, so that neither a fork of the process nor a second holder of the key repeats one. It is not `Clone`.
///
/// # Security
/// Messages are counted, and a key with a 96-bit nonce stops after 2^32 of them (SP 800-38D §8.3). The count is that of this value: who
/// loads one key in many places or many times adds their counts up. Nothing here says in which order messages were sealed
/// or whether one is missing or came twice; `aad` is the place to bind a message to where it belongs.
///
/// These algorithms do not commit to their keys: a message can be made that opens, differently, under two keys that its maker
/// knows. Do not take "it opened" as proof of *which* key it was sealed with.
#[must_use]
pub struct DataKey {
    algorithm: DataAlgorithm,
    material: Secret,
    cipher: Cipher,
    sealed: AtomicU64,
    limits: Limits,
}

impl DataKey {
    /// A fresh random key.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when there is none.
    pub fn generate(algorithm: DataAlgorithm) -> Result<Self, CryptoError> {
        Self::new(algorithm, Secret::build(algorithm.key_len(), random::fill)?)
    }

    /// A key of exactly [`DataAlgorithm::key_len`] bytes.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for another length.
    pub fn new(algorithm: DataAlgorithm, key: Secret) -> Result<Self, CryptoError> {
        Self::with_count(algorithm, key, 0)
    }

    /// A key that has sealed `count` messages already, as whoever stored the count says.
    pub(crate) fn with_count(algorithm: DataAlgorithm, key: Secret, count: u64) -> Result<Self, CryptoError> {
        let limits = Limits { messages: algorithm.message_limit(), bytes: algorithm.max_message_len() };
        Self::with_limits(algorithm, key, count, limits)
    }

    /// Seals `plaintext` and binds it to `aad`, which is not stored and must be shown again to open. The result is
    /// [`DataAlgorithm::overhead`] bytes longer.
    ///
    /// # Errors
    /// [`CryptoError::KeyExhausted`] after [`DataAlgorithm::message_limit`] messages,
    /// [`CryptoError::MessageTooLarge`] beyond [`DataAlgorithm::max_message_len`],
    /// [`CryptoError::Randomness`] when no nonce could be drawn.
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.seal_prefixed(b"", aad, plaintext)
    }

    /// As [`seal`](Self::seal), behind a `prefix` that is neither encrypted nor authenticated: Tink's key id.
    pub(crate) fn seal_prefixed(
        &self,
        prefix: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.seal_under(random::fill, prefix, aad, plaintext)
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`] when `sealed` or `aad` is not what was sealed, in any way and at any length.
    ///
    /// # Security
    /// Nothing is released before the tag verified. The plaintext is an ordinary vector; for one that is wiped see
    /// [`open_secret`](Self::open_secret).
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let Parts { nonce, message, tag } = self.split(sealed)?;
        let mut message = message.to_vec();
        match self.cipher.open(nonce, aad, &mut message, tag) {
            Ok(()) => Ok(message),
            Err(error) => {
                message.zeroize();
                Err(error)
            }
        }
    }

    /// As [`open`](Self::open) within `sealed`, of which the part that holds the plaintext is returned.
    ///
    /// # Errors
    /// As [`open`](Self::open); `sealed` holds zeros alone then.
    pub fn open_in_place<'b>(&self, aad: &[u8], sealed: &'b mut [u8]) -> Result<&'b mut [u8], CryptoError> {
        match self.try_open_in_place(aad, sealed) {
            Ok(length) => {
                let start = self.algorithm.nonce_len();
                Ok(&mut sealed[start..start + length])
            }
            Err(error) => {
                sealed.zeroize();
                Err(error)
            }
        }
    }

    /// As [`open`](Self::open), into memory that is wiped: for keys and passphrases under a key.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_secret(&self, aad: &[u8], sealed: &[u8]) -> Result<Secret, CryptoError> {
        let Parts { nonce, message, tag } = self.split(sealed)?;
        Secret::build(message.len(), |out| {
            out.copy_from_slice(message);
            leaving_no_trace(|| self.cipher.open(nonce, aad, out, tag))
        })
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> DataAlgorithm {
        self.algorithm
    }

    /// How many messages were sealed with this value, attempts that failed included.
    pub fn sealed_messages(&self) -> u64 {
        self.sealed.load(Ordering::Relaxed)
    }

    pub(crate) fn material(&self) -> &Secret {
        &self.material
    }

    fn with_limits(
        algorithm: DataAlgorithm,
        key: Secret,
        count: u64,
        limits: Limits,
    ) -> Result<Self, CryptoError> {
        let cipher = Cipher::new(algorithm, &key)?;
        Ok(Self { algorithm, material: key, cipher, sealed: AtomicU64::new(count), limits })
    }

    fn seal_under(
        &self,
        nonce: impl FnOnce(&mut [u8]) -> Result<(), CryptoError>,
        prefix: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        if u64::try_from(plaintext.len()).map_or(true, |length| length > self.limits.bytes) {
            return Err(CryptoError::MessageTooLarge);
        }
        // Counted before it is sealed, so that no failure in between gives a message for free.
        let one_more = |sealed: u64| (sealed < self.limits.messages).then(|| sealed + 1);
        self.sealed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .map_err(|_| CryptoError::KeyExhausted)?;
        let start = prefix.len() + self.algorithm.nonce_len();
        // At its final size from the start: a vector that grew would leave plaintext behind.
        let mut sealed = Vec::with_capacity(start + plaintext.len() + TAG_LEN);
        sealed.extend_from_slice(prefix);
        sealed.resize(start, 0);
        nonce(&mut sealed[prefix.len()..])?;
        sealed.extend_from_slice(plaintext);
        let (head, message) = sealed.split_at_mut(start);
        match self.cipher.seal(&head[prefix.len()..], aad, message) {
            Ok(tag) => {
                sealed.extend_from_slice(&tag);
                Ok(sealed)
            }
            Err(error) => {
                sealed.zeroize();
                Err(error)
            }
        }
    }

    fn try_open_in_place(&self, aad: &[u8], sealed: &mut [u8]) -> Result<usize, CryptoError> {
        let (nonce, rest) =
            sealed.split_at_mut_checked(self.algorithm.nonce_len()).ok_or(CryptoError::NotAuthentic)?;
        let (message, tag) = rest.split_last_chunk_mut().ok_or(CryptoError::NotAuthentic)?;
        self.cipher.open(nonce, aad, message, *tag)?;
        Ok(message.len())
    }

    fn split<'s>(&self, sealed: &'s [u8]) -> Result<Parts<'s>, CryptoError> {
        let (nonce, rest) =
            sealed.split_at_checked(self.algorithm.nonce_len()).ok_or(CryptoError::NotAuthentic)?;
        let (message, tag) = rest.split_last_chunk().ok_or(CryptoError::NotAuthentic)?;
        Ok(Parts { nonce, message, tag: *tag })
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({:?}, {} sealed)", self.algorithm, self.sealed_messages())
    }
}

/// A sealed message, taken apart.
struct Parts<'s> {
    nonce: &'s [u8],
    message: &'s [u8],
    tag: [u8; TAG_LEN],
}

/// What a key stops at, so that tests see its end.
#[derive(Clone, Copy)]
struct Limits {
    messages: u64,
    bytes: u64,
}

/// Bytes of a tag, of every algorithm.
const TAG_LEN: usize = 16;

#[cfg(test)]
mod tests;
