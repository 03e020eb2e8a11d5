//! What whoever recorded an event holds until it is on disk.

use crate::error::NotDurable;
use crate::queue::Shared;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// An event that was queued: it counts as recorded once this says that it is durable.
#[derive(Clone)]
#[must_use = "a queued event is acknowledged only once it is durable; use `note` for one that nobody waits for"]
pub struct Receipt {
    shared: Arc<Shared>,
    queued: Result<u64, NotDurable>,
}

impl Receipt {
    pub(crate) fn new(shared: Arc<Shared>, queued: Result<u64, NotDurable>) -> Self {
        Self { shared, queued }
    }

    /// The number the entry has in the log if it gets there.
    ///
    /// # Errors
    /// [`NotDurable::Dropped`], [`NotDurable::Summarised`] or [`NotDurable::Closed`] when the event was not even queued.
    pub const fn sequence(&self) -> Result<u64, NotDurable> {
        self.queued
    }

    /// Resolves to the entry's number when the commit that holds it is on disk; needs no particular runtime.
    ///
    /// Asks the writer to commit now rather than at the end of its interval. While the disk fails it stays pending,
    /// so give it a deadline where somebody waits.
    pub fn durable(&self) -> Durable {
        Durable { receipt: self.clone(), waiter: None }
    }

    /// The blocking form of [`Receipt::durable`], for at most `within`.
    ///
    /// # Errors
    /// As [`Receipt::durable`], and [`NotDurable::Elapsed`] when the time is over; the event may yet be written.
    pub fn wait(&self, within: Duration) -> Result<u64, NotDurable> {
        let sequence = self.queued?;
        let mut inner = self.shared.lock();
        if inner.outcome(sequence).is_none() {
            inner.wanted = inner.wanted.max(sequence);
            self.shared.work.notify_one();
            inner = self
                .shared
                .done
                .wait_timeout_while(inner, within, |i| i.outcome(sequence).is_none())
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        inner.outcome(sequence).unwrap_or(Err(NotDurable::Elapsed))
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receipt").field(&self.queued).finish()
    }
}

/// Future of a [`Receipt`]: the entry's number once it is on disk.
#[must_use = "futures do nothing unless polled"]
pub struct Durable {
    receipt: Receipt,
    waiter: Option<(u64, u64)>,
}

impl Future for Durable {
    type Output = Result<u64, NotDurable>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let sequence = match this.receipt.queued {
            Ok(sequence) => sequence,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let mut inner = this.receipt.shared.lock();
        if let Some(outcome) = inner.outcome(sequence) {
            return Poll::Ready(outcome);
        }
        let waiter = *this.waiter.get_or_insert_with(|| {
            inner.next_waiter += 1;
            (sequence, inner.next_waiter)
        });
        // A waker that is replaced may run foreign code when it is dropped: not under the lock.
        let replaced = inner.wakers.insert(waiter, context.waker().clone());
        inner.wanted = inner.wanted.max(sequence);
        drop(inner);
        drop(replaced);
        this.receipt.shared.work.notify_one();
        Poll::Pending
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            let removed = self.receipt.shared.lock().wakers.remove(&waiter);
            drop(removed);
        }
    }
}

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Durable").field(&self.receipt.queued).finish()
    }
}
