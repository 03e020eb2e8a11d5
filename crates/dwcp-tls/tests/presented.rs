//! What a server shows of itself can be looked at, and no session ever comes of that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, DEADLINE, expected, required, server_dns};
use dwcp_base::Coded;
use dwcp_tls::{ClientAuth, ServerSettings, TlsPolicy, presented_by};
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
