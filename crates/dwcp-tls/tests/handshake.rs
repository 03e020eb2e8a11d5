//! Full handshakes: what two sides agree on, and that they know each other afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{
    Authority, DEADLINE, Leaf, among, clock, expected, manager, pair, required, say, server_dns, shake, talk,
};
use dwcp_base::Coded;
use dwcp_pki::{Peer, WhyAnonymous};
use dwcp_tls::{
    CipherSuite, ClientAuth, ClientIdentity, ClientSettings, Group, PostQuantum, Resumption, ServerSettings,
    TlsPolicy, UnknownName,
};
use std::time::Duration;

#[tokio::test]
async fn every_suite_with_every_group_makes_a_mutual_handshake() {
    let authority = Authority::new("matrix");
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    for suite in CipherSuite::ALL {
        for group in Group::ALL {
            let policy = TlsPolicy::new().with_suites(&[suite]).unwrap().with_groups(&[group]).unwrap();
            let server = manager(authority.store(&Leaf::named("server")), policy, &clock())
                .server(required())
                .unwrap();
            // A connector remembers which group a server took; here each server is a new one.
            client.forget(&server_dns());
            let (near, far) = talk(&server, &client, &server_dns()).await;
            for facts in [near.facts(), far.facts()] {
                assert_eq!((facts.suite, facts.group, facts.resumed), (suite, group, Resumption::Full));
                assert_eq!(facts.post_quantum(), group == Group::X25519MlKem768);
                assert_eq!(facts.server_name.as_deref(), Some("server.mesh"));
                // The first ClientHello carries shares for the hybrid and for X25519.
                assert_eq!(facts.retried, matches!(group, Group::P256 | Group::P384), "{group}");
            }
            assert_eq!(near.peer().label(), "spiffe://mesh/client");
            assert_eq!(far.peer().label(), "spiffe://mesh/server");
        }
    }
}

#[tokio::test]
async fn the_hybrid_is_what_two_default_sides_agree_on() {
    let (server, client) = pair();
    let (near, far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(near.facts().group, Group::X25519MlKem768);
    assert_eq!(far.facts().version(), "1.3");
    let hello = near.client_hello().unwrap();
    assert_eq!((hello.server_name(), hello.groups()), (Some("server.mesh"), &Group::ALL[..]));
    assert!(far.client_hello().is_none());
    assert!(!near.facts().retried);
}

#[tokio::test]
async fn the_facts_say_what_was_signed_with_and_how_much_travelled() {
    let (server, client) = pair();
    let (near, far) = talk(&server, &client, &server_dns()).await;
    let (near, far) = (near.facts(), far.facts());
    for facts in [near, far] {
        assert_eq!(facts.peer_scheme.and_then(|scheme| scheme.name()), Some("ecdsa_secp256r1_sha256"));
        assert_eq!(facts.times.total(), facts.elapsed);
    }
    // Tickets follow behind the client's Finished: the server counts them as written, the client reads them later.
    assert_eq!(near.bytes_read, far.bytes_written);
    assert!(far.bytes_read <= near.bytes_written && far.bytes_read > 1_000, "{far:?}");
    assert!((1_000..dwcp_tls::LARGEST_HANDSHAKE).contains(&near.bytes_read), "{near:?}");
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(
        (near.facts().resumed, near.facts().peer_scheme),
        (Resumption::Resumed, None),
        "nothing is signed"
    );
}

#[tokio::test]
async fn the_time_of_a_handshake_goes_to_the_phase_that_took_it() {
    let authority = Authority::new("phases");
    let clock = clock();
    let server = manager(authority.store(&Leaf::named("server")), TlsPolicy::new(), &clock);
    let server = server.server(required()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let accepting = tokio::spawn(async move { server.accept(near, DEADLINE).await });
    tokio::task::yield_now().await;
    clock.advance(Duration::from_millis(30));
    let dialling = client.connect(far, &server_dns(), DEADLINE).await;
    let (near, _far) = (accepting.await.unwrap().unwrap(), dialling.unwrap());
    let times = near.facts().times;
    assert_eq!(times.awaiting, Duration::from_millis(30), "{times:?}");
    assert_eq!(times.total(), times.awaiting, "the clock stood still from then on");
}

#[test]
fn the_listing_names_what_can_be_negotiated_and_nothing_older() {
    let listed = dwcp_tls::ciphers();
    assert_eq!((listed.versions, listed.groups), (&["TLS 1.3"][..], Group::ALL));
    assert!(CipherSuite::ALL.iter().all(|suite| listed.suites.contains(suite)));
    for scheme in ["ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ed25519", "rsa_pss_rsae_sha256"] {
        assert!(listed.signature_schemes.iter().any(|name| name == scheme), "{scheme} in {listed:?}");
    }
    assert!(!listed.signature_schemes.iter().any(|name| name.contains("sha1") || name.contains("pkcs1")));
}

#[tokio::test]
async fn the_servers_order_of_suites_wins() {
    let authority = Authority::new("order");
    let of =
        |first: CipherSuite, second: CipherSuite| TlsPolicy::new().with_suites(&[first, second]).unwrap();
    let (aes, chacha) = (CipherSuite::Aes128GcmSha256, CipherSuite::ChaCha20Poly1305Sha256);
    let server = manager(authority.store(&Leaf::named("server")), of(chacha, aes), &clock());
    let client = manager(authority.store(&Leaf::named("client")), of(aes, chacha), &clock());
    let (server, client) =
        (server.server(required()).unwrap(), client.client(ClientSettings::new()).unwrap());
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(near.facts().suite, chacha);
}

#[tokio::test]
async fn a_deadline_without_end_is_no_reason_to_panic() {
    let (server, client) = pair();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let expected = server_dns();
    let (near, far) =
        tokio::join!(server.accept(near, Duration::MAX), client.connect(far, &expected, Duration::MAX));
    assert!(near.is_ok() && far.is_ok());
}

#[tokio::test]
async fn required_post_quantum_meets_a_classic_peer_with_a_refusal() {
    let authority = Authority::new("pq");
    let with = |name: &str, pq| {
        manager(
            authority.store(&Leaf::named(name)),
            TlsPolicy::new().with_post_quantum(pq).unwrap(),
            &clock(),
        )
    };
    let server = with("server", PostQuantum::Require).server(required()).unwrap();
    let client = with("client", PostQuantum::Off).client(ClientSettings::new()).unwrap();
    let (near, far) = shake(&server, &client, &server_dns()).await;
    let (near, far) = (near.unwrap_err(), far.unwrap_err());
    assert_eq!((near.code(), far.code()), ("tls.protocol.incompatible", "tls.peer.handshake_failure"));
}

#[tokio::test]
async fn every_kind_of_key_signs() {
    let authority = Authority::new("keys");
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let node = |name: &str| {
            let leaf = Leaf { algorithm, ..Leaf::named(name) };
            manager(authority.store(&leaf), TlsPolicy::new(), &clock())
        };
        let server = node("server").server(required()).unwrap();
        let client = node("client").client(ClientSettings::new()).unwrap();
        talk(&server, &client, &server_dns()).await;
    }
}

#[tokio::test]
async fn a_server_is_found_by_each_of_its_names_and_by_pattern() {
    let (server, client) = pair();
    let by_name = ["DNS:server.mesh", "IP:127.0.0.1", "URI:spiffe://mesh/server"].map(expected);
    let by_pattern = [among(&["spiffe://mesh/*"]), among(&["spiffe://other/**", "dns:*.mesh"])];
    for expected in by_name.iter().chain(&by_pattern) {
        let (near, far) = talk(&server, &client, expected).await;
        let asked = (*expected == by_name[0]).then_some("server.mesh");
        assert_eq!(near.facts().server_name.as_deref(), asked, "only a DNS name is asked for");
        assert_eq!(far.facts().server_name.as_deref(), asked);
    }
    let authority = Authority::new("routed");
    let server = authority.node("server").server(required().with_unknown_name(UnknownName::Serve)).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let routed = among(&["spiffe://mesh/server"]).asking_for("Front.Example").unwrap();
    let (near, _far) = talk(&server, &client, &routed).await;
    assert_eq!(near.facts().server_name.as_deref(), Some("front.example"), "it routes and decides nothing");
}

#[test]
fn a_name_that_no_server_can_have_is_refused_before_dialling() {
    for name in ["EMAIL:a@b.example", "DNS:*.mesh.example"] {
        let refused = dwcp_tls::ExpectedServer::name(name.parse().unwrap()).unwrap_err();
        assert_eq!(refused.code(), "tls.config.name", "{name}");
    }
    assert!(among(&["anonymous"]).asking_for("not a name").is_err());
}

#[tokio::test]
async fn an_anonymous_client_is_accepted_only_where_it_may_be() {
    let authority = Authority::new("anonymous");
    let node = authority.node("server");
    let client = authority.node("client");
    let anonymous = client.client(ClientSettings::new().with_identity(ClientIdentity::Anonymous)).unwrap();
    let known = client.client(ClientSettings::new()).unwrap();
    let open = node.server(ServerSettings::new(ClientAuth::Optional)).unwrap();
    let (near, _far) = talk(&open, &anonymous, &server_dns()).await;
    assert_eq!(near.peer(), &Peer::Anonymous(WhyAnonymous::NoneSent));
    let (near, _far) = talk(&open, &known, &server_dns()).await;
    assert_eq!(near.peer().label(), "spiffe://mesh/client");
}

#[tokio::test]
async fn exporters_are_equal_at_both_ends_and_differ_between_sessions() {
    let (server, client) = pair();
    let (near, far) = talk(&server, &client, &server_dns()).await;
    let (other, _keep) = talk(&server, &client, &server_dns()).await;
    let of = |session: &dwcp_tls::TlsSession<_>, label: &[u8], context: &[u8]| {
        session.export(label, context, 48).unwrap().expose().to_vec()
    };
    assert_eq!(of(&near, b"EXPORTER-test", b"a"), of(&far, b"EXPORTER-test", b"a"));
    assert_ne!(of(&near, b"EXPORTER-test", b"a"), of(&near, b"EXPORTER-test", b"b"));
    assert_ne!(of(&near, b"EXPORTER-test", b"a"), of(&near, b"EXPORTER-else", b"a"));
    assert_ne!(of(&near, b"EXPORTER-test", b"a"), of(&other, b"EXPORTER-test", b"a"));
    assert_eq!(near.channel_binding().unwrap().expose(), far.channel_binding().unwrap().expose());
    assert!(near.export(b"EXPORTER-test", b"", 0).is_err());
    assert!(near.export(b"EXPORTER-test", b"", 255 * 48 + 1).is_err());
}

#[tokio::test]
async fn keys_are_refreshed_without_the_data_noticing() {
    let (server, client) = pair();
    let (mut near, mut far) = talk(&server, &client, &server_dns()).await;
    for _ in 0..3 {
        far.refresh_keys().unwrap();
        say(&mut far, &mut near, b"after").await;
        near.refresh_keys().unwrap();
        say(&mut near, &mut far, b"the update").await;
    }
}
