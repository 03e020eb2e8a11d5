//! Copy buffers that belong to a connection only while bytes are in them.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// A buffer on loan from its thread; dropping it gives it back to the thread that drops it.
///
/// An idle connection holds none, and a busy one allocates none: each thread keeps up to [`SPARE`] for the next reader.
///
/// # Security
/// A buffer is not wiped between users; only the bytes its present user read into it are ever written out.
pub(crate) struct Buffer(Box<[u8]>);

impl Buffer {
    pub(crate) fn take(size: usize) -> Self {
        let spare = SPARES.with_borrow_mut(|spares| spares.pop_if(|spare| spare.len() == size));
        Self(spare.unwrap_or_else(|| vec![0; size].into_boxed_slice()))
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        // While a thread ends its spares are gone already, and this buffer simply goes too.
        let _ = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() < SPARE {
                spares.push(buffer);
            }
        });
    }
}

thread_local! {
    static SPARES: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Spare buffers a thread keeps: two for the relay it is polling, the rest for bursts (512 KiB at the default size).
const SPARE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_is_the_next_one_taken() {
        let first = Buffer::take(4096);
        let address = first.as_ptr();
        drop(first);
        let again = Buffer::take(4096);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(Buffer::take(1024).len(), 1024);
    }

    #[test]
    fn a_thread_keeps_a_bounded_number_of_spares() {
        let many: Vec<_> = (0..100).map(|_| Buffer::take(512)).collect();
        drop(many);
        assert!(SPARES.with_borrow(Vec::len) <= SPARE);
    }
}
