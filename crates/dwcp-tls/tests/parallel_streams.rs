//! Many streams to one server: each resumes by a ticket of its own, and what a client keeps is bounded and can be looked at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{
    Authority, DEADLINE, HOUR, Leaf, clock, expected, manager, now, pair, required, server_dns, shake, talk,
};
use dwcp_tls::{
    ClientAuth, ClientSettings, Resumption, ServerSettings, TicketSource, Tickets, TlsConnector, TlsContext,
    TlsError, TlsPolicy,
};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// What a hello offers to resume by: the identity in its pre_shared_key extension.
fn offered_ticket(hello: &[u8]) -> Option<Vec<u8>> {
    // Record header, handshake header, version, random, session id.
    let body = &hello[5 + 4..];
    let mut at = 2 + 32;
    at += 1 + usize::from(body[at]);
    at += 2 + usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
    at += 1 + usize::from(body[at]);
    at += 2;
    while at + 4 <= body.len() {
        let kind = u16::from_be_bytes([body[at], body[at + 1]]);
        let length = usize::from(u16::from_be_bytes([body[at + 2], body[at + 3]]));
        let extension = &body[at + 4..at + 4 + length];
        if kind == 0x29 {
            let identity = usize::from(u16::from_be_bytes([extension[2], extension[3]]));
            return Some(extension[4..4 + identity].to_vec());
        }
        at += 4 + length;
    }
    None
}

/// One connection whose client reads as soon as it can: so many tickets do not wait in a pipe.
async fn warm_up(server: &TlsContext, client: &TlsConnector) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let serving = async {
        let mut near = server.accept(near, DEADLINE).await.unwrap();
        near.write_all(b"pong").await.unwrap();
        near.flush().await.unwrap();
        near
    };
    let dialling = async {
        let mut far = client.connect(far, &server_dns(), DEADLINE).await.unwrap();
        far.read_exact(&mut [0; 4]).await.unwrap();
        far
    };
    tokio::join!(serving, dialling);
}

/// The first record of a client, taken off its pipe.
async fn hello(client: &mut DuplexStream) -> Vec<u8> {
    let mut header = [0; 5];
    client.read_exact(&mut header).await.unwrap();
    let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    client.read_exact(&mut record).await.unwrap();
    [&header[..], &record].concat()
}

/// Dials so many streams at once: each hello is written before any is answered. How many resumed, and by what.
async fn at_once(server: &TlsContext, client: &TlsConnector, streams: usize) -> (usize, Vec<Vec<u8>>) {
    // On a busy machine that takes a while in all.
    let patience = 6 * DEADLINE;
    let mut dialled = Vec::new();
    for _ in 0..streams {
        let ((end, mut far), client) = (tokio::io::duplex(64 * 1024), client.clone());
        let dialling = tokio::spawn(async move { client.connect(end, &server_dns(), patience).await });
        let hello = hello(&mut far).await;
        dialled.push((dialling, far, hello));
    }
    let (mut resumed, mut tickets) = (0, Vec::new());
    for (dialling, mut far, hello) in dialled {
        tickets.extend(offered_ticket(&hello));
        let (mut between, near) = tokio::io::duplex(64 * 1024);
        let proxy = tokio::spawn(async move {
            between.write_all(&hello).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut far, &mut between).await;
        });
        let (near, far) = tokio::join!(server.accept(near, patience), dialling);
        let (mut near, mut far) = (near.unwrap(), far.unwrap().unwrap());
        common::say(&mut near, &mut far, b"pong").await;
        assert_eq!(near.facts().resumed, far.facts().resumed);
        resumed += usize::from(far.facts().resumed == Resumption::Resumed);
        drop((near, far));
        proxy.await.unwrap();
    }
    (resumed, tickets)
}

#[tokio::test]
async fn two_hundred_and_fifty_six_streams_resume_at_once_and_no_ticket_is_used_twice() {
    const STREAMS: usize = 256;
    let authority = Authority::new("streams");
    let server = authority.node("server").server(required()).unwrap();
    let settings = ClientSettings::new().with_streams(256);
    let client = authority.node("client").client(settings).unwrap();
    warm_up(&server, &client).await;
    // RFC 9149 has one byte for the count: a handshake brings 255 at most.
    assert_eq!(client.tickets(&server_dns()).len(), STREAMS - 1);
    let mut used = HashSet::new();
    for wanted in [STREAMS - 1, STREAMS, STREAMS] {
        let (resumed, tickets) = at_once(&server, &client, STREAMS).await;
        assert_eq!((resumed, tickets.len()), (wanted, wanted));
        // They brought back what they used up, and what was missing.
        assert_eq!(client.tickets(&server_dns()).len(), STREAMS);
        used.extend(tickets);
    }
    assert_eq!(used.len(), 3 * STREAMS - 1, "a ticket was offered twice");
}

#[tokio::test]
async fn a_client_gets_as_many_tickets_as_it_needs_within_what_a_listener_grants() {
    let authority = Authority::new("counts");
    let node = authority.node("server");
    let cases = [
        (ServerSettings::new(ClientAuth::Required), 2, 2),
        (ServerSettings::new(ClientAuth::Required), 40, 40),
        // Where anybody may come in, a stranger's word moves less.
        (ServerSettings::new(ClientAuth::Optional), 40, 8),
        (required().with_tickets(Tickets::Off), 40, 0),
    ];
    for (settings, streams, kept) in cases {
        let server = node.server(settings).unwrap();
        let client = authority.node("client").client(ClientSettings::new().with_streams(streams)).unwrap();
        talk(&server, &client, &server_dns()).await;
        assert_eq!(client.tickets(&server_dns()).len(), kept, "{streams}");
    }
}

#[tokio::test]
async fn what_is_known_of_a_ticket_is_its_age_and_its_life_and_no_secret() {
    let authority = Authority::new("facts");
    let clock = clock();
    let of = |name: &str| authority.store(&Leaf::named(name));
    let server = manager(of("server"), TlsPolicy::new(), &clock).server(required()).unwrap();
    let client = manager(of("client"), TlsPolicy::new(), &clock).client(ClientSettings::new()).unwrap();
    assert!(client.tickets(&server_dns()).is_empty());
    let (near, far) = talk(&server, &client, &server_dns()).await;
    assert!(near.ticket().is_none() && far.ticket().is_none(), "a full handshake used none");

    clock.advance(HOUR);
    let tickets = client.tickets(&server_dns());
    assert_eq!(tickets.len(), 2);
    for ticket in tickets {
        assert_eq!(ticket.source(), TicketSource::Server);
        assert_eq!((ticket.issued(), ticket.lifetime_left()), (now(), 11 * HOUR));
        assert_eq!(ticket.early_data(), 0);
    }
    assert!(client.tickets(&expected("DNS:other.mesh")).is_empty());

    let (near, far) = talk(&server, &client, &server_dns()).await;
    let used = *near.ticket().unwrap();
    assert_eq!((used.issued(), used.lifetime_left()), (now(), 11 * HOUR));
    let TicketSource::Sealed(key) = used.source() else { panic!("{used:?}") };
    assert_eq!(key.to_string().len(), 16);
    assert!(far.ticket().is_none());
    clock.advance(6 * HOUR);
    talk(&server, &client, &server_dns()).await;
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    let later = near.ticket().unwrap();
    assert_ne!(later.source(), used.source(), "the key rolled");

    clock.advance(12 * HOUR);
    assert!(client.tickets(&server_dns()).is_empty(), "what expired is not kept for");
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(near.facts().resumed, Resumption::Full);
}

#[tokio::test]
async fn tickets_that_arrive_after_they_were_forgotten_are_dropped() {
    let (server, client) = pair();
    let (near, far) = shake(&server, &client, &server_dns()).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    // They are on their way: the client has not read yet.
    client.forget(&server_dns());
    common::say(&mut near, &mut far, b"pong").await;
    let (again, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(again.facts().resumed, Resumption::Full);
}

#[tokio::test]
async fn a_change_of_generation_drops_what_is_kept() {
    let authority = Authority::new("generation");
    let server = authority.node("server").server(required()).unwrap();
    let store = authority.store(&Leaf::named("client"));
    let client =
        manager(Arc::clone(&store), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    let (mut near, mut far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(client.tickets(&server_dns()).len(), 2);
    store.install_trust(authority.trust(&[])).unwrap();
    assert!(client.tickets(&server_dns()).is_empty());
    // The old connection goes on and brings the new generation nothing.
    common::say(&mut near, &mut far, b"more").await;
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(near.facts().resumed, Resumption::Full);
}

#[tokio::test]
async fn a_refused_resumption_asks_for_a_full_handshake_once() {
    let authority = Authority::new("retry");
    let store = authority.store(&Leaf::named("server"));
    let server = manager(Arc::clone(&store), TlsPolicy::new(), &clock()).server(required()).unwrap();
    let clients = authority.store(&Leaf::named("client"));
    let client =
        manager(Arc::clone(&clients), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    store.install_trust(authority.trust(&[common::serial(clients.current().credential())])).unwrap();
    let (near, far) = shake(&server, &client, &server_dns()).await;
    assert!(near.unwrap_err().asks_for_a_full_handshake(Resumption::Resumed));
    let mut far = far.unwrap();
    let resumed = far.facts().resumed;
    let told = TlsError::from_stream(far.read(&mut [0; 16]).await.unwrap_err());
    assert!(told.asks_for_a_full_handshake(resumed), "{told:?}");
    assert!(!told.asks_for_a_full_handshake(Resumption::Full), "the same end of a full one is final");
    client.forget(&server_dns());
    let (_near, far) = shake(&server, &client, &server_dns()).await;
    let resumed = far.as_ref().map_or(Resumption::Full, |session| session.facts().resumed);
    let told = common::what_it_is_told(far).await;
    assert!(!told.asks_for_a_full_handshake(resumed), "{told:?}: the second answer is about the client");
}
