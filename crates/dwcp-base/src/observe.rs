//! News that nobody is waiting for.

use std::sync::{Mutex, PoisonError};

/// Is told what happened, where no caller waits for an answer: a rotation, a failed renewal, table pressure.
///
/// Observing is synchronous and infallible and must not block: it is called on the path where the event happens.
/// Each crate defines its own small `#[non_exhaustive] enum Event` and takes an `Arc<dyn Observer<Event>>`; the
/// default is [`Silent`].
pub trait Observer<E>: Send + Sync {
    /// Takes note of one event.
    fn observe(&self, event: &E);
}

/// The observer that does nothing: the default everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl<E> Observer<E> for Silent {
    fn observe(&self, _event: &E) {}
}

impl<E, F: Fn(&E) + Send + Sync> Observer<E> for F {
    fn observe(&self, event: &E) {
        self(event);
    }
}

/// Keeps what it observes, newest last, up to a capacity; for tests and status pages.
#[derive(Debug)]
pub struct Recorder<E> {
    events: Mutex<Vec<E>>,
    capacity: usize,
}

impl<E> Recorder<E> {
    /// A recorder of at most `capacity` events; older ones are dropped first.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { events: Mutex::new(Vec::new()), capacity: capacity.max(1) }
    }
}

impl<E: Clone> Recorder<E> {
    /// A copy of what was kept so far.
    pub fn events(&self) -> Vec<E> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<E: Clone + Send> Observer<E> for Recorder<E> {
    fn observe(&self, event: &E) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == self.capacity {
            events.remove(0);
        }
        events.push(event.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorder_drops_the_oldest() {
        let recorder = Recorder::with_capacity(2);
        for n in 1..=3 {
            recorder.observe(&n);
        }
        assert_eq!(recorder.events(), [2, 3]);
    }
}
