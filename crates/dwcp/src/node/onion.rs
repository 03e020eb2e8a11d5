//! The outer layers around an acceptor: every outcome becomes one sample and one record, on its way out.

use super::ledger::Ledger;
use super::offers::{Offers, Outcome, told};
use super::tallies::Tally;
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_base::Coded;
use dwcp_channel::{Accept, Incoming, Refused, RefusedCause, RefusedPeer, Session};
use dwcp_telemetry::TelemetryCollector;
use dwcp_tls::{Inspected, Resumption, TlsError};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

/// Opens an attempt before the inner layers see the connection, and closes it with what became of it.
pub(super) struct Audited<A> {
    pub(super) inner: A,
    pub(super) ledger: Arc<Ledger>,
    pub(super) listener: Arc<str>,
}

impl<A: Accept> Accept for Audited<A> {
    async fn accept(&self, incoming: Incoming) -> Result<Session, Refused> {
        let source = incoming.arrival().source;
        let attempt = Attempt { ledger: &self.ledger, listener: &self.listener, source, closed: false };
        let outcome = self.inner.accept(incoming).await;
        attempt.close(&outcome);
        outcome
    }
}

/// An attempt that nobody closed was abandoned: its task was stopped in the middle.
struct Attempt<'a> {
    ledger: &'a Ledger,
    listener: &'a Arc<str>,
    source: SocketAddr,
    closed: bool,
}

impl Attempt<'_> {
    fn close(mut self, outcome: &Result<Session, Refused>) {
        self.closed = true;
        match outcome {
            Ok(session) => {
                let facts = session.facts();
                self.ledger.note_about(session.peer(), self.source, EventKind::TlsConnection, |event| {
                    let event = event
                        .field("listener", self.listener)
                        .field("suite", facts.suite)
                        .field("group", facts.group)
                        .field("handshake", facts.resumed);
                    let event = match session.early_data() {
                        0 => event,
                        early => event.field("early_data", early),
                    };
                    told(event, offered(session).as_ref())
                });
            }
            // The guard aggregates these by source and second; the keeper records its sums.
            Err(refused) if matches!(refused.cause(), RefusedCause::NotAdmitted(_)) => {}
            Err(refused) => self.refused(refused),
        }
    }

    fn refused(&self, refused: &Refused) {
        let kind = kind_of(refused);
        // The message begins with what the peer claims and is cut off where that is long; the rule stands by itself.
        let rule = match refused.cause() {
            RefusedCause::Tls(error) => error.validation(),
            RefusedCause::Trust(error) => Some(error),
            _ => None,
        };
        let details = |event: SecurityEvent| {
            let offer = match refused.cause() {
                RefusedCause::Tls(error) => error.weak_offer(),
                _ => None,
            };
            let event = told(event, offer)
                .code(refused.code())
                .message(&reason_text(refused))
                .field("listener", self.listener)
                .field("blame", refused.blame());
            match rule {
                Some(rule) => event.field("rule", rule.code()).field("why", rule.fault()),
                None => event,
            }
        };
        match refused.who() {
            RefusedPeer::Known(peer) => self.ledger.note_about(peer, self.source, kind, details),
            RefusedPeer::Unidentified => {
                let event = details(SecurityEvent::stranger(kind).source(self.source));
                self.ledger.note_stranger(event, self.source.ip());
            }
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.closed {
            let event = SecurityEvent::stranger(EventKind::HandshakeFailure)
                .source(self.source)
                .code("node.attempt.abandoned")
                .field("listener", self.listener);
            self.ledger.note_stranger(event, self.source.ip());
        }
    }
}

/// Counts what came of the inner layers, and how long the handshake took.
pub(super) struct Metered<A> {
    pub(super) inner: A,
    pub(super) telemetry: Arc<TelemetryCollector>,
    pub(super) offers: Arc<Offers>,
    pub(super) tally: Arc<Tally>,
}

impl<A: Accept> Accept for Metered<A> {
    async fn accept(&self, incoming: Incoming) -> Result<Session, Refused> {
        let outcome = self.inner.accept(incoming).await;
        match &outcome {
            Ok(session) => {
                count_session(&self.telemetry, session);
                self.tally.completed(session.facts());
                if let Some(offer) = offered(session) {
                    self.offers.note(&offer, Outcome::Served);
                }
            }
            // Who was not let in to a handshake is counted by the guard, whose figures are exported as they are.
            Err(refused) if matches!(refused.cause(), RefusedCause::NotAdmitted(_)) => {}
            Err(refused) => {
                self.telemetry.handshake_failed(refused.reason());
                self.tally.failed();
                if let RefusedCause::Tls(error) = refused.cause()
                    && let Some(offer) = error.weak_offer()
                {
                    self.offers.note(offer, Outcome::Refused);
                }
            }
        }
        outcome
    }
}

/// What a look at the client's offer told, where it could be read.
fn offered(session: &Session) -> Option<Inspected> {
    session.tls().client_hello().and_then(|hello| hello.inspected().ok())
}

/// One secured connection more, dialed or accepted.
pub(super) fn count_session(telemetry: &TelemetryCollector, session: &Session) {
    telemetry.tls_connection(session.facts().group.name());
    telemetry.tls_suite(session.facts().suite.name());
    telemetry.handshake_duration(session.facts().elapsed);
    if session.facts().resumed == Resumption::Resumed {
        telemetry.tls_resumption();
    }
}

/// The kind of event a refusal is, by what was refused.
fn kind_of(refused: &Refused) -> EventKind {
    match refused.cause() {
        RefusedCause::NotAdmitted(_) | RefusedCause::Full(_) => EventKind::Throttled,
        RefusedCause::Policy(_) => EventKind::PolicyDenied,
        RefusedCause::Tls(error) => kind_of_tls(error),
        RefusedCause::Trust(error) if error.is_revocation() => EventKind::CertificateRevoked,
        RefusedCause::Cut(_) => EventKind::ConnectionCut,
        _ => EventKind::HandshakeFailure,
    }
}

/// The kind of event a failed handshake is.
pub(super) fn kind_of_tls(error: &TlsError) -> EventKind {
    match error.reason() {
        "certificate_revoked" => EventKind::CertificateRevoked,
        "certificate_expired" => EventKind::CertificateExpired,
        "weak_protocol" => EventKind::WeakProtocol,
        _ => match error {
            TlsError::CertificateMissing
            | TlsError::Certificate { .. }
            | TlsError::KeyUnproven
            | TlsError::Unexpected { .. }
            | TlsError::Refused { .. } => EventKind::AuthFailure,
            TlsError::ResumptionRefused { error, .. } if error.is_revocation() => {
                EventKind::CertificateRevoked
            }
            TlsError::ResumptionRefused { .. } => EventKind::AuthFailure,
            _ => EventKind::HandshakeFailure,
        },
    }
}

/// The chain of causes as one line.
pub(super) fn reason_text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause.filter(|_| text.len() < 512) {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
