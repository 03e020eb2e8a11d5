//! What is known about one live connection, and its name.

use crate::signal::{Order, Signal};
use crate::{Agreed, JudgeReport, Judgement};
use dwcp_base::UnixTime;
use dwcp_pki::{Peer, Serial};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a connection: unique in its registry, never used twice, no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub(crate) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ConnectionId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Who began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The peer came to a listener of ours.
    Accepted,
    /// We dialed the peer.
    Dialed,
}

/// Where a live connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// It lives on.
    Open,
    /// It may still end by itself, and is cut when its grace is over.
    Draining,
    /// It was cut and its task is about to notice.
    Closing,
}

/// A live connection as it was at the moment of asking.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Its number.
    pub id: ConnectionId,
    /// Who the other side is.
    pub peer: Peer,
    /// The other side's name for logs and tables, as [`Peer::label`] gives it.
    pub label: Arc<str>,
    /// The other side's address.
    pub source: SocketAddr,
    /// The name of the listener or dialer it belongs to.
    pub listener: Arc<str>,
    /// Who began it.
    pub direction: Direction,
    /// What its handshake agreed on; `None` where the newcomer came without it.
    pub agreed: Option<Agreed>,
    /// When it was registered.
    pub since: UnixTime,
    /// Bytes of data from the peer so far, without TLS overhead.
    pub bytes_in: u64,
    /// Bytes of data to the peer so far, without TLS overhead.
    pub bytes_out: u64,
    /// Where it stands.
    pub state: ConnectionState,
}

impl ConnectionInfo {
    /// The serial number of the peer's certificate; `None` for an anonymous peer.
    pub fn serial(&self) -> Option<Serial> {
        match &self.peer {
            Peer::Identified(identity) => Some(identity.serial()),
            Peer::Anonymous(_) => None,
        }
    }
}

/// A connection to be registered: who, from where, by which listener.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// Who the other side is.
    pub peer: Peer,
    /// The other side's address.
    pub source: SocketAddr,
    /// The name of the listener or dialer.
    pub listener: Arc<str>,
    /// Who began it.
    pub direction: Direction,
    /// What its handshake agreed on, for status pages; `None` for a connection that is not of TLS.
    pub agreed: Option<Agreed>,
}

/// The registry's record of one connection, shared with the task that carries it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: ConnectionId,
    pub(crate) newcomer: Newcomer,
    pub(crate) label: Arc<str>,
    pub(crate) since: UnixTime,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) signal: Signal,
}

impl Entry {
    /// Bytes of data from the peer and to it.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.bytes_in.load(Ordering::Relaxed), self.bytes_out.load(Ordering::Relaxed))
    }

    /// Does what was judged, and counts it.
    pub(crate) fn obey(&self, judgement: Judgement, report: &mut JudgeReport) {
        match judgement {
            Judgement::Keep => report.kept += 1,
            Judgement::Close(reason) => {
                let _ = self.signal.cut(reason);
                report.closed += 1;
            }
            Judgement::Drain(grace) => {
                let _ = self.signal.drain(grace);
                report.drained += 1;
            }
        }
    }

    /// Lets it live on, with no notice for a certificate that has ended.
    pub(crate) fn restore(&self, report: &mut JudgeReport) {
        let _ = self.signal.restore();
        report.kept += 1;
    }

    pub(crate) fn info(&self) -> ConnectionInfo {
        ConnectionInfo {
            id: self.id,
            peer: self.newcomer.peer.clone(),
            label: Arc::clone(&self.label),
            source: self.newcomer.source,
            listener: Arc::clone(&self.newcomer.listener),
            direction: self.newcomer.direction,
            agreed: self.newcomer.agreed,
            since: self.since,
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            state: match self.signal.order() {
                Order::LiveOn => ConnectionState::Open,
                Order::EndBy(_) => ConnectionState::Draining,
                Order::Cut(_) => ConnectionState::Closing,
            },
        }
    }
}
