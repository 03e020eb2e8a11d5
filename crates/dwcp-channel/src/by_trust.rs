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
    /// shown one that is good today, by a connection that is up or by one that has ended (4 096 of those are remembered, in memory). Whoever else would not be let in today has `grace` to end by itself; where a
    /// certificate had ended, that notice is taken back when a good one is shown before the grace is over. Anonymous peers have nothing that could change.
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
            let renewed = || renewed.contains(&entry.newcomer.peer.label());
            match verdict {
                None => entry.obey(Judgement::Keep, &mut report),
                Some(Err(error)) if error.is_revocation() => {
                    entry.obey(Judgement::Close(CloseReason::Revoked), &mut report);
                }
                Some(Err(error)) if has_ended(&error) && !renewed() => {
                    let _ = entry.signal.lapse(grace);
                    report.drained += 1;
                }
                // Good, or made up for: what was said when its certificate ended holds no longer.
                Some(Err(error)) if has_ended(&error) => entry.restore(&mut report),
                Some(Ok(())) => entry.restore(&mut report),
                Some(Err(_)) => entry.obey(Judgement::Drain(grace), &mut report),
            }
        }
        report
    }
}

fn has_ended(error: &ValidationError) -> bool {
    matches!(error.fault(), ChainFault::Expired { .. })
}
