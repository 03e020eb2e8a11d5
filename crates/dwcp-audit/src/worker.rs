//! The writer's thread: takes what is queued, commits it, and keeps trying when the disk fails.

use crate::checkpoint::Checkpoint;
use crate::event::SecurityEvent;
use crate::kind::EventKind;
use crate::log::{CommitError, Log};
use crate::queue::{Inner, Queued, Shared, Trouble};
use dwcp_base::UnixTime;
use std::sync::{Arc, PoisonError};
use std::task::Waker;
use std::time::Duration;

/// Runs until the log is closed. Owns the log and with it the lock on the directory.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    log: Log,
    /// Taken from the queue and not yet on disk.
    batch: Vec<Queued>,
    attempts: u32,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, log: Log) -> Self {
        Self { shared, log, batch: Vec::new(), attempts: 0 }
    }

    pub(crate) fn run(mut self) {
        loop {
            let closing = self.next_batch();
            if !self.batch.is_empty() {
                let now = self.shared.clock.unix();
                match self.commit(now) {
                    Ok(checkpoint) => self.succeeded(checkpoint),
                    Err(error) => self.failed(&error),
                }
            }
            let nothing_left = self.attempts > 0 || self.shared.lock().is_idle();
            if closing && nothing_left {
                // One failure is enough to give up when closing: whoever waits is told by the drop of this value.
                return;
            }
        }
    }

    /// Waits until there is a reason to commit; whether the log is being closed.
    fn next_batch(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let failing = self.attempts > 0;
        let pause = if failing { self.back_off() } else { shared.settings.commit_interval };
        let enough = shared.settings.commit_events;
        let waiting = |i: &mut Inner| {
            let wanted = !failing && (i.is_urgent() || i.queue.len() >= enough);
            !i.closing && !wanted
        };
        let mut inner = shared
            .work
            .wait_timeout_while(shared.lock(), pause, waiting)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        let now = shared.clock.unix();
        let closing = inner.closing;
        shared.release_groups(&mut inner, now, closing);
        // An entry that failed to be written keeps its place: nothing overtakes it.
        if self.batch.is_empty() {
            self.batch = shared.take(&mut inner, now);
        }
        closing
    }

    fn commit(&mut self, now: UnixTime) -> Result<Checkpoint, CommitError> {
        self.log.write(&self.batch)?;
        self.batch.clear();
        self.log.acknowledge(now)
    }

    fn succeeded(&mut self, checkpoint: Checkpoint) {
        if self.attempts > 0 {
            tracing::info!(sequence = checkpoint.sequence(), "the audit log is written again");
        }
        self.attempts = 0;
        let mut inner = self.shared.lock();
        inner.checkpoint = checkpoint;
        inner.failing = None;
        inner.stats.commits += 1;
        let later = inner.wakers.split_off(&(checkpoint.sequence() + 1, 0));
        let due = std::mem::replace(&mut inner.wakers, later);
        drop(inner);
        self.shared.done.notify_all();
        due.into_values().for_each(Waker::wake);
    }

    fn failed(&mut self, error: &CommitError) {
        let (code, why) = described(error);
        let first = self.attempts == 0;
        self.attempts = self.attempts.saturating_add(1);
        let mut inner = self.shared.lock();
        // Read under the lock, like the time of every entry: so none is earlier than the one before it.
        let now = self.shared.clock.unix();
        inner.stats.failures += 1;
        let since = inner.failing.as_ref().map_or(now, |t| t.since);
        inner.failing = Some(Trouble { since, why: why.clone() });
        if matches!(error, CommitError::Interfered { .. }) {
            inner.interfered.get_or_insert(Trouble { since: now, why: why.clone() });
        }
        if first || (self.batch.is_empty() && inner.queue.is_empty()) {
            // Goes into the new segment, behind what was waiting: the log itself says that and when it could not be
            // written.
            inner.push_own(now, SecurityEvent::local(EventKind::AuditFailed).code(code).message(&why));
        }
        if self.batch.is_empty() {
            // The entries are on disk and only the checkpoint failed: the note is what the new segment starts with.
            self.batch = self.shared.take(&mut inner, now);
        }
        drop(inner);
        self.shared.room.notify_all();
        if first {
            tracing::error!(
                code,
                why,
                "the audit log can not be written; nothing is acknowledged until it can"
            );
        }
    }

    /// From the commit interval, doubling, to half a minute.
    fn back_off(&self) -> Duration {
        let doublings = self.attempts.saturating_sub(1).min(10);
        (self.shared.settings.commit_interval * (1 << doublings)).min(Duration::from_secs(30))
    }
}

/// However the writer ends, whoever waits for it is told.
impl Drop for Worker {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        if !inner.closing {
            let since = self.shared.clock.unix();
            inner.failing = Some(Trouble { since, why: "the writer ended unexpectedly".to_owned() });
        }
        inner.closing = true;
        inner.ended = true;
        let due = std::mem::take(&mut inner.wakers);
        drop(inner);
        self.shared.done.notify_all();
        self.shared.room.notify_all();
        due.into_values().for_each(Waker::wake);
    }
}

fn described(error: &CommitError) -> (&'static str, String) {
    match error {
        CommitError::Disk { operation, source } => ("audit.disk.failed", format!("{operation}: {source}")),
        CommitError::Interfered { segment } => {
            ("audit.log.interfered", format!("segment {segment} was changed by somebody else"))
        }
    }
}
