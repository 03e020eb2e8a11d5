//! The fixed table of sources: which of them owe how much, in memory that is taken once.
//!
//! The `governor` crate has the arithmetic, but its keyed stores are unbounded maps that spoofed sources fill until memory
//! ends; a bounded store beside it would have to say what it evicts, which is the hard part, and the rest is ten lines.

use crate::gcra::RateLimit;
use crate::prefix::SourcePrefix;
use crate::settings::SettingsError;
use dwcp_base::Tick;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A set-associative table: the keyed hash of a prefix names a bucket of eight entries under a lock of its own.
///
/// # Eviction
/// A newcomer takes, in this order: an entry that was never used; one whose debt has lapsed, which is worth no more than
/// a new one; else the one that owes least. Never taken are an entry that was refused and still owes, since a fresh one in
/// its place would forgive it, and a vouched one, at most half of a bucket. If nothing is left, the newcomer is not
/// remembered and shares one allowance with all others in that position in its bucket; unless it is vouched for: then it
/// takes the place of the refused one that owes least, since forging refusals must not keep out who has a name.
///
/// # Security
/// The hash is keyed at random per table, so nobody outside can aim sources at one bucket.
#[derive(Debug)]
pub(crate) struct Table {
    buckets: Box<[Mutex<Bucket>]>,
    hasher: RandomState,
    source: RateLimit,
    vouched: RateLimit,
    aggregate: RateLimit,
    used: AtomicUsize,
    evictions: AtomicU64,
}

/// Whether a source has been vouched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Unknown,
    Vouched,
}

#[derive(Debug, Default)]
struct Bucket {
    entries: [Entry; WAYS],
    /// The common allowance of those who found no room.
    crowd: Tick,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    key: Option<SourcePrefix>,
    free_at: Tick,
    vouched_until: Tick,
    /// Was refused, and has not paid off its debt since.
    refused: bool,
}

impl Table {
    pub(crate) fn new(
        source: RateLimit,
        aggregate: RateLimit,
        capacity: usize,
    ) -> Result<Self, SettingsError> {
        let capacity = SettingsError::size_in_range("table_capacity", capacity, MAX_CAPACITY)?;
        let buckets = std::iter::repeat_with(Mutex::default).take(capacity.div_ceil(WAYS)).collect();
        Ok(Self {
            buckets,
            hasher: RandomState::new(),
            source,
            vouched: source,
            aggregate,
            used: AtomicUsize::new(0),
            evictions: AtomicU64::new(0),
        })
    }

    /// Holds vouched sources to `limit` instead of the limit of strangers.
    pub(crate) fn with_vouched(mut self, limit: RateLimit) -> Self {
        self.vouched = limit;
        self
    }

    /// Charges one event to `key`.
    pub(crate) fn charge(&self, key: SourcePrefix, now: Tick) -> Result<Standing, Duration> {
        self.with_bucket(key, now, |table, bucket| {
            let Some(index) = bucket.find(key).or_else(|| table.claim(bucket, key, now)) else {
                return table
                    .limit_of(key, Standing::Unknown)
                    .judge(&mut bucket.crowd, now)
                    .map(|()| Standing::Unknown);
            };
            let entry = &mut bucket.entries[index];
            let verdict = table.limit_of(key, entry.standing(now)).judge(&mut entry.free_at, now);
            entry.refused |= verdict.is_err();
            verdict.map(|()| entry.standing(now))
        })
    }

    /// Keeps the entry of `key` for [`VOUCHED_FOR`] from now on. What it owed as a stranger is forgiven.
    pub(crate) fn vouch(&self, key: SourcePrefix, now: Tick) {
        self.with_bucket(key, now, |table, bucket| {
            let own = bucket.find(key).or_else(|| table.claim(bucket, key, now));
            let Some(index) = own.or_else(|| table.claim_from_refused(bucket, key, now)) else { return };
            if bucket.entries[index].standing(now) == Standing::Unknown {
                bucket.make_room_for_one_vouched(now);
                bucket.entries[index].free_at = now;
                bucket.entries[index].refused = false;
            }
            bucket.entries[index].vouched_until = now.plus(VOUCHED_FOR);
        });
    }

    /// Entries in use, lapsed ones included; never more than the capacity.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How often a source that still owed was forgotten for want of room.
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.buckets.len() * WAYS
    }

    fn limit_of(&self, key: SourcePrefix, standing: Standing) -> RateLimit {
        match standing {
            _ if key.is_aggregate() => self.aggregate,
            Standing::Vouched => self.vouched,
            Standing::Unknown => self.source,
        }
    }

    fn with_bucket<T>(&self, key: SourcePrefix, now: Tick, work: impl FnOnce(&Self, &mut Bucket) -> T) -> T {
        let buckets = u64::try_from(self.buckets.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(self.hasher.hash_one(key) % buckets).unwrap_or(0);
        let mut bucket = self.buckets[index].lock().unwrap_or_else(PoisonError::into_inner);
        for entry in &mut bucket.entries {
            if let Some(key) = entry.key {
                entry.settle(self.limit_of(key, entry.standing(now)), now);
            }
        }
        work(self, &mut bucket)
    }

    /// The index of an entry that is `key`'s from now on; never one that was refused.
    fn claim(&self, bucket: &mut Bucket, key: SourcePrefix, now: Tick) -> Option<usize> {
        self.claim_if(bucket, key, now, |entry| !entry.refused)
    }

    /// The same for one that is vouched for. The vouched are at most half of a bucket, so there is always one.
    fn claim_from_refused(&self, bucket: &mut Bucket, key: SourcePrefix, now: Tick) -> Option<usize> {
        self.claim_if(bucket, key, now, |entry| entry.refused)
    }

    fn claim_if(
        &self,
        bucket: &mut Bucket,
        key: SourcePrefix,
        now: Tick,
        takeable: impl Fn(&Entry) -> bool,
    ) -> Option<usize> {
        let (index, victim) = bucket
            .entries
            .iter_mut()
            .enumerate()
            .filter(|(_, entry)| takeable(entry) && entry.standing(now) == Standing::Unknown)
            .min_by_key(|(_, entry)| (entry.key.is_some(), entry.free_at))?;
        if victim.key.is_none() {
            self.used.fetch_add(1, Ordering::Relaxed);
        } else if victim.free_at > now {
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
        *victim = Entry { key: Some(key), ..Entry::default() };
        Some(index)
    }
}

impl Bucket {
    fn find(&self, key: SourcePrefix) -> Option<usize> {
        self.entries.iter().position(|entry| entry.key == Some(key))
    }

    /// The one vouched for longest ago gives way, so that those who authenticate can not fill the table either.
    fn make_room_for_one_vouched(&mut self, now: Tick) {
        let vouched =
            || self.entries.iter().enumerate().filter(|(_, e)| e.standing(now) == Standing::Vouched);
        if vouched().count() < WAYS / 2 {
            return;
        }
        if let Some((oldest, _)) = vouched().min_by_key(|(_, entry)| entry.vouched_until) {
            self.entries[oldest].vouched_until = Tick(0);
        }
    }
}

impl Entry {
    fn standing(&self, now: Tick) -> Standing {
        if self.vouched_until > now { Standing::Vouched } else { Standing::Unknown }
    }

    /// Brings the entry to `now`: nothing reaches further into the future than it can by this clock, and a debt that is
    /// paid off is no longer held against anybody.
    fn settle(&mut self, limit: RateLimit, now: Tick) {
        self.free_at = limit.within_reach(self.free_at, now);
        self.vouched_until = self.vouched_until.min(now.plus(VOUCHED_FOR));
        self.refused &= self.free_at > now;
    }
}

const WAYS: usize = 8;
const MAX_CAPACITY: usize = 1 << 24;
/// How long an authenticated source keeps its entry; longer than a reconnect after an outage usually takes.
pub(crate) const VOUCHED_FOR: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests;
