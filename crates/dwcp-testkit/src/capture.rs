//! An observer that a test can wait on.

use dwcp_base::{Clock, Observer, SystemClock};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Keeps every event it sees and wakes whoever waits for one. Clones share what was kept.
#[derive(Debug)]
pub struct Capture<E> {
    inner: Arc<Inner<E>>,
}

#[derive(Debug)]
struct Inner<E> {
    events: Mutex<Vec<E>>,
    news: Condvar,
}

impl<E: Clone> Capture<E> {
    /// An empty capture.
    pub fn new() -> Self {
        Self { inner: Arc::new(Inner { events: Mutex::new(Vec::new()), news: Condvar::new() }) }
    }

    /// All events so far, oldest first.
    pub fn events(&self) -> Vec<E> {
        self.inner.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first event, past or to come within `patience`, that is `wanted`. Blocks its thread: in asynchronous tests
    /// use a runtime with more than one.
    pub fn wait_for(&self, patience: Duration, wanted: impl Fn(&E) -> bool) -> Option<E> {
        let clock = SystemClock::new();
        let begun = clock.tick();
        let mut events = self.inner.events.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(event) = events.iter().find(|event| wanted(event)) {
                return Some(event.clone());
            }
            let left = patience.saturating_sub(clock.tick().since(begun));
            if left.is_zero() {
                return None;
            }
            let woken = self.inner.news.wait_timeout(events, left).unwrap_or_else(PoisonError::into_inner);
            events = woken.0;
        }
    }
}

impl<E: Clone> Default for Capture<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Clone for Capture<E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<E: Clone + Send> Observer<E> for Capture<E> {
    fn observe(&self, event: &E) {
        self.inner.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        self.inner.news.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_comes_later_is_waited_for_and_one_that_never_comes_is_not() {
        let capture = Capture::new();
        let elsewhere = capture.clone();
        let sender = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            elsewhere.observe(&7);
        });
        assert_eq!(capture.wait_for(Duration::from_secs(10), |event| *event == 7), Some(7));
        assert_eq!(capture.wait_for(Duration::from_millis(20), |event| *event == 8), None);
        sender.join().unwrap();
        assert_eq!(capture.events(), [7]);
    }
}
