//! A dialer at work: plain connections of this machine, carried to another node.

use super::listener::{Means, record_end, relay_settings};
use super::onion::{count_session, kind_of_tls, reason_text};
use super::shared::Shared;
use super::showing::{Life, Showing};
use super::tallies::{Side, Tally};
use crate::config::DialerPlan;
use arc_swap::ArcSwap;
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_base::Coded;
use dwcp_channel::{
    CloseReason, DialError, Incoming, NODE_ALPN, RejectionKind, SHOWN_ALPN, SecureTransport, Session, relay,
};
use dwcp_pki::Peer;
use dwcp_tls::{ClientSettings, Resumption, Tickets, TlsError, WithoutAlpn};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// One dialer. What a reload changes is swapped; the socket stays.
pub(super) struct Dialer {
    pub(super) name: Arc<str>,
    tally: Arc<Tally>,
    route: ArcSwap<Route>,
    showing: Showing,
}

/// Where to, to whom, and by which keys.
pub(super) struct Route {
    plan: DialerPlan,
    transport: SecureTransport,
    /// To the same peer, for certificates alone.
    shower: SecureTransport,
}

impl Dialer {
    /// A dialer after `plan`.
    pub(super) fn new(plan: &DialerPlan, means: Means<'_>) -> Result<Self, TlsError> {
        let route = Route::new(plan, means)?;
        let tally = means.shared.tallies.of(Side::Dialer, &plan.name);
        let (name, route) = (plan.name.as_str().into(), ArcSwap::from_pointee(route));
        Ok(Self { name, tally, route, showing: Showing::default() })
    }

    /// Puts a reloaded route in force for the next connection.
    pub(super) fn apply(&self, route: Route) {
        self.route.store(Arc::new(route));
    }

    /// Carries one plain connection to the other node. A dial that fails resets it, so that nobody takes it for an answer.
    pub(super) async fn carry(&self, incoming: Incoming, shared: &Arc<Shared>) {
        let route = self.route.load_full();
        let subject = format!("remote.{}", self.name);
        // Before the handshake: one that takes over meanwhile counts as not shown, and is shown once more.
        let own = Life::own(shared.store.current().credential());
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
                let stream = match session.peer() {
                    // Nobody but a node knows how to be shown a certificate.
                    Peer::Identified(identity) if session.facts().alpn.as_deref() == Some(NODE_ALPN) => {
                        let own = (session.facts().resumed == Resumption::Full).then_some(own);
                        let label = session.peer().label();
                        Some(self.showing.begin(&label, own, Life::of(identity), shared.now()))
                    }
                    _ => None,
                };
                let active = shared.telemetry.connection_opened();
                let (peer, source) = (session.peer().clone(), session.source());
                let (plain, _) = incoming.into_parts();
                let outcome = relay(session, plain, &relay_settings(&peer)).await;
                drop((active, stream));
                record_end(shared, &self.name, &peer, source, &outcome);
            }
            Err(error) => {
                let client = incoming.arrival().source.ip();
                incoming.reset();
                self.failed(&error, &route.plan.remote, client, shared);
            }
        }
    }

    /// Shows the node's certificate to the peers of live streams, and looks at theirs, whenever one of the two is renewed. Never ends.
    ///
    /// What a side has seen is all it can judge a live connection by, and a stream shows what was there when it began.
    pub(super) async fn keep_shown(&self, shared: &Arc<Shared>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let own = Life::own(shared.store.current().credential());
            // No secret: it keeps nodes that were renewed together from dialing together.
            let [share, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
            if self.showing.is_due(own, shared.now(), shared.clock.tick(), share) {
                self.show(own, shared).await;
            }
        }
    }

    async fn show(&self, own: Life, shared: &Arc<Shared>) {
        let route = self.route.load_full();
        let remote = &route.plan.remote;
        match route.shower.dial(remote, &route.plan.expected, DIAL_LIMIT).await {
            Ok(session) => {
                count_session(&shared.telemetry, &session);
                self.tally.completed(session.facts());
                shared.ledger.note_about(
                    session.peer(),
                    session.source(),
                    EventKind::TlsConnection,
                    |event| event.field("dialer", &self.name).field("purpose", "certificates"),
                );
                let label = session.peer().label();
                let seen = match session.peer() {
                    Peer::Identified(identity) => Some((label.as_str(), Life::of(identity))),
                    Peer::Anonymous(_) => None,
                };
                self.showing.made(own, seen, shared.now());
                tracing::debug!(dialer = %self.name, %remote, "certificates were shown for live streams");
                session.part().await;
            }
            Err(error) => {
                self.showing.made(own, None, shared.now());
                self.record_failure(&error, remote, None, shared);
                let error = reason_text(&error);
                tracing::info!(dialer = %self.name, %remote, %error, "no certificate could be shown for live streams");
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
        let text = self.record_failure(error, remote, Some(client), shared);
        if shared.troubles.begin(&subject, text.clone()) {
            tracing::warn!(dialer = %self.name, error = %text, "the remote can not be used");
        }
    }

    /// One sample and one record, summed up by `client` where there is one; gives what the record says.
    fn record_failure(
        &self,
        error: &DialError,
        remote: &str,
        client: Option<IpAddr>,
        shared: &Arc<Shared>,
    ) -> String {
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
        match client {
            Some(client) => shared.ledger.note_stranger(event, client),
            None => shared.ledger.note(event.field("purpose", "certificates")),
        }
        text
    }
}

impl Route {
    /// A route after `plan`.
    pub(super) fn new(plan: &DialerPlan, means: Means<'_>) -> Result<Self, TlsError> {
        let settings = ClientSettings::new()
            .with_policy(plan.tls.policy.clone())
            .with_rules(plan.tls.rules())
            .with_certificate_compression(means.plan.compression);
        let streams = settings
            .clone()
            .with_alpn([NODE_ALPN])
            .without_alpn(WithoutAlpn::Accept)
            .with_tickets(if plan.tls.tickets { Tickets::Stateless } else { Tickets::Off })
            .with_streams(plan.tls.streams);
        // In full each time: a resumed handshake shows no certificate.
        let shows =
            settings.with_alpn([SHOWN_ALPN]).without_alpn(WithoutAlpn::Refuse).with_tickets(Tickets::Off);
        let transport = |settings| {
            let connector = means.tls.client(settings)?;
            let transport = SecureTransport::new(connector, means.shared.premises(), &plan.name);
            Ok::<_, TlsError>(transport.with_lookups(means.shared.lookups.clone()))
        };
        Ok(Self { plan: plan.clone(), transport: transport(streams)?, shower: transport(shows)? })
    }
}

/// For everything between a plain connection and the other node's verdict, its target included.
const DIAL_LIMIT: Duration = Duration::from_secs(10);
/// How often it is looked whether there is something to show. Less often than that no certificate is renewed.
const LOOK: Duration = Duration::from_secs(1);
