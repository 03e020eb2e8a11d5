//! Open files: as many as the system allows, and no more connections than they carry.

use crate::config::NodePlan;

/// Raises this process's limit of open files to the hard limit, and warns when it carries far fewer connections than the
/// guard may let in: each takes two sockets, and the log, the authority and the admin listener need some of their own.
#[cfg(unix)]
pub(super) fn raise(plan: &NodePlan) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    if before.current != before.maximum {
        // When it can not be raised the old limit holds, which the warning below is about.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: before.maximum, maximum: before.maximum });
    }
    let wanted = plan.guard.as_ref().map_or(0, |guard| guard.max_connections);
    let carried = carried(wanted);
    // The default is a round number, not a wish: a little less is no news.
    if carried < wanted / 10 * 9 {
        tracing::warn!(
            carried,
            wanted,
            "the limit of open files carries fewer connections than guard.max_connections"
        );
    }
}

#[cfg(not(unix))]
pub(super) fn raise(_plan: &NodePlan) {}

/// How many of `wanted` connections the limit of open files carries.
#[cfg(unix)]
pub(super) fn carried(wanted: usize) -> usize {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let carried = usize::try_from(limit.saturating_sub(reserve(limit)) / 2).unwrap_or(usize::MAX);
    wanted.min(carried.max(1))
}

#[cfg(not(unix))]
pub(super) fn carried(wanted: usize) -> usize {
    wanted
}

/// How many of `wanted` connections besides those of listeners and dialers there is room for.
#[cfg(unix)]
pub(super) fn spared(wanted: usize) -> usize {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    wanted.min(usize::try_from(reserve(limit) / 2).unwrap_or(wanted).max(1))
}

#[cfg(not(unix))]
pub(super) fn spared(wanted: usize) -> usize {
    wanted
}

/// For everything that is no connection of a listener or dialer.
#[cfg(unix)]
fn reserve(limit: u64) -> u64 {
    (limit / 4).min(512)
}
