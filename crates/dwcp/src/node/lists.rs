//! Revocation lists that come from elsewhere: when they are asked for, how old they may get, and what is said about it.

use super::fetched;
use super::identity::Identity;
use super::judgement;
use super::lists_error::ListsError;
use super::onion::reason_text;
use super::shared::Shared;
use dwcp_audit::{EventKind, SecurityEvent, Severity};
use dwcp_base::{Coded, UnixTime};
use dwcp_crypto::digest;
use dwcp_pki::{RevocationMode, TrustStore};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How a node stands with what it fetches.
#[derive(Debug, Default)]
pub(super) struct Lists(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// No attempt before this is over, by the wall clock: a machine that slept has missed some.
    pause: Option<Pause>,
    failures: u32,
    /// The entity tag of what was taken last, and from where.
    tag: Option<String>,
    /// How often it was asked to begin anew.
    round: u64,
    announced: Age,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    from: UnixTime,
    length: Duration,
}

/// How old the lists in force are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Age {
    /// Newer ones are not due.
    #[default]
    Fresh,
    /// Half of a list's life has passed, and no newer one has come.
    Overdue,
    /// A list has ended, or there is none.
    Ended,
}

impl Lists {
    /// Asks again at once, and for all of it: a reload may have changed from where, and an operator wants it.
    pub(super) fn again(&self) {
        let mut state = self.lock();
        (state.pause, state.tag) = (None, None);
        state.round = state.round.wrapping_add(1);
    }

    /// The entity tag to send along, and the round in which it is good.
    pub(super) fn tag(&self) -> (Option<String>, u64) {
        let state = self.lock();
        (state.tag.clone(), state.round)
    }

    /// Notes the tag of what is in force now, unless all of it is to be asked for again: what was under way then may be of another place.
    pub(super) fn set_tag(&self, tag: Option<String>, round: u64) {
        let mut state = self.lock();
        if state.round == round {
            state.tag = tag;
        }
    }

    fn is_due(&self, now: UnixTime) -> bool {
        // A clock that was set back would let a pause last for ever.
        self.lock().pause.is_none_or(|pause| now < pause.from || now >= pause.from.plus(pause.length))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this node fetches anything.
pub(super) fn are_fetched(shared: &Shared) -> bool {
    matches!(shared.identity, Identity::Mesh(_) | Identity::Vault(_))
        || shared.plan.load().lists.url.is_some()
}

/// How old the lists of own roots are, and when the one that ends first does.
pub(super) fn age(trust: &TrustStore, now: UnixTime) -> (Age, Option<UnixTime>) {
    let Some(end) = trust.crl_expiry() else {
        let missing = trust.mode() == RevocationMode::Required;
        return (if missing { Age::Ended } else { Age::Fresh }, None);
    };
    let begin = trust.crls().filter(|list| list.next_update() == end).map(|list| list.this_update()).max();
    let half = begin.map(|begin| begin.plus(begin.until(end) / 2));
    let age = match half {
        _ if end <= now => Age::Ended,
        Some(half) if half <= now => Age::Overdue,
        _ => Age::Fresh,
    };
    (age, Some(end))
}

/// Asks once before the node listens, where it has no list that is good: it would refuse everybody.
pub(super) async fn first(shared: &Arc<Shared>) {
    if are_fetched(shared) && age(shared.store.current().trust(), shared.now()).0 == Age::Ended {
        // Whoever does not answer in time is asked again by the keeper.
        let _ = timeout(FIRST_LIMIT, refresh(shared)).await;
    }
}

/// Fetches until `stop` changes.
pub(super) async fn keep(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => return,
        }
        if !are_fetched(&shared) {
            continue;
        }
        if shared.lists.is_due(shared.now()) {
            tokio::select! {
                () = refresh(&shared) => {}
                _ = stop.changed() => return,
            }
        }
        announce(&shared);
    }
}

/// One attempt, and what came of it.
async fn refresh(shared: &Arc<Shared>) {
    // Before the attempt, so that one that is given up is not repeated at once.
    pause(shared, RETRY_FIRST);
    match fetched::refresh(shared).await {
        Ok(changed) => {
            let (age, end) = age(shared.store.current().trust(), shared.now());
            let mut state = shared.lists.lock();
            state.failures = 0;
            if age == Age::Ended {
                // What the tag stands for is of no use: it has to come whole, whatever the server thinks has not changed.
                state.tag = None;
            }
            drop(state);
            pause(shared, next(shared, end));
            if shared.troubles.end("lists") {
                tracing::info!("revocation lists can be fetched again");
            }
            if changed {
                let report = judgement::judge(shared);
                tracing::debug!(?report, "lists were fetched, live connections judged");
            }
        }
        Err(error) => failed(shared, &error),
    }
}

fn failed(shared: &Shared, error: &ListsError) {
    let failures = {
        let mut state = shared.lists.lock();
        state.failures = state.failures.saturating_add(1);
        // Whatever the tag stood for may not be in force.
        state.tag = None;
        state.failures
    };
    let (_, end) = age(shared.store.current().trust(), shared.now());
    let most = soon_enough(shared.plan.load().lists.refresh, shared.now(), end);
    let length = RETRY_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(12)).min(most);
    pause(shared, length);
    let text = reason_text(error);
    if shared.troubles.begin("lists", text.clone()) {
        tracing::warn!(%text, "no newer revocation lists");
    }
    shared.ledger.note(
        SecurityEvent::local(EventKind::TrustChanged)
            .code(error.code())
            .message(&text)
            .field("retry_in_seconds", length.as_secs()),
    );
}

/// A list that is not followed by a newer one in time is told once for each level, however the attempts went.
fn announce(shared: &Shared) {
    let (age, end) = age(shared.store.current().trust(), shared.now());
    let before = std::mem::replace(&mut shared.lists.lock().announced, age);
    if age <= before {
        return;
    }
    let (severity, code) = match age {
        Age::Ended => (Severity::Critical, "node.lists.ended"),
        _ => (Severity::Error, "node.lists.overdue"),
    };
    tracing::error!(?age, ?end, "revocation lists are not as new as they should be");
    let event = SecurityEvent::local(EventKind::TrustChanged).severity(severity).code(code);
    shared.ledger.note(match end {
        Some(end) => event.field("next_update", end),
        None => event,
    });
}

fn pause(shared: &Shared, length: Duration) {
    shared.lists.lock().pause = Some(Pause { from: shared.now(), length });
}

/// How long after a success: the period give or take a tenth, and sooner where a list is near its end.
fn next(shared: &Shared, end: Option<UnixTime>) -> Duration {
    let period = shared.plan.load().lists.refresh;
    let now = shared.now();
    let hash = digest::sha256_of(&[
        shared.certificate_name().as_bytes(),
        shared.store.current().credential().chain().leaf().serial().as_be_bytes(),
        &now.millis().to_be_bytes(),
    ]);
    // From 0 to 200 thousandths, so that nodes that started together do not ask together.
    let share = hash.iter().take(4).fold(0_u32, |sum, octet| sum << 8 | u32::from(*octet)) % 201;
    let jittered = period.mul_f64(0.9 + f64::from(share) / 1_000.0);
    soon_enough(jittered, now, end)
}

/// At most `length`; at half of what is left of a list before that, and at once where it has ended or there is none.
fn soon_enough(length: Duration, now: UnixTime, end: Option<UnixTime>) -> Duration {
    let left = end.map_or(Duration::ZERO, |end| now.until(end));
    length.min((left / 2).max(LEAST))
}

const POLL: Duration = Duration::from_millis(500);
const FIRST_LIMIT: Duration = Duration::from_secs(10);
const RETRY_FIRST: Duration = Duration::from_secs(5);
/// Nobody is asked more often than this because a list is short-lived.
const LEAST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_a_list_is_to_its_end_the_sooner_a_newer_one_is_asked_for() {
        let now = UnixTime::from_secs(1_800_000_000);
        let hour = Duration::from_secs(3_600);
        let left = |seconds| soon_enough(hour, now, Some(now.plus(Duration::from_secs(seconds))));
        assert_eq!(left(86_400), hour);
        assert_eq!(left(3_600), hour / 2);
        // What ends within the minute, has ended, or never came is not left for an hour.
        for seconds in [61, 60, 59, 54, 1, 0] {
            assert!(left(seconds) <= LEAST + Duration::from_secs(1), "{seconds}: {:?}", left(seconds));
        }
        assert_eq!(soon_enough(hour, now.plus(hour), Some(now)), LEAST);
        assert_eq!(soon_enough(hour, now, None), LEAST);
        let short = Duration::from_secs(5);
        assert_eq!(soon_enough(short, now, None), short, "who asks more often than that goes on so");
    }

    #[test]
    fn what_was_asked_before_a_reload_leaves_no_tag_behind() {
        let lists = Lists::default();
        let (_, round) = lists.tag();
        lists.set_tag(Some("\"1\"".to_owned()), round);
        assert_eq!(lists.tag().0.as_deref(), Some("\"1\""));
        lists.again();
        lists.set_tag(Some("\"of the other server\"".to_owned()), round);
        assert_eq!(lists.tag().0, None);
        let (_, round) = lists.tag();
        lists.set_tag(Some("\"2\"".to_owned()), round);
        assert_eq!(lists.tag().0.as_deref(), Some("\"2\""));
    }
}
