//! How much a key that seals has sealed, and what it stops at.

use crate::CryptoError;

/// What a sealing key stops at.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// The numbers and bytes that one key has spent. Neither is ever given back.
pub(crate) struct Budget {
    next: u64,
    covered: u64,
    pub(crate) limits: Limits,
}

impl Budget {
    /// A key that has sealed nothing and counts from `first`: zero but in tests.
    pub(crate) fn new(first: u64, limits: Limits) -> Self {
        Self { next: first, covered: 0, limits }
    }

    /// Spends the next number and so many bytes, before anything is sealed.
    ///
    /// Once either would pass its limit the key is exhausted: a later, shorter message does not revive it.
    #[inline]
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<u64, CryptoError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let covered = self.covered.saturating_add(bytes);
        if self.next >= self.limits.records || covered > self.limits.bytes {
            self.next = self.limits.records;
            return Err(CryptoError::KeyExhausted);
        }
        let number = self.next;
        self.next += 1;
        self.covered = covered;
        Ok(number)
    }

    /// The number that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// How many numbers are left.
    pub(crate) fn remaining(&self) -> u64 {
        self.limits.records.saturating_sub(self.next)
    }
}
