//! What a ClientHello asks for, by name and by protocol, and who is refused for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, Leaf, among, clock, expected, manager, required, server_dns, shake, talk};
use dwcp_base::Coded;
use dwcp_tls::{ClientAuth, ClientSettings, ServerSettings, TlsError, TlsPolicy, UnknownName, WithoutAlpn};
use std::sync::Arc;
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn alpn_is_agreed_on_or_refused_as_configured() {
    let authority = Authority::new("alpn");
    let (node, peer) = (authority.node("server"), authority.node("client"));
    let server = node.server(required().with_alpn(["dwcp/1", "http/1.1"])).unwrap();
    let strict = node.server(required().with_alpn(["dwcp/1"]).without_alpn(WithoutAlpn::Refuse)).unwrap();
    let speaking =
        |protocols: &[&str]| peer.client(ClientSettings::new().with_alpn(protocols.to_vec())).unwrap();

    let (near, far) = talk(&server, &speaking(&["http/1.1", "dwcp/1"]), &server_dns()).await;
    assert_eq!(near.facts().alpn.as_deref(), Some(&b"dwcp/1"[..]), "the server's order wins");
    assert_eq!(far.facts().alpn, near.facts().alpn);

    let (near, far) = shake(&server, &speaking(&["acme-tls/1"]), &server_dns()).await;
    assert!(matches!(near.unwrap_err(), TlsError::NoApplicationProtocol), "at_t6: a mismatch fails");
    assert_eq!(far.unwrap_err().code(), "tls.peer.no_application_protocol");

    let (near, _far) = talk(&server, &speaking(&[]), &server_dns()).await;
    assert_eq!(near.facts().alpn, None, "a tool that knows no ALPN is served");
    let (near, far) = shake(&strict, &speaking(&[]), &server_dns()).await;
    assert!(matches!(near.unwrap_err(), TlsError::NoApplicationProtocol));
    assert_eq!(far.unwrap_err().code(), "tls.peer.no_application_protocol");
    let choosy = ClientSettings::new().with_alpn(["dwcp/1"]).without_alpn(WithoutAlpn::Refuse);
    let plain = node.server(required()).unwrap();
    let (near, far) = shake(&plain, &peer.client(choosy).unwrap(), &server_dns()).await;
    assert!(matches!(far.unwrap_err(), TlsError::NoApplicationProtocol));
    let told = TlsError::from_stream(near.unwrap().read(&mut [0; 8]).await.unwrap_err());
    assert!(matches!(told, TlsError::Truncated), "a refusal is no conversation that was empty: {told:?}");
}

#[tokio::test]
async fn at_t6_a_client_that_asks_for_somebody_else_is_refused_before_it_is_shown_anything() {
    let authority = Authority::new("unknown-name");
    let leaf = Leaf {
        names: ["URI:spiffe://mesh/server", "DNS:server.mesh", "DNS:*.shop.example"]
            .map(|name| name.parse().unwrap())
            .to_vec(),
        ..Leaf::named("server")
    };
    let node = manager(authority.store(&leaf), TlsPolicy::new(), &clock());
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let asking = |name: &str| among(&["spiffe://mesh/*"]).asking_for(name).unwrap();
    let server = node.server(required()).unwrap();
    for name in ["server.mesh", "SERVER.Mesh", "eu.shop.example"] {
        talk(&server, &client, &asking(name)).await;
    }
    talk(&server, &client, &among(&["spiffe://mesh/*"])).await;
    for name in ["bank.example", "mesh", "other.mesh", "x.server.mesh", "a.eu.shop.example", "shop.example"] {
        let (near, far) = shake(&server, &client, &asking(name)).await;
        let error = near.unwrap_err();
        assert!(matches!(&error, TlsError::UnknownName { asked } if asked == name), "{error:?}");
        assert_eq!((error.code(), error.reason()), ("tls.name.unknown", "unknown_name"));
        assert!(TlsError::REASONS.contains(&error.reason()));
        assert_eq!(far.unwrap_err().code(), "tls.peer.unrecognized_name");
    }
    let routing = node.server(required().with_unknown_name(UnknownName::Serve)).unwrap();
    let (near, _far) = talk(&routing, &client, &asking("bank.example")).await;
    assert_eq!(near.facts().server_name.as_deref(), Some("bank.example"));
}

#[tokio::test]
async fn at_t6_a_new_certificate_brings_its_names_along() {
    let authority = Authority::new("new-names");
    let store = authority.store(&Leaf::named("server"));
    let server = manager(Arc::clone(&store), TlsPolicy::new(), &clock()).server(required()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let (old, new) = (server_dns(), expected("DNS:moved.mesh"));
    talk(&server, &client, &old).await;
    assert!(shake(&server, &client, &new).await.0.is_err());
    store.install_credential(authority.issue(&Leaf::named("moved"))).unwrap();
    talk(&server, &client, &new).await;
    assert!(shake(&server, &client, &old).await.0.is_err(), "not even with a ticket from before");
}

#[tokio::test]
async fn at_t6_a_challenge_is_answered_by_no_listener_that_does_not_speak_it() {
    let authority = Authority::new("challenge");
    let (node, peer) = (authority.node("server"), authority.node("client"));
    let challenger = peer.client(ClientSettings::new().with_alpn(["acme-tls/1"])).unwrap();
    for without in [WithoutAlpn::Accept, WithoutAlpn::Refuse, WithoutAlpn::AcceptOthers] {
        for settings in
            [required(), required().with_alpn(["dwcp/1"]), ServerSettings::new(ClientAuth::Optional)]
        {
            let server = node.server(settings.without_alpn(without)).unwrap();
            let (near, far) = shake(&server, &challenger, &server_dns()).await;
            assert!(matches!(near, Err(TlsError::NoApplicationProtocol)), "{without:?}");
            assert_eq!(far.unwrap_err().code(), "tls.peer.no_application_protocol");
        }
    }
}

#[tokio::test]
async fn at_t6_a_listener_for_strangers_chooses_none_of_their_protocols_and_answers_no_challenge() {
    let authority = Authority::new("alpn-strangers");
    let (node, peer) = (authority.node("server"), authority.node("client"));
    let server =
        node.server(required().with_alpn(["dwcp/1"]).without_alpn(WithoutAlpn::AcceptOthers)).unwrap();
    let offering =
        |protocols: &[&str]| peer.client(ClientSettings::new().with_alpn(protocols.to_vec())).unwrap();
    for (offer, agreed) in [
        (&["h2", "http/1.1"][..], None),
        (&["h2", "dwcp/1"], Some(&b"dwcp/1"[..])),
        (&["acme-tls/1", "http/1.1"], None),
    ] {
        let (near, far) = talk(&server, &offering(offer), &server_dns()).await;
        assert_eq!(
            (near.facts().alpn.as_deref(), far.facts().alpn.as_deref()),
            (agreed, agreed),
            "{offer:?}"
        );
    }
    let (near, _) = shake(&server, &offering(&["acme-tls/1"]), &server_dns()).await;
    assert!(matches!(near, Err(TlsError::NoApplicationProtocol)), "{near:?}");
}

#[test]
fn a_protocol_that_alpn_can_not_carry_is_refused_when_the_side_is_made() {
    let node = Authority::new("names").node("server");
    for protocols in [vec![Vec::new()], vec![vec![b'a'; 256]], vec![b"a".to_vec(); 17]] {
        let server = node.server(required().with_alpn(protocols.clone())).unwrap_err();
        let client = node.client(ClientSettings::new().with_alpn(protocols)).unwrap_err();
        assert_eq!((server.code(), client.code()), ("tls.config.alpn", "tls.config.alpn"));
    }
}
