//! What each peer has cost so far, for status pages.

use dwcp_base::UnixTime;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The connections of one peer, living and ended, since the process began.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatistics {
    /// The peer's name, as [`Peer::label`](dwcp_pki::Peer::label) gives it.
    pub label: Arc<str>,
    /// Connections alive now.
    pub live: u64,
    /// Connections so far, those alive included.
    pub total: u64,
    /// Bytes of data from the peer.
    pub bytes_in: u64,
    /// Bytes of data to the peer.
    pub bytes_out: u64,
    /// When it last began or ended a connection.
    pub last_seen: UnixTime,
}

/// Totals by peer, at most [`CAPACITY`] of them; the one that was idle longest makes room for a new one.
#[derive(Debug, Default)]
pub(crate) struct PeerTable {
    peers: Mutex<HashMap<Arc<str>, Arc<PeerTotals>>>,
}

#[derive(Debug, Default)]
pub(crate) struct PeerTotals {
    live: AtomicU64,
    total: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    last_seen: AtomicI64,
}

impl PeerTable {
    pub(crate) fn began(&self, label: String, now: UnixTime) -> (Arc<str>, Arc<PeerTotals>) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = peers
            .get_key_value(label.as_str())
            .map(|(label, totals)| (Arc::clone(label), Arc::clone(totals)));
        let (label, totals) = known.unwrap_or_else(|| {
            if peers.len() >= CAPACITY {
                forget_one(&mut peers);
            }
            let label: Arc<str> = label.into();
            let totals = Arc::new(PeerTotals::default());
            if peers.len() < CAPACITY {
                peers.insert(Arc::clone(&label), Arc::clone(&totals));
            }
            (label, totals)
        });
        totals.live.fetch_add(1, Ordering::Relaxed);
        totals.total.fetch_add(1, Ordering::Relaxed);
        totals.last_seen.store(now.millis(), Ordering::Relaxed);
        (label, totals)
    }

    /// The totals of all peers; of connections that are alive only the count is in them.
    pub(crate) fn snapshot(&self) -> HashMap<Arc<str>, PeerStatistics> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |(label, totals): (&Arc<str>, &Arc<PeerTotals>)| {
            let row = PeerStatistics {
                label: Arc::clone(label),
                live: totals.live.load(Ordering::Relaxed),
                total: totals.total.load(Ordering::Relaxed),
                bytes_in: totals.bytes_in.load(Ordering::Relaxed),
                bytes_out: totals.bytes_out.load(Ordering::Relaxed),
                last_seen: UnixTime::from_millis(totals.last_seen.load(Ordering::Relaxed)),
            };
            (Arc::clone(label), row)
        };
        peers.iter().map(row).collect()
    }
}

impl PeerTotals {
    pub(crate) fn ended(&self, bytes_in: u64, bytes_out: u64, now: UnixTime) {
        self.bytes_in.fetch_add(bytes_in, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
        self.last_seen.store(now.millis(), Ordering::Relaxed);
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Drops the peer without a live connection that was seen longest ago; none, when all have one.
fn forget_one(peers: &mut HashMap<Arc<str>, Arc<PeerTotals>>) {
    let idle = peers.iter().filter(|(_, totals)| totals.live.load(Ordering::Relaxed) == 0);
    let oldest = idle.min_by_key(|(_, totals)| totals.last_seen.load(Ordering::Relaxed));
    if let Some(label) = oldest.map(|(label, _)| Arc::clone(label)) {
        peers.remove(&label);
    }
}

/// Peers that are remembered. Only peers whose certificate was validated get here, under names their authority gave them.
pub(crate) const CAPACITY: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_that_was_idle_longest_makes_room() {
        let table = PeerTable::default();
        let at = UnixTime::from_secs;
        let (_, busy) = table.began("busy".into(), at(0));
        for n in 1..=CAPACITY {
            let (_, totals) = table.began(format!("peer-{n}"), at(i64::try_from(n).unwrap()));
            totals.ended(1, 2, at(i64::try_from(n).unwrap()));
        }
        let rows = table.snapshot();
        assert_eq!(rows.len(), CAPACITY);
        assert!(rows.contains_key("busy") && !rows.contains_key("peer-1"));
        let newest = &rows[format!("peer-{CAPACITY}").as_str()];
        assert_eq!((newest.live, newest.total, newest.bytes_in, newest.bytes_out), (0, 1, 1, 2));
        busy.ended(5, 5, at(9));
        assert_eq!(table.snapshot()["busy"].bytes_in, 5);
    }
}
