//! Policy for each side and each destination, and the group that a server agrees on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod plain;

use Group::{P256, P384, X25519, X25519MlKem768 as Hybrid};
use common::{Authority, required, server_dns, shake, talk};
use dwcp_base::Coded;
use dwcp_tls::{
    CipherSuite, ClientAuth, ClientSettings, Group, PostQuantum, Resumption, ServerSettings, TlsPolicy,
};
use plain::Plain;
use rustls::HandshakeKind;

fn groups(groups: &[Group]) -> TlsPolicy {
    TlsPolicy::new().with_groups(groups).unwrap()
}

fn open() -> ServerSettings {
    ServerSettings::new(ClientAuth::Optional)
}

#[tokio::test]
async fn a_side_has_a_policy_of_its_own() {
    let authority = Authority::new("sides");
    let (node, peer) = (authority.node("server"), authority.node("client"));
    let plain = node.server(required()).unwrap();
    let classic = node.server(required().with_policy(groups(&[P384]))).unwrap();
    let strict = TlsPolicy::new().with_post_quantum(PostQuantum::Require).unwrap();
    let strict = node.server(required().with_policy(strict)).unwrap();
    let client = |settings: ClientSettings| peer.client(settings).unwrap();
    let chacha = CipherSuite::ChaCha20Poly1305Sha256;
    let narrow = groups(&[X25519, P384]).with_suites(&[chacha]).unwrap();
    let narrow = client(ClientSettings::new().with_policy(narrow));
    for (server, client, group) in [
        (&plain, &client(ClientSettings::new()), Hybrid),
        (&classic, &client(ClientSettings::new()), P384),
        (&plain, &narrow, X25519),
    ] {
        let (near, _far) = talk(server, client, &server_dns()).await;
        assert_eq!(near.facts().group, group);
    }
    narrow.forget(&server_dns());
    let (near, _far) = talk(&classic, &narrow, &server_dns()).await;
    assert_eq!((near.facts().group, near.facts().suite), (P384, chacha));
    narrow.forget(&server_dns());
    let (near, _far) = shake(&strict, &narrow, &server_dns()).await;
    assert_eq!(near.unwrap_err().code(), "tls.protocol.incompatible");
    assert_eq!(*node.policy(), TlsPolicy::new(), "the manager's is for everybody else");
}

#[tokio::test]
async fn a_destination_has_a_policy_of_its_own_and_shares_no_session_with_others() {
    let authority = Authority::new("destinations");
    let server = authority.node("server").server(required()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let anyhow = server_dns();
    let classic = server_dns().with_policy(groups(&[X25519]));
    let other = server_dns().with_policy(groups(&[P256]));
    assert_ne!(anyhow, classic);
    assert_eq!(classic, server_dns().with_policy(groups(&[X25519])));
    assert_eq!((anyhow.policy(), other.policy()), (None, Some(&groups(&[P256]))));
    for resumed in [Resumption::Full, Resumption::Resumed] {
        for (expected, group) in [(&anyhow, Hybrid), (&classic, X25519), (&other, P256)] {
            let (near, far) = talk(&server, &client, expected).await;
            assert_eq!((near.facts().group, near.facts().resumed), (group, resumed));
            assert_eq!(far.facts().group, group);
        }
    }
    client.forget(&classic);
    assert_eq!(talk(&server, &client, &classic).await.0.facts().resumed, Resumption::Full);
    assert_eq!(talk(&server, &client, &other).await.0.facts().resumed, Resumption::Resumed);
}

#[tokio::test]
async fn a_client_that_lists_the_hybrid_anywhere_gets_it() {
    let authority = Authority::new("hybrid");
    let server = authority.node("server").server(open()).unwrap();
    for (offer, chosen, retried) in [
        (&[X25519, P256, Hybrid][..], Hybrid, true),
        (&[P256, Hybrid], Hybrid, true),
        (&[Hybrid, X25519], Hybrid, false),
        // Among classic groups the share that is there spares the round trip, whatever comes first.
        (&[P256, X25519], P256, false),
        (&[P384, P256, X25519], P384, false),
    ] {
        let (near, far) = Plain::asking("server.mesh").preferring(offer).greet(&server).await;
        let (near, far) = (near.unwrap(), far.unwrap());
        assert_eq!((near.facts().group, near.facts().retried), (chosen, retried), "{offer:?}");
        assert_eq!(far.group, chosen.code_point());
        let kind = if retried { HandshakeKind::FullWithHelloRetryRequest } else { HandshakeKind::Full };
        assert_eq!(far.kind, kind);
    }
}

#[tokio::test]
async fn the_policys_order_of_groups_is_the_servers_to_keep() {
    let authority = Authority::new("order");
    let node = authority.node("server");
    let server = |policy| node.server(open().with_policy(policy)).unwrap();
    let classic = server(TlsPolicy::new().with_post_quantum(PostQuantum::Off).unwrap());
    let (near, _far) = Plain::asking("server.mesh").preferring(&[Hybrid, P256]).greet(&classic).await;
    let facts = near.unwrap().facts().clone();
    // The hybrid's share brings no share for P-256 along.
    assert_eq!((facts.group, facts.retried), (P256, true), "off is off");

    let server = server(groups(&[P384, P256]));
    let (near, _far) = Plain::asking("server.mesh").preferring(&[X25519, P256, P384]).greet(&server).await;
    let facts = near.unwrap().facts().clone();
    assert_eq!((facts.group, facts.retried), (P384, true), "no share fits, so the first of ours");
    let (near, _far) = Plain::asking("server.mesh").preferring(&[X25519]).greet(&server).await;
    assert_eq!(near.unwrap_err().code(), "tls.protocol.incompatible");
}
