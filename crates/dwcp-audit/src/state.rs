//! Whether the log can be relied on right now.

use dwcp_base::UnixTime;

/// Whether events reach the disk; for health checks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditState {
    /// They do.
    Healthy,
    /// They do not: nothing is acknowledged until a new segment is written and synced. Clears itself then.
    Failing {
        /// Since when.
        since: UnixTime,
        /// Which operation fails and what the operating system says.
        why: String,
        /// How many events wait unacknowledged.
        pending: u64,
    },
    /// They do, but somebody else changed the files while this process had them open, so that acknowledged entries
    /// may be gone. Stays until the log is opened anew.
    ///
    /// The log that verifies ends at the segment that was changed; what is recorded from then on is on disk in later
    /// segments. Keep the directory as evidence and begin a new log: opening this one again may be refused. Deletion, another length and, on
    /// Unix, another file of the same name are found; bytes changed in place are left to [`verify`](crate::verify).
    Interfered {
        /// Since when.
        since: UnixTime,
        /// What was found.
        why: String,
    },
}

impl AuditState {
    /// Whether nothing is wrong.
    pub const fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy)
    }
}
