//! A dialer at work: plain connections of this machine, carried to another node.

use super::listener::{Means, record_end, relay_settings};
use super::onion::{count_session, kind_of_tls, reason_text};
use super::shared::Shared;
use super::tallies::{Side, Tally};
use crate::config::DialerPlan;
use arc_swap::ArcSwap;
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_base::Coded;
use dwcp_channel::{
    CloseReason, DialError, Incoming, NODE_ALPN, RejectionKind, SecureTransport, Session, relay,
};
use dwcp_tls::{ClientSettings, Tickets, TlsError, WithoutAlpn};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// One dialer. What a reload changes is swapped; the socket stays.
pub(super) struct Dialer {
    pub(super) name: Arc<str>,
    tally: Arc<Tally>,
    route: ArcSwap<Route>,
}

/// Where to, to whom, and by which keys.
pub(super) struct Route {
    plan: DialerPlan,
    transport: SecureTransport,
}

impl Dialer {
    /// A dialer after `plan`.
    pub(super) fn new(plan: &DialerPlan, means: Means<'_>) -> Result<Self, TlsError> {
        let route = Route::new(plan, means)?;
        let tally = means.shared.tallies.of(Side::Dialer, &plan.name);
        Ok(Self { name: plan.name.as_str().into(), tally, route: ArcSwap::from_pointee(route) })
    }

    /// Puts a reloaded route in force for the next connection.
    pub(super) fn apply(&self, route: Route) {
        self.route.store(Arc::new(route));
    }

    /// Carries one plain connection to the other node. A dial that fails resets it, so that nobody takes it for an answer.
    pub(super) async fn carry(&self, incoming: Incoming, shared: &Arc<Shared>) {
        let route = self.route.load_full();
        let subject = format!("remote.{}", self.name);
        match route.transport.dial(&route.plan.remote, &route.plan.expected, DIAL_LIMIT).await {
            Ok(session) => {
                if shared.troubles.end(&subject) {
                    tracing::info!(dialer = %self.name, remote = %route.plan.remote, "the remote accepts again");
                }
                count_session(&shared.telemetry, &session);
                self.tally.completed(session.facts());
                if !self.still_expects(&route, &session) {
                    let _ = shared.registry.close(session.id(), CloseReason::Denied);
                    shared.telemetry.connection_cut(CloseReason::Denied.as_str());
                    shared.ledger.note_about(
                        session.peer(),
                        session.source(),
                        EventKind::PolicyDenied,
                        |event| event.code("node.reload.overtaken").field("dialer", &self.name),
                    );
                    session.reset();
                    return incoming.reset();
                }
                shared.ledger.note_about(
                    session.peer(),
                    session.source(),
                    EventKind::TlsConnection,
                    |event| {
                        event
                            .field("dialer", &self.name)
                            .field("suite", session.facts().suite)
                            .field("group", session.facts().group)
                    },
                );
                let active = shared.telemetry.connection_opened();
                let (peer, source) = (session.peer().clone(), session.source());
                let (plain, _) = incoming.into_parts();
                let outcome = relay(session, plain, &relay_settings(&peer)).await;
                drop(active);
                record_end(shared, &self.name, &peer, source, &outcome);
            }
            Err(error) => {
                let client = incoming.arrival().source.ip();
                incoming.reset();
                self.failed(&error, &route.plan.remote, client, shared);
            }
        }
    }

    /// Whether the route that a dial took, which may have taken seconds, is still the one in force, or leads to the same peer.
    fn still_expects(&self, route: &Arc<Route>, session: &Session) -> bool {
        let now = self.route.load();
        Arc::ptr_eq(route, &now)
            || now.plan.tls.admits(session.peer())
                && match &now.plan.allow {
                    Some(allow) => allow.judge(session.peer()).is_ok(),
                    None => now.plan.expected == route.plan.expected,
                }
    }

    /// A local program that dials a dead remote in a loop must not fill the log: its failures are summed up like a stranger's.
    fn failed(&self, error: &DialError, remote: &str, client: IpAddr, shared: &Arc<Shared>) {
        let subject = format!("remote.{}", self.name);
        let text = reason_text(error);
        self.tally.failed();
        shared.telemetry.handshake_failed(match error {
            DialError::Tls { source, .. } => source.reason(),
            DialError::Timeout { .. } => "timeout",
            DialError::Refused { .. } => "refused_by_peer",
            _ => "transport",
        });
        let kind = match error {
            DialError::Tls { source, .. } => kind_of_tls(source),
            DialError::Refused { rejection, .. } if rejection.kind == RejectionKind::Policy => {
                EventKind::PolicyDenied
            }
            _ => EventKind::HandshakeFailure,
        };
        let event = SecurityEvent::stranger(kind)
            .named(&self.name)
            .code(error.code())
            .message(&text)
            .field("dialer", &self.name)
            .field("remote", remote);
        shared.ledger.note_stranger(event, client);
        if shared.troubles.begin(&subject, text.clone()) {
            tracing::warn!(dialer = %self.name, error = %text, "the remote can not be used");
        }
    }
}

impl Route {
    /// A route after `plan`.
    pub(super) fn new(plan: &DialerPlan, means: Means<'_>) -> Result<Self, TlsError> {
        let settings = ClientSettings::new()
            .with_alpn([NODE_ALPN])
            .without_alpn(WithoutAlpn::Accept)
            .with_policy(plan.tls.policy.clone())
            .with_rules(plan.tls.rules())
            .with_certificate_compression(means.plan.compression)
            .with_tickets(if plan.tls.tickets { Tickets::Stateless } else { Tickets::Off })
            .with_streams(plan.tls.streams);
        let connector = means.tls.client(settings)?;
        Ok(Self {
            plan: plan.clone(),
            transport: SecureTransport::new(connector, means.shared.premises(), &plan.name)
                .with_lookups(means.shared.lookups.clone()),
        })
    }
}

/// For everything between a plain connection and the other node's verdict, its target included.
const DIAL_LIMIT: Duration = Duration::from_secs(10);
