//! When the authority would like the certificate renewed, asked while the node runs (RFC 9773); and what of the plan the certificate lacks.

use super::acme::Acme;
use super::renewal::{order, own};
use super::shared::Shared;
use crate::config::ProviderPlan;
use dwcp_base::UnixTime;
use dwcp_pki::{SlotPhase, SubjectName, Window};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

impl Acme {
    /// Asks when the authority would like the certificate renewed, as often as it says, until `stop` changes; and orders a certificate that has every
    /// name, where the one at the start does not.
    pub(super) async fn follow_advice(&self, shared: &Arc<Shared>, mut stop: watch::Receiver<bool>) {
        let mut ticks = interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut asked, mut ordered) = (None, false);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stop.changed() => return,
            }
            ordered = ordered || complete(shared).await;
            let generation = shared.store.current();
            let leaf = generation.credential().chain().leaf();
            if asked.is_some_and(|(serial, again)| serial == leaf.serial() && waits(shared.now(), again)) {
                continue;
            }
            let advice = tokio::select! {
                advice = self.provider.renewal_advice(leaf, ADVICE_DEADLINE) => advice,
                _ = stop.changed() => return,
            };
            let again = match advice {
                Ok(advice) => {
                    let slot = own(&shared.plan.load());
                    // One that was replaced meanwhile has an advice of its own.
                    let _ = shared.manager.advise(&slot, leaf.serial(), advice.renew_at);
                    advice.ask_again
                }
                Err(error) => {
                    tracing::debug!(error = %super::onion::reason_text(&error), "no advice on renewal");
                    shared.now().plus(AFTER_FAILURE)
                }
            };
            asked = Some((leaf.serial(), again));
        }
    }
}

/// The first name of the plan that the certificate in force lacks.
pub(super) fn missing(shared: &Shared) -> Option<SubjectName> {
    let plan = shared.plan.load();
    let ProviderPlan::Acme { acme, .. } = &plan.provider else { return None };
    let generation = shared.store.current();
    let there = generation.credential().names();
    acme.names.iter().find(|name| !there.contains(name)).cloned()
}

/// Orders a renewal for now where the certificate lacks a name and no other is on its way. Once a process: what comes of it has exactly the names of
/// the plan, and the manager tries until it comes.
async fn complete(shared: &Arc<Shared>) -> bool {
    let Some(name) = missing(shared) else { return false };
    let slot = own(&shared.plan.load());
    let active = |phase| matches!(phase, SlotPhase::Active);
    if !shared.manager.state(&slot).is_some_and(|state| active(state.phase) && state.ordered.is_none()) {
        return false;
    }
    let Ok(window) = ANY_TIME.parse::<Window>() else { return false };
    match order(shared, &slot, window).await {
        Ok(at) => {
            tracing::warn!(%name, %at, "the certificate lacks a name of the configuration: another is ordered");
            true
        }
        Err(error) => {
            tracing::debug!(error = %super::onion::reason_text(&error), "no certificate was ordered");
            false
        }
    }
}

/// Whether the next question has to wait. A clock that was set back, after a start by one that was ahead, makes it wait no longer than any
/// authority may ask for.
fn waits(now: UnixTime, again: UnixTime) -> bool {
    now < again && now.until(again) <= LONGEST
}

const ADVICE_DEADLINE: Duration = Duration::from_secs(30);
const AFTER_FAILURE: Duration = Duration::from_secs(3_600);
const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// The longest window there is: what is ordered is due within a minute.
const ANY_TIME: &str = "00:00+23h59m";
const POLL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_years_ahead_does_not_put_the_next_question_off_for_years() {
        let now = UnixTime::from_secs(1_800_000_000);
        assert!(waits(now, now.plus(LONGEST)) && waits(now, now.plus(POLL)));
        assert!(!waits(now, now) && !waits(now.plus(POLL), now));
        assert!(!waits(now, now.plus(5 * 365 * LONGEST)));
    }
}
