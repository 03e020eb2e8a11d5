//! What a dial returns, and when: accepted, refused with the reason, or not answered at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{DEADLINE, Forwarder, Mesh, allow, echo, nowhere, ping};
use dwcp_base::{Blame, Coded};
use dwcp_channel::{
    Accept, DialError, Incoming, LivePolicy, Refused, RefusedCause, RefusedPeer, RejectionKind, Session,
    Standing,
};
use dwcp_pki::Peer;
use dwcp_tls::{ClientAuth, ExpectedServer, Resumption, ServerSettings};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The layer a node puts around its acceptor to record refusals.
struct Recording<A> {
    inner: A,
    refused: mpsc::UnboundedSender<Refused>,
    seen: mpsc::UnboundedSender<Resumption>,
}

impl<A: Accept> Accept for Recording<A> {
    async fn accept(&self, incoming: Incoming) -> Result<Session, Refused> {
        match self.inner.accept(incoming).await {
            Ok(session) => {
                let _ = self.seen.send(session.facts().resumed);
                Ok(session)
            }
            Err(refused) => {
                let again = Refused::unidentified(refused.source_address(), RefusedCause::Deadline(DEADLINE));
                let _ = self.refused.send(refused);
                Err(again)
            }
        }
    }
}

type Recorded<A> = (Recording<A>, mpsc::UnboundedReceiver<Refused>, mpsc::UnboundedReceiver<Resumption>);

fn recording<A: Accept>(inner: A) -> Recorded<A> {
    let (refused, refusals) = mpsc::unbounded_channel();
    let (seen, handshakes) = mpsc::unbounded_channel();
    (Recording { inner, refused, seen }, refusals, handshakes)
}

#[tokio::test]
async fn a_dial_returns_accepted_with_both_identities_known() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), echo().await);
    let mut session =
        client.transport().dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap();
    assert_eq!(session.peer().label(), "spiffe://mesh/server");
    assert!(matches!(session.standing(), Standing::Expected));
    ping(&mut session, b"hello").await;
    let rows = server.registry().snapshot();
    assert_eq!(
        (rows.len(), &*rows[0].label, rows[0].bytes_in, rows[0].bytes_out),
        (1, "spiffe://mesh/client", 5, 5)
    );
    assert_eq!(rows[0].serial().unwrap().to_string(), client.credential.0);
    assert_eq!(client.registry().snapshot()[0].bytes_out, 5);
}

#[tokio::test]
async fn a_peer_refused_by_policy_learns_the_reason_and_is_on_record() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let (accept, mut refusals, _) = recording(server.acceptor(&["spiffe://mesh/somebody-else"]));
    let forwarder = Forwarder::start(accept, echo().await);
    let error = client.transport().dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap_err();
    let DialError::Refused { rejection, .. } = &error else { panic!("{error:?}") };
    assert_eq!((rejection.kind, rejection.reason.as_str()), (RejectionKind::Policy, "pki.policy.denied"));
    assert_eq!((error.code(), error.blame()), ("channel.dial.refused", Blame::Local));
    let refused = refusals.recv().await.unwrap();
    assert_eq!((refused.code(), refused.reason()), ("pki.policy.denied", "policy_denied"));
    assert!(matches!(refused.who(), RefusedPeer::Known(Peer::Identified(_))));
    assert_eq!(refused.peer_label(), "spiffe://mesh/client");
    assert!(refused.source().is_some() && Refused::REASONS.contains(&refused.reason()));
    assert!(server.registry().is_empty(), "a refused peer holds no place");
}

#[tokio::test]
async fn a_target_that_is_down_is_told_to_the_dialer() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let mut forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), nowhere().await);
    let error = client.transport().dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap_err();
    let DialError::Refused { rejection, .. } = &error else { panic!("{error:?}") };
    assert_eq!(
        (rejection.kind, rejection.reason.as_str()),
        (RejectionKind::Target, "channel.target.unreachable")
    );
    assert_eq!(forwarder.outcomes.recv().await.unwrap().unwrap_err().code(), "channel.target.unreachable");
}

#[tokio::test]
async fn a_full_registry_is_told_to_the_dialer() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node_with("server", 1), mesh.node("client"));
    let forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), echo().await);
    let dial = || async { client.transport().dial(&forwarder.remote(), &server.expected(), DEADLINE).await };
    let mut first = dial().await.unwrap();
    let error = dial().await.unwrap_err();
    let DialError::Refused { rejection, .. } = &error else { panic!("{error:?}") };
    assert_eq!((rejection.kind, rejection.reason.as_str()), (RejectionKind::Full, "channel.registry.full"));
    ping(&mut first, b"the first is not disturbed").await;
}

#[tokio::test]
async fn a_certificate_that_is_refused_shows_as_the_alert_not_as_success() {
    let (mesh, other) = (Mesh::new(), Mesh::new());
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), echo().await);
    // Revoked after the store was made, so that only the server's newer CRL knows.
    mesh.revoke(&client);
    server.premises.store.install_trust(mesh.trust()).unwrap();
    let error = client.transport().dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "tls.peer.certificate_revoked", "{error:?}");
    assert_eq!(error.blame(), Blame::Local);

    let stranger = other.node("client");
    let error =
        stranger.transport().dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "tls.certificate.unknown_issuer", "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_the_expected_one_is_refused() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), echo().await);
    let expected = ExpectedServer::name("URI:spiffe://mesh/other".parse().unwrap()).unwrap();
    let error = client.transport().dial(&forwarder.remote(), &expected, DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "tls.certificate.wrong_name");
    let expected = ExpectedServer::patterns(allow(&["spiffe://mesh/other"]));
    let error = client.transport().dial(&forwarder.remote(), &expected, DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "tls.certificate.unexpected");
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_are_told_apart() {
    let mesh = Mesh::new();
    let client = mesh.node("client");
    let error = client
        .transport()
        .dial(&nowhere().await.to_string(), &client.expected(), DEADLINE)
        .await
        .unwrap_err();
    assert_eq!((error.code(), error.blame()), ("channel.dial.unreachable", Blame::Network));

    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let started = Instant::now();
    let remote = mute.local_addr().unwrap().to_string();
    let error =
        client.transport().dial(&remote, &client.expected(), Duration::from_millis(300)).await.unwrap_err();
    assert!(["channel.dial.timeout", "tls.handshake.timeout"].contains(&error.code()), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(1));

    let error = client.transport().dial("no-port", &client.expected(), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "channel.dial.unresolved");
}

#[tokio::test]
async fn a_node_that_accepts_but_never_says_so_meets_the_deadline() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let hold = |session: Session| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(session);
    };
    let (address, _, _stop, _task) =
        common::start(server.acceptor(&["spiffe://mesh/*"]), hold, Default::default());
    let deadline = Duration::from_millis(500);
    let error =
        client.transport().dial(&address.to_string(), &server.expected(), deadline).await.unwrap_err();
    assert_eq!(error.code(), "channel.dial.timeout");
}

#[tokio::test]
async fn a_refused_resumption_is_retried_once_in_full() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let policy = LivePolicy::new(allow(&["spiffe://mesh/*"]));
    let (accept, _refusals, mut handshakes) = recording(server.acceptor_with(&policy, false));
    let forwarder = Forwarder::start(accept, echo().await);
    let transport = client.transport();
    let dial = || async { transport.dial(&forwarder.remote(), &server.expected(), DEADLINE).await };
    for expected in [Resumption::Full, Resumption::Resumed] {
        let mut session = dial().await.unwrap();
        ping(&mut session, b"ticket, please").await;
        assert_eq!(handshakes.recv().await.unwrap(), expected);
    }
    // A new certificate of the same name: the old one is revoked, and tickets that stand for it no longer count.
    let renewed = mesh.credential("client");
    mesh.revoke(&client);
    server.premises.store.install_trust(mesh.trust()).unwrap();
    client.premises.store.install_credential(renewed).unwrap();
    let mut session = dial().await.unwrap();
    ping(&mut session, b"in full again").await;
    assert_eq!(handshakes.recv().await.unwrap(), Resumption::Full);
}

#[tokio::test]
async fn the_retry_after_a_closed_resumption_happens_exactly_once() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let transport = client.transport();
    let acceptor = Arc::new(server.acceptor(&["spiffe://mesh/*"]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let remote = listener.local_addr().unwrap().to_string();
    let (seen, mut handshakes) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, source) = listener.accept().await.unwrap();
            let arrival = dwcp_channel::Arrival {
                source,
                local: source,
                transport: dwcp_channel::Transport::Tcp,
                now: dwcp_base::Tick(0),
            };
            let mut session = acceptor.accept(Incoming::new(stream, arrival)).await.unwrap();
            seen.send(session.facts().resumed).unwrap();
            if session.facts().resumed == Resumption::Full {
                session.confirm().await.unwrap();
                tokio::spawn(async move { session.read_to_end(&mut Vec::new()).await });
            }
            // A resumed one is dropped without a verdict: how a server refuses whom it remembers wrongly.
        }
    });
    let mut session = transport.dial(&remote, &server.expected(), DEADLINE).await.unwrap();
    session.write_all(b"x").await.unwrap();
    session.flush().await.unwrap();
    assert_eq!(handshakes.recv().await.unwrap(), Resumption::Full);
    let _second = transport.dial(&remote, &server.expected(), DEADLINE).await.unwrap();
    assert_eq!(handshakes.recv().await.unwrap(), Resumption::Resumed);
    assert_eq!(handshakes.recv().await.unwrap(), Resumption::Full);
    assert!(handshakes.try_recv().is_err());
}

#[tokio::test]
async fn a_node_that_sends_anything_but_a_verdict_is_refused() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let context = server
        .manager
        .server(ServerSettings::new(ClientAuth::Required).with_alpn([dwcp_channel::NODE_ALPN]))
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let remote = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        for answer in [vec![b'H'; 64], vec![0; 10]] {
            let (stream, _) = listener.accept().await.unwrap();
            let mut tls = context.accept(stream, DEADLINE).await.unwrap();
            tls.write_all(&answer).await.unwrap();
            tls.shutdown().await.unwrap();
            let _ = tls.read_to_end(&mut Vec::new()).await;
        }
    });
    for code in ["channel.verdict.malformed", "channel.dial.closed"] {
        let error = client.transport().dial(&remote, &server.expected(), DEADLINE).await.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
    }
}
