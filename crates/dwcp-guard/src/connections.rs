//! How many connections may be open at once, by source and in all, counted by permits that give themselves back.

use crate::counts::Counts;
use crate::prefix::SourcePrefix;
use crate::refusal::RefusalReason;
use crate::settings::{GuardSettings, SettingsError};
use dwcp_base::{Blame, Coded};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The bounds of a [`ConnectionLimiter`]. A connection is *pending* until [`Permit::established`] is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Open at once in all: 1 to 1 000 000.
    pub total: usize,
    /// Open at once from one source.
    pub per_source: usize,
    /// Open at once from one IPv6 /48.
    pub per_aggregate: usize,
    /// Pending at once in all.
    pub pending: usize,
    /// Pending at once from one source: what bounds slow handshakes.
    pub pending_per_source: usize,
}

/// Counts open connections by source and in all. Clones share one count.
///
/// All memory is taken by [`new`](Self::new). One lock, held for two look-ups, covers the counts: a connection takes it
/// three times in its life, which is nothing beside its handshake.
#[derive(Clone, Debug)]
pub struct ConnectionLimiter {
    shared: Arc<Shared>,
}

/// One open connection. Dropping it gives its place back.
#[derive(Debug)]
#[must_use = "dropping the permit at once gives the place back while the connection lives on"]
pub struct Permit {
    shared: Arc<Shared>,
    source: SourcePrefix,
    pending: AtomicBool,
}

#[derive(Debug)]
struct Shared {
    limits: ConnectionLimits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    counts: Counts,
    connections: usize,
    pending: usize,
}

/// Which limits hold for a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Terms {
    /// All of them.
    Stranger,
    /// All but those on pending connections in total and on the /48: a flood of strangers does not shut out who is known.
    Vouched,
    /// The total of open connections alone.
    Exempt,
}

impl ConnectionLimiter {
    /// A limiter with every count at zero.
    ///
    /// # Errors
    /// [`SettingsError::OutOfRange`] for a limit of zero, or one above 1 000 000.
    pub fn new(limits: ConnectionLimits) -> Result<Self, SettingsError> {
        let bounds = [
            ("max_connections", limits.total),
            ("max_connections_per_source", limits.per_source),
            ("max_connections_per_aggregate", limits.per_aggregate),
            ("max_pending", limits.pending),
            ("max_pending_per_source", limits.pending_per_source),
        ];
        for (setting, value) in bounds {
            SettingsError::size_in_range(setting, value, MAX_CONNECTIONS)?;
        }
        // Each connection counts under its source and, over IPv6, under the /48 as well.
        let state = State { counts: Counts::new(limits.total * 2), connections: 0, pending: 0 };
        Ok(Self { shared: Arc::new(Shared { limits, state: Mutex::new(state) }) })
    }

    /// Counts one more connection of `source`, pending at first.
    ///
    /// # Errors
    /// [`Crowded`] with the limit that is reached; nothing is counted then.
    pub fn acquire(&self, source: IpAddr) -> Result<Permit, Crowded> {
        self.acquire_on(SourcePrefix::of(source), Terms::Stranger)
    }

    pub(crate) fn acquire_on(&self, source: SourcePrefix, terms: Terms) -> Result<Permit, Crowded> {
        self.shared.enter(source, terms).map_err(|reason| Crowded { prefix: source, reason })?;
        Ok(Permit { shared: Arc::clone(&self.shared), source, pending: AtomicBool::new(true) })
    }

    /// Connections open now, pending ones included.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// Connections pending now.
    pub fn pending(&self) -> usize {
        self.shared.state().pending
    }
}

impl Permit {
    /// The handshake is done: the connection no longer counts as pending. A second call does nothing.
    pub fn established(&self) {
        if self.pending.swap(false, Ordering::AcqRel) {
            self.shared.settle(self.source);
        }
    }

    /// Under which prefix the connection counts.
    pub fn source(&self) -> SourcePrefix {
        self.source
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.established();
        self.shared.leave(self.source);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, source: SourcePrefix, terms: Terms) -> Result<(), RefusalReason> {
        let limits = &self.limits;
        let mut state = self.state();
        let own = state.counts.get(source);
        let aggregate = source.aggregate().map(|site| state.counts.get(site).connections).unwrap_or_default();
        let known = terms != Terms::Stranger;
        let limited = terms != Terms::Exempt;
        // What one source uses up is named before what all of them use up: the first is its own doing.
        let checks = [
            (limited && own.pending >= limits.pending_per_source, RefusalReason::SourcePending),
            (limited && own.connections >= limits.per_source, RefusalReason::SourceConnections),
            (!known && aggregate >= limits.per_aggregate, RefusalReason::AggregateConnections),
            (!known && state.pending >= limits.pending, RefusalReason::TotalPending),
            (state.connections >= limits.total, RefusalReason::TotalConnections),
        ];
        if let Some((_, reason)) = checks.into_iter().find(|(reached, _)| *reached) {
            return Err(reason);
        }
        for key in [Some(source), source.aggregate()].into_iter().flatten() {
            let counted = state.counts.change(key, |count| {
                count.connections += 1;
                count.pending += 1;
            });
            // There are at most two keys for each of the connections below the total, and the table has room for those.
            debug_assert!(counted);
        }
        state.connections += 1;
        state.pending += 1;
        Ok(())
    }

    fn settle(&self, source: SourcePrefix) {
        let mut state = self.state();
        for key in [Some(source), source.aggregate()].into_iter().flatten() {
            let _ = state.counts.change(key, |count| count.pending = count.pending.saturating_sub(1));
        }
        state.pending = state.pending.saturating_sub(1);
    }

    fn leave(&self, source: SourcePrefix) {
        let mut state = self.state();
        for key in [Some(source), source.aggregate()].into_iter().flatten() {
            let _ = state.counts.change(key, |count| count.connections = count.connections.saturating_sub(1));
        }
        state.connections = state.connections.saturating_sub(1);
    }
}

/// No more connections may be open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{prefix} may open no more connections: {}", reason.rule())]
#[non_exhaustive]
pub struct Crowded {
    /// Who was refused.
    pub prefix: SourcePrefix,
    /// Which limit is reached.
    pub reason: RefusalReason,
}

impl Coded for Crowded {
    fn code(&self) -> &'static str {
        self.reason.code()
    }

    fn blame(&self) -> Blame {
        self.reason.blame()
    }
}

impl GuardSettings {
    pub(crate) fn connection_limits(&self) -> ConnectionLimits {
        let factor = usize::try_from(self.aggregate_factor).unwrap_or(usize::MAX);
        ConnectionLimits {
            total: self.max_connections,
            per_source: self.max_connections_per_source,
            per_aggregate: self.max_connections_per_source.saturating_mul(factor).min(MAX_CONNECTIONS),
            pending: self.max_pending,
            pending_per_source: self.max_pending_per_source,
        }
    }
}

const MAX_CONNECTIONS: usize = 1_000_000;
