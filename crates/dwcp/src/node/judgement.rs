//! Judging live connections when the world has changed: trust, time, policy.

use super::shared::Shared;
use dwcp_channel::JudgeReport;
use std::time::Duration;

/// Judges every live connection by the trust and the time of now.
///
/// A revoked peer is cut at once. One whose certificate has ended lives on where the same identity has meanwhile shown a
/// newer one; every other one that would not be let in today may end by itself within [`GRACE`].
pub(super) fn judge(shared: &Shared) -> JudgeReport {
    let generation = shared.store.current();
    shared.registry.judge_by_trust(generation.trust(), shared.now(), GRACE)
}

/// How long a connection that would not be let in today may take to end by itself.
pub(super) const GRACE: Duration = Duration::from_secs(30);
