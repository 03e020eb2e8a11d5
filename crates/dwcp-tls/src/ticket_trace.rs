//! What becomes of tickets in one handshake of a server: which one was opened, and how much may be issued.

use crate::session_ticket::SessionTicket;
use dwcp_crypto::Secret;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Travels with the task that polls the handshake, as a [`RefusalSlot`](crate::refusal::RefusalSlot) does: one ticketer serves every
/// connection of a listener and is not told which one it works for.
#[derive(Clone, Debug, Default)]
pub(crate) struct TicketTrace(Arc<Traced>);

#[derive(Debug, Default)]
struct Traced {
    opened: Mutex<Option<SessionTicket>>,
    issued: AtomicUsize,
    tried: AtomicUsize,
    held: Mutex<Vec<(Vec<u8>, Secret)>>,
}

impl TicketTrace {
    /// Runs a step of the handshake with this trace in reach of the ticketer.
    pub(crate) fn within<T>(&self, step: impl FnOnce() -> T) -> T {
        TRACE.sync_scope(self.clone(), step)
    }

    /// Polls `handshake` with this trace in reach of the ticketer.
    pub(crate) async fn watch<F: Future>(&self, handshake: F) -> F::Output {
        TRACE.scope(self.clone(), handshake).await
    }

    /// The ticket that was opened last: of a resumed session the one that it was resumed by.
    pub(crate) fn opened(&self) -> Option<SessionTicket> {
        *self.0.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a ticket that opened.
    pub(crate) fn open(ticket: SessionTicket) {
        // Outside a trace there is nobody who wants to know.
        let _ = TRACE.try_with(|trace| {
            *trace.0.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticket);
        });
    }

    /// The trace of the handshake that is being polled, if one is.
    pub(crate) fn current() -> Option<Self> {
        TRACE.try_with(Self::clone).ok()
    }

    /// Holds a session back until its peer was judged.
    pub(crate) fn hold(&self, id: Vec<u8>, session: Secret) {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).push((id, session));
    }

    /// What was held back.
    pub(crate) fn release(&self) -> Vec<(Vec<u8>, Secret)> {
        std::mem::take(&mut *self.0.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether one more ticket may be tried that says it is sealed under a key of ours: the engine tries all that a hello has, each costs a
    /// derivation, and the name of the key is no secret.
    pub(crate) fn may_try() -> bool {
        TRACE.try_with(|trace| trace.0.tried.fetch_add(1, Ordering::Relaxed) < MOST_TRIED).unwrap_or(true)
    }

    /// Whether one more ticket of so many bytes may go out in this handshake: all of them wait in memory until the client reads.
    pub(crate) fn may_issue(bytes: usize) -> bool {
        let within = |trace: &Self| {
            trace.0.issued.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= MOST_ISSUED
        };
        TRACE.try_with(within).unwrap_or(true)
    }
}

tokio::task_local! {
    static TRACE: TicketTrace;
}

/// The most tickets that are tried in one handshake. Clients offer one.
pub(crate) const MOST_TRIED: usize = 4;

/// The most bytes of tickets that one handshake issues: 255 for a client whose chain is one certificate of 800 bytes, fewer
/// for longer ones.
pub(crate) const MOST_ISSUED: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_issues_so_many_bytes_and_no_more() {
        let (one, other) = (TicketTrace::default(), TicketTrace::default());
        one.within(|| {
            assert!(TicketTrace::may_issue(MOST_ISSUED));
            assert!(!TicketTrace::may_issue(1));
            other.within(|| assert!(TicketTrace::may_issue(1), "each has its own"));
        });
        assert!(TicketTrace::may_issue(MOST_ISSUED + 1), "nobody is served outside a handshake");
    }
}
