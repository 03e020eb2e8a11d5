//! One pointer to the newest value, and the number by which readers notice that it is another.
//!
//! `tests/swap.rs` compiles this very file with loom's primitives in place of those in `super::sync` and tries every interleaving.

use super::sync::{AtomicU64, Mutex, MutexGuard, Ordering, Pointer};
use std::sync::{Arc, PoisonError};

/// Holds the newest value. Readers take no lock; writers take turns, so that each builds on what the one before left.
pub(crate) struct Swap<T> {
    current: Pointer<T>,
    number: AtomicU64,
    writing: Mutex<()>,
}

/// The turn of one writer. Nothing is replaced until [`publish`](Self::publish).
pub(crate) struct Turn<'a, T> {
    swap: &'a Swap<T>,
    _guard: MutexGuard<'a, ()>,
}

impl<T> Swap<T> {
    /// Holds `first`, under the number 1.
    pub(crate) fn new(first: T) -> Self {
        Self { current: Pointer::new(Arc::new(first)), number: AtomicU64::new(1), writing: Mutex::new(()) }
    }

    /// The newest value.
    pub(crate) fn load(&self) -> Arc<T> {
        self.current.load()
    }

    /// The number of the newest value, or of the one before while a writer is between the two: whoever sees a number finds at least that
    /// value behind [`load`](Self::load).
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Waits until no other writer is at work.
    pub(crate) fn turn(&self) -> Turn<'_, T> {
        // A writer that panicked has published nothing, or everything.
        let guard = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { swap: self, _guard: guard }
    }
}

impl<T> Turn<'_, T> {
    /// What will be replaced; no other writer can replace it before.
    pub(crate) fn current(&self) -> Arc<T> {
        self.swap.load()
    }

    /// Puts `next` in place under `number`, which is higher than those before.
    pub(crate) fn publish(self, next: T, number: u64) -> u64 {
        self.swap.current.store(Arc::new(next));
        // After the pointer: whoever sees the number finds at least this value behind it.
        self.swap.number.store(number, Ordering::Release);
        number
    }
}
