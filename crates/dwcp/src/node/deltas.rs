//! Deltas: signed every five minutes, and after each complete list.

use super::embedded::Embedded;
use super::error::NodeError;
use super::off_loop::off_loop;
use super::onion::reason_text;
use super::publication::DELTA_EVERY;
use super::revocation::{pause, unusable};
use super::shared::Shared;
use dwcp_audit::{EventKind, SecurityEvent, Severity};
use dwcp_base::{Coded, Tick, UnixTime};
use std::sync::Arc;

/// When the last one was signed, and over which complete list.
#[derive(Default)]
pub(super) struct Deltas {
    signed: Option<(UnixTime, String)>,
    /// After a failure: not again before this.
    not_before: Option<Tick>,
    failures: u32,
}

impl Deltas {
    /// Signs a delta where one is due.
    pub(super) async fn follow(&mut self, shared: &Shared, embedded: &Embedded) {
        let now = shared.now();
        let complete = embedded.publication.complete().tag.clone();
        if !self.is_due(&complete, now) || self.not_before.is_some_and(|tick| shared.clock.tick() < tick) {
            return;
        }
        let authority = Arc::clone(&embedded.authority);
        match off_loop(move || authority.delta_crl(now)).await {
            Some(Ok(delta)) => {
                embedded.publication.publish_delta(&delta);
                *self = Self { signed: Some((now, complete)), ..Self::default() };
                shared.troubles.end("delta");
            }
            Some(Err(error)) => self.failed(shared, &unusable(error)),
            None => self.failed(shared, &NodeError::Interrupted),
        }
    }

    /// Whether one is due at `now`, on top of the complete list whose tag this is.
    fn is_due(&self, complete: &str, now: UnixTime) -> bool {
        self.signed.as_ref().is_none_or(|(at, over)| {
            // A clock that was put back must not keep the next one waiting.
            over != complete || now < *at || at.until(now) >= DELTA_EVERY
        })
    }

    fn failed(&mut self, shared: &Shared, error: &NodeError) {
        self.failures = self.failures.saturating_add(1);
        let pause = pause(self.failures);
        self.not_before = Some(shared.clock.tick().plus(pause));
        let text = reason_text(error);
        if shared.troubles.begin("delta", text.clone()) {
            tracing::error!(%text, "no delta was published");
        }
        shared.ledger.note(
            SecurityEvent::local(EventKind::TrustChanged)
                .severity(Severity::Error)
                .code(error.code())
                .message(&text)
                .field("list", "delta")
                .field("retry_in_seconds", pause.as_secs()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_is_due_every_five_minutes_after_each_complete_list_and_when_the_clock_goes_back() {
        let at = UnixTime::from_secs;
        let deltas = Deltas { signed: Some((at(1_000), "one".to_owned())), ..Deltas::default() };
        for (complete, now, due) in [
            ("one", 1_000, false),
            ("one", 1_299, false),
            ("one", 1_300, true),
            ("one", 999, true),
            ("two", 1_001, true),
        ] {
            assert_eq!(deltas.is_due(complete, at(now)), due, "{complete} {now}");
        }
        assert!(Deltas::default().is_due("one", at(0)));
    }
}
