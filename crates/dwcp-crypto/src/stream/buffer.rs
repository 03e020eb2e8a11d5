//! A buffer of fixed size that wipes what was written to it.

use std::ops::{Deref, DerefMut};
use zeroize::Zeroize;

/// Bytes that never move and are wiped on drop as far as they were touched: a short message does not pay for a long buffer.
pub(super) struct WipedBuffer {
    bytes: Vec<u8>,
    touched: usize,
}

impl WipedBuffer {
    pub(super) fn new(length: usize) -> Self {
        Self { bytes: vec![0; length], touched: 0 }
    }

    /// Says that bytes before `end` have been written.
    pub(super) fn touch(&mut self, end: usize) {
        self.touched = self.touched.max(end);
    }
}

impl Deref for WipedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for WipedBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for WipedBuffer {
    fn drop(&mut self) {
        let touched = self.touched.min(self.bytes.len());
        self.bytes[..touched].zeroize();
    }
}
