//! The port where machines join and renew, besides the admin listener: HTTPS, `/enroll/…` and `/pki/…`, and nothing else.
//!
//! It has a gate of its own, so that what strangers spend here is not missing elsewhere.

use super::caller::Caller;
use crate::node::descriptors;
use crate::node::http::{one_request, text};
use crate::node::offers::{Outcome, told};
use crate::node::onion::{kind_of_tls, reason_text};
use crate::node::pki_pages;
use crate::node::shared::Shared;
use arc_swap::ArcSwap;
use dwcp_audit::SecurityEvent;
use dwcp_base::Coded;
use dwcp_channel::Incoming;
use dwcp_tls::TlsContext;
use hyper::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// Carries one connection from its first byte to its end.
pub(in crate::node) async fn carry(incoming: Incoming, tls: Arc<ArcSwap<TlsContext>>, shared: Arc<Shared>) {
    let Some(desk) = shared.enrolment() else { return incoming.reset() };
    let source = incoming.arrival().source;
    let admitted = match desk.gate.load().as_ref() {
        Some(gate) => gate.admit(source.ip(), incoming.arrival().now).map(Some),
        None => Ok(None),
    };
    // Refusals are counted and summed up by the guard; an answer would cost more than a reset.
    let Ok(permit) = admitted else { return incoming.reset() };
    let (stream, _) = incoming.into_parts();
    let context = tls.load_full();
    let session = match context.accept(stream, HANDSHAKE_LIMIT).await {
        Ok(session) => session,
        Err(error) => {
            shared.telemetry.handshake_failed(error.reason());
            if let Some(offer) = error.weak_offer() {
                shared.offers.note(offer, Outcome::Refused);
            }
            let event = told(SecurityEvent::stranger(kind_of_tls(&error)), error.weak_offer())
                .source(source)
                .code(error.code())
                .message(&reason_text(&error))
                .field("listener", "enroll");
            return shared.ledger.note_stranger(event, source.ip());
        }
    };
    if let Some(permit) = &permit {
        permit.established();
    }
    let caller = Caller::of(&session, source);
    one_request(session, WHOLE_LIMIT, |request| {
        let (shared, caller) = (Arc::clone(&shared), caller.clone());
        async move {
            let path = request.uri().path();
            match (shared.enrolment(), shared.publication()) {
                (Some(desk), _) if path.starts_with(super::START) => {
                    super::respond(&shared, desk, request, &caller).await
                }
                (_, Some(publication)) if path.starts_with(pki_pages::START) => {
                    pki_pages::respond(&shared, publication, request, source.ip()).await
                }
                _ => text(StatusCode::NOT_FOUND, "not here\n"),
            }
        }
    })
    .await;
}

/// Connections at once: a request takes milliseconds, the rest is room for slow lines.
pub(in crate::node) fn max_connections() -> usize {
    descriptors::spared(128)
}

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(3);
/// Headers and the answer's own ten seconds, over a slow line. What carries lists has longer, once it is granted.
const WHOLE_LIMIT: Duration = Duration::from_secs(30);
