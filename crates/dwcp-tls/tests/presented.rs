//! What a server shows of itself can be looked at, and no session ever comes of that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, DEADLINE, HOUR, Leaf, clock, expected, manager, required, server_dns, talk};
use dwcp_base::Coded;
use dwcp_tls::{ClientAuth, ClientSettings, Resumption, ServerSettings, TlsPolicy, presented_by};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn the_chain_of_an_unknown_authority_is_shown_and_the_server_gets_no_session() {
    for settings in [required(), ServerSettings::new(ClientAuth::Optional)] {
        let node = Authority::new("stranger").node("server");
        let server = node.server(settings).unwrap();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (server_dns, policy) = (server_dns(), TlsPolicy::new());
        let (served, shown) =
            tokio::join!(server.accept(near, DEADLINE), presented_by(far, &server_dns, &policy, DEADLINE));
        let leaf = node.store().current().credential().chain().leaf().der().to_vec();
        assert_eq!(shown.unwrap()[0].as_ref(), leaf);
        assert!(served.is_err(), "the server was told no");
    }
}

#[tokio::test]
async fn where_no_certificate_comes_it_says_why() {
    let node = Authority::new("stranger").node("server");
    let server = node.server(required()).unwrap();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (other, policy) = (expected("DNS:other.mesh"), TlsPolicy::new());
    let (_, shown) =
        tokio::join!(server.accept(near, DEADLINE), presented_by(far, &other, &policy, DEADLINE));
    assert_eq!(shown.unwrap_err().code(), "tls.peer.unrecognized_name");

    let (mut near, far) = tokio::io::duplex(64 * 1024);
    near.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    assert!(presented_by(far, &server_dns(), &policy, DEADLINE).await.is_err());

    let (_silent, far) = tokio::io::duplex(64 * 1024);
    let shown = presented_by(far, &server_dns(), &policy, Duration::from_millis(50)).await;
    assert_eq!(shown.unwrap_err().code(), "tls.handshake.timeout");
}

#[tokio::test]
async fn the_root_stands_behind_the_chain_where_it_was_asked_for_and_nowhere_else() {
    let authority = Authority::new("shown");
    let node = authority.node("server");
    let leaf = node.store().current().credential().chain().leaf().der().to_vec();
    let policy = TlsPolicy::new();
    let optional = ServerSettings::new(ClientAuth::Optional);
    for (settings, shows_root) in [(optional.clone(), false), (optional.clone().with_root_shown(), true)] {
        let server = node.server(settings).unwrap();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let server_dns = server_dns();
        let (_, shown) =
            tokio::join!(server.accept(near, DEADLINE), presented_by(far, &server_dns, &policy, DEADLINE));
        let shown = shown.unwrap();
        assert_eq!(shown[0].as_ref(), leaf);
        assert_eq!(shown.len(), if shows_root { 2 } else { 1 });
        assert_eq!(shown.last().unwrap() == authority.certificate.certificate_der(), shows_root);
    }

    // Whoever knows the root already is served as before, and so is whoever comes back with a ticket.
    let server = node.server(optional.with_root_shown()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    for resumed in [Resumption::Full, Resumption::Resumed] {
        let (near, far) = talk(&server, &client, &server_dns()).await;
        assert_eq!((far.facts().resumed, near.facts().resumed), (resumed, resumed));
    }
}

#[tokio::test]
async fn a_chain_that_leads_nowhere_any_more_is_shown_without_a_root() {
    let authority = Authority::new("shown");
    let later = clock();
    let node = manager(authority.store(&Leaf::named("server")), TlsPolicy::new(), &later);
    // Beyond its dates the certificate leads nowhere; it is shown all the same, as it always was.
    later.advance(48 * HOUR);
    let server = node.server(ServerSettings::new(ClientAuth::Optional).with_root_shown()).unwrap();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (dns, policy) = (server_dns(), TlsPolicy::new());
    let (_, shown) = tokio::join!(server.accept(near, DEADLINE), presented_by(far, &dns, &policy, DEADLINE));
    assert_eq!(shown.unwrap().len(), 1);
}
