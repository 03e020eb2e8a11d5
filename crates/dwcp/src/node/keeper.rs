//! What the node does by itself while it runs: follow revocations, renew, judge, and drain the guard's refusals.

use super::deltas::Deltas;
use super::identity::Identity;
use super::judgement;
use super::renewal;
use super::revocation::Followed;
use super::shared::Shared;
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_guard::RefusedSource;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// Runs until `stop` changes. `revision` is the state of the authority's directory that is in force already.
pub(super) async fn keep(shared: Arc<Shared>, revision: Option<u64>, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut followed = Followed::from(revision, shared.now());
    let mut deltas = Deltas::default();
    let mut swept = shared.clock.tick();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => return,
        }
        if let Identity::Embedded(embedded) = &shared.identity {
            followed.follow(&shared, embedded).await;
            deltas.follow(&shared, embedded).await;
        }
        renewal::follow(&shared);
        let now = shared.clock.tick();
        if now.since(swept) >= SWEEP {
            swept = now;
            let _ = judgement::judge(&shared);
            record_refusals(&shared, Refusals::Over);
            // So that "since" is when it happened, not when somebody first asked.
            drop((
                shared.health_tls(),
                shared.health_certs(),
                shared.health_security(),
                shared.health_live(),
            ));
        }
    }
}

/// Which of the guard's summaries are recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusals {
    /// Those whose second is over.
    Over,
    /// All, since nothing will be recorded after this.
    All,
}

/// One record a source and second, however many connections were refused.
pub(super) fn record_refusals(shared: &Shared, which: Refusals) {
    let (now, tick) = (shared.now(), shared.clock.tick());
    let guards = shared.guards().into_iter();
    let summaries = guards.flat_map(|(at, guard)| {
        let taken = match which {
            Refusals::Over => guard.drain_refusals(tick),
            Refusals::All => guard.drain_all_refusals(),
        };
        taken.into_iter().map(move |refusal| (at, refusal))
    });
    for (at, refusal) in summaries {
        let event = SecurityEvent::stranger(EventKind::Throttled)
            .code(refusal.reason.code())
            .named(&refusal.source.to_string())
            .field("at", at)
            .field("count", refusal.count)
            .field("first", now.minus(tick.since(refusal.first)))
            .field("last", now.minus(tick.since(refusal.last)));
        let event = match refusal.source {
            RefusedSource::One(_) => event,
            _ => event.field("sources", "many"),
        };
        shared.ledger.note(event);
    }
}

/// The authority's directory is looked at this often: one `stat`.
const POLL: Duration = Duration::from_millis(100);
/// Expiry of live connections and the guard's refusals are looked at this often.
const SWEEP: Duration = Duration::from_secs(1);
