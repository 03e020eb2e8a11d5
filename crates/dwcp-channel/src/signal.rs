//! The word from the registry to the task that carries a connection: end.

use crate::CloseReason;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Held by the registry's entry. As long as nothing was ordered, looking at it is one relaxed load.
#[derive(Debug)]
pub(crate) struct Signal {
    /// Mirrors the order, so that the copying task takes no lock.
    level: AtomicU8,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    cut: Option<CloseReason>,
    /// By when it is to end for what stays so: the policy, an operator, a lost root.
    notice: Option<Instant>,
    /// By when it is to end since its peer's certificate has ended. A newer one makes up for that.
    lapse: Option<Instant>,
    wakers: [Option<Waker>; 2],
}

impl Inner {
    fn order(&self) -> Order {
        let until = [self.notice, self.lapse].into_iter().flatten().min();
        match (self.cut, until) {
            (Some(reason), _) => Order::Cut(reason),
            (None, Some(until)) => Order::EndBy(until),
            (None, None) => Order::LiveOn,
        }
    }
}

/// What the registry has ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    LiveOn,
    EndBy(Instant),
    Cut(CloseReason),
}

impl Signal {
    pub(crate) const fn new() -> Self {
        let inner = Inner { cut: None, notice: None, lapse: None, wakers: [const { None }; 2] };
        Self { level: AtomicU8::new(LIVE), inner: Mutex::new(inner) }
    }

    /// Orders the end; says whether anything changed. The first cut's reason stays, as does the earlier of two deadlines.
    pub(crate) fn cut(&self, reason: CloseReason) -> Changed {
        self.give(|inner| {
            inner.cut.get_or_insert(reason);
        })
    }

    /// Gives the connection `grace` to end by itself.
    pub(crate) fn drain(&self, grace: Duration) -> Changed {
        let until = end_of(grace);
        self.give(|inner| inner.notice = Some(earlier(inner.notice, until)))
    }

    /// The same, since the peer's certificate has ended: [`restore`](Self::restore) takes it back.
    pub(crate) fn lapse(&self, grace: Duration) -> Changed {
        let until = end_of(grace);
        self.give(|inner| inner.lapse = Some(earlier(inner.lapse, until)))
    }

    /// Takes the notice of a lapse back, and no other.
    pub(crate) fn restore(&self) -> Changed {
        self.give(|inner| inner.lapse = None)
    }

    pub(crate) fn order(&self) -> Order {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).order()
    }

    fn give(&self, change: impl FnOnce(&mut Inner)) -> Changed {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let before = inner.order();
        change(&mut inner);
        let order = inner.order();
        if order == before {
            return Changed::No;
        }
        let level = match order {
            Order::LiveOn => LIVE,
            Order::EndBy(_) => DRAINING,
            Order::Cut(_) => CUT,
        };
        self.level.store(level, Ordering::Release);
        for waker in inner.wakers.iter().flatten() {
            waker.wake_by_ref();
        }
        Changed::Yes
    }
}

/// A grace beyond the clock's range is a century away; clamping keeps the addition defined.
fn end_of(grace: Duration) -> Instant {
    Instant::now() + grace.min(LONGEST_GRACE)
}

fn earlier(given: Option<Instant>, until: Instant) -> Instant {
    given.map_or(until, |given| given.min(until))
}

/// Whether an order changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Yes,
    No,
}

/// The listening end of a signal, polled by the task that carries the connection.
#[derive(Debug)]
pub(crate) struct Watch {
    seat: Seat,
    registered: Option<Waker>,
    deadline: Option<Pin<Box<Sleep>>>,
}

/// A connection whose halves are driven by two tasks is watched from two seats.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seat {
    Reader = 0,
    Writer = 1,
}

impl Watch {
    pub(crate) const fn new(seat: Seat) -> Self {
        Self { seat, registered: None, deadline: None }
    }

    /// Ready when the connection is to end at once.
    pub(crate) fn poll_cut(&mut self, signal: &Signal, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let known = self.registered.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if known && signal.level.load(Ordering::Acquire) == LIVE {
            return Poll::Pending;
        }
        let order = self.register(signal, cx);
        match order {
            Order::LiveOn => Poll::Pending,
            Order::Cut(reason) => Poll::Ready(reason),
            Order::EndBy(until) => {
                let sleep = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
                if sleep.deadline() != until {
                    sleep.as_mut().reset(until);
                }
                sleep.as_mut().poll(cx).map(|()| CloseReason::Drained)
            }
        }
    }

    /// Leaves the task's waker with the signal and reads the order under the same lock, so that none is missed.
    fn register(&mut self, signal: &Signal, cx: &Context<'_>) -> Order {
        let mut inner = signal.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let seat = &mut inner.wakers[self.seat as usize];
        if !seat.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *seat = Some(cx.waker().clone());
        }
        self.registered = Some(cx.waker().clone());
        inner.order()
    }
}

const LIVE: u8 = 0;
const DRAINING: u8 = 1;
const CUT: u8 = 2;

const LONGEST_GRACE: Duration = Duration::from_secs(365 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::Arc;

    async fn cut_of(signal: &Signal) -> CloseReason {
        let mut watch = Watch::new(Seat::Reader);
        poll_fn(|cx| watch.poll_cut(signal, cx)).await
    }

    #[tokio::test]
    async fn a_sleeping_task_is_woken_by_the_order() {
        let signal = Arc::new(Signal::new());
        let watched = Arc::clone(&signal);
        let task = tokio::spawn(async move { cut_of(&watched).await });
        tokio::task::yield_now().await;
        assert_eq!(signal.cut(CloseReason::Revoked), Changed::Yes);
        assert_eq!(signal.cut(CloseReason::Operator), Changed::No);
        assert_eq!(task.await.unwrap(), CloseReason::Revoked);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_drains_the_earlier_deadline_counts() {
        let signal = Arc::new(Signal::new());
        let start = Instant::now();
        let watched = Arc::clone(&signal);
        let task = tokio::spawn(async move { cut_of(&watched).await });
        tokio::task::yield_now().await;
        assert_eq!(signal.drain(Duration::from_secs(60)), Changed::Yes);
        tokio::task::yield_now().await;
        assert_eq!(signal.drain(Duration::from_secs(10)), Changed::Yes);
        assert_eq!(signal.drain(Duration::from_secs(600)), Changed::No);
        assert_eq!(task.await.unwrap(), CloseReason::Drained);
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_notice_that_was_taken_back_ends_nothing_and_leaves_the_other_one() {
        let signal = Arc::new(Signal::new());
        let (start, watched) = (Instant::now(), Arc::clone(&signal));
        let task = tokio::spawn(async move { cut_of(&watched).await });
        tokio::task::yield_now().await;
        assert_eq!(signal.lapse(Duration::from_secs(10)), Changed::Yes);
        tokio::task::yield_now().await;
        assert_eq!((signal.restore(), signal.order()), (Changed::Yes, Order::LiveOn));
        assert_eq!(signal.restore(), Changed::No);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(!task.is_finished(), "the deadline of before counts no more");
        let _ = signal.drain(Duration::from_secs(30));
        let _ = signal.lapse(Duration::from_secs(5));
        let _ = signal.restore();
        assert_eq!(task.await.unwrap(), CloseReason::Drained);
        assert_eq!(start.elapsed().as_secs(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_overtakes_a_drain() {
        let signal = Signal::new();
        let _ = signal.drain(Duration::MAX);
        let _ = signal.cut(CloseReason::Revoked);
        assert_eq!(cut_of(&signal).await, CloseReason::Revoked);
    }
}
