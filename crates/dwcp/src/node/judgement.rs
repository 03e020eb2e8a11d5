//! Judging live connections when the world has changed: trust, time, policy.

use super::shared::Shared;
use crate::config::{DialerPlan, ListenerPlan, NodePlan};
use dwcp_channel::{Agreed, ConnectionInfo, Direction, JudgeReport};
use std::time::Duration;

/// Judges every live connection by the trust and the time of now.
///
/// A revoked peer is cut at once. One whose certificate has ended lives on where the same identity has meanwhile shown a
/// newer one; every other one that would not be let in today may end by itself within [`GRACE`].
pub(super) fn judge(shared: &Shared) -> JudgeReport {
    let generation = shared.store.current();
    shared.registry.judge_by_trust(generation.trust(), shared.now(), GRACE)
}

/// Gives those a moment to end whom the new lists no longer name, and judges everyone by the new trust.
pub(super) fn judge_by_policy(shared: &Shared, old: &NodePlan, new: &NodePlan) -> usize {
    let mut denied = 0;
    for connection in shared.registry.snapshot() {
        let allowed = still_allowed(&connection, old, new);
        if !allowed && shared.registry.drain(connection.id, GRACE).is_ok() {
            denied += 1;
        }
    }
    let report = judge(shared);
    denied + report.closed + report.drained
}

/// Whether a plan would make this connection today. What was stopped altogether drains with its listener or dialer.
fn still_allowed(connection: &ConnectionInfo, old: &NodePlan, new: &NodePlan) -> bool {
    let name = &*connection.listener;
    match connection.direction {
        Direction::Accepted => {
            let listener = new.listeners.iter().find(|listener| listener.name == name);
            let admits = |listener: &ListenerPlan| {
                let ruled = |agreed: Agreed| listener.tls.admits(&connection.peer, agreed.group);
                listener.allow.judge(&connection.peer).is_ok() && connection.agreed.is_none_or(ruled)
            };
            listener.is_none_or(admits)
        }
        Direction::Dialed => {
            let before = old.dialers.iter().find(|dialer| dialer.name == name);
            let dialer = new.dialers.iter().find(|dialer| dialer.name == name);
            match (before, dialer) {
                (_, Some(dialer)) if !dialer.tls.admits(&connection.peer) => false,
                (_, Some(DialerPlan { allow: Some(allow), .. })) => allow.judge(&connection.peer).is_ok(),
                // By name: another name means another server.
                (Some(before), Some(dialer)) => before.expected == dialer.expected,
                _ => true,
            }
        }
    }
}

/// How long a connection that would not be let in today may take to end by itself.
const GRACE: Duration = Duration::from_secs(30);
