//! News from before there is anybody to tell: a provider is asked before the log is open.

use dwcp_base::Observer;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keeps events, 256 at most, until there is an observer, and hands on what comes later.
pub(super) struct Early<E>(Mutex<State<E>>);

enum State<E> {
    Waiting(Vec<E>),
    Told(Arc<dyn Observer<E>>),
}

impl<E> Early<E> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Waiting(Vec::new()))))
    }

    /// Tells `observer` what was kept, in order, and whatever comes from now on.
    pub(super) fn tell(&self, observer: Arc<dyn Observer<E>>) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut *state, State::Told(Arc::clone(&observer)));
        if let State::Waiting(events) = before {
            events.iter().for_each(|event| observer.observe(event));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Clone + Send> Observer<E> for Early<E> {
    fn observe(&self, event: &E) {
        let observer = match &mut *self.lock() {
            State::Waiting(events) if events.len() < MOST => return events.push(event.clone()),
            State::Waiting(_) => return,
            State::Told(observer) => Arc::clone(observer),
        };
        observer.observe(event);
    }
}

const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<u32>>);

    impl Observer<u32> for Heard {
        fn observe(&self, event: &u32) {
            self.0.lock().unwrap().push(*event);
        }
    }

    #[test]
    fn what_came_early_is_told_first_and_once() {
        let early = Early::new();
        (0..300).for_each(|event| early.observe(&event));
        let heard = Arc::new(Heard::default());
        early.tell(Arc::<Heard>::clone(&heard));
        early.observe(&1_000);
        let all = heard.0.lock().unwrap().clone();
        assert_eq!(all.len(), MOST + 1);
        assert_eq!((all[0], all[MOST - 1], all[MOST]), (0, 255, 1_000));
    }
}
