//! The world changes while connections live: those concerned are cut, all others lose nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{DEADLINE, Forwarder, Mesh, allow, echo, eventually, pattern, ping};
use dwcp_base::{Clock, Coded, UnixTime};
use dwcp_channel::{
    CloseReason, ConnectionState, DialError, Direction, Ended, Judgement, LivePolicy, NODE_ALPN, Newcomer,
    Premises, Registry, Session, TlsAcceptor,
};
use dwcp_pki::{CertificateStore, Peer, WhyAnonymous};
use dwcp_tls::{ClientAuth, ServerSettings};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_500_sessions_one_is_revoked_and_499_lose_nothing() {
    let mesh = Mesh::new();
    let server = mesh.node("server");
    let (good, bad) = (mesh.node("good"), mesh.node("bad"));
    let mut forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), echo().await);
    let remote = forwarder.remote();
    let (good_transport, bad_transport) = (good.transport(), bad.transport());
    let mut victim = bad_transport.dial(&remote, &server.expected(), DEADLINE).await.unwrap();
    ping(&mut victim, b"before").await;
    let mut dialing = tokio::task::JoinSet::new();
    for _ in 0..499 {
        let (transport, remote, expected) = (good_transport.clone(), remote.clone(), server.expected());
        dialing
            .spawn(async move { transport.dial(&remote, &expected, Duration::from_secs(60)).await.unwrap() });
    }
    let sessions = dialing.join_all().await;
    assert_eq!(server.registry().len(), 500);

    // Each of the 499 is in the middle of an exchange when the judgement falls.
    let mut exchanging = tokio::task::JoinSet::new();
    for (n, mut session) in sessions.into_iter().enumerate() {
        exchanging.spawn(async move {
            let sent = pattern(40_000, n as u64);
            session.write_all(&sent[..20_000]).await.unwrap();
            session.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(600)).await;
            session.write_all(&sent[20_000..]).await.unwrap();
            session.shutdown().await.unwrap();
            let mut back = Vec::new();
            session.read_to_end(&mut back).await.unwrap();
            assert!(back == sent, "{n}");
        });
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    mesh.revoke(&bad);
    server.premises.store.install_trust(mesh.trust()).unwrap();
    let ordered = Instant::now();
    let trust = Arc::clone(server.premises.store.current().trust());
    let now = mesh.clock.unix();
    let report = server.registry().judge(|peer| match peer {
        Peer::Identified(identity) if trust.recheck(identity, now).is_ok() => Judgement::Keep,
        _ => Judgement::Close(CloseReason::Revoked),
    });
    assert_eq!((report.kept, report.closed, report.drained), (499, 1, 0));
    assert!(victim.read_u8().await.is_err());
    assert!(ordered.elapsed() < Duration::from_secs(1), "{:?}", ordered.elapsed());
    while let Some(exchanged) = exchanging.join_next().await {
        exchanged.unwrap();
    }
    let mut ends = (0, 0);
    for _ in 0..500 {
        match forwarder.outcomes.recv().await.unwrap().unwrap().end {
            Ended::Clean => ends.0 += 1,
            Ended::Cut(CloseReason::Revoked) => ends.1 += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ends, (499, 1));
    let error = bad_transport.dial(&remote, &server.expected(), DEADLINE).await.unwrap_err();
    assert_eq!(error.code(), "tls.peer.certificate_revoked", "{error:?}");
}

#[tokio::test]
async fn a_policy_that_changed_is_met_by_newcomers_and_by_the_judged() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let policy = LivePolicy::new(allow(&["spiffe://mesh/client"]));
    let mut forwarder = Forwarder::start(server.acceptor_with(&policy, false), echo().await);
    let transport = client.transport();
    let dial = || async { transport.dial(&forwarder.remote(), &server.expected(), DEADLINE).await };
    let mut session = dial().await.unwrap();
    ping(&mut session, b"allowed").await;
    policy.replace(allow(&["spiffe://mesh/others"]));
    let list = policy.current();
    let report = server.registry().judge(|peer| match list.judge(peer) {
        Ok(_) => Judgement::Keep,
        Err(_) => Judgement::Close(CloseReason::Denied),
    });
    assert_eq!(report.closed, 1);
    assert!(session.read_u8().await.is_err());
    assert!(matches!(dial().await, Err(DialError::Refused { .. })));
    let outcome = forwarder.outcomes.recv().await.unwrap().unwrap();
    assert!(matches!(outcome.end, Ended::Cut(CloseReason::Denied)));
}

#[tokio::test]
async fn a_cut_reaches_a_session_that_nobody_relays_yet() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let (give, mut given) = tokio::sync::mpsc::unbounded_channel::<Session>();
    let handler = move |session: Session| {
        let _ = give.send(session);
        async {}
    };
    let (address, _, _stop, _task) =
        common::start(server.acceptor(&["spiffe://mesh/*"]), handler, Default::default());
    let dialing = tokio::spawn(async move {
        let transport = client.transport();
        let expected = dwcp_tls::ExpectedServer::patterns(allow(&["spiffe://mesh/server"]));
        transport.dial(&address.to_string(), &expected, DEADLINE).await
    });
    let session = given.recv().await.unwrap();
    server.registry().close(session.id(), CloseReason::Operator).unwrap();
    assert_eq!(server.registry().snapshot()[0].state, ConnectionState::Closing);
    assert!(server.registry().close(session.id(), CloseReason::Operator).is_err(), "it is cut already");
    let plain = tokio::net::TcpStream::connect(echo().await).await.unwrap();
    let outcome = dwcp_channel::relay(session, plain, &Default::default()).await;
    assert!(matches!(outcome.end, Ended::Cut(CloseReason::Operator)), "{outcome:?}");
    assert!(dialing.await.unwrap().is_err(), "no verdict was sent");
}

#[tokio::test]
async fn a_cut_wakes_a_reader_and_a_writer_in_two_tasks() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    // Reads nothing for a second: what the peer sent before it vanished is the target's as long as that lives.
    let slow = common::target(|stream| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(stream);
    })
    .await;
    let forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), slow);
    let session = client.transport().dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(session);
    let reading = tokio::spawn(async move { reader.read_u8().await.unwrap_err() });
    let writing = tokio::spawn(async move {
        let block = vec![0; 64 << 10];
        loop {
            if let Err(error) = writer.write_all(&block).await {
                return error;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let report = client.registry().judge(|_| Judgement::Close(CloseReason::Expired));
    assert_eq!(report.closed, 1);
    for error in [reading.await.unwrap(), writing.await.unwrap()] {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<dwcp_channel::WasCut>());
        assert_eq!(inner, Some(&dwcp_channel::WasCut(CloseReason::Expired)), "{error:?}");
    }
    eventually("the other end notices", || server.registry().is_empty()).await;
}

#[tokio::test]
async fn a_cut_does_not_wait_for_a_target_that_does_not_answer() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    // A listener whose queue is full: the kernel drops further attempts, and connecting takes until its deadline.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let target = full.local_addr().unwrap();
    let mut queue = Vec::new();
    let connect = || tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(target));
    while let Ok(queued) = connect().await {
        queue.push(queued.unwrap());
    }
    let mut forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), target);
    let (transport, remote, expected) = (client.transport(), forwarder.remote(), server.expected());
    let dialing = tokio::spawn(async move { transport.dial(&remote, &expected, DEADLINE).await });
    eventually("the session waits for its target", || server.registry().len() == 1).await;
    let ordered = Instant::now();
    let report = server.registry().judge(|_| Judgement::Close(CloseReason::Revoked));
    assert_eq!(report.closed, 1);
    let outcome = forwarder.outcomes.recv().await.unwrap().unwrap();
    // The one end after which nothing is known of the target.
    assert!(matches!(outcome.end, Ended::Cut(CloseReason::Revoked)), "{outcome:?}");
    assert_eq!((outcome.bytes_in, outcome.bytes_out), (0, 0));
    assert!(dialing.await.unwrap().is_err());
    assert!(ordered.elapsed() < Duration::from_secs(1), "{:?}", ordered.elapsed());
}

#[tokio::test]
async fn a_revocation_during_the_handshake_is_caught_after_the_registration() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    // The handshake still judges by the old trust; what it is judged by once registered is newer.
    let acceptor = {
        mesh.revoke(&client);
        let newer = Arc::new(CertificateStore::new(mesh.credential("server"), mesh.trust()).unwrap());
        let context =
            server.manager.server(ServerSettings::new(ClientAuth::Required).with_alpn([NODE_ALPN])).unwrap();
        let premises = Premises { store: newer, ..server.premises.clone() };
        TlsAcceptor::new(context, premises, LivePolicy::new(allow(&["spiffe://mesh/*"])), "test")
    };
    let forwarder = Forwarder::start(acceptor, echo().await);
    let error = client.transport().dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap_err();
    let DialError::Refused { rejection, .. } = &error else { panic!("{error:?}") };
    assert_eq!(rejection.reason.as_str(), "pki.chain.revoked");
    assert!(server.registry().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_slips_through_while_judgements_run() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let forwarder = Forwarder::start(server.acceptor(&["spiffe://mesh/*"]), echo().await);
    let (registry, stop) = (Arc::clone(server.registry()), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let judging = std::thread::spawn(move || {
        while !stopped.load(Ordering::SeqCst) {
            let _ = registry.judge(|_| Judgement::Close(CloseReason::Revoked));
            std::thread::yield_now();
        }
    });
    let transport = client.transport();
    for _ in 0..30 {
        if let Ok(mut session) = transport.dial(&forwarder.remote(), &server.expected(), DEADLINE).await {
            assert!(session.read_u8().await.is_err(), "accepted just before, and cut at once");
        }
    }
    stop.store(true, Ordering::SeqCst);
    judging.join().unwrap();
    let mut session = transport.dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap();
    ping(&mut session, b"the judge has gone").await;
}

fn newcomer() -> Newcomer {
    Newcomer {
        peer: Peer::Anonymous(WhyAnonymous::NoneSent),
        source: "192.0.2.1:1".parse().unwrap(),
        listener: "test".into(),
        direction: Direction::Accepted,
        agreed: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_registry_holds_exactly_what_was_not_dropped(steps in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..200)) {
        let clock = dwcp_base::ManualClock::at(UnixTime::from_secs(0));
        let registry = Registry::new(20, Arc::new(clock));
        let mut held = Vec::new();
        for (add, which) in steps {
            if add {
                match registry.register(newcomer()) {
                    Ok(tracked) => held.push(tracked),
                    Err(full) => prop_assert_eq!((full.capacity, held.len()), (20, 20)),
                }
            } else if !held.is_empty() {
                drop(held.swap_remove(which.index(held.len())));
            }
            let mut ids: Vec<_> = held.iter().map(|tracked| tracked.id()).collect();
            ids.sort_unstable();
            let rows: Vec<_> = registry.snapshot().iter().map(|row| row.id).collect();
            prop_assert_eq!(&rows, &ids);
            prop_assert_eq!(registry.len(), ids.len());
            let live = registry.peers().first().map_or(0, |row| row.live);
            prop_assert_eq!(live, ids.len() as u64);
        }
    }
}
