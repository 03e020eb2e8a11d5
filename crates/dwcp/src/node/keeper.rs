//! What the node does by itself while it runs: follow revocations, renew, judge, and drain the guard's refusals.

use super::deltas::Deltas;
use super::error::NodeError;
use super::identity::Identity;
use super::judgement;
use super::off_loop::off_loop;
use super::onion::reason_text;
use super::revocation::Followed;
use super::shared::Shared;
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_base::{Coded, LocalDisk};
use dwcp_guard::RefusedSource;
use dwcp_pki::{NextStep, Renewed};
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
        if let Some((manager, _)) = shared.identity.managed() {
            // Asked in any case: it also announces a renewal that is overdue.
            let due = matches!(manager.next(shared.now()), NextStep::Renew { .. });
            if due && renews_by_itself(&shared) {
                // Beside this loop, which has revocations to follow; the manager renews once at a time.
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { drop(renew(&shared).await) });
            }
        }
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

fn renews_by_itself(shared: &Shared) -> bool {
    shared.plan.load().provider.auto_renew()
}

/// Renews the node's certificate now, keeps the new pair on disk, and says what came of it.
pub(super) async fn renew(shared: &Arc<Shared>) -> Result<Renewed, NodeError> {
    let Some((manager, prefix)) = shared.identity.managed() else { return Err(NodeError::NotOurs) };
    let (manager, prefix) = (Arc::clone(manager), prefix.to_owned());
    let store = Arc::clone(&shared.store);
    let runtime = tokio::runtime::Handle::current();
    // The authority signs and syncs inside of the provider's future, so the whole of it runs off the event loop.
    let renewed = off_loop(move || {
        let renewed = runtime.block_on(manager.renew(RENEWAL_LIMIT)).map_err(NodeError::Unissued)?;
        store.current().credential().save(&LocalDisk, &prefix).map_err(NodeError::Unsaved)?;
        Ok(renewed)
    })
    .await
    .unwrap_or(Err(NodeError::Interrupted));
    if !matches!(renewed, Err(NodeError::Unsaved(_))) {
        shared.troubles.end("identity");
    }
    // The manager has told what it did; that a renewed pair was not kept on disk is known here alone.
    if let Err(error @ (NodeError::Unsaved(_) | NodeError::Interrupted)) = &renewed {
        tracing::error!(error = %reason_text(error), "the renewed certificate is not safe");
        shared.troubles.begin("identity", reason_text(error));
        shared.ledger.note(
            SecurityEvent::local(EventKind::RenewalFailed).code(error.code()).message(&reason_text(error)),
        );
    }
    renewed
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
const RENEWAL_LIMIT: Duration = Duration::from_secs(30);
