//! Certificates and trust change while connections are live and while handshakes are under way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, DEADLINE, Leaf, clock, manager, required, say, serial, server_dns, talk};
use dwcp_base::Coded;
use dwcp_pki::Peer;
use dwcp_tls::{ClientSettings, Tickets, TlsPolicy};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

#[tokio::test]
async fn each_new_handshake_shows_the_newest_leaf_and_live_sessions_go_on() {
    let authority = Authority::new("rotation");
    let store = authority.store(&Leaf::named("server"));
    let server = manager(Arc::clone(&store), TlsPolicy::new(), &clock()).server(required()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let (mut near, mut far) = talk(&server, &client, &server_dns()).await;
    for turn in 1..=10_u64 {
        let next = authority.issue(&Leaf::named("server"));
        let newest = serial(&next);
        assert_eq!(store.install_credential(next).unwrap(), turn + 1);
        let (fresh, shown) = talk(&server, &client, &server_dns()).await;
        let Peer::Identified(identity) = shown.peer() else { panic!("an anonymous server") };
        assert_eq!((identity.serial(), fresh.generation()), (newest, turn + 1));
        say(&mut far, &mut near, b"still here").await;
        say(&mut near, &mut far, b"so am I").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_handshake_fails_while_the_leaf_rotates_under_load() {
    let authority = Authority::new("load");
    let store = authority.store(&Leaf::named("server"));
    let server = manager(Arc::clone(&store), TlsPolicy::new(), &clock()).server(required()).unwrap();
    let node = authority.node("client");
    let mut loads = tokio::task::JoinSet::new();
    for tickets in [Tickets::Stateless, Tickets::Off, Tickets::Stateless] {
        let (server, client) =
            (server.clone(), node.client(ClientSettings::new().with_tickets(tickets)).unwrap());
        loads.spawn(async move {
            for _ in 0..25 {
                talk(&server, &client, &server_dns()).await;
            }
        });
    }
    while !loads.is_empty() {
        store.install_credential(authority.issue(&Leaf::named("server"))).unwrap();
        match tokio::time::timeout(Duration::from_millis(5), loads.join_next()).await {
            Ok(Some(done)) => done.unwrap(),
            Ok(None) => break,
            Err(_) => {}
        }
    }
    assert!(store.number() > 3, "it did rotate meanwhile");
}

/// One read is one flight: the pipe holds all that was written since.
async fn flight(from: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = vec![0; 64 * 1024];
    let length = from.read(&mut bytes).await.unwrap();
    bytes.truncate(length);
    bytes
}

#[tokio::test]
async fn a_client_revoked_in_the_middle_of_its_handshake_gets_no_session() {
    let authority = Authority::new("midway");
    let store = authority.store(&Leaf::named("server"));
    let server = manager(Arc::clone(&store), TlsPolicy::new(), &clock()).server(required()).unwrap();
    let clients = authority.store(&Leaf::named("client"));
    let client =
        manager(Arc::clone(&clients), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    let (server_io, mut to_server) = tokio::io::duplex(64 * 1024);
    let (client_io, mut to_client) = tokio::io::duplex(64 * 1024);
    let accepting = tokio::spawn(async move { server.accept(server_io, DEADLINE).await });
    let connecting = tokio::spawn(async move { client.connect(client_io, &server_dns(), DEADLINE).await });

    let hello = flight(&mut to_client).await;
    to_server.write_all(&hello).await.unwrap();
    let answer = flight(&mut to_server).await;
    to_client.write_all(&answer).await.unwrap();
    let finished = flight(&mut to_client).await;
    // The server has chosen its configuration by now; the revocation comes between the client's two flights.
    store.install_trust(authority.trust(&[serial(clients.current().credential())])).unwrap();
    to_server.write_all(&finished).await.unwrap();
    let error = accepting.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "tls.certificate.revoked");
    drop(connecting);
}
