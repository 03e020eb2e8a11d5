//! The accept loop under attack: slow clients, panics, churn, no descriptors left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{DEADLINE, Forwarder, Mesh, echo, eventually, ping, start};
use dwcp_base::{Blame, Coded};
use dwcp_channel::{
    Admit, Arrival, BoxedAdmit, Event, Guarded, Refusal, RefusedCause, RelaySettings, Retry, ServeSettings,
    Session, Transport, listen, serve_plain,
};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const MESH: &[&str] = &["spiffe://mesh/*"];

#[tokio::test]
async fn at_g1_a_slow_client_meets_the_one_deadline() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let deadline = Duration::from_millis(400);
    let forwarder = Forwarder::start(server.acceptor(MESH).with_deadline(deadline), echo().await);
    // One byte of a ClientHello every 50 ms: each read makes progress, the whole never ends.
    let mut dripping = TcpStream::connect(forwarder.address).await.unwrap();
    let mut silent = TcpStream::connect(forwarder.address).await.unwrap();
    let started = Instant::now();
    let drip = async {
        for byte in [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3].into_iter().chain([0; 1_000]) {
            if dripping.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        started.elapsed()
    };
    let mut rest = Vec::new();
    let (dripped, silence) = tokio::join!(drip, silent.read_to_end(&mut rest));
    assert!(dripped < Duration::from_secs(3), "{dripped:?}");
    assert!(silence.is_err() || rest.len() < 16, "the silent one was closed too");
    // Meanwhile and afterwards others are served.
    let mut session =
        client.transport().dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap();
    ping(&mut session, b"alive").await;
}

#[tokio::test]
async fn at_d8_a_panic_in_one_connection_ends_that_connection_alone() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let handler = |mut session: Session| async move {
        let mut byte = [0];
        loop {
            session.confirm().await.unwrap();
            if session.read(&mut byte).await.unwrap_or(0) == 0 {
                return;
            }
            assert_ne!(byte[0], b'!', "the handler panics on purpose");
            session.write_all(&byte).await.unwrap();
            session.flush().await.unwrap();
        }
    };
    let (address, events, stop, task) = start(server.acceptor(MESH), handler, ServeSettings::default());
    let transport = client.transport();
    let dial = || async { transport.dial(&address.to_string(), &server.expected(), DEADLINE).await.unwrap() };
    let mut bystander = dial().await;
    ping(&mut bystander, b"a").await;
    for _ in 0..3 {
        let mut victim = dial().await;
        victim.write_all(b"!").await.unwrap();
        victim.flush().await.unwrap();
        assert!(victim.read_u8().await.is_err());
    }
    ping(&mut bystander, b"b").await;
    ping(&mut dial().await, b"c").await;
    eventually("places are given back", || server.registry().len() <= 2).await;
    let panics =
        events.lock().unwrap().iter().filter(|event| event.code() == "channel.handler.panicked").count();
    assert_eq!(panics, 3);
    drop(bystander);
    stop.send(()).unwrap();
    assert_eq!(task.await.unwrap().panicked, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_g2_churn_of_half_open_connections_leaves_nothing_behind() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let forwarder = Forwarder::start(server.acceptor(MESH), echo().await);
    for round in 0..400 {
        let mut stream = TcpStream::connect(forwarder.address).await.unwrap();
        match round % 4 {
            0 => drop(stream),
            1 => stream.set_zero_linger().unwrap(),
            2 => stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap(),
            _ => stream.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap(),
        }
    }
    let mut session =
        client.transport().dial(&forwarder.remote(), &server.expected(), DEADLINE).await.unwrap();
    ping(&mut session, b"alive").await;
    assert_eq!(server.registry().len(), 1);
    session.shutdown().await.unwrap();
    session.read_to_end(&mut Vec::new()).await.unwrap();
    drop(session);
    let served = forwarder.stop().await;
    assert_eq!((served.panicked, served.aborted), (0, 0), "{served:?}");
    assert!(served.accepted > 200, "{served:?}");
}

#[tokio::test]
async fn beyond_its_places_a_listener_resets_newcomers_and_says_so_once() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let mut settings = ServeSettings::default();
    settings.max_connections = 1;
    let forwarder =
        Forwarder::start_with(server.acceptor(MESH), echo().await, RelaySettings::default(), settings);
    let transport = client.transport();
    let dial = || async { transport.dial(&forwarder.remote(), &server.expected(), DEADLINE).await };
    let mut first = dial().await.unwrap();
    for _ in 0..5 {
        assert!(dial().await.is_err());
    }
    ping(&mut first, b"undisturbed").await;
    let local = forwarder.address;
    assert_eq!(*forwarder.events.lock().unwrap(), [Event::Saturated { local, limit: 1 }]);
    first.shutdown().await.unwrap();
    first.read_to_end(&mut Vec::new()).await.unwrap();
    eventually("the place is free", || server.registry().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    ping(&mut dial().await.unwrap(), b"room again").await;
    assert_eq!(forwarder.stop().await.turned_away, 5);
}

#[tokio::test]
async fn shutdown_waits_for_those_who_finish_and_listens_no_more() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let forwarder = Forwarder::start(server.acceptor(MESH), echo().await);
    let (address, remote) = (forwarder.address, forwarder.remote());
    let mut session = client.transport().dial(&remote, &server.expected(), DEADLINE).await.unwrap();
    let stopping = tokio::spawn(forwarder.stop());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed while connections drain");
    ping(&mut session, b"last words").await;
    session.shutdown().await.unwrap();
    session.read_to_end(&mut Vec::new()).await.unwrap();
    let served = stopping.await.unwrap();
    assert_eq!((served.accepted, served.aborted), (1, 0));
}

/// Counts the permits that are out, and what it was told.
#[derive(Default)]
struct Gate {
    out: Arc<AtomicUsize>,
    established: AtomicUsize,
    closed: AtomicUsize,
}

struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Admit for Gate {
    type Permit = Permit;

    fn admit(&self, arrival: &Arrival) -> Result<Permit, Refusal> {
        assert_eq!((arrival.transport, arrival.source.ip().is_loopback()), (Transport::Tcp, true));
        if self.closed.load(Ordering::SeqCst) > 0 {
            let refusal = Refusal::new("test.gate.closed", Blame::Peer, "the gate is closed");
            return Err(refusal.with_retry(Retry::After(Duration::from_secs(7))));
        }
        self.out.fetch_add(1, Ordering::SeqCst);
        Ok(Permit(Arc::clone(&self.out)))
    }

    fn established(&self, _arrival: &Arrival, permit: &Permit) {
        assert!(Arc::ptr_eq(&permit.0, &self.out));
        self.established.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn the_gate_is_asked_before_a_byte_is_read_and_its_permit_lives_with_the_session() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let gate = Arc::new(Gate::default());
    let guarded = Guarded::new(server.acceptor(MESH), BoxedAdmit::new(Arc::clone(&gate)));
    let forwarder = Forwarder::start(guarded, echo().await);
    let transport = client.transport();
    let dial = || async { transport.dial(&forwarder.remote(), &server.expected(), DEADLINE).await };
    let session = dial().await.unwrap();
    assert_eq!((gate.out.load(Ordering::SeqCst), gate.established.load(Ordering::SeqCst)), (1, 1));
    let half_open = TcpStream::connect(forwarder.address).await.unwrap();
    eventually("a handshake holds a permit too", || gate.out.load(Ordering::SeqCst) == 2).await;
    drop((session, half_open));
    eventually("permits come back", || gate.out.load(Ordering::SeqCst) == 0).await;

    gate.closed.store(1, Ordering::SeqCst);
    let mut refused = TcpStream::connect(forwarder.address).await.unwrap();
    // A reset, without a byte of answer and without waiting for a byte of ours.
    assert_eq!(refused.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(dial().await.is_err());
    assert_eq!(gate.established.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refusal_of_the_gate_keeps_its_code_and_its_waiting_time() {
    let source: SocketAddr = "192.0.2.1:1".parse().unwrap();
    let refusal = Refusal::new("guard.rate.exceeded", Blame::Peer, "too many").with_retry(Retry::Never);
    let refused = dwcp_channel::Refused::not_admitted(source, refusal);
    assert_eq!(
        (refused.code(), refused.blame(), refused.reason()),
        ("guard.rate.exceeded", Blame::Peer, "not_admitted")
    );
    assert!(matches!(refused.cause(), RefusedCause::NotAdmitted(inner) if inner.retry() == Retry::Never));
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = listen(taken.local_addr().unwrap()).unwrap_err();
    assert_eq!((error.code(), error.blame()), ("channel.listen.unavailable", Blame::Local));
    assert!(error.to_string().contains(&taken.local_addr().unwrap().port().to_string()));
}

/// The real thing: the child runs out of descriptors, must not spin, and serves again when some are free.
#[cfg(unix)]
#[test]
fn at_g2_no_descriptors_left_makes_the_loop_wait_not_spin() {
    let this = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 48; exec \"$0\" --exact --ignored child_without_descriptors --nocapture"])
        .arg(this)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("served again"), "{text}");
}

#[cfg(unix)]
#[test]
#[ignore = "run by at_g2_no_descriptors_left_makes_the_loop_wait_not_spin with few descriptors"]
fn child_without_descriptors() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mesh = Mesh::new();
        let (server, client) = (mesh.node("server"), mesh.node("client"));
        let handler = |mut session: Session| async move {
            session.confirm().await.unwrap();
            let _ = session.read_u8().await;
        };
        let (address, events, _stop, _task) = start(server.acceptor(MESH), handler, ServeSettings::default());
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        // One descriptor for this end; the kernel completes the handshake, `accept` finds none for the other.
        hoard.pop();
        let waiting = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let seen = events.lock().unwrap().clone();
        let waits: Vec<_> = seen
            .iter()
            .map(|event| match event {
                Event::AcceptFailed { os_error: 24, wait, .. } => *wait,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!((5..20).contains(&waits.len()) && waits.is_sorted(), "{waits:?}");
        drop((hoard, waiting));
        let session =
            client.transport().dial(&address.to_string(), &server.expected(), DEADLINE).await.unwrap();
        println!("served again {}", session.id());
    });
}

#[tokio::test]
async fn a_task_that_ends_without_taking_its_connection_leaves_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let turn = Arc::new(AtomicUsize::new(0));
    // The first task panics; the second waits with the connection in hand, and is aborted when the drain is over.
    let handler = move |incoming: dwcp_channel::Incoming| {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_ne!(turn, 0, "the handler panics on purpose");
            std::future::pending::<()>().await;
            drop(incoming);
        }
    };
    let mut settings = ServeSettings::default();
    settings.drain = Duration::from_millis(100);
    let serving = tokio::spawn(serve_plain(listener, handler, settings, async {
        let _ = stopped.await;
    }));
    let mut first = TcpStream::connect(address).await.unwrap();
    assert_eq!(first.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let mut second = TcpStream::connect(address).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), second.read_u8()).await.is_err());
    stop.send(()).unwrap();
    assert_eq!(second.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let served = serving.await.unwrap();
    assert_eq!((served.accepted, served.panicked, served.aborted), (2, 1, 1));
}
