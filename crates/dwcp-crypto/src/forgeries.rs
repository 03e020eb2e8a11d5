//! How many forgeries a key has refused, and the end of guessing.

use crate::CryptoError;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The forgeries that one key has refused. Messages that open cost no write to it, so that threads do not wait for each other.
pub(crate) struct Forgeries {
    refused: AtomicU64,
    limit: u64,
}

impl Forgeries {
    pub(crate) fn new(limit: u64) -> Self {
        Self { refused: AtomicU64::new(0), limit }
    }

    /// RFC 9147 §4.5.3: past the integrity limit nothing is opened any more, so that guessing has an end.
    #[inline]
    pub(crate) fn admit(&self) -> Result<(), CryptoError> {
        if self.count() >= self.limit { Err(CryptoError::TooManyForgeries) } else { Ok(()) }
    }

    /// Counts one more and says when it was the last, once in the life of a key.
    #[cold]
    pub(crate) fn refuse(&self, algorithm: &dyn fmt::Debug) -> CryptoError {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if refused == self.limit {
            tracing::warn!(refused, ?algorithm, "an opening key reached its forgery limit");
        }
        CryptoError::NotAuthentic
    }

    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
