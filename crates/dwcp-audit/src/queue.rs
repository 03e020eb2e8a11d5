//! The bounded queue between those who record and the writer.

use crate::aggregate::Groups;
use crate::budget::Budget;
use crate::checkpoint::Checkpoint;
use crate::encode::{MAX_NUMBER, longest_line};
use crate::error::NotDurable;
use crate::event::{Origin, Repeated, SecurityEvent};
use crate::kind::EventKind;
use crate::settings::AuditSettings;
use crate::stats::AuditStats;
use dwcp_base::{Clock, Coded, UnixTime};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// An event with its place in the log.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) sequence: u64,
    pub(crate) time: UnixTime,
    pub(crate) event: SecurityEvent,
}

/// What the recording side, the writer and the receipts share. The lock is never held across a disk operation.
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    /// There is something for the writer to do.
    pub(crate) work: Condvar,
    /// The queue has room again.
    pub(crate) room: Condvar,
    /// A commit was made, or the writer ended.
    pub(crate) done: Condvar,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: AuditSettings,
}

/// The state under the lock.
pub(crate) struct Inner {
    pub(crate) queue: VecDeque<Queued>,
    pub(crate) groups: Groups,
    budget: Budget,
    next: u64,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) stats: AuditStats,
    dropped: Option<Repeated>,
    /// The newest entry that somebody waits for.
    pub(crate) wanted: u64,
    pub(crate) closing: bool,
    /// The writer has ended: nothing more becomes durable.
    pub(crate) ended: bool,
    pub(crate) failing: Option<Trouble>,
    pub(crate) interfered: Option<Trouble>,
    pub(crate) wakers: BTreeMap<(u64, u64), Waker>,
    pub(crate) next_waiter: u64,
}

/// What is wrong, and since when.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) since: UnixTime,
    pub(crate) why: String,
}

impl Shared {
    pub(crate) fn new(settings: AuditSettings, clock: Arc<dyn Clock>, checkpoint: Checkpoint) -> Self {
        let inner = Inner {
            queue: VecDeque::new(),
            groups: Groups::new(settings.groups_per_second),
            budget: Budget::new(settings.stranger_bytes),
            next: checkpoint.sequence() + 1,
            checkpoint,
            stats: AuditStats::ZERO,
            dropped: None,
            wanted: 0,
            closing: false,
            ended: false,
            failing: None,
            interfered: None,
            wakers: BTreeMap::new(),
            next_waiter: 0,
        };
        Self {
            inner: Mutex::new(inner),
            work: Condvar::new(),
            room: Condvar::new(),
            done: Condvar::new(),
            clock,
            settings,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the event in, or drops and counts it when there is no room for one of its origin.
    pub(crate) fn enqueue(&self, event: SecurityEvent) -> Result<u64, NotDurable> {
        let strangers_bytes = (event.details.origin == Origin::Stranger).then(|| longest_line(&event));
        let mut inner = self.lock();
        inner.stats.happened(&event);
        let limit = self.limit(event.details.origin);
        if inner.queue.len() >= limit && event.details.origin != Origin::Stranger {
            // There will be no room while the disk fails, so waiting would only stop the caller.
            let hopeful = |i: &mut Inner| i.queue.len() >= limit && i.failing.is_none() && !i.closing;
            inner = self
                .room
                .wait_timeout_while(inner, self.settings.block_bound, hopeful)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if inner.closing {
            inner.stats.dropped += 1;
            return Err(NotDurable::Closed);
        }
        let now = self.clock.unix();
        if inner.queue.len() >= limit {
            inner.drop_and_count(Repeated { count: 1, first: now, last: now });
            return Err(NotDurable::Dropped);
        }
        if let Some(bytes) = strangers_bytes
            && !inner.budget.spend(bytes, self.clock.tick())
        {
            self.release_groups(&mut inner, now, false);
            inner.summarise(&event, now);
            return Err(NotDurable::Summarised);
        }
        let sequence = inner.push(now, event);
        if inner.queue.len() >= self.settings.commit_events {
            self.work.notify_one();
        }
        Ok(sequence)
    }

    /// Adds what happened to the group of its like in the current second.
    pub(crate) fn aggregate(&self, event: SecurityEvent, source: std::net::IpAddr) {
        let mut inner = self.lock();
        inner.stats.happened(&event);
        inner.stats.aggregated += 1;
        if inner.closing {
            // A gap record would have to be written by a writer that is on its way out, again and again in a flood.
            inner.stats.dropped += 1;
            return;
        }
        let now = self.clock.unix();
        self.release_groups(&mut inner, now, false);
        inner.groups.add(event, source, now);
    }

    /// Queues the groups of seconds and minutes that are over, or all of them.
    pub(crate) fn release_groups(&self, inner: &mut Inner, now: UnixTime, all: bool) {
        let mut excess = inner.groups.take_excess(now, false);
        for event in inner.groups.take(now, all) {
            let room = inner.queue.len() < self.limit(event.details.origin);
            if room && !inner.budget.spend(longest_line(&event), self.clock.tick()) {
                inner.summarise(&event, now);
            } else {
                self.push_or_drop(inner, now, event);
            }
        }
        if all {
            excess.extend(inner.groups.take_excess(now, true));
        }
        excess.into_iter().for_each(|event| self.push_or_drop(inner, now, event));
    }

    fn push_or_drop(&self, inner: &mut Inner, now: UnixTime, event: SecurityEvent) {
        match event.details.repeated {
            Some(repeated) if inner.queue.len() >= self.limit(event.details.origin) => {
                inner.drop_and_count(repeated)
            }
            _ => {
                inner.push(now, event);
            }
        }
    }

    /// Up to one commit of events; a gap is noted as soon as there is room for the note.
    pub(crate) fn take(&self, inner: &mut Inner, now: UnixTime) -> Vec<Queued> {
        let count = inner.queue.len().min(self.settings.commit_events);
        let batch: Vec<Queued> = inner.queue.drain(..count).collect();
        inner.note_gap(now);
        self.room.notify_all();
        batch
    }

    /// Strangers leave an eighth of the queue to those who have a name.
    fn limit(&self, origin: Origin) -> usize {
        let all = self.settings.queue;
        if origin == Origin::Stranger { all - all / 8 } else { all }
    }
}

impl Inner {
    /// Queues without asking for room; for the log's own records.
    pub(crate) fn push(&mut self, time: UnixTime, event: SecurityEvent) -> u64 {
        let sequence = self.next;
        self.next += 1;
        self.stats.accepted += 1;
        self.queue.push_back(Queued { sequence, time, event });
        sequence
    }

    /// The same for an event nobody counted yet.
    pub(crate) fn push_own(&mut self, time: UnixTime, event: SecurityEvent) {
        self.stats.happened(&event);
        self.push(time, event);
    }

    /// The newest number given out.
    pub(crate) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// How many entries are not acknowledged yet.
    pub(crate) fn pending(&self) -> u64 {
        self.newest().saturating_sub(self.checkpoint.sequence())
    }

    /// Whether somebody waits for what is still queued.
    pub(crate) fn is_urgent(&self) -> bool {
        !self.queue.is_empty() && self.wanted > self.checkpoint.sequence()
    }

    /// Whether anything waits to be written.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.dropped.is_none()
    }

    /// Where entry `sequence` stands: on disk, lost, or still on its way (`None`).
    pub(crate) fn outcome(&self, sequence: u64) -> Option<Result<u64, NotDurable>> {
        if sequence <= self.checkpoint.sequence() {
            return Some(Ok(sequence));
        }
        self.ended.then_some(Err(NotDurable::Closed))
    }

    /// Keeps of `event` that it happened, and when. The groups of other minutes were released.
    fn summarise(&mut self, event: &SecurityEvent, now: UnixTime) {
        self.stats.summarised =
            self.stats.summarised.saturating_add(event.details.repeated.map_or(1, |r| r.count));
        self.groups.add_excess(event, now);
    }

    fn drop_and_count(&mut self, lost: Repeated) {
        self.stats.dropped = self.stats.dropped.saturating_add(lost.count);
        let total = self.dropped.get_or_insert(Repeated { count: 0, ..lost });
        total.count = total.count.saturating_add(lost.count).min(MAX_NUMBER);
        total.last = lost.last;
    }

    fn note_gap(&mut self, now: UnixTime) {
        if let Some(lost) = self.dropped.take() {
            let mut event = SecurityEvent::local(EventKind::AuditGap)
                .code(NotDurable::Dropped.code())
                .message("the queue was full and events were dropped");
            event.details.repeated = Some(lost);
            self.push_own(now, event);
        }
    }
}
