//! A thousand peers with traffic while the world changes: whom it concerns is cut or drained, all others lose no byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{DEADLINE, Mesh, Node, Started, eventually, ping, start};
use dwcp_base::{Clock, UnixTime};
use dwcp_channel::{ConnectionState, JudgeReport, Session};
use dwcp_pki::{Credential, RevocationReason, TrustStore};
use dwcp_tls::Resumption;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3_600);
const GRACE: Duration = Duration::from_millis(300);

/// What the server's side counted.
#[derive(Default)]
struct Ledger {
    frames: AtomicU64,
    /// Frames out of their order, and streams that ended otherwise than with their end.
    lost: AtomicU64,
    clean: AtomicU64,
}

/// A frame: its number, and bytes that follow from it.
fn frame(number: u64) -> [u8; 32] {
    let mut frame = [0; 32];
    let mut part = number;
    for piece in frame.chunks_exact_mut(8) {
        piece.copy_from_slice(&part.to_be_bytes());
        part = part.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ number;
    }
    frame
}

/// Answers each frame with itself, and checks that none is missing.
async fn answer(mut session: Session, ledger: Arc<Ledger>) {
    let mut expected = 0;
    if session.confirm().await.is_err() {
        return;
    }
    loop {
        let mut read = [0; 32];
        match session.read(&mut read).await {
            Ok(0) => {
                ledger.clean.fetch_add(1, Ordering::SeqCst);
                let _ = session.shutdown().await;
                return;
            }
            Ok(first) => {
                if session.read_exact(&mut read[first..]).await.is_err() {
                    break;
                }
            }
            Err(_) => break,
        }
        if read != frame(expected) {
            break;
        }
        expected += 1;
        ledger.frames.fetch_add(1, Ordering::SeqCst);
        if session.write_all(&read).await.is_err() || session.flush().await.is_err() {
            break;
        }
    }
    ledger.lost.fetch_add(1, Ordering::SeqCst);
}

/// Sends frames and reads each back until told to stop, then ends in good order; how many there were.
async fn talk(mut session: Session, stop: Arc<AtomicBool>) -> Result<u64, std::io::Error> {
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        let sent = frame(number);
        session.write_all(&sent).await?;
        session.flush().await?;
        let mut back = [0; 32];
        session.read_exact(&mut back).await?;
        assert_eq!(back, sent, "frame {number}");
        number += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    session.shutdown().await?;
    let mut rest = Vec::new();
    session.read_to_end(&mut rest).await?;
    assert!(rest.is_empty());
    Ok(number)
}

fn serving(server: &Node, ledger: &Arc<Ledger>) -> Started {
    let ledger = Arc::clone(ledger);
    let handler = move |session: Session| answer(session, Arc::clone(&ledger));
    start(server.acceptor(&["spiffe://mesh/*"]), handler, Default::default())
}

fn judged(server: &Node, now: UnixTime) -> JudgeReport {
    server.registry().judge_by_trust(server.premises.store.current().trust(), now, GRACE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_1000_live_peers_one_is_revoked_and_999_lose_no_byte() {
    const PEERS: usize = 1_000;
    const VICTIM: usize = 321;
    let mesh = Mesh::new();
    let (server, ledger) = (mesh.node("server"), Arc::<Ledger>::default());
    let (address, _, _stop, _task) = serving(&server, &ledger);
    let remote = address.to_string();
    let trust = mesh.trust();
    let peers: Vec<Node> =
        (0..PEERS).map(|n| mesh.node_of(mesh.credential(&format!("p{n}")), trust.clone(), 8)).collect();

    let began = Instant::now();
    let transports: Vec<_> = peers.iter().map(Node::transport).collect();
    let mut dialing = JoinSet::new();
    // Not all in one instant: on a busy machine the last would wait longer than a handshake may take.
    let at_once = Arc::new(Semaphore::new(32));
    for (n, transport) in transports.iter().cloned().enumerate() {
        let (remote, expected, at_once) = (remote.clone(), server.expected(), Arc::clone(&at_once));
        dialing.spawn(async move {
            let _turn = at_once.acquire().await.unwrap();
            (n, transport.dial(&remote, &expected, Duration::from_secs(60)).await.unwrap())
        });
    }
    let mut sessions = dialing.join_all().await;
    sessions.sort_by_key(|(n, _)| *n);
    println!("{PEERS} peers came in within {:?}", began.elapsed());
    assert_eq!(server.registry().len(), PEERS);

    let stop = Arc::new(AtomicBool::new(false));
    let mut talking = JoinSet::new();
    let mut victim = None;
    for (n, session) in sessions {
        let talk = talk(session, Arc::clone(&stop));
        if n == VICTIM {
            victim = Some(tokio::spawn(talk));
        } else {
            talking.spawn(talk);
        }
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    mesh.revoke(&peers[VICTIM]);
    let list = mesh.trust();
    let ordered = Instant::now();
    server.premises.store.install_trust(list).unwrap();
    let report = judged(&server, mesh.clock.unix());
    assert_eq!((report.kept, report.closed, report.drained), (PEERS - 1, 1, 0));
    println!("judged within {:?}", ordered.elapsed());
    assert!(victim.unwrap().await.unwrap().is_err());
    let cut = ordered.elapsed();
    println!("cut within {cut:?}");
    assert!(cut < Duration::from_secs(1), "{cut:?}");
    eventually("its place is given back", || server.registry().len() == PEERS - 1).await;

    // The others go on, and come to their end with every frame on both sides.
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::SeqCst);
    let mut sent = 0;
    while let Some(talked) = talking.join_next().await {
        let frames = talked.unwrap().unwrap();
        assert!(frames > 0);
        sent += frames;
    }
    eventually("every stream has ended", || server.registry().is_empty()).await;
    assert_eq!(ledger.clean.load(Ordering::SeqCst), PEERS as u64 - 1);
    assert_eq!(ledger.lost.load(Ordering::SeqCst), 1, "the victim's stream");
    // What the victim had sent is counted there as well, and nothing else is missing.
    let served = ledger.frames.load(Ordering::SeqCst);
    assert!(served >= sent && served <= sent + 60, "{served} and {sent}");

    // AT-T3: with a ticket from before, or without.
    let again = |n: usize| {
        let (transport, remote, expected) = (transports[n].clone(), remote.clone(), server.expected());
        async move { transport.dial(&remote, &expected, DEADLINE).await }
    };
    assert!(again(VICTIM).await.is_err());
    assert!(again(VICTIM).await.is_err());
    let session = again(VICTIM + 1).await.unwrap();
    assert_eq!(session.facts().resumed, Resumption::Resumed, "who is not concerned resumes");
}

struct Pair {
    session: Session,
    _node: Node,
}

/// Sessions of `credential`'s bearer with an echoing server.
async fn dialled(
    mesh: &Mesh,
    server: &Node,
    remote: &str,
    credential: Credential,
    trust: TrustStore,
) -> Pair {
    let node = mesh.node_of(credential, trust, 8);
    let session = node.transport().dial(remote, &server.expected(), DEADLINE).await.unwrap();
    Pair { session, _node: node }
}

async fn is_alive(pair: &mut Pair, number: u64) {
    ping(&mut pair.session, &frame(number)).await;
}

/// That it ends within a second, from where it was drained with [`GRACE`].
async fn is_drained(pair: &mut Pair, since: Instant) {
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::from_secs(5), pair.session.read(&mut byte))
        .await
        .expect("it lives on");
    assert!(read.is_err(), "cut rather than ended");
    assert!(
        since.elapsed() >= GRACE - Duration::from_millis(50),
        "the grace was given: {:?}",
        since.elapsed()
    );
    assert!(since.elapsed() < GRACE + Duration::from_secs(1), "{:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_whose_certificate_ends_drains_unless_its_identity_has_shown_a_newer_one() {
    let mesh = Mesh::new();
    let server = mesh.node("server");
    let (address, _, _stop, _task) = serving(&server, &Arc::default());
    let remote = address.to_string();
    let with = |credential| dialled(&mesh, &server, &remote, credential, mesh.trust());
    let short = |name: &str| mesh.credential_for(name, HOUR);
    let mut lapsed = with(short("lapsed")).await;
    let mut renewed = with(short("renewed")).await;
    let mut newer = with(mesh.credential("renewed")).await;
    let mut long = with(mesh.credential("long")).await;
    let now = mesh.clock.unix();
    let all = [&mut lapsed, &mut renewed, &mut newer, &mut long];
    for pair in all {
        is_alive(pair, 0).await;
    }
    assert_eq!(judged(&server, now).kept, 4, "nothing has ended");
    let (report, since) = (judged(&server, now.plus(HOUR * 2)), Instant::now());
    assert_eq!((report.kept, report.closed, report.drained), (3, 0, 1));
    // It is given time, in which it works.
    is_alive(&mut lapsed, 1).await;
    is_drained(&mut lapsed, since).await;
    for pair in [&mut renewed, &mut newer, &mut long] {
        is_alive(pair, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_certificate_counts_after_the_connection_that_showed_it_has_ended() {
    let mesh = Mesh::new();
    let server = mesh.node("server");
    let (address, _, _stop, _task) = serving(&server, &Arc::default());
    let remote = address.to_string();
    let with = |credential| dialled(&mesh, &server, &remote, credential, mesh.trust());
    let mut old = with(mesh.credential_for("a", HOUR)).await;
    let (newer, other) = (mesh.credential("a"), mesh.credential("b"));
    let serial = newer.chain().leaf().serial();
    let brief = with(newer).await;
    drop(brief);
    drop(with(other).await);
    eventually("only the old one is up", || server.registry().len() == 1).await;
    let later = mesh.clock.unix().plus(HOUR * 2);
    assert_eq!(judged(&server, later).kept, 1);
    is_alive(&mut old, 0).await;
    // Not for longer than it is good itself.
    let _ = mesh.authority.revoke(&serial, RevocationReason::Superseded, mesh.clock.unix()).unwrap();
    server.premises.store.install_trust(mesh.trust()).unwrap();
    let (report, since) = (judged(&server, later), Instant::now());
    assert_eq!((report.kept, report.drained), (0, 1));
    is_drained(&mut old, since).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_is_taken_back_when_a_newer_certificate_is_shown_within_the_grace() {
    let mesh = Mesh::new();
    let server = mesh.node("server");
    let (address, _, _stop, _task) = serving(&server, &Arc::default());
    let remote = address.to_string();
    let with = |name| dialled(&mesh, &server, &remote, mesh.credential_for(name, HOUR), mesh.trust());
    let (mut late, mut denied, mut never) = (with("late").await, with("denied").await, with("never").await);
    let later = mesh.clock.unix().plus(HOUR * 2);
    let ids: Vec<_> = server.registry().snapshot().iter().map(|row| row.id).collect();
    let (report, since) = (judged(&server, later), Instant::now());
    assert_eq!((report.kept, report.drained), (0, 3));
    // Another reason to end is not made up for by a certificate.
    server.registry().drain(ids[1], GRACE * 2).unwrap_err();
    for name in ["late", "denied"] {
        drop(dialled(&mesh, &server, &remote, mesh.credential(name), mesh.trust()).await);
    }
    eventually("those that showed them are gone", || server.registry().len() <= 3).await;
    assert!(since.elapsed() < GRACE, "too slow a machine: {:?}", since.elapsed());
    let report = judged(&server, later);
    assert_eq!((report.kept, report.drained), (2, 1));
    is_drained(&mut never, since).await;
    eventually("the denied one is cut", || server.registry().len() == 1).await;
    assert!(denied.session.read_u8().await.is_err());
    tokio::time::sleep(GRACE).await;
    assert_eq!(server.registry().snapshot()[0].state, ConnectionState::Open);
    is_alive(&mut late, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_certificate_that_was_revoked_keeps_no_older_one_alive() {
    let mesh = Mesh::new();
    let server = mesh.node("server");
    let (address, _, _stop, _task) = serving(&server, &Arc::default());
    let remote = address.to_string();
    let mut old = dialled(&mesh, &server, &remote, mesh.credential_for("a", HOUR), mesh.trust()).await;
    let newer = mesh.credential("a");
    let serial = newer.chain().leaf().serial();
    let mut newer = dialled(&mesh, &server, &remote, newer, mesh.trust()).await;
    let _ = mesh.authority.revoke(&serial, RevocationReason::Superseded, mesh.clock.unix()).unwrap();
    server.premises.store.install_trust(mesh.trust()).unwrap();
    let (report, since) = (judged(&server, mesh.clock.unix().plus(HOUR * 2)), Instant::now());
    assert_eq!((report.kept, report.closed, report.drained), (0, 1, 1));
    assert!(newer.session.read_u8().await.is_err());
    is_drained(&mut old, since).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_trust_contracts_only_those_who_led_to_the_lost_root_drain() {
    let (ours, theirs) = (Mesh::new(), Mesh::new());
    let both = || {
        let anchors = [&ours, &theirs].map(|mesh| mesh.authority.certificate().certificate_der().clone());
        let lists = [&ours, &theirs].map(|mesh| mesh.authority.crl(mesh.clock.unix()).unwrap());
        TrustStore::new(anchors.to_vec(), lists.to_vec(), dwcp_pki::RevocationMode::Required).unwrap()
    };
    let server = ours.node_of(ours.credential("server"), both(), 100);
    let (address, _, _stop, _task) = serving(&server, &Arc::default());
    let remote = address.to_string();
    let mut kept = Vec::new();
    let mut lost = Vec::new();
    for n in 0..10 {
        kept.push(dialled(&ours, &server, &remote, ours.credential(&format!("o{n}")), ours.trust()).await);
        lost.push(dialled(&theirs, &server, &remote, theirs.credential(&format!("t{n}")), both()).await);
    }
    assert_eq!(judged(&server, ours.clock.unix()).kept, 20);
    server.premises.store.install_trust(ours.trust()).unwrap();
    let (report, since) = (judged(&server, ours.clock.unix()), Instant::now());
    assert_eq!((report.kept, report.closed, report.drained), (10, 0, 10));
    for pair in &mut lost {
        is_drained(pair, since).await;
    }
    for pair in &mut kept {
        is_alive(pair, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn teleport_57697_pooled_connections_survive_a_renewal_and_end_when_their_certificate_does() {
    let mesh = Mesh::new();
    let server = mesh.node("server");
    let (address, _, _stop, _task) = serving(&server, &Arc::default());
    let remote = address.to_string();
    let client = mesh.node_of(mesh.credential_for("pool", HOUR), mesh.trust(), 100);
    let transport = client.transport();
    let mut pool = Vec::new();
    for _ in 0..8 {
        pool.push(transport.dial(&remote, &server.expected(), DEADLINE).await.unwrap());
    }
    // Both sides renew, several times: no connection that is up notices.
    for round in 0..3 {
        client.premises.store.install_credential(mesh.credential_for("pool", HOUR)).unwrap();
        server.premises.store.install_credential(mesh.credential("server")).unwrap();
        assert_eq!(judged(&server, mesh.clock.unix()).kept, 8);
        assert_eq!(judged(&client, mesh.clock.unix()).kept, 8);
        for session in &mut pool {
            ping(session, &frame(round)).await;
        }
    }
    // Their certificate ends, and nobody has shown the newer one to this server: that it exists does not help.
    let (report, since) = (judged(&server, mesh.clock.unix().plus(HOUR * 2)), Instant::now());
    assert_eq!((report.kept, report.closed, report.drained), (0, 0, 8));
    for session in &mut pool {
        let mut byte = [0];
        assert!(session.read(&mut byte).await.is_err());
    }
    assert!(since.elapsed() < GRACE + Duration::from_secs(1), "{:?}", since.elapsed());
    // What the pool dials next is by the new one.
    client.premises.store.install_credential(mesh.credential("pool")).unwrap();
    let mut fresh = transport.dial(&remote, &server.expected(), DEADLINE).await.unwrap();
    assert_eq!(judged(&server, mesh.clock.unix().plus(HOUR * 2)).kept, 1);
    ping(&mut fresh, &frame(0)).await;
}
