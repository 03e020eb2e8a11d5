//! ring's expanded AEAD keys, which ring itself does not wipe, overwritten when they go.

use crate::CryptoError;
use crate::stack::leaving_no_trace;
use ring::aead::{AES_256_GCM, Algorithm, LessSafeKey, UnboundKey};
use std::hint::black_box;
use std::ops::Deref;

/// An AEAD key of ring in a place of its own: boxed, so that no move leaves a copy behind.
pub(crate) struct RingKey(Box<LessSafeKey>);

impl RingKey {
    /// The key of `bytes` for `algorithm`.
    pub(crate) fn new(algorithm: &'static Algorithm, bytes: &[u8]) -> Result<Self, CryptoError> {
        leaving_no_trace(|| {
            let key = UnboundKey::new(algorithm, bytes).map_err(|_| CryptoError::InvalidKey)?;
            Ok(Self(Box::new(LessSafeKey::new(key))))
        })
    }
}

impl Deref for RingKey {
    type Target = LessSafeKey;

    fn deref(&self) -> &LessSafeKey {
        &self.0
    }
}

impl Drop for RingKey {
    /// Puts a key of zeros in the place of the true one. An AES-256-GCM key has the largest form: it leaves no byte of any other.
    fn drop(&mut self) {
        leaving_no_trace(|| {
            if let Ok(zeros) = UnboundKey::new(&AES_256_GCM, &[0; 32]) {
                *self.0 = LessSafeKey::new(zeros);
                // Nobody reads the new key, so the compiler might think that nobody needs it to be written.
                black_box(&mut self.0);
            }
        });
    }
}
