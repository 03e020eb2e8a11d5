//! How a relay ended.

use crate::CloseReason;
use dwcp_base::{Blame, Coded};
use dwcp_tls::TlsError;
use std::io;

/// What a relay moved and how it ended.
#[derive(Debug)]
#[must_use]
pub struct RelayOutcome {
    /// Bytes of data from the peer, without TLS overhead.
    pub bytes_in: u64,
    /// Bytes of data to the peer, without TLS overhead.
    pub bytes_out: u64,
    /// How it ended.
    pub end: Ended,
}

/// How a relay ended. Only after [`Clean`](Self::Clean) were both sides told an orderly end; in every other case both
/// sockets were reset, so that nobody takes the part that arrived for the whole.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ended {
    /// Both sides closed in order.
    Clean,
    /// The peer's stream ended without `close_notify` (RFC 9846 §6.1).
    Truncated,
    /// The registry cut it; of a forwarded session the target may not have been reached by then.
    Cut(CloseReason),
    /// Nothing moved for as long as the settings allow.
    Idle,
    /// The secured side failed: an alert, a broken record, a reset.
    PeerFailed(TlsError),
    /// The plain side failed.
    PlainFailed(io::Error),
}

impl Ended {
    /// Every end as a label for metrics.
    pub const LABELS: &[&str] = &["clean", "truncated", "cut", "idle", "peer_failed", "plain_failed"];

    /// The end as a label, one of [`LABELS`](Self::LABELS).
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Truncated => "truncated",
            Self::Cut(_) => "cut",
            Self::Idle => "idle",
            Self::PeerFailed(_) => "peer_failed",
            Self::PlainFailed(_) => "plain_failed",
        }
    }
}

impl Coded for Ended {
    fn code(&self) -> &'static str {
        match self {
            Self::Clean => "channel.connection.closed",
            Self::Truncated => "channel.connection.truncated",
            Self::Cut(_) => "channel.connection.cut",
            Self::Idle => "channel.connection.idle",
            Self::PeerFailed(error) => error.code(),
            Self::PlainFailed(_) => "channel.target.failed",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Clean | Self::Cut(_) | Self::PlainFailed(_) => Blame::Local,
            Self::Truncated | Self::Idle => Blame::Network,
            Self::PeerFailed(error) => error.blame(),
        }
    }
}
