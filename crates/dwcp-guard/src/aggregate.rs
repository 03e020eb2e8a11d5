//! Refusals by source and second, so that a flood of refusals becomes a handful of audit records.

use crate::prefix::SourcePrefix;
use crate::refusal::RefusalReason;
use dwcp_base::Tick;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Refusals of one source for one reason, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusalSummary {
    /// Who was refused.
    pub source: RefusedSource,
    /// For what reason.
    pub reason: RefusalReason,
    /// How often; at least 1.
    pub count: u64,
    /// When the first was refused. Wall time is `now.minus(tick_now.since(first))`.
    pub first: Tick,
    /// When the last was refused.
    pub last: Tick,
}

/// Whose refusals a summary counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusedSource {
    /// Those of one prefix.
    One(SourcePrefix),
    /// Those of all prefixes that found no row of their own: there were more than the table has.
    Others,
}

impl fmt::Display for RefusedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(prefix) => prefix.fmt(f),
            Self::Others => f.write_str("others"),
        }
    }
}

/// 1 024 rows in 64 shards under locks of their own, and a row for all others by reason in each shard.
#[derive(Debug)]
pub(crate) struct RefusalLog {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    rows: [Option<RefusalSummary>; ROWS],
    others: [Option<RefusalSummary>; RefusalReason::ALL.len()],
}

impl RefusalLog {
    pub(crate) fn new() -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Self { shards, hasher: RandomState::new() }
    }

    pub(crate) fn record(&self, prefix: SourcePrefix, reason: RefusalReason, now: Tick) {
        let wide = u64::try_from(SHARDS).unwrap_or(1);
        let index = usize::try_from(self.hasher.hash_one((prefix, reason)) % wide).unwrap_or(0);
        let mut shard = self.shards[index].lock().unwrap_or_else(PoisonError::into_inner);
        let source = RefusedSource::One(prefix);
        let is_it =
            |row: &Option<RefusalSummary>| row.is_some_and(|r| r.source == source && r.reason == reason);
        let own = shard.rows.iter().position(is_it).or_else(|| shard.rows.iter().position(Option::is_none));
        let (row, source) = match own {
            Some(row) => (&mut shard.rows[row], source),
            None => (&mut shard.others[reason.index()], RefusedSource::Others),
        };
        let one = RefusalSummary { source, reason, count: 1, first: now, last: now };
        *row = Some(row.map_or(one, |so_far| so_far.joined_with(one)));
    }

    /// Takes out the rows that `over` picks; those of the others are joined across the shards.
    pub(crate) fn take(&self, over: impl Fn(&RefusalSummary) -> bool) -> Vec<RefusalSummary> {
        let mut taken = Vec::with_capacity(SHARDS * ROWS + RefusalReason::ALL.len());
        let mut others = [None; RefusalReason::ALL.len()];
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            taken.extend(shard.rows.iter_mut().filter_map(|row| row.take_if(|row| over(row))));
            for (sum, row) in others.iter_mut().zip(&mut shard.others) {
                if let Some(row) = row.take_if(|row| over(row)) {
                    *sum = Some(sum.map_or(row, |so_far: RefusalSummary| so_far.joined_with(row)));
                }
            }
        }
        taken.extend(others.into_iter().flatten());
        taken
    }
}

impl RefusalSummary {
    /// Whether its second is over. A first refusal that lies in the future shows a clock that stepped back: it is over too.
    pub(crate) fn is_over(&self, now: Tick) -> bool {
        now < self.first || now.since(self.first) >= WINDOW
    }

    fn joined_with(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            ..self
        }
    }
}

const SHARDS: usize = 64;
const ROWS: usize = 16;
const WINDOW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn at_g8_a_million_refusals_of_a_million_sources_stay_a_bounded_number_of_rows_and_none_is_lost() {
        let log = RefusalLog::new();
        for n in 0..1_000_000u32 {
            let prefix = SourcePrefix::of(Ipv4Addr::from_bits(n).into());
            log.record(prefix, RefusalReason::GlobalRate, Tick(u64::from(n)));
        }
        let taken = log.take(|_| true);
        assert!(taken.len() <= SHARDS * ROWS + 1);
        assert_eq!(taken.iter().map(|row| row.count).sum::<u64>(), 1_000_000);
        let others = taken.iter().find(|row| row.source == RefusedSource::Others).unwrap();
        assert_eq!(others.last, Tick(999_999));
        assert_eq!(log.take(|_| true), []);
    }

    #[test]
    fn at_g7_a_clock_that_steps_back_does_not_keep_a_row_from_being_taken() {
        let log = RefusalLog::new();
        let prefix = SourcePrefix::of(Ipv4Addr::LOCALHOST.into());
        log.record(prefix, RefusalReason::SourceRate, Tick(3_600_000_000_000));
        assert_eq!(log.take(|row| row.is_over(Tick(3_600_000_000_001))), [], "its second is not over");
        let taken = log.take(|row| row.is_over(Tick(5)));
        assert_eq!((taken.len(), taken[0].count), (1, 1));
    }
}
