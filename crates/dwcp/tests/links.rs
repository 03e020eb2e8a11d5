//! Nodes as processes of their own, and what passes between them: data, refusals, revocations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_channel::DialError;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use support::{Line, PATIENCE, Place, Running, command, echo, eventually, free_port, ok, text};

/// A second node, which carries plain connections to the first one's listener.
struct Second {
    node: Running,
    dialer: SocketAddr,
    admin: SocketAddr,
}

impl Second {
    /// Starts one as `spiffe://test.example/node/NAME` that expects `expect` on the other side.
    fn up(place: &Place, name: &str, expect: &str) -> Self {
        let local = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (dialer, admin, remote) = (local(), local(), place.listen);
        let (prefix, ca) = (text(&place.path(name)), place.node("ca"));
        // With an address besides, so that its admin listener can be asked.
        let id = format!("URI:spiffe://test.example/node/{name}");
        ok(&["cert", "issue", "--ca", &ca, "--san", &id, "--san", "IP:127.0.0.1", "--out", &prefix]);
        let dir = place.path(&format!("{name}-dir"));
        fs::create_dir(&dir).unwrap();
        let config = dir.join("dwcp.yaml");
        let text_of = format!(
            "node:\n  name: {name}\n  trust_domain: test.example\n  admin: {{listen: '{admin}'}}\n  dialers:\n    \
             - {{name: out, listen: '{dialer}', remote: '{remote}', expect: ['{expect}']}}\n\
             security:\n  tls: {{cert_file: '{prefix}.crt', key_file: '{prefix}.key', ca_file: '{ca}/ca.crt'}}\n  \
             cert_management: {{provider: manual}}\n"
        );
        fs::write(&config, text_of).unwrap();
        let node = Running::start(command().args(["up", "--config", &text(&config)]), admin);
        Self { node, dialer, admin }
    }

    /// Connects to the dialer in the clear.
    fn plain(&self) -> TcpStream {
        let stream = TcpStream::connect(self.dialer).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What a plain connection that sends `bytes` gets back.
    fn echoed(&self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = self.plain();
        stream.write_all(bytes)?;
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back)?;
        Ok(back)
    }
}

/// Bytes that look like noise and are known to both ends (xorshift64).
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
}

#[test]
fn twenty_megabytes_arrive_as_they_were_sent() {
    let place = Place::new();
    echo(place.target);
    let first = place.up();
    let second = Second::up(&place, "b", "spiffe://test.example/node/a");
    let mut stream = second.plain();
    let mut writer = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let mut bytes = noise(7);
        for _ in 0..BLOCKS {
            let block: Vec<u8> = bytes.by_ref().take(BLOCK).collect();
            writer.write_all(&block).unwrap();
        }
        // The end of one direction passes through as such; the other goes on.
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut expected = noise(7);
    let mut block = vec![0; BLOCK];
    for number in 0..BLOCKS {
        stream.read_exact(&mut block).unwrap();
        assert!(
            block.iter().eq(expected.by_ref().take(BLOCK).collect::<Vec<_>>().iter()),
            "block {number} is another"
        );
    }
    assert_eq!(stream.read(&mut block).unwrap(), 0, "and then it ends in order");
    sending.join().unwrap();

    for (node, dir) in [(first, place.node("audit")), (second.node, text(&place.path("b-dir/audit")))] {
        node.signal("TERM");
        assert_eq!(node.wait(PATIENCE), 0);
        ok(&["audit", "verify", &dir]);
        let log = fs::read_to_string(format!("{dir}/log-000000000001.jsonl")).unwrap();
        let all = (BLOCK * BLOCKS).to_string();
        let closed = log.lines().find(|line| line.contains("\"connection_closed\"")).unwrap();
        assert!(closed.contains(&format!("\"bytes_in\":\"{all}\"")), "{closed}");
        assert!(closed.contains(&format!("\"bytes_out\":\"{all}\"")), "{closed}");
    }
}

const BLOCK: usize = 64 * 1_024;
const BLOCKS: usize = 20 * 16;

#[test]
fn a_target_that_is_down_is_a_reset_here_a_warning_there_and_over_when_it_is_back() {
    let mut place = Place::new();
    let _first = place.up();
    let second = Second::up(&place, "b", "spiffe://test.example/node/*");
    assert_eq!(place.check("tls", "tls.target.example").0, "pass");

    let mut stream = second.plain();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::ConnectionReset,
        "a reset, so that nobody takes it for an empty answer"
    );
    let (status, reason) = place.check("tls", "tls.target.example");
    assert_eq!(status, "warn");
    assert!(reason.contains(&place.target.to_string()), "{reason}");
    assert_eq!(place.health("tls").0, 200, "a target's trouble is no failure of the node");
    let here = place.admin;
    place.admin = second.admin;
    let (status, reason) = place.check("tls", "tls.remote.out");
    assert_eq!(status, "warn", "the node that dialed knows as well: {reason}");

    echo(place.target);
    eventually(PATIENCE, "data passes", || second.echoed(b"up again").is_ok_and(|back| back == b"up again"));
    for admin in [second.admin, here] {
        place.admin = admin;
        eventually(PATIENCE, "health passes", || place.health("tls").1["status"] == "pass");
    }
}

#[test]
fn a_server_that_is_somebody_else_gets_nothing() {
    let place = Place::new();
    echo(place.target);
    let _first = place.up();
    let second = Second::up(&place, "b", "spiffe://test.example/node/somebody-else");
    let mut stream = second.plain();
    let _ = stream.write_all(b"secret");
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(place.check("tls", "tls.target.example").0, "pass", "the target was never asked");
}

#[test]
fn a_revocation_cuts_within_two_seconds_and_nobody_else_loses_a_byte() {
    let place = Place::new();
    echo(place.target);
    let (bad, good) = (place.issue("bad"), place.issue("good"));
    let _node = place.up();
    let mut cut = Line::dial(&place, place.listen, Some(&bad)).unwrap();
    let mut kept = Line::dial(&place, place.listen, Some(&good)).unwrap();
    cut.echo(b"before").unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let traffic = std::thread::spawn(move || {
        let mut bytes = noise(11);
        let mut rounds = 0_u64;
        while stopped.try_recv().is_err() {
            let block: Vec<u8> = bytes.by_ref().take(4_096).collect();
            kept.echo(&block).unwrap();
            rounds += 1;
        }
        kept.close().unwrap();
        rounds
    });

    ok(&["cert", "revoke", "--ca", &place.node("ca"), "--cert", &format!("{bad}.crt")]);
    let revoked = Instant::now();
    let (bytes, end) = cut.rest(PATIENCE);
    let took = revoked.elapsed();
    assert!(bytes.is_empty() && end.is_err(), "a cut is no clean end: {end:?}");
    assert!(took <= Duration::from_secs(2), "cut after {took:?}");

    match Line::dial(&place, place.listen, Some(&bad)) {
        Err(DialError::Tls { source, .. }) => assert_eq!(source.reason(), "peer_alert", "{source:?}"),
        other => panic!("a revoked one came in: {:?}", other.map(drop)),
    }
    Line::dial(&place, place.listen, Some(&good)).unwrap().echo(b"after").unwrap();
    stop.send(()).unwrap();
    assert!(traffic.join().unwrap() > 0);
    let metrics = place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let cuts = metrics.lines().find(|line| line.starts_with("dwcp_") && line.contains("reason=\"revoked\""));
    assert!(cuts.is_some_and(|line| line.ends_with(" 1")), "{cuts:?}");
}
