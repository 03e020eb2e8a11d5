//! The log as those who record see it.

use crate::checkpoint::Checkpoint;
use crate::error::{NotDurable, OpenError};
use crate::event::SecurityEvent;
use crate::kind::EventKind;
use crate::queue::Shared;
use crate::receipt::Receipt;
use crate::recover;
use crate::settings::AuditSettings;
use crate::state::AuditState;
use crate::stats::AuditStats;
use crate::worker::Worker;
use dwcp_base::{Clock, Disk};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The one writer of an audit log.
///
/// Recording queues; a thread of its own writes, syncs and only then acknowledges. Share it in an [`Arc`]. Dropping it
/// closes the log, waiting up to 5 s for what is queued.
pub struct SecurityAuditor {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SecurityAuditor {
    /// Opens the log in `dir`, made if absent, and writes to it that it was opened, so that a disk that can not be
    /// written is known at once. Blocks: the newest segment is read and checked.
    ///
    /// # Errors
    /// [`OpenError::Locked`] when it has a writer already; [`OpenError::Broken`] when it is not intact, apart from a
    /// last write cut short by a power loss, which is cut back and recorded; [`OpenError::Io`] when it can not be
    /// written.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        settings: AuditSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let now = clock.unix();
        let (mut log, torn) = recover::open(disk, dir, settings.segment_bytes, now)?;
        let found = Checkpoint::new(log.tip, now, log.segment.max(1), log.length);
        let shared = Arc::new(Shared::new(settings, clock, found));
        let first = {
            let mut inner = shared.lock();
            if torn > 0 {
                inner.push_own(now, recovered(torn));
            }
            inner.push_own(now, opened());
            inner.queue.drain(..).collect::<Vec<_>>()
        };
        let committed = log.write(&first).and_then(|()| log.acknowledge(now));
        shared.lock().checkpoint = committed.map_err(|error| error.into_open(dir))?;
        let worker = Worker::new(Arc::clone(&shared), log);
        let writer = thread::Builder::new()
            .name("dwcp-audit".to_owned())
            .spawn(move || worker.run())
            .map_err(|source| OpenError::Thread { source })?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Queues `event` and returns at once; the receipt says when it is on disk.
    ///
    /// When the queue is full, what a stranger caused is dropped and counted; what a peer or this node caused waits
    /// first, for at most [`AuditSettings::with_block_bound`]. The disk itself is never waited for. What strangers cause
    /// beyond [`AuditSettings::with_stranger_bytes_per_hour`] is counted by kind and minute alone.
    pub fn record(&self, event: SecurityEvent) -> Receipt {
        Receipt::new(Arc::clone(&self.shared), self.shared.enqueue(event))
    }

    /// As [`SecurityAuditor::record`], for an event whose way to the disk nobody waits for. One that is dropped shows
    /// in the gap record and in [`AuditStats::dropped`].
    pub fn note(&self, event: SecurityEvent) {
        // A loss was counted where it happened.
        let _ = self.shared.enqueue(event);
    }

    /// Counts `event` in with those of the same kind, code, source (IPv4 address or IPv6 /64) and second; when the
    /// second is over they become one record with count, first and last. The details are those of the first.
    ///
    /// Never waits. Use it for whatever an unauthenticated source can cause: then a flood does not fill the queue, and of
    /// the disk no more than [`AuditSettings::with_stranger_bytes_per_hour`] and one record per kind and minute.
    pub fn record_aggregated(&self, event: SecurityEvent, source: IpAddr) {
        self.shared.aggregate(event, source);
    }

    /// Blocks until all that was recorded so far, unfinished groups included, is on disk. Each call can add a record per
    /// kind that the current minute would have joined with later ones, so it is not for every event.
    ///
    /// # Errors
    /// [`NotDurable::Elapsed`] when that takes longer than `within`, [`NotDurable::Closed`] when it will not happen.
    pub fn flush(&self, within: Duration) -> Result<Checkpoint, NotDurable> {
        let newest = {
            let mut inner = self.shared.lock();
            self.shared.release_groups(&mut inner, self.shared.clock.unix(), true);
            inner.newest()
        };
        Receipt::new(Arc::clone(&self.shared), Ok(newest)).wait(within)?;
        Ok(self.checkpoint())
    }

    /// Whether events reach the disk.
    pub fn state(&self) -> AuditState {
        let inner = self.shared.lock();
        if let Some(trouble) = &inner.failing {
            let (since, why) = (trouble.since, trouble.why.clone());
            return AuditState::Failing { since, why, pending: inner.pending() };
        }
        match &inner.interfered {
            Some(trouble) => AuditState::Interfered { since: trouble.since, why: trouble.why.clone() },
            None => AuditState::Healthy,
        }
    }

    /// Counts since the log was opened.
    pub fn stats(&self) -> AuditStats {
        let inner = self.shared.lock();
        let mut stats = inner.stats.clone();
        stats.queued = inner.pending();
        stats.acknowledged = inner.checkpoint.sequence();
        stats
    }

    /// How far the log is acknowledged. Kept where an attacker of this machine does not get at it, it is what
    /// [`verify_against`](crate::verify_against) finds a rolled-back or replaced log with.
    pub fn checkpoint(&self) -> Checkpoint {
        self.shared.lock().checkpoint
    }

    /// Writes what is queued, ends the writer and gives up the lock. Later calls return at once; later events are
    /// refused with [`NotDurable::Closed`].
    ///
    /// # Errors
    /// [`NotDurable::Elapsed`] when the disk takes longer than `within`: the writer then goes on by itself.
    /// [`NotDurable::Closed`] when the disk failed and events were lost.
    pub fn close(&self, within: Duration) -> Result<Checkpoint, NotDurable> {
        let mut inner = self.shared.lock();
        inner.closing = true;
        self.shared.work.notify_one();
        self.shared.room.notify_all();
        inner = self
            .shared
            .done
            .wait_timeout_while(inner, within, |i| !i.ended)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if !inner.ended {
            return Err(NotDurable::Elapsed);
        }
        let (newest, checkpoint) = (inner.newest(), inner.checkpoint);
        drop(inner);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // It has nothing left to do but return; a panic in it has already shown as a failing state.
            let _ = writer.join();
        }
        if newest > checkpoint.sequence() { Err(NotDurable::Closed) } else { Ok(checkpoint) }
    }
}

impl Drop for SecurityAuditor {
    fn drop(&mut self) {
        // Whoever wants to know what was lost calls `close`.
        let _ = self.close(Duration::from_secs(5));
    }
}

impl fmt::Debug for SecurityAuditor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityAuditor").field("checkpoint", &self.checkpoint()).finish_non_exhaustive()
    }
}

fn opened() -> SecurityEvent {
    SecurityEvent::local(EventKind::AuditOpened).field("version", env!("CARGO_PKG_VERSION"))
}

fn recovered(bytes: u64) -> SecurityEvent {
    SecurityEvent::local(EventKind::AuditRecovered)
        .message("the last write was cut short and has been cut back; it had not been acknowledged")
        .field("bytes", bytes)
}
