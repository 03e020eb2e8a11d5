//! How large and how often.

use std::time::Duration;

/// How large segments and queue are, how often is committed, and how much strangers can cause to be written.
///
/// A value outside of its range is moved to the nearer end of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    pub(crate) segment_bytes: u64,
    pub(crate) commit_interval: Duration,
    pub(crate) commit_events: usize,
    pub(crate) queue: usize,
    pub(crate) block_bound: Duration,
    pub(crate) groups_per_second: usize,
    pub(crate) stranger_bytes: u64,
}

impl AuditSettings {
    /// After how many bytes a new segment file is begun. Default 64 MiB; 4 KiB to 4 GiB. A commit is never split, so
    /// a segment may end up longer by one.
    #[must_use]
    pub fn with_segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.clamp(4 << 10, 4 << 30);
        self
    }

    /// The longest an event waits for its commit to begin. Default 1 s; 10 ms to 10 s.
    #[must_use]
    pub fn with_commit_interval(mut self, interval: Duration) -> Self {
        self.commit_interval = interval.clamp(Duration::from_millis(10), Duration::from_secs(10));
        self
    }

    /// The most events of one commit; so many waiting begin one at once. Default 1 000; 1 to 10 000.
    #[must_use]
    pub fn with_commit_events(mut self, events: usize) -> Self {
        self.commit_events = events.clamp(1, 10_000);
        self
    }

    /// How many events wait for the disk, besides those of the commit under way. Default 65 536; 16 to 1 048 576. The
    /// last eighth is kept from strangers.
    #[must_use]
    pub fn with_queue(mut self, events: usize) -> Self {
        self.queue = events.clamp(16, 1 << 20);
        self
    }

    /// How long recording what a peer or this node caused waits for room in a full queue before the event is dropped
    /// and counted. Default 50 ms; zero to 1 s. While the disk fails there is no wait at all.
    #[must_use]
    pub fn with_block_bound(mut self, bound: Duration) -> Self {
        self.block_bound = bound.min(Duration::from_secs(1));
        self
    }

    /// How many groups of alike events each second has; what comes after is grouped by kind alone. Default 128; 1 to
    /// 4 096.
    #[must_use]
    pub fn with_groups_per_second(mut self, groups: usize) -> Self {
        self.groups_per_second = groups.clamp(1, 4_096);
        self
    }

    /// How many bytes of log strangers can cause in an hour: the lines of their events and of all that is aggregated.
    /// Default 16 MiB; 64 KiB to 64 GiB. Unused, it is saved up to one hour's worth.
    ///
    /// What comes after is counted by kind alone, in one record per minute of at most 512 bytes; no occurrence goes
    /// uncounted. So in 24 hours strangers cause at most 25 times this value and 18 MB: 438 MB with the default. Peers
    /// and the node itself are not bounded by it.
    #[must_use]
    pub fn with_stranger_bytes_per_hour(mut self, bytes: u64) -> Self {
        self.stranger_bytes = bytes.clamp(64 << 10, 64 << 30);
        self
    }
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            commit_interval: Duration::from_secs(1),
            commit_events: 1_000,
            queue: 65_536,
            block_bound: Duration::from_millis(50),
            groups_per_second: 128,
            stranger_bytes: 16 << 20,
        }
    }
}
