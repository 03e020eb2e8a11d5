//! Counts for metrics.

use crate::event::SecurityEvent;
use crate::kind::EventKind;
use crate::severity::Severity;

/// What was recorded since the log was opened, in numbers.
///
/// Counts by kind and severity count what happened, whether it was aggregated, dropped or written by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditStats {
    /// Entries that were given a number, those the log writes about itself included.
    pub accepted: u64,
    /// Events lost because the queue was full, or because they came when the log was being closed or was closed.
    pub dropped: u64,
    /// Occurrences that were left without details because strangers had used up what they may write; see
    /// [`AuditSettings::with_stranger_bytes_per_hour`](crate::AuditSettings::with_stranger_bytes_per_hour).
    pub summarised: u64,
    /// Occurrences given to [`record_aggregated`](crate::SecurityAuditor::record_aggregated).
    pub aggregated: u64,
    /// Entries that are not acknowledged yet.
    pub queued: u64,
    /// The number of the newest entry that is acknowledged.
    pub acknowledged: u64,
    /// Commits made.
    pub commits: u64,
    /// Commits that failed.
    pub failures: u64,
    pub(crate) kinds: [u64; EventKind::ALL.len()],
    pub(crate) severities: [u64; Severity::ALL.len()],
}

impl AuditStats {
    pub(crate) const ZERO: Self = Self {
        accepted: 0,
        dropped: 0,
        summarised: 0,
        aggregated: 0,
        queued: 0,
        acknowledged: 0,
        commits: 0,
        failures: 0,
        kinds: [0; EventKind::ALL.len()],
        severities: [0; Severity::ALL.len()],
    };

    /// The count of every kind, zeros included.
    pub fn by_kind(&self) -> impl Iterator<Item = (EventKind, u64)> {
        EventKind::ALL.iter().copied().zip(self.kinds)
    }

    /// The count of every severity, zeros included.
    pub fn by_severity(&self) -> impl Iterator<Item = (Severity, u64)> {
        Severity::ALL.iter().copied().zip(self.severities)
    }

    /// The count of one kind.
    pub fn of_kind(&self, kind: EventKind) -> u64 {
        self.kinds[kind.index()]
    }

    /// The count of one severity.
    pub fn of_severity(&self, severity: Severity) -> u64 {
        self.severities[severity.index()]
    }

    pub(crate) fn happened(&mut self, event: &SecurityEvent) {
        self.kinds[event.kind.index()] += 1;
        self.severities[event.details.severity.index()] += 1;
    }
}
