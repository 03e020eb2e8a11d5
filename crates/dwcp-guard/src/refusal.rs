//! Why a newcomer is not let in.

use crate::prefix::SourcePrefix;
use dwcp_base::{Blame, Coded};
use std::fmt;
use std::time::Duration;

/// A newcomer that is not let in, and when it may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardRefusal {
    source: SourcePrefix,
    reason: RefusalReason,
    retry_after: Duration,
}

impl GuardRefusal {
    pub(crate) fn new(source: SourcePrefix, reason: RefusalReason, retry_after: Duration) -> Self {
        Self { source, reason, retry_after }
    }

    /// Who was refused.
    pub fn source(&self) -> SourcePrefix {
        self.source
    }

    /// Which limit is reached.
    pub fn reason(&self) -> RefusalReason {
        self.reason
    }

    /// When a rate opens again, if nobody else takes the place; zero for a limit on connections, which opens when one ends.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

impl fmt::Display for GuardRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was refused: {}", self.source, self.reason.rule())
    }
}

impl std::error::Error for GuardRefusal {}

impl Coded for GuardRefusal {
    fn code(&self) -> &'static str {
        self.reason.code()
    }

    fn blame(&self) -> Blame {
        self.reason.blame()
    }
}

/// The limits of a [`Guard`](crate::Guard).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// One source came too often.
    SourceRate,
    /// The IPv6 /48 of the source came too often.
    AggregateRate,
    /// All sources together came too often.
    GlobalRate,
    /// One source has too many connections open.
    SourceConnections,
    /// The IPv6 /48 of the source has too many connections open.
    AggregateConnections,
    /// All sources together have too many connections open.
    TotalConnections,
    /// One source has begun too many handshakes that it does not finish.
    SourcePending,
    /// All sources together have begun too many handshakes that are not finished.
    TotalPending,
}

impl RefusalReason {
    /// Every reason, in the order of [`LABELS`](Self::LABELS).
    pub const ALL: [Self; 8] = [
        Self::SourceRate,
        Self::AggregateRate,
        Self::GlobalRate,
        Self::SourceConnections,
        Self::AggregateConnections,
        Self::TotalConnections,
        Self::SourcePending,
        Self::TotalPending,
    ];

    /// The label values of the metric `dwcp_guard_refusals_total{reason}`.
    pub const LABELS: [&'static str; 8] = [
        "source_rate",
        "aggregate_rate",
        "global_rate",
        "source_connections",
        "aggregate_connections",
        "total_connections",
        "source_pending",
        "total_pending",
    ];

    /// The stable codes, one for each kind of limit.
    pub const CODES: [&'static str; 5] = [
        "guard.rate.exceeded",
        "guard.global.exceeded",
        "guard.connections.exceeded",
        "guard.pending.exceeded",
        "guard.capacity.exceeded",
    ];

    /// The metric label, for example `source_rate`.
    pub fn label(self) -> &'static str {
        Self::LABELS[self.index()]
    }

    /// The stable code; the limits of all sources together have codes of their own, since they say nothing about this one.
    pub fn code(self) -> &'static str {
        match self {
            Self::SourceRate | Self::AggregateRate => "guard.rate.exceeded",
            Self::GlobalRate => "guard.global.exceeded",
            Self::SourceConnections | Self::AggregateConnections => "guard.connections.exceeded",
            Self::SourcePending => "guard.pending.exceeded",
            Self::TotalConnections | Self::TotalPending => "guard.capacity.exceeded",
        }
    }

    /// The peer's fault where its own allowance is used up; nobody's in particular where everybody's is.
    pub fn blame(self) -> Blame {
        match self {
            Self::GlobalRate | Self::TotalConnections | Self::TotalPending => Blame::Network,
            _ => Blame::Peer,
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::SourceRate => "the source came too often",
            Self::AggregateRate => "the /48 of the source came too often",
            Self::GlobalRate => "all sources together came too often",
            Self::SourceConnections => "the source has too many connections open",
            Self::AggregateConnections => "the /48 of the source has too many connections open",
            Self::TotalConnections => "too many connections are open",
            Self::SourcePending => "the source has too many unfinished handshakes",
            Self::TotalPending => "too many handshakes are unfinished",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_index_label_and_a_listed_code() {
        for (index, reason) in RefusalReason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert_eq!(reason.label(), RefusalReason::LABELS[index]);
            assert!(RefusalReason::CODES.contains(&reason.code()));
        }
    }
}
