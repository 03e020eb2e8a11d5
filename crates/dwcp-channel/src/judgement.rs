//! What becomes of a live connection when the world has changed.

use std::fmt;
use std::time::Duration;

/// What is to become of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It lives on. A drain that was ordered before stands.
    Keep,
    /// It is cut now: both of its sockets are reset.
    Close(CloseReason),
    /// It may end by itself within this time, then it is cut. Of two drains the earlier deadline counts.
    Drain(Duration),
}

/// Why a connection was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer's certificate or key was revoked.
    Revoked,
    /// The peer's certificate has expired and no newer one was shown.
    Expired,
    /// The peer's chain no longer leads to a trusted anchor.
    Untrusted,
    /// The allow list no longer names the peer.
    Denied,
    /// It was drained and the time ran out.
    Drained,
    /// An operator asked for it.
    Operator,
    /// The listener or node is shutting down.
    Shutdown,
}

impl CloseReason {
    /// Every reason as a label for metrics.
    pub const LABELS: &[&str] =
        &["revoked", "expired", "untrusted", "denied", "drained", "operator", "shutdown"];

    /// The reason as a label, one of [`LABELS`](Self::LABELS).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Untrusted => "untrusted",
            Self::Denied => "denied",
            Self::Drained => "drained",
            Self::Operator => "operator",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one round of judgement did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct JudgeReport {
    /// Connections that live on.
    pub kept: usize,
    /// Connections that were cut.
    pub closed: usize,
    /// Connections that were given time to end.
    pub drained: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_a_listed_label() {
        use CloseReason::{Denied, Drained, Expired, Operator, Revoked, Shutdown, Untrusted};
        let all = [Revoked, Expired, Untrusted, Denied, Drained, Operator, Shutdown];
        assert_eq!(all.map(CloseReason::as_str), CloseReason::LABELS);
    }
}
