//! How whoever waits is woken: by an event of the file system, or by somebody who has another reason.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Wakes a [`FileWatch`](super::FileWatch) that waits. Cheap to clone.
#[derive(Clone, Default)]
pub struct Waker(Arc<Bell>);

#[derive(Default)]
struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Default)]
struct State {
    rung: bool,
    listener: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Waker {
    /// Makes [`FileWatch::wait`](super::FileWatch::wait) look now.
    pub fn wake(&self) {
        let mut state = self.state();
        state.rung = true;
        let listener = state.listener.clone();
        drop(state);
        self.0.rung.notify_all();
        if let Some(listener) = listener {
            listener();
        }
    }

    /// Calls `listener` at each event from now on, in place of an earlier one. It is called on the thread of the events and must not
    /// block: an asynchronous program lets it wake the task that calls [`FileWatch::look`](super::FileWatch::look).
    pub fn listen(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.state().listener = Some(Arc::new(listener));
    }

    /// Waits for an event, at most `limit`. One that came since the last wait counts.
    pub(super) fn wait(&self, limit: Duration) {
        let state = self.state();
        let waited = self.0.rung.wait_timeout_while(state, limit, |state| !state.rung);
        waited.unwrap_or_else(PoisonError::into_inner).0.rung = false;
    }

    /// Forgets the events so far: a look that begins now sees what they were about.
    pub(super) fn hush(&self) {
        self.state().rung = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
