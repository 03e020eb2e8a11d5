//! Live connections judged by what is trusted now.

use crate::{CloseReason, JudgeReport, Judgement, Registry};
use dwcp_base::UnixTime;
use dwcp_pki::{ChainFault, Peer, TrustStore, ValidationError};
use std::collections::HashSet;
use std::time::Duration;

impl Registry {
    /// Judges every connection by `trust` as of `now`, from the identity that its peer proved when it came.
    ///
    /// A peer whose certificate, or whose issuer's, was revoked is cut at once. One whose certificate ended lives on where the same identity has
    /// shown one that is good today, by a connection that is up or by one that has ended (4 096 of those are remembered, in memory). Whoever else would not be let in today has `grace` to end by itself. Anonymous peers
    /// have nothing that could change.
    pub fn judge_by_trust(&self, trust: &TrustStore, now: UnixTime, grace: Duration) -> JudgeReport {
        let entries = self.entries();
        let verdicts: Vec<_> = entries
            .iter()
            .map(|entry| match &entry.newcomer.peer {
                Peer::Identified(identity) => Some(trust.recheck(identity, now)),
                Peer::Anonymous(_) => None,
            })
            .collect();
        // By what was proven, not by the label of the tables, which many peers may share. A newer certificate that is not good itself,
        // revoked perhaps, vouches for nothing.
        let expired = |verdict: &Option<Result<(), ValidationError>>| matches!(verdict, Some(Err(error)) if has_ended(error));
        let renewed: HashSet<String> = if verdicts.iter().any(expired) {
            let good = entries.iter().zip(&verdicts).filter(|(_, verdict)| matches!(verdict, Some(Ok(()))));
            let mut good: HashSet<String> = good.map(|(entry, _)| entry.newcomer.peer.label()).collect();
            good.extend(self.shown.good(trust, now));
            good
        } else {
            HashSet::new()
        };
        let mut report = JudgeReport::default();
        for (entry, verdict) in entries.iter().zip(verdicts) {
            let judgement = match verdict {
                None | Some(Ok(())) => Judgement::Keep,
                Some(Err(error)) if error.is_revocation() => Judgement::Close(CloseReason::Revoked),
                Some(Err(error)) if has_ended(&error) && renewed.contains(&entry.newcomer.peer.label()) => {
                    Judgement::Keep
                }
                Some(Err(_)) => Judgement::Drain(grace),
            };
            entry.obey(judgement, &mut report);
        }
        report
    }
}

fn has_ended(error: &ValidationError) -> bool {
    matches!(error.fault(), ChainFault::Expired { .. })
}
