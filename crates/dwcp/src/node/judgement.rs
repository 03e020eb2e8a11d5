//! Judging live connections when the world has changed: trust, time, policy.

use super::shared::Shared;
use dwcp_channel::{CloseReason, JudgeReport, Judgement};
use dwcp_pki::{ChainFault, Peer};
use std::collections::HashMap;
use std::time::Duration;

/// Judges every live connection by the trust and the time of now.
///
/// A revoked peer is cut at once. One whose certificate has ended lives on where the same identity has meanwhile shown a
/// newer one; every other one that would not be let in today may end by itself within [`GRACE`].
pub(super) fn judge(shared: &Shared) -> JudgeReport {
    let generation = shared.store.current();
    let now = shared.now();
    let mut newest = HashMap::new();
    for connection in shared.registry.snapshot() {
        if let Peer::Identified(identity) = &connection.peer {
            let entry = newest.entry(connection.label).or_insert(identity.not_after());
            *entry = (*entry).max(identity.not_after());
        }
    }
    shared.registry.judge(|peer| {
        let Peer::Identified(identity) = peer else { return Judgement::Keep };
        match generation.trust().recheck(identity, now) {
            Ok(()) => Judgement::Keep,
            Err(error) if error.is_revocation() => Judgement::Close(CloseReason::Revoked),
            Err(error)
                if matches!(error.fault(), ChainFault::Expired { .. })
                    && newest.get(identity.label().as_str()).is_some_and(|end| *end > now) =>
            {
                Judgement::Keep
            }
            Err(_) => Judgement::Drain(GRACE),
        }
    })
}

/// How long a connection that would not be let in today may take to end by itself.
pub(super) const GRACE: Duration = Duration::from_secs(30);
