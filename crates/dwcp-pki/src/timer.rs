//! Waiting without a runtime: a thread that sleeps on behalf of one future.
//!
//! This crate brings no runtime along, and a future that any executor can run has nobody to wake it. A thread that sleeps is what every
//! executor understands; it costs some microseconds to start and a stack that is hardly touched. There is one for each [`Timer`], it lives as
//! long as that value, and whoever makes timers bounds how many there are.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// Sleeps for its owner, one sleep at a time. Dropping it ends its thread.
pub(crate) struct Timer {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// To be slept next.
    order: Option<Duration>,
    /// Slept to the end, and not yet noticed.
    rung: bool,
    waker: Option<Waker>,
    gone: bool,
}

impl Timer {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("dwcp-timer".to_owned()).spawn(move || theirs.run())?;
        Ok(Self { shared })
    }

    /// Waits for `length`. A sleep that was abandoned ends with the next order.
    pub(crate) async fn sleep(&mut self, length: Duration) {
        {
            let mut state = self.shared.lock();
            *state = State { order: Some(length), ..State::default() };
        }
        self.shared.changed.notify_one();
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if std::mem::take(&mut state.rung) {
                return Poll::Ready(());
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared.lock().gone = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        loop {
            if state.gone {
                return;
            }
            let Some(length) = state.order.take() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let undisturbed = |state: &mut State| !state.gone && state.order.is_none();
            let (after, waited) = self
                .changed
                .wait_timeout_while(state, length, undisturbed)
                .unwrap_or_else(PoisonError::into_inner);
            state = after;
            if waited.timed_out() {
                state.rung = true;
                let waker = state.waker.take();
                drop(state);
                // Without the lock: a waker may run anything.
                if let Some(waker) = waker {
                    waker.wake();
                }
                state = self.lock();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::{Clock, SystemClock};
    use std::pin::pin;
    use std::task::{Context, Wake};

    struct Unpark(thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(value) => return value,
                Poll::Pending => thread::park(),
            }
        }
    }

    #[test]
    fn it_sleeps_as_long_as_it_was_told_and_again() {
        let clock = SystemClock::new();
        let mut timer = Timer::start().unwrap();
        for millis in [0, 1, 20, 5] {
            let (length, since) = (Duration::from_millis(millis), clock.tick());
            block_on(timer.sleep(length));
            assert!(clock.tick().since(since) >= length, "{millis}");
        }
    }

    #[test]
    fn a_sleep_that_was_abandoned_does_not_ring_into_the_next_and_its_thread_ends() {
        let clock = SystemClock::new();
        let mut timer = Timer::start().unwrap();
        for _ in 0..50 {
            let mut abandoned = Box::pin(timer.sleep(Duration::from_millis(1)));
            assert!(abandoned.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let since = clock.tick();
        block_on(timer.sleep(Duration::from_millis(30)));
        assert!(clock.tick().since(since) >= Duration::from_millis(30));
        drop(Box::pin(timer.sleep(Duration::from_secs(3_600))));
        let shared = Arc::downgrade(&timer.shared);
        drop(timer);
        for _ in 0..1_000 {
            if shared.strong_count() == 0 {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("its thread lives on");
    }
}
