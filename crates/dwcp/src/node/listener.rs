//! A listener at work: the onion around one port, and what carries an accepted session to its target.

use super::onion::{Audited, Metered, reason_text};
use super::shared::Shared;
use super::tallies::Side;
use super::ticket_keys::TicketKeys;
use crate::config::{ListenerPlan, ListenerSide, NodePlan, TicketsPlan};
use arc_swap::ArcSwap;
use dwcp_audit::EventKind;
use dwcp_base::Coded;
use dwcp_channel::{
    Accept, AdmitAll, BoxedAccept, BoxedAdmit, CloseReason, Ended, Guarded, IdleLimit, Incoming, LivePolicy,
    NODE_ALPN, ReasonCode, Refused, Rejection, RejectionKind, RelayOutcome, RelaySettings, SHOWN_ALPN,
    Session, TlsAcceptor, relay,
};
use dwcp_guard::Guard;
use dwcp_pki::{AllowList, Peer};
use dwcp_tls::{ServerSettings, Tickets, TlsError, TlsManager, WithoutAlpn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What listeners and dialers are built from: of the running node, or of the one a reload is about to make of it.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) tls: &'a TlsManager,
    pub(super) guard: &'a Option<Guard>,
    pub(super) plan: &'a NodePlan,
    pub(super) ticket_keys: Option<&'a TicketKeys>,
}

/// One listener. What a reload changes is swapped; the socket stays.
pub(super) struct Listener {
    pub(super) name: Arc<str>,
    pub(super) policy: Arc<LivePolicy>,
    acceptor: ArcSwap<BoxedAccept>,
    target: ArcSwap<String>,
    tls: ArcSwap<ListenerSide>,
}

impl Listener {
    /// A listener after `plan`.
    pub(super) fn new(plan: &ListenerPlan, means: Means<'_>) -> Result<Self, TlsError> {
        let name: Arc<str> = plan.name.as_str().into();
        let policy = LivePolicy::new(plan.allow.clone());
        let acceptor = onion(plan, &name, &policy, means)?;
        Ok(Self {
            name,
            policy,
            acceptor: ArcSwap::from_pointee(acceptor),
            target: ArcSwap::from_pointee(plan.target.clone()),
            tls: ArcSwap::from_pointee(plan.tls.clone()),
        })
    }

    /// The stack a reload would put in place; building it is what can fail.
    pub(super) fn rebuilt(&self, plan: &ListenerPlan, means: Means<'_>) -> Result<BoxedAccept, TlsError> {
        onion(plan, &self.name, &self.policy, means)
    }

    /// Puts a reloaded plan in force. The allow list goes first: a handshake that is under way is judged by it at its end.
    pub(super) fn apply(&self, plan: &ListenerPlan, acceptor: BoxedAccept) {
        self.policy.replace(plan.allow.clone());
        self.tls.store(Arc::new(plan.tls.clone()));
        self.target.store(Arc::new(plan.target.clone()));
        self.acceptor.store(Arc::new(acceptor));
    }

    /// Carries an accepted session to the target and says how it ended.
    pub(super) async fn carry(&self, session: Session, shared: &Arc<Shared>) {
        let target = self.target.load_full();
        let subject = format!("target.{}", self.name);
        let (peer, source) = (session.peer().clone(), session.source());
        if !self.tls.load().admits(&peer, session.facts().group) {
            return self.overtaken(session, shared);
        }
        if let (Peer::Identified(_), Some(guard)) = (&peer, shared.guard.load().as_ref()) {
            // A flood from elsewhere, or from behind the same address, does not lock a known peer out.
            guard.vouch(source.ip(), shared.clock.tick());
        }
        if session.only_shows() {
            // It was let in as any other, and is remembered by its certificate from here on. The target hears nothing of it.
            session.part().await;
            let outcome = RelayOutcome { bytes_in: 0, bytes_out: 0, end: Ended::Clean };
            return record_end(shared, &self.name, &peer, source, &outcome);
        }
        match shared.lookups.reach(&target, CONNECT_LIMIT).await {
            Ok((plain, _)) => {
                if shared.troubles.end(&subject) {
                    tracing::info!(listener = %self.name, %target, "the target answers again");
                }
                let active = shared.telemetry.connection_opened();
                let outcome = relay(session, plain, &relay_settings(&peer)).await;
                drop(active);
                record_end(shared, &self.name, &peer, source, &outcome);
            }
            Err(error) => {
                let text = reason_text(&error);
                if shared.troubles.begin(&subject, text.clone()) {
                    tracing::warn!(listener = %self.name, error = %text, "the target can not be reached");
                }
                shared.telemetry.connection_cut(TARGET_UNREACHABLE);
                shared.ledger.note_about(&peer, source, EventKind::ConnectionClosed, |event| {
                    event.code(TARGET_CODE).message(&text).field("listener", &self.name)
                });
                session.refuse(unreachable()).await;
            }
        }
    }

    /// A reload put rules in force that this session, whose handshake was under way, does not fulfil.
    fn overtaken(&self, session: Session, shared: &Shared) {
        shared.telemetry.connection_cut(CloseReason::Denied.as_str());
        shared.ledger.note_about(session.peer(), session.source(), EventKind::PolicyDenied, |event| {
            event.code("node.reload.overtaken").field("listener", &self.name)
        });
        session.reset();
    }

    /// Lets nobody in any more, whatever handshake is under way: this listener is gone from the configuration, or moved.
    pub(super) fn retire(&self) {
        self.policy.replace(AllowList::new(Vec::new()));
    }
}

impl Accept for Listener {
    async fn accept(&self, incoming: Incoming) -> Result<Session, Refused> {
        self.acceptor.load_full().accept(incoming).await
    }
}

/// The layers of a listener, outermost first: record, sample, admission, then TLS, identity and policy.
fn onion(
    plan: &ListenerPlan,
    name: &Arc<str>,
    policy: &Arc<LivePolicy>,
    means: Means<'_>,
) -> Result<BoxedAccept, TlsError> {
    let Means { shared, tls, guard, ticket_keys, plan: node } = means;
    let tickets = match (plan.tls.tickets, ticket_keys) {
        (TicketsPlan::Own, _) => Tickets::Stateless,
        // Names of listeners are within the bound. Were one not, it would have no tickets.
        (TicketsPlan::Shared, Some(keys)) => {
            keys.set.for_listener(name).map_or(Tickets::Off, Tickets::Shared)
        }
        (TicketsPlan::Off, _) | (TicketsPlan::Shared, None) => Tickets::Off,
    };
    // What the target speaks is not known here, so a client's other protocols are neither chosen nor held against it.
    let settings = ServerSettings::new(plan.client_auth)
        .with_alpn([NODE_ALPN, SHOWN_ALPN])
        .without_alpn(WithoutAlpn::AcceptOthers)
        .with_policy(plan.tls.policy.clone())
        .with_rules(plan.tls.rules())
        .with_certificate_compression(node.compression)
        .with_tickets(tickets);
    let settings = match plan.tls.early_data {
        Some(early_data) => settings.with_early_data(early_data),
        None => settings,
    };
    let acceptor = TlsAcceptor::new(tls.server(settings)?, shared.premises(), Arc::clone(policy), name);
    let gate = match guard {
        Some(guard) => BoxedAdmit::new(guard.clone()),
        None => BoxedAdmit::new(AdmitAll),
    };
    Ok(BoxedAccept::new(Audited {
        ledger: Arc::clone(&shared.ledger),
        listener: Arc::clone(name),
        inner: Metered {
            telemetry: Arc::clone(&shared.telemetry),
            offers: Arc::clone(&shared.offers),
            tally: shared.tallies.of(Side::Listener, name),
            inner: Guarded::new(acceptor, gate),
        },
    }))
}

/// One relay more is over: a cut or a broken end is a record and a sample, a clean one a record alone.
pub(super) fn record_end(
    shared: &Shared,
    listener: &str,
    peer: &Peer,
    source: SocketAddr,
    outcome: &RelayOutcome,
) {
    let kind = match &outcome.end {
        Ended::Clean => EventKind::ConnectionClosed,
        Ended::Cut(reason) => {
            shared.telemetry.connection_cut(reason.as_str());
            EventKind::ConnectionCut
        }
        other => {
            shared.telemetry.connection_cut(other.label());
            EventKind::ConnectionClosed
        }
    };
    shared.ledger.note_about(peer, source, kind, |event| {
        let event = event
            .code(outcome.end.code())
            .field("listener", listener)
            .field("bytes_in", outcome.bytes_in)
            .field("bytes_out", outcome.bytes_out);
        match &outcome.end {
            Ended::Cut(reason) => event.field("reason", reason),
            Ended::PeerFailed(error) => event.message(&reason_text(error)),
            Ended::PlainFailed(error) => event.message(&reason_text(error)),
            _ => event,
        }
    });
}

/// How bytes are carried: a connection of a database pool may be silent for days, so only TCP keep-alive ends one; a client
/// that has shown no identity holds its place for ten minutes of silence.
pub(super) fn relay_settings(peer: &Peer) -> RelaySettings {
    RelaySettings::default().with_idle(match peer {
        Peer::Identified(_) => IdleLimit::Never,
        Peer::Anonymous(_) => IdleLimit::After(ANONYMOUS_IDLE),
    })
}

fn unreachable() -> Rejection {
    // Within the alphabet of codes; were it not, the peer would read that the reason has no name.
    let reason = TARGET_CODE.parse().unwrap_or_else(|_| ReasonCode::of(&Ended::Idle));
    Rejection { kind: RejectionKind::Target, reason, retry_after: Duration::ZERO }
}

/// The label under which connections whose target was down are counted.
pub(super) const TARGET_UNREACHABLE: &str = "target_unreachable";
const TARGET_CODE: &str = "channel.target.unreachable";
const ANONYMOUS_IDLE: Duration = Duration::from_secs(600);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
