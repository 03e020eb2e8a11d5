//! Resumed sessions: that they happen, and that nobody comes back through one who would be refused today.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{
    Authority, HOUR, Leaf, among, clock, expected, manager, now, pair, required, serial, server_dns, shake,
    talk, what_it_is_told,
};
use dwcp_base::Coded;
use dwcp_tls::{ClientSettings, Resumption, Tickets, TlsError, TlsPolicy};
use std::sync::Arc;
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn a_second_connection_resumes_and_knows_the_same_peers() {
    let (server, client) = pair();
    for resumed in [Resumption::Full, Resumption::Resumed, Resumption::Resumed] {
        let (near, far) = talk(&server, &client, &server_dns()).await;
        assert_eq!((near.facts().resumed, far.facts().resumed), (resumed, resumed));
        assert_eq!(near.peer().label(), "spiffe://mesh/client");
        assert_eq!(far.peer().label(), "spiffe://mesh/server");
        assert!(near.facts().post_quantum(), "a resumed session makes a fresh key exchange");
    }
}

#[tokio::test]
async fn either_side_can_leave_resumption_out() {
    let authority = Authority::new("off");
    let (node, peer) = (authority.node("server"), authority.node("client"));
    let with =
        [node.server(required()).unwrap(), node.server(required().with_tickets(Tickets::Off)).unwrap()];
    let plain = peer.client(ClientSettings::new()).unwrap();
    let off = peer.client(ClientSettings::new().with_tickets(Tickets::Off)).unwrap();
    for (server, client) in [(&with[0], &off), (&with[1], &plain)] {
        for _ in 0..2 {
            let (near, _far) = talk(server, client, &server_dns()).await;
            assert_eq!(near.facts().resumed, Resumption::Full);
        }
    }
}

#[tokio::test]
async fn at_t3_the_resumed_session_of_a_since_revoked_client_is_refused() {
    let authority = Authority::new("revoked since");
    let store = authority.store(&Leaf::named("server"));
    let server = manager(Arc::clone(&store), TlsPolicy::new(), &clock()).server(required()).unwrap();
    let clients = authority.store(&Leaf::named("client"));
    let client =
        manager(Arc::clone(&clients), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(near.facts().resumed, Resumption::Resumed);

    store.install_trust(authority.trust(&[serial(clients.current().credential())])).unwrap();
    let (near, far) = shake(&server, &client, &server_dns()).await;
    let error = near.unwrap_err();
    assert_eq!(error.code(), "tls.resumption.refused", "the ticket itself still opens: only a CRL came");
    assert_eq!(error.validation().map(Coded::code), Some("pki.chain.revoked"));
    // Not one byte of an answer, and no end that could be taken for one: the client forgets it and tries in full.
    let mut far = far.unwrap();
    assert_eq!(far.facts().resumed, Resumption::Resumed);
    let told = TlsError::from_stream(far.read(&mut [0; 16]).await.unwrap_err());
    assert!(matches!(told, TlsError::Truncated), "{told:?}");
    client.forget(&server_dns());
    let (near, far) = shake(&server, &client, &server_dns()).await;
    assert_eq!(near.unwrap_err().code(), "tls.certificate.revoked");
    assert_eq!(what_it_is_told(far).await.code(), "tls.peer.certificate_revoked");
}

#[tokio::test]
async fn at_t3_a_ticket_does_not_outlive_its_clients_certificate() {
    let authority = Authority::new("expired since");
    let clock = clock();
    let server = authority.store(&Leaf::named("server").until(now().plus(48 * HOUR)));
    let server = manager(server, TlsPolicy::new(), &clock).server(required()).unwrap();
    let client = authority.store(&Leaf::named("client").until(now().plus(HOUR)));
    let client = manager(client, TlsPolicy::new(), &clock).client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    clock.advance(2 * HOUR);
    let (near, _far) = shake(&server, &client, &server_dns()).await;
    let error = near.unwrap_err();
    assert!(matches!(error, TlsError::ResumptionRefused { .. }), "{error:?}");
    assert_eq!(error.validation().map(Coded::code), Some("pki.chain.expired"));
}

#[tokio::test]
async fn a_client_does_not_resume_with_a_server_that_expired_since() {
    let authority = Authority::new("server expired since");
    let clock = clock();
    let server = authority.store(&Leaf::named("server").until(now().plus(HOUR)));
    let server = manager(server, TlsPolicy::new(), &clock).server(required()).unwrap();
    let client = authority.store(&Leaf::named("client").until(now().plus(48 * HOUR)));
    let client = manager(client, TlsPolicy::new(), &clock).client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    clock.advance(2 * HOUR);
    let (_near, far) = shake(&server, &client, &server_dns()).await;
    assert_eq!(far.unwrap_err().code(), "tls.resumption.refused");
    client.forget(&server_dns());
    let (_near, far) = shake(&server, &client, &server_dns()).await;
    assert_eq!(far.unwrap_err().code(), "tls.certificate.expired");
}

#[tokio::test]
async fn at_t3_a_change_of_own_leaf_or_of_trust_ends_every_ticket() {
    let authority = Authority::new("rotated");
    let store = authority.store(&Leaf::named("server"));
    let server = manager(Arc::clone(&store), TlsPolicy::new(), &clock()).server(required()).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    store.install_credential(authority.issue(&Leaf::named("server"))).unwrap();
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(near.facts().resumed, Resumption::Full, "a new leaf");

    let other = Authority::new("another anchor");
    let anchors = [&authority, &other].map(|authority| authority.certificate.certificate_der().clone());
    let crls = vec![authority.crl(2, &[]), other.crl(1, &[])];
    let trust =
        dwcp_pki::TrustStore::new(anchors.to_vec(), crls, dwcp_pki::RevocationMode::Required).unwrap();
    store.install_trust(trust).unwrap();
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(near.facts().resumed, Resumption::Full, "a new anchor");

    store.install_trust(authority.trust(&[])).unwrap();
    talk(&server, &client, &server_dns()).await;
    store.install_trust(authority.trust(&[])).unwrap();
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(near.facts().resumed, Resumption::Resumed, "a CRL alone ends no session it does not name");
}

#[tokio::test]
async fn at_t3_tickets_end_with_their_keys_however_idle_the_listener_and_whatever_the_wall_clock_says() {
    let authority = Authority::new("rolling");
    let until = now().plus(96 * HOUR);
    let of = |name: &str| authority.store(&Leaf::named(name).until(until));
    // The client's clock stands still: were it up to the client, every ticket would be fresh.
    let client = manager(of("client"), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    // Hours that pass before the client comes back, and whether its ticket still opens.
    let nights = [
        (&[5, 6][..], Resumption::Resumed),
        (&[11], Resumption::Resumed),
        (&[12], Resumption::Full),
        (&[40], Resumption::Full),
    ];
    for step in [Step::Back, Step::None] {
        for (pauses, last) in nights {
            let clock = clock();
            let server = manager(of("server"), TlsPolicy::new(), &clock).server(required()).unwrap();
            client.forget(&server_dns());
            talk(&server, &client, &server_dns()).await;
            for (at, hours) in pauses.iter().enumerate() {
                clock.advance(*hours * HOUR);
                if step == Step::Back {
                    clock.set_unix(now());
                }
                let (near, _far) = talk(&server, &client, &server_dns()).await;
                let wanted = if at + 1 == pauses.len() { last } else { Resumption::Resumed };
                assert_eq!(near.facts().resumed, wanted, "{pauses:?}, {step:?}");
            }
        }
    }
}

/// What happens to the server's wall clock while its ticks go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    None,
    Back,
}

#[tokio::test]
async fn at_t4_a_ticket_of_one_listener_is_worthless_at_another() {
    let authority = Authority::new("two listeners");
    let node = authority.node("server");
    let (first, second) = (node.server(required()).unwrap(), node.server(required()).unwrap());
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    talk(&first, &client, &server_dns()).await;
    let (near, far) = talk(&second, &client, &server_dns()).await;
    assert_eq!((near.facts().resumed, far.facts().resumed), (Resumption::Full, Resumption::Full));
}

#[tokio::test]
async fn at_t4_a_ticket_is_not_offered_under_another_expectation() {
    let (server, client) = pair();
    let patterns = among(&["spiffe://mesh/*"]);
    talk(&server, &client, &server_dns()).await;
    for other in [expected("URI:spiffe://mesh/server"), patterns.clone(), among(&["spiffe://mesh/*"])] {
        let (near, _far) = talk(&server, &client, &other).await;
        assert_eq!(near.facts().resumed, Resumption::Full);
    }
    let (near, _far) = talk(&server, &client, &patterns).await;
    assert_eq!(near.facts().resumed, Resumption::Resumed, "a clone is the same expectation");
}

#[tokio::test]
async fn a_client_forgets_its_tickets_with_its_generation() {
    let authority = Authority::new("own rotation");
    let server = authority.node("server").server(required()).unwrap();
    let store = authority.store(&Leaf::named("client"));
    let client =
        manager(Arc::clone(&store), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    talk(&server, &client, &server_dns()).await;
    let renewed = authority.issue(&Leaf::named("renewed"));
    store.install_credential(renewed).unwrap();
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(near.facts().resumed, Resumption::Full);
    assert_eq!(near.peer().label(), "spiffe://mesh/renewed");
}
