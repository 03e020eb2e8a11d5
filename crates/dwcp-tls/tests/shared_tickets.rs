//! Tickets that two processes share: two managers over stores of their own, with one set of secrets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, HOUR, Leaf, clock, manager, now, required, serial, server_dns, shake, talk};
use dwcp_base::{Coded, LocalDisk, ManualClock};
use dwcp_pki::{AllowList, CertificateStore, Credential, RevocationMode, TrustStore};
use dwcp_tls::{
    ClientAuth, ClientIdentity, ClientSettings, EarlyData, EarlyDataError, PeerRules, Resumption,
    ServerSettings, TicketKeySet, TicketSource, Tickets, TlsConnector, TlsContext, TlsError, TlsPolicy,
    UnknownName,
};
use std::sync::Arc;

fn shared(keys: &TicketKeySet, listener: &str) -> ServerSettings {
    required().with_tickets(Tickets::Shared(keys.for_listener(listener).unwrap()))
}

/// A process: its own store, manager and clock.
fn process(leaf: &Credential, trust: TrustStore, settings: ServerSettings) -> (Process, TlsContext) {
    let store = Arc::new(CertificateStore::new(copy(leaf), trust).unwrap());
    let clock = clock();
    let server = manager(Arc::clone(&store), TlsPolicy::new(), &clock).server(settings).unwrap();
    (Process { store, clock }, server)
}

/// As another process loads it.
fn copy(leaf: &Credential) -> Credential {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("leaf");
    leaf.save(&LocalDisk, &prefix).unwrap();
    Credential::load_saved(&prefix).unwrap()
}

struct Process {
    store: Arc<CertificateStore>,
    clock: Arc<ManualClock>,
}

fn client(authority: &Authority) -> TlsConnector {
    authority.node("client").client(ClientSettings::new()).unwrap()
}

async fn comes_back(first: &TlsContext, second: &TlsContext, client: &TlsConnector) -> Resumption {
    client.forget(&server_dns());
    talk(first, client, &server_dns()).await;
    let (near, far) = talk(second, client, &server_dns()).await;
    assert_eq!(near.facts().resumed, far.facts().resumed);
    assert_eq!(near.peer().label(), "spiffe://mesh/client");
    near.facts().resumed
}

#[tokio::test]
async fn a_session_of_one_process_is_resumed_by_another() {
    let authority = Authority::new("shared");
    let leaf = authority.issue(&Leaf::named("server"));
    let keys = TicketKeySet::generate().unwrap();
    // The second one got the set through a pipe.
    let (read, mut write) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut write, keys.to_bytes().expose()).unwrap();
    let inherited = TicketKeySet::from_descriptor(read.into()).unwrap();
    let (_, one) = process(&leaf, authority.trust(&[]), shared(&keys, "front"));
    let (_, other) = process(&leaf, authority.trust(&[]), shared(&inherited, "front"));
    let client = client(&authority);
    assert_eq!(comes_back(&one, &other, &client).await, Resumption::Resumed);
    assert_eq!(comes_back(&other, &one, &client).await, Resumption::Resumed);
    let (near, _far) = talk(&one, &client, &server_dns()).await;
    assert!(matches!(near.ticket().unwrap().source(), TicketSource::Sealed(_)));
}

#[tokio::test]
async fn at_t4_a_ticket_opens_for_no_other_leaf_trust_listener_or_setting() {
    let authority = Authority::new("bound");
    let (leaf, renewed) = (authority.issue(&Leaf::named("server")), authority.issue(&Leaf::named("server")));
    let keys = TicketKeySet::generate().unwrap();
    let trust = || authority.trust(&[]);
    let (_, one) = process(&leaf, trust(), shared(&keys, "front"));
    let client = client(&authority);

    let stranger = Authority::new("another anchor");
    let anchors = [&authority, &stranger].map(|authority| authority.certificate.certificate_der().clone());
    let crls = vec![authority.crl(1, &[]), stranger.crl(1, &[])];
    let wider = TrustStore::new(anchors.to_vec(), crls, RevocationMode::Required).unwrap();
    let domain = trust().with_trust_domain("mesh".parse().unwrap());
    let others = [
        ("another leaf", process(&renewed, trust(), shared(&keys, "front"))),
        ("another anchor", process(&leaf, wider, shared(&keys, "front"))),
        ("another trust domain", process(&leaf, domain, shared(&keys, "front"))),
        ("another depth", process(&leaf, trust().with_max_depth(1), shared(&keys, "front"))),
        ("another listener", process(&leaf, trust(), shared(&keys, "back"))),
        ("another secret", process(&leaf, trust(), shared(&TicketKeySet::generate().unwrap(), "front"))),
        (
            "another setting",
            process(&leaf, trust(), shared(&keys, "front").with_unknown_name(UnknownName::Serve)),
        ),
        (
            "other clients",
            process(
                &leaf,
                trust(),
                ServerSettings::new(ClientAuth::Optional)
                    .with_tickets(Tickets::Shared(keys.for_listener("front").unwrap())),
            ),
        ),
    ];
    for (what, (_, other)) in &others {
        assert_eq!(comes_back(&one, other, &client).await, Resumption::Full, "{what}");
    }
    let (_, same) = process(&leaf, trust(), shared(&keys, "front"));
    assert_eq!(comes_back(&one, &same, &client).await, Resumption::Resumed);
}

#[tokio::test]
async fn at_t3_shared_tickets_end_with_rotation_and_trust_and_outlive_a_crl_that_does_not_name_their_client()
{
    let authority = Authority::new("generations");
    let leaf = authority.issue(&Leaf::named("server"));
    let keys = TicketKeySet::generate().unwrap();
    let (first, one) = process(&leaf, authority.trust(&[]), shared(&keys, "front"));
    let (second, other) = process(&leaf, authority.trust(&[]), shared(&keys, "front"));
    let client = client(&authority);

    second.store.install_trust(authority.trust(&[])).unwrap();
    assert_eq!(comes_back(&one, &other, &client).await, Resumption::Resumed, "a CRL alone");

    let renewed = authority.issue(&Leaf::named("server"));
    second.store.install_credential(copy(&renewed)).unwrap();
    assert_eq!(comes_back(&one, &other, &client).await, Resumption::Full, "the other one rotated");
    first.store.install_credential(renewed).unwrap();
    assert_eq!(comes_back(&one, &other, &client).await, Resumption::Resumed, "both did");
}

#[tokio::test]
async fn at_t3_a_client_that_one_process_knows_to_be_revoked_does_not_come_back_there() {
    let authority = Authority::new("revoked");
    let leaf = authority.issue(&Leaf::named("server"));
    let keys = TicketKeySet::generate().unwrap();
    let (_, one) = process(&leaf, authority.trust(&[]), shared(&keys, "front"));
    let clients = authority.store(&Leaf::named("client"));
    let revoked = authority.trust(&[serial(clients.current().credential())]);
    let (_, other) = process(&leaf, revoked, shared(&keys, "front"));
    let client = manager(clients, TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    talk(&one, &client, &server_dns()).await;
    let (near, _far) = shake(&other, &client, &server_dns()).await;
    let error = near.unwrap_err();
    assert_eq!(error.code(), "tls.resumption.refused", "the ticket opens, its client is judged");
    assert_eq!(error.validation().map(Coded::code), Some("pki.chain.revoked"));
}

#[tokio::test]
async fn at_t3_processes_roll_together_by_the_wall_clock() {
    let authority = Authority::new("epochs");
    let leaf = authority.issue(&Leaf::named("server").until(now().plus(96 * HOUR)));
    let keys = TicketKeySet::generate().unwrap();
    // Noon is the first second of an epoch.
    for (hours, wanted) in [(11, Resumption::Resumed), (12, Resumption::Full), (40, Resumption::Full)] {
        let (_, one) = process(&leaf, authority.trust(&[]), shared(&keys, "front"));
        let (second, other) = process(&leaf, authority.trust(&[]), shared(&keys, "front"));
        let leaf = Leaf::named("client").until(now().plus(96 * HOUR));
        let client = manager(authority.store(&leaf), TlsPolicy::new(), &clock());
        let client = client.client(ClientSettings::new()).unwrap();
        second.clock.advance(hours * HOUR);
        assert_eq!(comes_back(&one, &other, &client).await, wanted, "{hours} h");
    }
}

#[test]
fn at_t5_shared_tickets_and_early_data_make_no_side() {
    let authority = Authority::new("both");
    let node = authority.node("server");
    let keys = TicketKeySet::generate().unwrap();
    let cases = [
        (shared(&keys, "front").with_early_data(EarlyData::new()), EarlyDataError::SharedTickets),
        (required().with_tickets(Tickets::Off).with_early_data(EarlyData::new()), EarlyDataError::NoTickets),
        (required().with_early_data(EarlyData::new().with_most(16_385)), EarlyDataError::Size(16_385)),
        (required().with_early_data(EarlyData::new().with_most(0)), EarlyDataError::Size(0)),
        (required().with_early_data(EarlyData::new().with_sessions(0)), EarlyDataError::Sessions(0)),
        (
            required().with_early_data(EarlyData::new().with_sessions(65_537)),
            EarlyDataError::Sessions(65_537),
        ),
    ];
    for (settings, wanted) in cases {
        let error = node.server(settings).unwrap_err();
        assert_eq!((error.code(), error.reason()), ("tls.config.early_data", "configuration"));
        assert!(matches!(error, TlsError::EarlyData(why) if why == wanted), "{wanted}");
    }
}

#[tokio::test]
async fn rules_of_a_process_hold_for_who_came_anonymous_to_another() {
    let authority = Authority::new("anonymous");
    let leaf = authority.issue(&Leaf::named("server"));
    let keys = TicketKeySet::generate().unwrap();
    let settings = || {
        let tickets = Tickets::Shared(keys.for_listener("front").unwrap());
        ServerSettings::new(ClientAuth::Optional).with_tickets(tickets)
    };
    let named = PeerRules::new().with_names(AllowList::new(vec!["spiffe://mesh/*".parse().unwrap()]));
    let (_, open) = process(&leaf, authority.trust(&[]), settings());
    let (_, closed) = process(&leaf, authority.trust(&[]), settings().with_rules(named));
    let nobody = ClientSettings::new().with_identity(ClientIdentity::Anonymous);
    let client = authority.node("client").client(nobody).unwrap();
    talk(&open, &client, &server_dns()).await;
    let (near, far) = shake(&closed, &client, &server_dns()).await;
    assert_eq!(near.unwrap_err().code(), "tls.certificate.missing");
    assert_eq!(far.unwrap().facts().resumed, Resumption::Resumed, "its ticket opened");
}
