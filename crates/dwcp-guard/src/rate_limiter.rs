//! Rates by source, for those who need no connections counted.

use crate::gcra::RateLimit;
use crate::prefix::SourcePrefix;
use crate::settings::SettingsError;
use crate::table::{Standing, Table};
use dwcp_base::{Blame, Coded, Tick};
use std::net::IpAddr;
use std::time::Duration;

/// A rate for each source in a table of fixed size.
///
/// All memory is taken by [`new`](Self::new). The table is made of buckets of eight sources, each under a lock of its own, so
/// a check waits only for another check of the same bucket. When a bucket is full, an entry that owes nothing makes room
/// first, then the one that owes least; never a vouched one, and one that was refused and still owes only for a vouched one.
#[derive(Debug)]
pub struct RateLimiter {
    table: Table,
}

impl RateLimiter {
    /// A limiter that remembers `capacity` sources (1 to 16 777 216, rounded up to a multiple of 8). An IPv6 /48 may do
    /// eight times what a single source may.
    ///
    /// # Errors
    /// [`SettingsError::OutOfRange`] for a capacity of zero or above the bound.
    pub fn new(limit: RateLimit, capacity: usize) -> Result<Self, SettingsError> {
        let times_eight = |n: u32| n.saturating_mul(8).min(crate::gcra::MAX_EVENTS);
        let aggregate = RateLimit::new(times_eight(limit.per_second()), times_eight(limit.burst()))?;
        Self::with_aggregate(limit, aggregate, capacity)
    }

    /// As [`new`](Self::new), with a limit of its own for each IPv6 /48.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_aggregate(
        source: RateLimit,
        aggregate: RateLimit,
        capacity: usize,
    ) -> Result<Self, SettingsError> {
        Ok(Self { table: Table::new(source, aggregate, capacity)? })
    }

    /// Holds sources that were vouched for to `limit` instead.
    pub(crate) fn with_vouched(self, limit: RateLimit) -> Self {
        Self { table: self.table.with_vouched(limit) }
    }

    /// Counts one event of `source`. What a source is refused is not charged to the /48 around it; what the /48 is refused
    /// stays charged to the source, which tried.
    ///
    /// # Errors
    /// [`Limited`] when the source, or the /48 around it, has used up its allowance.
    pub fn check(&self, source: IpAddr, now: Tick) -> Result<(), Limited> {
        self.charge(SourcePrefix::of(source), now).map(|_| ())
    }

    pub(crate) fn charge(&self, source: SourcePrefix, now: Tick) -> Result<Standing, Limited> {
        let limited = |prefix| move |retry_after| Limited { prefix, retry_after };
        let standing = self.table.charge(source, now).map_err(limited(source))?;
        // A vouched peer does not answer for its neighbours in the /48.
        if standing == Standing::Unknown
            && let Some(aggregate) = source.aggregate()
        {
            self.table.charge(aggregate, now).map_err(limited(aggregate))?;
        }
        Ok(standing)
    }

    /// Keeps the entry of `source` in the table for ten minutes, forgives what it owed as a stranger, and takes the /48's limit off it for as long. Call it
    /// when a peer from there has authenticated; see [`Guard::vouch`](crate::Guard::vouch).
    pub fn vouch(&self, source: IpAddr, now: Tick) {
        self.table.vouch(SourcePrefix::of(source), now);
    }

    /// Sources that can be remembered at once. It never changes.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// Entries in use, those that owe nothing any more included.
    pub fn used(&self) -> usize {
        self.table.used()
    }

    /// How often a source that still owed was forgotten for want of room: above zero, the table is under pressure.
    pub fn evictions(&self) -> u64 {
        self.table.evictions()
    }
}

/// A source came too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{prefix} came too often")]
#[non_exhaustive]
pub struct Limited {
    /// Whose allowance is used up: the source's or its /48's.
    pub prefix: SourcePrefix,
    /// When the next event would pass, if none came in between.
    pub retry_after: Duration,
}

impl Coded for Limited {
    fn code(&self) -> &'static str {
        "guard.rate.exceeded"
    }

    fn blame(&self) -> Blame {
        Blame::Peer
    }
}
