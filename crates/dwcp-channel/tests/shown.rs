//! Certificates that are shown for connections that are up: by a connection for nothing else, and in vain where one was revoked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{DEADLINE, Forwarder, Mesh, Node, ping};
use dwcp_base::{Clock, UnixTime};
use dwcp_channel::{
    DialError, Ended, JudgeReport, LivePolicy, NODE_ALPN, SHOWN_ALPN, SecureTransport, Session, TlsAcceptor,
};
use dwcp_pki::{Credential, RevocationReason};
use dwcp_tls::{ClientAuth, ClientSettings, ServerSettings, WithoutAlpn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt;

const HOUR: Duration = Duration::from_secs(3_600);

async fn dialled(mesh: &Mesh, server: &Node, remote: &str, credential: Credential) -> Session {
    let node = mesh.node_of(credential, mesh.trust(), 8);
    node.transport().dial(remote, &server.expected(), DEADLINE).await.unwrap()
}

fn judged(server: &Node, now: UnixTime) -> JudgeReport {
    server.registry().judge_by_trust(server.premises.store.current().trust(), now, HOUR)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_only_shows_certificates_is_judged_and_reaches_no_target() {
    let mesh = Mesh::new();
    let server = mesh.node("server");
    let settings = ServerSettings::new(ClientAuth::Required).with_alpn([NODE_ALPN, SHOWN_ALPN]);
    let context = server.manager.server(settings).unwrap();
    let policy = LivePolicy::new(common::allow(&["spiffe://mesh/a"]));
    let acceptor = TlsAcceptor::new(context, server.premises.clone(), policy, "test");
    let reached = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&reached);
    let target = common::target(move |mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let (mut from, mut to) = stream.split();
            let _ = tokio::io::copy(&mut from, &mut to).await;
        }
    });
    let mut forwarder = Forwarder::start(acceptor, target.await);
    let remote = forwarder.remote();
    let mut old = dialled(&mesh, &server, &remote, mesh.credential_for("a", HOUR)).await;
    ping(&mut old, b"hello").await;
    let show = |name: &str| {
        let node = mesh.node(name);
        let settings = ClientSettings::new().with_alpn([SHOWN_ALPN]).without_alpn(WithoutAlpn::Refuse);
        let connector = node.manager.client(settings).unwrap();
        let transport = SecureTransport::new(connector, node.premises.clone(), "shower");
        let (remote, expected) = (remote.clone(), server.expected());
        async move { transport.dial(&remote, &expected, DEADLINE).await }
    };
    let shown = show("a").await.unwrap();
    assert!(shown.only_shows());
    shown.part().await;
    let outcome = forwarder.outcomes.recv().await.unwrap().unwrap();
    assert!(matches!(outcome.end, Ended::Clean) && outcome.bytes_in + outcome.bytes_out == 0, "{outcome:?}");
    let refused = show("b").await.unwrap_err();
    assert!(matches!(refused, DialError::Refused { .. }), "the allow list holds: {refused:?}");
    assert_eq!(judged(&server, mesh.clock.unix().plus(HOUR * 2)).kept, 1);
    ping(&mut old, b"hello").await;
    assert_eq!(reached.load(Ordering::SeqCst), 1, "the stream alone");
    // Whoever does not know it says so.
    let plain = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), common::nowhere().await);
    let node = mesh.node("c");
    let settings = ClientSettings::new().with_alpn([SHOWN_ALPN]).without_alpn(WithoutAlpn::Refuse);
    let connector = node.manager.client(settings).unwrap();
    let transport = SecureTransport::new(connector, node.premises.clone(), "shower");
    let unknown = transport.dial(&plain.remote(), &server.expected(), DEADLINE).await.unwrap_err();
    assert!(matches!(unknown, DialError::Tls { .. }), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_certificate_makes_up_for_no_revocation() {
    let mesh = Mesh::new();
    let server = mesh.node("server");
    let forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), common::echo().await);
    let remote = forwarder.remote();
    let old = mesh.credential_for("a", HOUR);
    let serial = old.chain().leaf().serial();
    let mut old = dialled(&mesh, &server, &remote, old).await;
    ping(&mut old, b"hello").await;
    let _newer = dialled(&mesh, &server, &remote, mesh.credential("a")).await;
    let _ = mesh.authority.revoke(&serial, RevocationReason::Superseded, mesh.clock.unix()).unwrap();
    server.premises.store.install_trust(mesh.trust()).unwrap();
    let report = judged(&server, mesh.clock.unix());
    assert_eq!((report.kept, report.closed, report.drained), (1, 1, 0));
    assert!(old.read_u8().await.is_err());
}
