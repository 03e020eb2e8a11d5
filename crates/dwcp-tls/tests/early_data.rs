//! Early data: what a server takes of it, from whom, and that no first flight counts twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, DEADLINE, HOUR, Leaf, clock, manager, now, required, serial, server_dns, talk};
use dwcp_base::Coded;
use dwcp_pki::{CertificateStore, PeerIdentity};
use dwcp_tls::{
    CheckRefusal, ClientSettings, EarlyConnected, EarlyData, PeerCheck, PeerRules, Resumption, RuleCode,
    ServerSettings, TicketSource, TlsConnector, TlsContext, TlsError, TlsPolicy, TlsSession,
};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

type Connected<'a> = Result<EarlyConnected<'a, DuplexStream>, TlsError>;

fn early() -> ServerSettings {
    required().with_early_data(EarlyData::new())
}

fn server_of(store: &Arc<CertificateStore>, settings: ServerSettings) -> TlsContext {
    manager(Arc::clone(store), TlsPolicy::new(), &clock()).server(settings).unwrap()
}

async fn shake<'a>(
    server: &TlsContext,
    client: &TlsConnector,
    bytes: &'a [u8],
) -> (Result<TlsSession<DuplexStream>, TlsError>, Connected<'a>) {
    let (near, far) = tokio::io::duplex(256 * 1024);
    let server_dns = server_dns();
    let dialling = client.connect_with_early_data(far, &server_dns, bytes, DEADLINE);
    tokio::join!(server.accept(near, DEADLINE), dialling)
}

#[tokio::test]
async fn a_fresh_session_carries_early_data_apart_from_the_rest_and_once() {
    let authority = Authority::new("early");
    let server = authority.node("server").server(early()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    // Nothing is kept yet: everything is handed back.
    let (near, far) = shake(&server, &client, b"GET /").await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    assert_eq!((far.accepted, far.rest, near.early_data()), (0, &b"GET /"[..], None));
    common::say(&mut near, &mut far.session, b"tickets").await;
    let kept = client.tickets(&server_dns());
    assert!(kept.iter().all(|ticket| ticket.early_data() == 16 * 1024) && kept.len() == 2, "{kept:?}");

    let (near, far) = shake(&server, &client, b"GET /").await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    assert_eq!((far.accepted, far.rest), (5, &b""[..]));
    assert_eq!(near.ticket().unwrap().source(), TicketSource::Stored);
    // What is said now is not mixed up with it, in whatever order the two are read.
    common::say(&mut far.session, &mut near, b"later").await;
    assert_eq!(near.early_data().as_deref(), Some(&b"GET /"[..]));
    assert_eq!(near.early_data(), None, "it is handed out once");
    assert_eq!(far.session.early_data(), None, "and to the server");
    assert_eq!(near.peer().label(), "spiffe://mesh/client");
}

#[tokio::test]
async fn a_client_that_asks_for_many_sessions_in_memory_gets_eight() {
    let authority = Authority::new("greedy");
    let server = authority.node("server").server(early()).unwrap();
    let client = authority.node("client").client(ClientSettings::new().with_streams(256)).unwrap();
    talk(&server, &client, &server_dns()).await;
    assert_eq!(client.tickets(&server_dns()).len(), 8);
}

#[tokio::test]
async fn at_t5_early_data_is_off_unless_a_listener_asks_for_it() {
    let authority = Authority::new("off");
    let server = authority.node("server").server(required()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    assert!(client.tickets(&server_dns()).iter().all(|ticket| ticket.early_data() == 0));
    let (near, far) = shake(&server, &client, b"GET /").await;
    let (mut near, far) = (near.unwrap(), far.unwrap());
    assert_eq!(near.facts().resumed, Resumption::Resumed);
    assert_eq!((far.accepted, far.rest, near.early_data()), (0, &b"GET /"[..], None));
}

#[tokio::test]
async fn no_more_is_sent_early_than_the_ticket_allows() {
    let authority = Authority::new("bounded");
    let most = 3000;
    let settings = required().with_early_data(EarlyData::new().with_most(most));
    let largest = authority.node("server").server(early()).unwrap();
    let small = authority.node("server").server(settings).unwrap();
    for (server, most) in [(small, 3000), (largest, 16 * 1024)] {
        let client = authority.node("client").client(ClientSettings::new()).unwrap();
        talk(&server, &client, &server_dns()).await;
        let bytes: Vec<u8> = (0..=255).cycle().take(20_000).collect();
        let (near, far) = shake(&server, &client, &bytes).await;
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        assert_eq!((far.accepted, far.rest), (most, &bytes[most..]));
        assert!(near.early_data().unwrap() == bytes[..most]);
        let rest = far.rest.to_vec();
        let (written, read) = tokio::join!(
            async {
                far.session.write_all(&rest).await.unwrap();
                far.session.shutdown().await.unwrap();
                rest.len()
            },
            async {
                let mut heard = Vec::new();
                near.read_to_end(&mut heard).await.unwrap();
                heard
            }
        );
        assert!(written == read.len() && read == rest);
    }
}

#[tokio::test]
async fn a_server_that_lost_its_sessions_costs_a_client_one_attempt_at_most() {
    let authority = Authority::new("restarted");
    let store = authority.store(&Leaf::named("server"));
    let [made, restarted] = [(); 2].map(|()| server_of(&store, early()));
    let off = server_of(&store, required());
    for (server, bytes) in [(&restarted, 16 * 1024), (&restarted, 9000), (&off, 9000), (&off, 4000)] {
        let client = authority.node("client").client(ClientSettings::new()).unwrap();
        talk(&made, &client, &server_dns()).await;
        let bytes = vec![7; bytes];
        let (near, far) = shake(server, &client, &bytes).await;
        assert_eq!(near.is_ok(), bytes.len() == 4000, "what is skipped is bounded");
        assert!(far.is_err() || far.unwrap().accepted == 0);
        assert!(client.tickets(&server_dns()).is_empty(), "the other one is as old");
        let (near, far) = shake(server, &client, &bytes).await;
        assert_eq!((near.unwrap().early_data(), far.unwrap().rest), (None, &bytes[..]));
    }
}

#[tokio::test]
async fn at_t5_early_data_of_a_session_that_is_not_fresh_is_refused_and_handed_back() {
    let authority = Authority::new("stale");
    let (ours, theirs) = (clock(), clock());
    let store = authority.store(&Leaf::named("server"));
    let server = manager(store, TlsPolicy::new(), &ours).server(early()).unwrap();
    let store = authority.store(&Leaf::named("client"));
    let client = manager(store, TlsPolicy::new(), &theirs).client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    // The flight was on its way for longer than clocks differ.
    ours.advance(Duration::from_secs(120));
    let (near, far) = shake(&server, &client, b"GET /").await;
    let (mut near, far) = (near.unwrap(), far.unwrap());
    assert_eq!(near.facts().resumed, Resumption::Resumed);
    assert_eq!((far.accepted, far.rest, near.early_data()), (0, &b"GET /"[..], None));
}

#[tokio::test]
async fn at_t5_the_early_data_of_a_since_revoked_client_is_never_handed_out() {
    let authority = Authority::new("revoked");
    let store = authority.store(&Leaf::named("server"));
    let server = server_of(&store, early());
    let clients = authority.store(&Leaf::named("client"));
    let client =
        manager(Arc::clone(&clients), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    store.install_trust(authority.trust(&[serial(clients.current().credential())])).unwrap();
    let (near, far) = shake(&server, &client, b"transfer").await;
    // Without a session there is nothing to ask for its early data.
    assert_eq!(near.unwrap_err().code(), "tls.resumption.refused");
    drop(far);
}

#[tokio::test]
async fn at_t5_nothing_is_said_early_to_a_server_that_is_not_accepted_any_more() {
    let authority = Authority::new("ended");
    let ours = clock();
    let store = authority.store(&Leaf::named("server").until(now().plus(HOUR)));
    let server = manager(store, TlsPolicy::new(), &ours).server(early()).unwrap();
    let refusing = Arc::new(AtomicBool::new(false));
    let rules = PeerRules::new().with_check(Arc::new(Switch(Arc::clone(&refusing))));
    let store = authority.store(&Leaf::named("client"));
    let manager = manager(store, TlsPolicy::new(), &ours);
    let by_rule = manager.client(ClientSettings::new().with_rules(rules)).unwrap();
    let by_time = manager.client(ClientSettings::new()).unwrap();
    for client in [&by_rule, &by_time] {
        talk(&server, client, &server_dns()).await;
        let (near, far) = shake(&server, client, b"secret").await;
        assert_eq!((far.unwrap().accepted, near.unwrap().early_data().as_deref()), (6, Some(&b"secret"[..])));
    }
    refusing.store(true, Ordering::SeqCst);
    let (near, far) = shake(&server, &by_rule, b"secret").await;
    assert_eq!(far.unwrap_err().code(), "inventory.peer.retired");
    // It was refused with an alert in a full handshake: the ticket was not shown, and no early data sent.
    assert_eq!(near.unwrap_err().code(), "tls.peer.access_denied");
    ours.advance(HOUR + Duration::from_secs(1));
    let (near, far) = shake(&server, &by_time, b"secret").await;
    assert_eq!(far.unwrap_err().code(), "tls.certificate.expired");
    assert_eq!(near.unwrap_err().code(), "tls.peer.certificate_expired");
}

#[tokio::test]
async fn at_t5_a_session_that_was_refused_when_it_was_done_is_not_resumed() {
    let authority = Authority::new("refused");
    let rules = PeerRules::new().with_check(Arc::new(Second(AtomicUsize::new(0))));
    let server = authority.node("server").server(early().with_rules(rules)).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let (near, far) = common::shake(&server, &client, &server_dns()).await;
    assert_eq!(near.unwrap_err().code(), "inventory.peer.retired");
    assert_eq!(common::what_it_is_told(far).await.code(), "tls.peer.truncated");
    assert!(!client.tickets(&server_dns()).is_empty(), "its tickets were on their way");
    let (near, far) = shake(&server, &client, b"secret").await;
    let (mut near, far) = (near.unwrap(), far.unwrap());
    assert_eq!((near.facts().resumed, far.accepted), (Resumption::Full, 0));
    assert_eq!(near.early_data(), None);
}

/// A check that refuses the second time it is asked.
struct Second(AtomicUsize);

impl PeerCheck for Second {
    fn name(&self) -> &'static str {
        "inventory"
    }

    fn check(&self, _: &PeerIdentity, _: &[CertificateDer<'_>]) -> Result<(), CheckRefusal> {
        let code = RuleCode::new("inventory.peer.retired").unwrap();
        let asked = self.0.fetch_add(1, Ordering::SeqCst);
        if asked == 1 { Err(CheckRefusal::new(code, "retired")) } else { Ok(()) }
    }
}

/// A check that turns.
struct Switch(Arc<AtomicBool>);

impl PeerCheck for Switch {
    fn name(&self) -> &'static str {
        "inventory"
    }

    fn check(&self, _: &PeerIdentity, _: &[CertificateDer<'_>]) -> Result<(), CheckRefusal> {
        let code = RuleCode::new("inventory.peer.retired").unwrap();
        if self.0.load(Ordering::SeqCst) { Err(CheckRefusal::new(code, "retired")) } else { Ok(()) }
    }
}

/// The client's bytes up to the server's answer, and the answer's first record.
struct Captured {
    flight: Vec<u8>,
    hello: Vec<u8>,
}

/// Dials `server` through a proxy that keeps the first flight.
async fn capture(server: &TlsContext, client: &TlsConnector) -> Captured {
    let (client_end, mut client_far) = tokio::io::duplex(256 * 1024);
    let (mut server_far, server_end) = tokio::io::duplex(256 * 1024);
    let proxy = async {
        let mut flight = vec![0; 64 * 1024];
        // A pipe hands over all that was written: hello, early data.
        let length = client_far.read(&mut flight).await.unwrap();
        flight.truncate(length);
        while let Ok(Ok(more)) =
            tokio::time::timeout(Duration::from_millis(50), client_far.read_buf(&mut flight)).await
        {
            assert!(more > 0);
        }
        server_far.write_all(&flight).await.unwrap();
        let hello = record(&mut server_far).await;
        client_far.write_all(&hello).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client_far, &mut server_far).await;
        Captured { flight, hello }
    };
    let shaking = async {
        let server_dns = server_dns();
        let dialling = client.connect_with_early_data(client_end, &server_dns, b"transfer", DEADLINE);
        let (near, far) = tokio::join!(server.accept(server_end, DEADLINE), dialling);
        let (mut near, far) = (near.unwrap(), far.unwrap());
        assert_eq!((far.accepted, near.early_data().as_deref()), (8, Some(&b"transfer"[..])));
    };
    tokio::join!(proxy, shaking).0
}

async fn record(from: &mut DuplexStream) -> Vec<u8> {
    let mut header = [0; 5];
    from.read_exact(&mut header).await.unwrap();
    let mut body = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    from.read_exact(&mut body).await.unwrap();
    [&header[..], &body].concat()
}

/// Sends a captured flight to `server`: the first record of its answer, and what became of it there.
async fn replay(server: &TlsContext, flight: &[u8]) -> (Vec<u8>, TlsError) {
    let (mut far, near) = tokio::io::duplex(256 * 1024);
    let replaying = async {
        far.write_all(flight).await.unwrap();
        let hello = record(&mut far).await;
        far.shutdown().await.unwrap();
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        hello
    };
    let (hello, outcome) = tokio::join!(replaying, server.accept(near, DEADLINE));
    (hello, outcome.unwrap_err())
}

/// Whether a ServerHello says that a session is resumed: its pre_shared_key extension (RFC 9846 §4.2.11).
fn resumes(hello: &[u8]) -> bool {
    assert_eq!((hello[0], hello[5]), (22, 2), "a ServerHello");
    let body = &hello[9..];
    let mut at = 2 + 32;
    at += 1 + usize::from(body[at]) + 2 + 1 + 2;
    while at + 4 <= body.len() {
        if body[at..at + 2] == [0, 0x29] {
            return true;
        }
        at += 4 + usize::from(u16::from_be_bytes([body[at + 2], body[at + 3]]));
    }
    false
}

#[tokio::test]
async fn at_t5_a_captured_first_flight_counts_once_in_a_process_after_a_restart_and_across_listeners() {
    let authority = Authority::new("replay");
    let store = authority.store(&Leaf::named("server"));
    let (server, beside) = (server_of(&store, early()), server_of(&store, early()));
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    let captured = capture(&server, &client).await;
    assert!(resumes(&captured.hello), "the real one is resumed");
    // The same certificate and trust in a new process.
    let restarted = server_of(&store, early());
    for (what, server) in [("again", &server), ("beside", &beside), ("restarted", &restarted)] {
        for _ in 0..2 {
            let (hello, error) = replay(server, &captured.flight).await;
            assert!(!resumes(&hello), "{what}: the session was found once more");
            assert_eq!(error.code(), "tls.peer.closed", "{what}");
        }
    }
}

#[tokio::test]
async fn at_t5_two_replays_that_race_with_each_other_are_resumed_once() {
    let authority = Authority::new("race");
    let store = authority.store(&Leaf::named("server"));
    let server = server_of(&store, early());
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    // The flight never arrives by itself: somebody holds it back and sends it twice.
    let (client_end, mut client_far) = tokio::io::duplex(256 * 1024);
    let held = tokio::spawn(async move {
        let server_dns = server_dns();
        let dialling = client.connect_with_early_data(client_end, &server_dns, b"transfer", DEADLINE);
        dialling.await.map(|connected| connected.accepted)
    });
    let mut flight = vec![0; 64 * 1024];
    let length = client_far.read(&mut flight).await.unwrap();
    flight.truncate(length);
    drop(client_far);
    assert!(held.await.unwrap().is_err());
    let (one, other) = tokio::join!(replay(&server, &flight), replay(&server, &flight));
    assert_eq!([resumes(&one.0), resumes(&other.0)].iter().filter(|resumed| **resumed).count(), 1);
    // Whoever replays can not finish: there is no session, and nothing to ask for early data.
    assert_eq!([one.1.code(), other.1.code()], ["tls.peer.closed"; 2]);
}
