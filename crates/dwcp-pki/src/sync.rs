//! The primitives under [`Swap`](crate::swap::Swap), in one place so that a model checker can put its own there.

use arc_swap::ArcSwap;
use std::sync::Arc;

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};

/// A pointer that is replaced whole.
pub(crate) struct Pointer<T>(ArcSwap<T>);

impl<T> Pointer<T> {
    pub(crate) fn new(first: Arc<T>) -> Self {
        Self(ArcSwap::new(first))
    }

    /// Costs a few nanoseconds and never blocks.
    pub(crate) fn load(&self) -> Arc<T> {
        self.0.load_full()
    }

    pub(crate) fn store(&self, next: Arc<T>) {
        self.0.store(next);
    }
}
