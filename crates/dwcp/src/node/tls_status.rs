//! `/status/tls`: what each listener and dialer speaks, what came of the handshakes, and who is still classical. Read-only, and
//! without a secret.

use super::further::Named;
use super::offers::labels;
use super::shared::Shared;
use super::tallies::Side;
use crate::config::TicketsPlan;
use dwcp_channel::{Agreed, ConnectionInfo, ConnectionState, Direction};
use dwcp_pki::{AllowList, IdentityKind, KeyPin};
use dwcp_tls::{PostQuantum, Resumption, TlsPolicy};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The whole report as one object. At most [`MOST_PEERS`] connections are listed.
pub(super) fn report(shared: &Shared) -> Value {
    let plan = shared.plan.load();
    let connections = shared.registry.snapshot();
    let listeners = plan.listeners.iter().map(|listener| {
        json!({
            "name": listener.name,
            "listen": listener.listen.to_string(),
            "policy": policy(&listener.tls.policy),
            "tickets": listener.tls.tickets != TicketsPlan::Off,
            "shared_ticket_keys": shared_keys(shared, listener.tls.tickets),
            "early_data": listener.tls.early_data.is_some(),
            "pq_required_of": listener.tls.post_quantum_of.as_ref().map(patterns),
            "pins": pins(listener.tls.pins.as_ref()),
            "handshakes": shared.tallies.of(Side::Listener, &listener.name).to_json(),
            "live": live(&connections, Direction::Accepted, &listener.name),
        })
    });
    let dialers = plan.dialers.iter().map(|dialer| {
        json!({
            "name": dialer.name,
            "listen": dialer.listen.to_string(),
            "remote": dialer.remote,
            "policy": policy(&dialer.tls.policy),
            "tickets": dialer.tls.tickets,
            "pins": pins(dialer.tls.pins.as_ref()),
            "handshakes": shared.tallies.of(Side::Dialer, &dialer.name).to_json(),
            "live": live(&connections, Direction::Dialed, &dialer.name),
        })
    });
    let (listeners, dialers): (Vec<_>, Vec<_>) = (listeners.collect(), dialers.collect());
    let (peers, left_out) = peers(&connections);
    json!({
        "node": shared.certificate_name(),
        "at": shared.now().to_string(),
        "certificate": certificate(shared),
        "certificates": shared.further.load().iter().map(further).collect::<Vec<_>>(),
        "listeners": listeners,
        "dialers": dialers,
        "handshakes": handshakes(shared),
        "peers": peers,
        "peers_left_out": left_out,
        "weak_offers": shared.offers.to_json(),
    })
}

fn policy(policy: &TlsPolicy) -> Value {
    let suites: Vec<_> = policy.suites().iter().map(|suite| suite.name()).collect();
    let groups: Vec<_> = policy.groups().iter().map(|group| group.name()).collect();
    let pq = match policy.post_quantum() {
        PostQuantum::Prefer => "prefer",
        PostQuantum::Require => "require",
        PostQuantum::Off => "off",
    };
    json!({ "version": "1.3", "suites": suites, "groups": groups, "pq": pq })
}

/// The name of the set that seals a listener's tickets, where several processes have it: it says nothing about the keys.
fn shared_keys(shared: &Shared, tickets: TicketsPlan) -> Option<String> {
    let keys = shared.ticket_keys.load();
    let keys = keys.as_ref().as_ref().filter(|_| tickets == TicketsPlan::Shared)?;
    Some(keys.set.name().to_string())
}

fn pins(pins: Option<&BTreeSet<KeyPin>>) -> Option<Vec<String>> {
    pins.map(|pins| pins.iter().map(ToString::to_string).collect())
}

fn patterns(list: &AllowList) -> Vec<String> {
    list.patterns().iter().map(ToString::to_string).collect()
}

/// The certificate that the next handshake is served with.
fn certificate(shared: &Shared) -> Value {
    let generation = shared.store.current();
    let leaf = generation.credential().chain().leaf();
    let names: Vec<String> = leaf.names().iter().map(ToString::to_string).collect();
    json!({
        "generation": generation.number(),
        "name": names.first(),
        "names": names,
        "serial": leaf.serial().to_string(),
        "not_before": leaf.not_before().to_string(),
        "not_after": leaf.not_after().to_string(),
        "pin": leaf.key_pin().to_string(),
    })
}

/// One that is shown to clients which ask for its names.
fn further(named: &Named) -> Value {
    let leaf = named.credential.chain().leaf();
    json!({
        "name": named.name,
        "kind": match named.kind {
            IdentityKind::Mesh => "mesh",
            IdentityKind::Public => "public",
        },
        "protocols": named.protocols,
        "names": leaf.names().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "serial": leaf.serial().to_string(),
        "not_before": leaf.not_before().to_string(),
        "not_after": leaf.not_after().to_string(),
        "pin": leaf.key_pin().to_string(),
    })
}

/// How many connections of a listener or dialer live, and by what.
fn live(connections: &[ConnectionInfo], direction: Direction, name: &str) -> Value {
    let (mut all, mut classical, mut resumed) = (0_u64, 0_u64, 0_u64);
    for agreed in connections
        .iter()
        .filter(|one| one.direction == direction && &*one.listener == name)
        .filter_map(|one| one.agreed)
    {
        all += 1;
        classical += u64::from(!agreed.group.is_post_quantum());
        resumed += u64::from(agreed.resumed == Resumption::Resumed);
    }
    json!({ "connections": all, "post_quantum": all - classical, "classical": classical, "resumed": resumed })
}

/// What was counted since the node started; rows of zero are left out but for groups and suites.
fn handshakes(shared: &Shared) -> Value {
    let totals = shared.telemetry.tls_totals();
    let all = |rows: Vec<(&'static str, u64)>| {
        let rows = rows.into_iter().filter(|(label, count)| *label != "other" || *count > 0);
        rows.map(|(label, count)| (label.to_owned(), count.into())).collect::<Map<String, Value>>()
    };
    let happened = |rows: Vec<(&'static str, u64)>| all(rows.into_iter().filter(|row| row.1 > 0).collect());
    let failed: u64 = totals.failures.iter().map(|(_, count)| count).sum();
    json!({
        "completed": totals.connections,
        "resumed": totals.resumptions,
        "failed": failed,
        "by_group": all(totals.by_group),
        "by_suite": all(totals.by_suite),
        "failures": happened(totals.failures),
        "weak_offers": happened(totals.weak_offers),
    })
}

/// The live peers: those that a quantum computer could read one day first, then the longest-lived; and how many did not fit.
fn peers(connections: &[ConnectionInfo]) -> (Vec<Value>, usize) {
    let mut known: Vec<(&ConnectionInfo, Agreed)> =
        connections.iter().filter_map(|one| Some((one, one.agreed?))).collect();
    known.sort_by_key(|(one, agreed)| (agreed.group.is_post_quantum(), one.id));
    let left_out = known.len().saturating_sub(MOST_PEERS);
    (known.into_iter().take(MOST_PEERS).map(|(one, agreed)| peer(one, &agreed)).collect(), left_out)
}

fn peer(one: &ConnectionInfo, agreed: &Agreed) -> Value {
    let weaknesses = agreed.offer.map(|offer| offer.weaknesses);
    json!({
        "peer": &*one.label,
        "direction": match one.direction {
            Direction::Accepted => "accepted",
            Direction::Dialed => "dialed",
        },
        "listener": &*one.listener,
        "suite": agreed.suite.name(),
        "group": agreed.group.name(),
        "post_quantum": agreed.group.is_post_quantum(),
        "handshake": agreed.resumed.to_string(),
        "since": one.since.to_string(),
        "state": match one.state {
            ConnectionState::Open => "open",
            ConnectionState::Draining => "draining",
            _ => "closing",
        },
        "ja4": agreed.offer.map(|offer| offer.ja4.to_string()),
        "weak_offers": weaknesses.map(labels).unwrap_or_default(),
    })
}

/// Rows of live peers.
const MOST_PEERS: usize = 1_000;
