//! Bytes through a relay: all of them, in both directions, with every kind of end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Forwarder, Mesh, Node, echo, eventually, pattern, ping, target};
use dwcp_channel::{CloseReason, Ended, IdleLimit, Judgement, RelaySettings, ServeSettings, Session};
use dwcp_crypto::digest::sha256;
use dwcp_tls::TlsError;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

const MESH: &[&str] = &["spiffe://mesh/*"];

async fn dial(client: &Node, server: &Node, to: &Forwarder) -> Session {
    client.transport().dial(&to.remote(), &server.expected(), common::DEADLINE).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_megabytes_pass_both_ways_at_once_unaltered() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let downward = pattern(30 << 20, 7);
    let (received, mut upward) = mpsc::unbounded_channel();
    let sent = downward.clone();
    let plain = target(move |stream| {
        let (sent, received) = (sent.clone(), received.clone());
        async move {
            let (mut reader, mut writer) = stream.into_split();
            let writing = async move {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let mut bytes = Vec::new();
            let (_, read) = tokio::join!(writing, reader.read_to_end(&mut bytes));
            read.unwrap();
            received.send(sha256(&bytes)).unwrap();
        }
    })
    .await;
    let mut forwarder = Forwarder::start(server.acceptor(MESH), plain);
    let session = dial(&client, &server, &forwarder).await;
    let upload = pattern(30 << 20, 9);
    let expected = sha256(&upload);
    let (mut reader, mut writer) = tokio::io::split(session);
    let writing = async move {
        writer.write_all(&upload).await.unwrap();
        writer.shutdown().await.unwrap();
        writer
    };
    let mut bytes = Vec::new();
    let (_, read) = tokio::join!(writing, reader.read_to_end(&mut bytes));
    read.unwrap();
    assert!(bytes == downward, "{} bytes came back", bytes.len());
    assert_eq!(upward.recv().await.unwrap(), expected);
    let outcome = forwarder.outcomes.recv().await.unwrap().unwrap();
    assert!(matches!(outcome.end, Ended::Clean), "{outcome:?}");
    assert_eq!((outcome.bytes_in, outcome.bytes_out), (30 << 20, 30 << 20));
    let rows = server.registry().peers();
    assert_eq!((rows.len(), &*rows[0].label), (1, "spiffe://mesh/client"));
    eventually("the bytes of an ended connection stay in the peer's row", || {
        let rows = server.registry().peers();
        (rows[0].live, rows[0].bytes_in, rows[0].bytes_out) == (0, 30 << 20, 30 << 20)
    })
    .await;
}

#[tokio::test]
async fn an_end_of_one_direction_leaves_the_other_open() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    // Answers only after it has read everything up to the end, as `sort` would.
    let plain = target(|mut stream| async move {
        let mut question = Vec::new();
        stream.read_to_end(&mut question).await.unwrap();
        question.reverse();
        stream.write_all(&question).await.unwrap();
    })
    .await;
    let mut forwarder = Forwarder::start(server.acceptor(MESH), plain);
    let mut session = dial(&client, &server, &forwarder).await;
    session.write_all(b"question").await.unwrap();
    session.shutdown().await.unwrap();
    let mut answer = Vec::new();
    session.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"noitseuq");
    assert!(matches!(forwarder.outcomes.recv().await.unwrap().unwrap().end, Ended::Clean));
}

#[tokio::test]
async fn at_t13_an_end_without_close_notify_resets_the_plain_side() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let (seen, mut ends) = mpsc::unbounded_channel();
    let plain = target(move |mut stream| {
        let seen = seen.clone();
        async move {
            let mut bytes = Vec::new();
            seen.send(stream.read_to_end(&mut bytes).await.map_err(|error| error.kind())).unwrap();
        }
    })
    .await;
    let mut forwarder = Forwarder::start(server.acceptor(MESH), plain);

    let mut session = dial(&client, &server, &forwarder).await;
    session.write_all(b"half of an ord").await.unwrap();
    session.flush().await.unwrap();
    // Dropped without `shutdown`: TCP ends in order, TLS does not.
    drop(session);
    let outcome = forwarder.outcomes.recv().await.unwrap().unwrap();
    assert!(matches!(outcome.end, Ended::Truncated), "{outcome:?}");
    assert_eq!(ends.recv().await.unwrap(), Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_reset_of_the_plain_side_is_no_clean_end_for_the_peer() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let plain = target(|stream| async move {
        let mut stream = stream;
        stream.read_u8().await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    let mut forwarder = Forwarder::start(server.acceptor(MESH), plain);
    let mut session = dial(&client, &server, &forwarder).await;
    session.write_all(b"x").await.unwrap();
    session.flush().await.unwrap();
    let error = session.read_u8().await.unwrap_err();
    assert!(matches!(TlsError::from_stream(error), TlsError::Transport(_) | TlsError::Truncated));
    let outcome = forwarder.outcomes.recv().await.unwrap().unwrap();
    assert!(matches!(outcome.end, Ended::PlainFailed(_)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_in_the_middle_of_a_transfer_resets_both_sides_at_once() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let (seen, mut ends) = mpsc::unbounded_channel();
    // Reads nothing: the relay is stuck in a write when it is cut.
    let plain = target(move |mut stream| {
        let seen = seen.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let mut bytes = Vec::new();
            seen.send(stream.read_to_end(&mut bytes).await.map_err(|error| error.kind())).unwrap();
        }
    })
    .await;
    let mut forwarder = Forwarder::start(server.acceptor(MESH), plain);
    let mut session = dial(&client, &server, &forwarder).await;
    let (wrote, mut written) = mpsc::unbounded_channel();
    let writer = tokio::spawn(async move {
        let block = vec![1; 64 << 10];
        loop {
            if let Err(error) = session.write_all(&block).await {
                return error.kind();
            }
            wrote.send(()).unwrap();
        }
    });
    written.recv().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let ordered = Instant::now();
    let report = server.registry().judge(|_| Judgement::Close(CloseReason::Revoked));
    assert_eq!((report.closed, report.kept), (1, 0));
    let outcome = forwarder.outcomes.recv().await.unwrap().unwrap();
    assert!(matches!(outcome.end, Ended::Cut(CloseReason::Revoked)), "{outcome:?}");
    assert!(ordered.elapsed() < Duration::from_secs(1), "{:?}", ordered.elapsed());
    assert_eq!(ends.recv().await.unwrap(), Err(ErrorKind::ConnectionReset));
    let error = writer.await.unwrap();
    assert!(matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error:?}");
    eventually("the registry is empty", || server.registry().is_empty()).await;
}

#[tokio::test]
async fn a_drained_connection_may_finish_and_is_cut_when_it_does_not() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let mut forwarder = Forwarder::start(server.acceptor(MESH), echo().await);
    let mut finishing = dial(&client, &server, &forwarder).await;
    let mut lasting = dial(&client, &server, &forwarder).await;
    ping(&mut lasting, b"before").await;
    let report = server.registry().judge(|_| Judgement::Drain(Duration::from_millis(400)));
    assert_eq!(report.drained, 2);
    ping(&mut finishing, b"still alive").await;
    finishing.shutdown().await.unwrap();
    let mut rest = Vec::new();
    finishing.read_to_end(&mut rest).await.unwrap();
    assert!(matches!(forwarder.outcomes.recv().await.unwrap().unwrap().end, Ended::Clean));
    ping(&mut lasting, b"until the end").await;
    let outcome = forwarder.outcomes.recv().await.unwrap().unwrap();
    assert!(matches!(outcome.end, Ended::Cut(CloseReason::Drained)), "{outcome:?}");
    assert!(lasting.read_u8().await.is_err());
}

#[tokio::test]
async fn silence_ends_at_the_idle_limit_and_traffic_puts_it_off() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let limit = Duration::from_millis(400);
    let relaying = RelaySettings::default().with_idle(IdleLimit::After(limit)).with_buffer(1);
    let mut forwarder =
        Forwarder::start_with(server.acceptor(MESH), echo().await, relaying, ServeSettings::default());
    let mut session = dial(&client, &server, &forwarder).await;
    for _ in 0..8 {
        ping(&mut session, b"busy").await;
        tokio::time::sleep(limit / 4).await;
    }
    assert!(forwarder.outcomes.try_recv().is_err(), "twice the limit passed with traffic");
    let outcome = forwarder.outcomes.recv().await.unwrap().unwrap();
    assert!(matches!(outcome.end, Ended::Idle), "{outcome:?}");
    assert_eq!(outcome.bytes_in, 32);
    assert!(session.read_u8().await.is_err());
}

#[tokio::test]
async fn at_t12_a_peer_that_never_reads_does_not_fill_memory() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let (counted, mut counts) = mpsc::unbounded_channel();
    let plain = target(move |mut stream| {
        let counted = counted.clone();
        async move {
            let block = vec![1; 64 << 10];
            let mut sent = 0_usize;
            while tokio::time::timeout(Duration::from_millis(500), stream.write_all(&block)).await.is_ok() {
                sent += block.len();
            }
            counted.send(sent).unwrap();
        }
    })
    .await;
    let forwarder = Forwarder::start(server.acceptor(MESH), plain);
    let session = dial(&client, &server, &forwarder).await;
    let sent = counts.recv().await.unwrap();
    let buffered = server.registry().snapshot()[0].bytes_out;
    // What the kernels' socket buffers take is theirs; the relay itself adds at most its buffer and TLS's.
    assert!(sent < 64 << 20, "{sent} bytes were taken from the target");
    assert!(buffered <= sent as u64);
    drop(session);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_gets_the_last_byte_although_nothing_follows_it() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let sent = pattern(6_000_001, 5);
    let bytes = sent.clone();
    // Stays open and silent after its data, so that nothing but the relay's own flush moves the rest.
    let plain = target(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            stream.write_all(&bytes).await.unwrap();
            let _ = stream.read_u8().await;
        }
    })
    .await;
    let forwarder = Forwarder::start(server.acceptor(MESH), plain);
    let mut session = dial(&client, &server, &forwarder).await;
    let mut read = vec![0; sent.len()];
    let reading = async {
        // The relay fills what it can meanwhile: sockets, the engine's buffer, its own.
        tokio::time::sleep(Duration::from_millis(300)).await;
        for block in read.chunks_mut(100_000) {
            tokio::time::sleep(Duration::from_millis(2)).await;
            session.read_exact(block).await.unwrap();
        }
    };
    tokio::time::timeout(common::DEADLINE, reading).await.expect("the rest is stuck");
    assert!(read == sent);
}

#[tokio::test]
async fn dropping_a_relay_resets_both_sides() {
    let mesh = Mesh::new();
    let (server, client) = (mesh.node("server"), mesh.node("client"));
    let (seen, mut ends) = mpsc::unbounded_channel();
    let plain = target(move |mut stream: TcpStream| {
        let seen = seen.clone();
        async move { seen.send(stream.read_u8().await.map_err(|error| error.kind())).unwrap() }
    })
    .await;
    let mut settings = ServeSettings::default();
    settings.drain = Duration::from_millis(200);
    let forwarder = Forwarder::start_with(server.acceptor(MESH), plain, RelaySettings::default(), settings);
    let mut session = dial(&client, &server, &forwarder).await;
    let served = forwarder.stop().await;
    assert_eq!((served.accepted, served.aborted), (1, 1));
    assert_eq!(ends.recv().await.unwrap(), Err(ErrorKind::ConnectionReset));
    assert!(session.read_u8().await.is_err());
}
