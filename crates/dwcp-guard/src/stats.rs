//! What a guard has done so far, for metrics and status pages.

use crate::refusal::RefusalReason;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the guard was made, and what is open now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardStats {
    /// Newcomers let in, exempt ones included.
    pub admitted: u64,
    /// Newcomers let in without a look at their rate, since their network is exempt.
    pub exempted: u64,
    /// Connections open now, pending ones included.
    pub connections: usize,
    /// Connections open now whose handshake is not done.
    pub pending: usize,
    /// Entries of the rate table in use, those that owe nothing any more included; never above its capacity.
    pub sources: usize,
    /// How often a source that still owed was forgotten for want of room in the table.
    pub evictions: u64,
    pub(crate) refused: [u64; RefusalReason::ALL.len()],
}

impl GuardStats {
    /// Newcomers refused for `reason`.
    pub fn refused(&self, reason: RefusalReason) -> u64 {
        self.refused[reason.index()]
    }

    /// Newcomers refused, by reason, those with none included.
    pub fn refusals(&self) -> impl Iterator<Item = (RefusalReason, u64)> + '_ {
        RefusalReason::ALL.into_iter().zip(self.refused)
    }

    /// Newcomers refused for whatever reason.
    pub fn refused_total(&self) -> u64 {
        self.refused.iter().sum()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) admitted: AtomicU64,
    pub(crate) exempted: AtomicU64,
    refused: [AtomicU64; RefusalReason::ALL.len()],
}

impl Counters {
    pub(crate) fn refuse(&self, reason: RefusalReason) {
        self.refused[reason.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> GuardStats {
        GuardStats {
            admitted: self.admitted.load(Ordering::Relaxed),
            exempted: self.exempted.load(Ordering::Relaxed),
            refused: std::array::from_fn(|n| self.refused[n].load(Ordering::Relaxed)),
            ..GuardStats::default()
        }
    }
}
