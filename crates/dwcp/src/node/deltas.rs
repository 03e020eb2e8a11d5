//! Deltas: signed every five minutes, and after each complete list.

use super::error::NodeError;
use super::identity::Embedded;
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
        let is_due = self.signed.as_ref().is_none_or(|(at, over)| {
            // A clock that was put back must not keep the next one waiting.
            *over != complete || now < *at || at.until(now) >= DELTA_EVERY
        });
        if !is_due || self.not_before.is_some_and(|tick| shared.clock.tick() < tick) {
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
