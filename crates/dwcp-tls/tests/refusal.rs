//! Who is refused, what our side says about it, and which alert the other side sees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{
    Authority, DEADLINE, HOUR, Leaf, among, clock, expected, manager, now, required, serial, server_dns,
    shake, talk, what_it_is_told,
};
use dwcp_base::{Blame, Coded};
use dwcp_pki::{CertificateStore, RevocationMode, TrustStore};
use dwcp_tls::{
    ClientAuth, ClientIdentity, ClientSettings, ServerSettings, Tickets, TlsConnector, TlsContext, TlsError,
    TlsPolicy, UnknownName,
};
use rcgen::ExtendedKeyUsagePurpose::{ClientAuth as ForClients, ServerAuth as ForServers};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that requires certificates, and a client whose certificate is `leaf`.
fn facing(authority: &Authority, leaf: &Leaf) -> (TlsContext, TlsConnector) {
    let server = authority.node("server").server(required()).unwrap();
    let client =
        manager(authority.store(leaf), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    (server, client)
}

/// The server's error, and what the client is told; both by code.
async fn refused(server: &TlsContext, client: &TlsConnector) -> (TlsError, &'static str) {
    let (near, far) = shake(server, client, &server_dns()).await;
    let error = near.unwrap_err();
    assert!(TlsError::REASONS.contains(&error.reason()), "{}", error.reason());
    (error, what_it_is_told(far).await.code())
}

/// The client's error, and what the server is told.
async fn refuses(server: &TlsContext, client: &TlsConnector, name: &str) -> (TlsError, &'static str) {
    let (near, far) = shake(server, client, &expected(name)).await;
    (far.unwrap_err(), near.unwrap_err().code())
}

#[tokio::test]
async fn a_client_without_a_certificate_is_told_that_one_is_required() {
    let authority = Authority::new("missing");
    let server = authority.node("server").server(required()).unwrap();
    let settings = ClientSettings::new().with_identity(ClientIdentity::Anonymous);
    let client = authority.node("client").client(settings).unwrap();
    let (error, told) = refused(&server, &client).await;
    assert_eq!((error.code(), told), ("tls.certificate.missing", "tls.peer.certificate_required"));
    assert_eq!(error.blame(), Blame::Peer);
}

#[tokio::test]
async fn a_revoked_client_is_told_so() {
    let authority = Authority::new("revoked");
    let store = authority.store(&Leaf::named("client"));
    let serial = serial(store.current().credential());
    let own = authority.issue(&Leaf::named("server"));
    let server = Arc::new(CertificateStore::new(own, authority.trust(&[serial])).unwrap());
    let server = manager(server, TlsPolicy::new(), &clock()).server(required()).unwrap();
    let client = manager(store, TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    let (error, told) = refused(&server, &client).await;
    assert_eq!((error.code(), told), ("tls.certificate.revoked", "tls.peer.certificate_revoked"));
    let TlsError::Certificate { error: rule, claimed } = &error else { panic!("{error:?}") };
    assert!(rule.to_string().contains("revoked"));
    assert!(claimed.contains(&serial.to_string()) && claimed.contains("spiffe://mesh/client"), "{claimed}");
    // Optional means that a certificate may be left out, never that a bad one is overlooked.
    let store = Arc::new(
        CertificateStore::new(authority.issue(&Leaf::named("server")), authority.trust(&[serial])).unwrap(),
    );
    let open =
        manager(store, TlsPolicy::new(), &clock()).server(ServerSettings::new(ClientAuth::Optional)).unwrap();
    assert_eq!(refused(&open, &client).await.0.code(), "tls.certificate.revoked");
}

#[tokio::test]
async fn clients_outside_their_dates_are_told_so() {
    let authority = Authority::new("dates");
    let expired = Leaf::named("client").until(now().minus(HOUR / 2));
    let (server, client) = facing(&authority, &expired);
    let (error, told) = refused(&server, &client).await;
    assert_eq!((error.code(), told), ("tls.certificate.expired", "tls.peer.certificate_expired"));
    let early = Leaf { from: now().plus(HOUR), ..Leaf::named("client") };
    let (server, client) = facing(&authority, &early);
    let (error, told) = refused(&server, &client).await;
    assert_eq!((error.code(), told), ("tls.certificate.not_yet_valid", "tls.peer.certificate_expired"));
}

#[tokio::test]
async fn a_client_of_another_authority_is_told_so() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = ours.node("server").server(required()).unwrap();
    // It trusts our server, so that its own certificate is all that is wrong.
    let trust = TrustStore::new(
        [&ours, &theirs].map(|authority| authority.certificate.certificate_der().clone()).to_vec(),
        vec![ours.crl(1, &[])],
        RevocationMode::Required,
    );
    let store = CertificateStore::new(theirs.issue(&Leaf::named("client")), trust.unwrap()).unwrap();
    let client = manager(Arc::new(store), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    let (error, told) = refused(&server, &client).await;
    assert_eq!((error.code(), told), ("tls.certificate.unknown_issuer", "tls.peer.unknown_ca"));
}

#[tokio::test]
async fn at_t9_a_certificate_for_the_other_purpose_is_refused_both_ways() {
    let authority = Authority::new("purpose");
    let (server, client) = facing(&authority, &Leaf::named("client").only(ForServers));
    let (error, told) = refused(&server, &client).await;
    assert_eq!((error.code(), told), ("tls.certificate.wrong_purpose", "tls.peer.unsupported_certificate"));
    let store = authority.store(&Leaf::named("server").only(ForClients));
    let server = manager(store, TlsPolicy::new(), &clock()).server(required()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let (error, told) = refuses(&server, &client, "DNS:server.mesh").await;
    assert_eq!((error.code(), told), ("tls.certificate.wrong_purpose", "tls.peer.unsupported_certificate"));
}

#[tokio::test]
async fn a_chain_whose_revocation_is_unknown_is_refused_and_that_is_our_fault() {
    let authority = Authority::new("no crl");
    let anchors = vec![authority.certificate.certificate_der().clone()];
    let trust = TrustStore::new(anchors, Vec::new(), RevocationMode::Required).unwrap();
    let store = CertificateStore::new(authority.issue(&Leaf::named("server")), trust).unwrap();
    let server = manager(Arc::new(store), TlsPolicy::new(), &clock()).server(required()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let (error, told) = refused(&server, &client).await;
    assert_eq!((error.code(), told), ("tls.certificate.status_unknown", "tls.peer.unknown_ca"));
    assert_eq!(error.blame(), Blame::Local);
}

#[tokio::test]
async fn a_server_that_is_not_the_expected_one_is_refused() {
    // A server that answers whatever it is asked for, so that the client is the one to notice.
    let authority = Authority::new("pair");
    let server = authority.node("server").server(required().with_unknown_name(UnknownName::Serve)).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    for name in ["DNS:other.mesh", "IP:127.0.0.2", "URI:spiffe://mesh/serve", "URI:spiffe://mesh/server/b"] {
        let (error, told) = refuses(&server, &client, name).await;
        assert_eq!(
            (error.code(), told),
            ("tls.certificate.wrong_name", "tls.peer.bad_certificate"),
            "{name}"
        );
    }
    for patterns in [&["spiffe://mesh/other", "spiffe://mesh/server/*"][..], &["anonymous"], &[]] {
        let (near, far) = shake(&server, &client, &among(patterns)).await;
        let error = far.unwrap_err();
        assert_eq!(error.code(), "tls.certificate.unexpected", "{patterns:?}");
        assert!(error.to_string().contains("spiffe://mesh/server"), "{error}");
        assert_eq!(near.unwrap_err().code(), "tls.peer.access_denied");
    }
}

#[tokio::test]
async fn a_server_of_another_authority_or_out_of_date_is_refused() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let client = ours.node("client").client(ClientSettings::new()).unwrap();
    let stranger = theirs.node("server").server(required()).unwrap();
    let (error, told) = refuses(&stranger, &client, "DNS:server.mesh").await;
    assert_eq!((error.code(), told), ("tls.certificate.unknown_issuer", "tls.peer.unknown_ca"));
    let expired = ours.store(&Leaf::named("server").until(now().minus(HOUR / 2)));
    let expired = manager(expired, TlsPolicy::new(), &clock()).server(required()).unwrap();
    let (error, told) = refuses(&expired, &client, "DNS:server.mesh").await;
    assert_eq!((error.code(), told), ("tls.certificate.expired", "tls.peer.certificate_expired"));
}

#[tokio::test]
async fn a_remembered_verdict_ends_with_the_certificate() {
    let authority = Authority::new("remembered");
    let clock = clock();
    let store = authority.store(&Leaf::named("server").until(now().plus(48 * HOUR)));
    let server =
        manager(store, TlsPolicy::new(), &clock).server(required().with_tickets(Tickets::Off)).unwrap();
    let client = authority.store(&Leaf::named("client").until(now().plus(HOUR)));
    let client = manager(client, TlsPolicy::new(), &clock).client(ClientSettings::new()).unwrap();
    for _ in 0..2 {
        talk(&server, &client, &server_dns()).await;
    }
    clock.advance(2 * HOUR);
    let (error, told) = refused(&server, &client).await;
    assert_eq!((error.code(), told), ("tls.certificate.expired", "tls.peer.certificate_expired"));
}

#[tokio::test]
async fn at_t8_a_client_chain_larger_than_the_bound_is_refused_unread() {
    let authority = Authority::new("large");
    let mut leaf = Leaf::named("client");
    let label = "a".repeat(60);
    leaf.names.extend((0..240).map(|n| format!("DNS:{label}{n}.{label}.example").parse().unwrap()));
    let (server, client) = facing(&authority, &leaf);
    let (near, _far) = shake(&server, &client, &server_dns()).await;
    let error = near.unwrap_err();
    assert!(
        matches!(error, TlsError::Oversized { limit } if limit <= dwcp_tls::LARGEST_HANDSHAKE),
        "{error:?}"
    );
    assert_eq!(error.code(), "tls.handshake.oversized");
}

#[tokio::test]
async fn over_tcp_the_alert_arrives_although_the_client_talked_on() {
    let authority = Authority::new("tcp");
    let expired = Leaf::named("client").until(now().minus(HOUR / 2));
    let (server, client) = facing(&authority, &expired);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..5 {
        let accepting = async { server.accept(listener.accept().await.unwrap().0, DEADLINE).await };
        let dialling = async {
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut session = client.connect(stream, &server_dns(), DEADLINE).await.unwrap();
            // Its own handshake is done, so it sends its request at once. Closing with that unread would mean a reset, on
            // which many clients fail before they have read anything.
            for _ in 0..2 {
                session.write_all(&[7; 10_000]).await.unwrap();
                session.flush().await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            TlsError::from_stream(session.read(&mut [0; 16]).await.unwrap_err())
        };
        let (near, told) = tokio::join!(accepting, dialling);
        assert_eq!(near.unwrap_err().code(), "tls.certificate.expired");
        assert_eq!(told.code(), "tls.peer.certificate_expired", "{told:?}");
    }
}
