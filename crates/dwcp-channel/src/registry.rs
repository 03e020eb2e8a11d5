//! Every live connection: who it belongs to, what it has moved, and the means to end it.

use crate::connection::Entry;
use crate::shown::Shown;
use crate::signal::{Changed, Signal};
use crate::statistics::{PeerTable, PeerTotals};
use crate::{CloseReason, ConnectionId, ConnectionInfo, JudgeReport, Judgement, Newcomer, PeerStatistics};
use dwcp_base::{Blame, Clock, Coded};
use dwcp_pki::Peer;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The live connections of a node, at most as many as it was made for.
///
/// A connection is in it from the moment its peer is known until its session is dropped. The table is cut into shards with
/// a lock each; moving bytes touches none of them.
pub struct Registry {
    shards: [Mutex<Shard>; SHARDS],
    capacity: usize,
    live: AtomicUsize,
    next: AtomicU64,
    peers: PeerTable,
    pub(crate) shown: Shown,
    clock: Arc<dyn Clock>,
}

impl Registry {
    /// An empty registry of at most `capacity` connections.
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            capacity,
            live: AtomicUsize::new(0),
            next: AtomicU64::new(1),
            peers: PeerTable::default(),
            shown: Shown::default(),
            clock,
        })
    }

    /// Takes a connection in; it leaves when the returned value is dropped.
    ///
    /// # Security
    /// A judgement that runs while a handshake does may miss it. Whoever registers a peer must judge it once more
    /// *afterwards*, against the trust and policy of that moment; [`TlsAcceptor`](crate::TlsAcceptor) and
    /// [`SecureTransport`](crate::SecureTransport) do.
    ///
    /// # Errors
    /// [`RegistryFull`] when `capacity` connections are alive.
    pub fn register(self: &Arc<Self>, newcomer: Newcomer) -> Result<Tracked, RegistryFull> {
        let label = newcomer.peer.label();
        self.enter(newcomer, label)
    }

    fn enter(self: &Arc<Self>, newcomer: Newcomer, label: String) -> Result<Tracked, RegistryFull> {
        let room = |live| (live < self.capacity).then_some(live + 1);
        self.live
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, room)
            .map_err(|_| RegistryFull { capacity: self.capacity })?;
        let since = self.clock.unix();
        let (label, totals) = self.peers.began(label, since);
        let entry = Arc::new(Entry {
            id: ConnectionId(self.next.fetch_add(1, Ordering::Relaxed)),
            newcomer,
            label,
            since,
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            signal: Signal::new(),
        });
        self.shard(entry.id).live.insert(entry.id, Arc::clone(&entry));
        Ok(Tracked { entry, totals, registry: Arc::clone(self) })
    }

    /// Judges every connection. A cut takes effect at once: its relay stops and both of its sockets are reset.
    ///
    /// `verdict` is called outside of the registry's locks, once per connection, so it may look things up.
    pub fn judge(&self, verdict: impl Fn(&Peer) -> Judgement) -> JudgeReport {
        let mut report = JudgeReport::default();
        for entry in self.entries() {
            entry.obey(verdict(&entry.newcomer.peer), &mut report);
        }
        report
    }

    /// Cuts one connection.
    ///
    /// # Errors
    /// [`NoSuchConnection`] when it is not alive, or was cut before.
    pub fn close(&self, id: ConnectionId, reason: CloseReason) -> Result<(), NoSuchConnection> {
        let entry = self.shard(id).live.get(&id).map(Arc::clone).ok_or(NoSuchConnection(id))?;
        match entry.signal.cut(reason) {
            Changed::Yes => Ok(()),
            Changed::No => Err(NoSuchConnection(id)),
        }
    }

    /// Gives one connection this long to end by itself, then cuts it.
    ///
    /// # Errors
    /// [`NoSuchConnection`] when it is not alive, or has to end sooner already.
    pub fn drain(&self, id: ConnectionId, grace: Duration) -> Result<(), NoSuchConnection> {
        let entry = self.shard(id).live.get(&id).map(Arc::clone).ok_or(NoSuchConnection(id))?;
        match entry.signal.drain(grace) {
            Changed::Yes => Ok(()),
            Changed::No => Err(NoSuchConnection(id)),
        }
    }

    /// The live connections, oldest first.
    pub fn snapshot(&self) -> Vec<ConnectionInfo> {
        let mut rows: Vec<_> = self.entries().iter().map(|entry| entry.info()).collect();
        rows.sort_unstable_by_key(|row| row.id);
        rows
    }

    /// What each peer has cost since the process began, by label; at most 4 096 peers are remembered. A connection that
    /// ends while this runs may be missing from the bytes of this one answer.
    pub fn peers(&self) -> Vec<PeerStatistics> {
        let mut rows = self.peers.snapshot();
        for entry in self.entries() {
            if let Some(row) = rows.get_mut(&entry.label) {
                row.bytes_in += entry.bytes_in.load(Ordering::Relaxed);
                row.bytes_out += entry.bytes_out.load(Ordering::Relaxed);
            }
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        rows.sort_unstable_by(|a, b| a.label.cmp(&b.label));
        rows
    }

    /// Bytes of data from and to all peers since the registry was made, in this order: of the connections that live and of
    /// all that ever did. Neither number ever falls.
    pub fn totals(&self) -> (u64, u64) {
        self.shards.iter().fold((0, 0), |(bytes_in, bytes_out), shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner).totals();
            (bytes_in.wrapping_add(shard.0), bytes_out.wrapping_add(shard.1))
        })
    }

    /// How many connections are alive.
    pub fn len(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// Whether none is alive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many connections it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        let mut entries = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            entries.extend(shard.live.values().map(Arc::clone));
        }
        entries
    }

    fn shard(&self, id: ConnectionId) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(id.0 % SHARDS as u64).unwrap_or_default();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("live", &self.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// A connection's place in the registry; dropping it gives the place back.
#[must_use]
pub struct Tracked {
    pub(crate) entry: Arc<Entry>,
    totals: Arc<PeerTotals>,
    registry: Arc<Registry>,
}

impl Tracked {
    /// The connection's number.
    pub fn id(&self) -> ConnectionId {
        self.entry.id
    }

    /// The connection as it is now.
    pub fn info(&self) -> ConnectionInfo {
        self.entry.info()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let (bytes_in, bytes_out) = self.entry.bytes();
        // Before it is gone from the table, so that a judgement finds it in one place or the other.
        self.registry.shown.remember(&self.entry.newcomer.peer);
        self.registry.shard(self.entry.id).ended(&self.entry);
        self.totals.ended(bytes_in, bytes_out, self.registry.clock.unix());
        self.registry.live.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracked").field(&self.entry.id).finish()
    }
}

/// One part of the table. What the ended have moved is counted where they lived, under the same lock, so that no
/// connection is ever in both numbers or in neither.
#[derive(Default)]
struct Shard {
    live: HashMap<ConnectionId, Arc<Entry>>,
    ended_in: u64,
    ended_out: u64,
}

impl Shard {
    fn ended(&mut self, entry: &Entry) {
        self.live.remove(&entry.id);
        let (bytes_in, bytes_out) = entry.bytes();
        self.ended_in = self.ended_in.wrapping_add(bytes_in);
        self.ended_out = self.ended_out.wrapping_add(bytes_out);
    }

    fn totals(&self) -> (u64, u64) {
        self.live.values().map(|entry| entry.bytes()).fold((self.ended_in, self.ended_out), |sum, bytes| {
            (sum.0.wrapping_add(bytes.0), sum.1.wrapping_add(bytes.1))
        })
    }
}

/// As many connections are alive as the registry was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {capacity} places for connections are taken")]
pub struct RegistryFull {
    /// How many it holds.
    pub capacity: usize,
}

impl Coded for RegistryFull {
    fn code(&self) -> &'static str {
        "channel.registry.full"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// No live connection has this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no live connection has the number {0}")]
pub struct NoSuchConnection(pub ConnectionId);

impl Coded for NoSuchConnection {
    fn code(&self) -> &'static str {
        "channel.connection.unknown"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

const SHARDS: usize = 16;

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
