//! A node that joined still works on day 30 with nobody touching it. Days pass in steps of three hours, by the wall clock of both processes.
//!
//! `DWCP_DAYS` says how many; three without it, which are some lives of a certificate and of a list.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![cfg(unix)]

mod support;

use dwcp_pki::{Certificate, Serial};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use support::ahead::Ahead;
use support::{PATIENCE, Place, Running, echo, eventually, free_port, text};

/// Gives a configuration a socket to be asked on, a free admin port and target, and a dialer.
fn configure(dir: &Path, admin: SocketAddr, target: SocketAddr, dialer: (SocketAddr, SocketAddr, &str)) {
    let file = dir.join("dwcp.yaml");
    let config = fs::read_to_string(&file).unwrap();
    let (listen, remote, expected) = dialer;
    let dialers = format!(
        "dialers:\n    - {{name: out, listen: \"{listen}\", remote: \"{remote}\", expect: [\"{expected}\"]}}"
    );
    let config = config
        .replace("# socket: admin.sock", "socket: admin.sock")
        .replace("127.0.0.1:9443", &admin.to_string())
        .replace("127.0.0.1:8080", &target.to_string())
        .replace("dialers: []", &dialers);
    fs::write(file, config).unwrap();
}

/// What a node says of its certificates, over its socket: the checks that are not `pass`.
fn complaints(dir: &Path) -> Vec<String> {
    let mut socket = UnixStream::connect(dir.join("admin.sock")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(b"GET /health/certs HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let report: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["status"] != "pass")
        .map(|check| format!("{} {}", check["id"], check["reason"]))
        .collect()
}

/// Sends bytes through a dialer and expects them back.
fn says_back(line: &mut TcpStream) -> bool {
    let mut back = [0; 5];
    line.set_read_timeout(Some(PATIENCE)).unwrap();
    line.write_all(b"hello").is_ok() && line.read_exact(&mut back).is_ok() && &back == b"hello"
}

fn serial(dir: &Path) -> Serial {
    Certificate::from_pem(&fs::read(dir.join("identity.crt")).unwrap()).unwrap().serial()
}

const LOOK: Duration = Duration::from_millis(800);

#[test]
fn a_node_that_joined_works_for_days_with_nobody_touching_it() {
    let days: u64 = std::env::var("DWCP_DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(3);
    let home = tempfile::tempdir().unwrap();
    let Some(clock) = Ahead::new(home.path()) else { return };
    let local = || SocketAddr::from(([127, 0, 0, 1], free_port()));
    let first = Place::new();
    let (one, two) = (first.path("node"), home.path().join("node"));
    let (second_listens, second_admin, targets) = (local(), local(), [local(), local()]);
    let outs = [local(), local()];
    targets.iter().for_each(|target| echo(*target));
    // `Place` has given it ports already.
    first.edit(&first.target.to_string(), &targets[0].to_string());
    configure(&one, first.admin, targets[0], (outs[0], second_listens, "spiffe://test.example/node/b"));
    let up = |dir: &Path, admin| {
        Running::start(clock.command().args(["up", "--config", &text(&dir.join("dwcp.yaml"))]), admin)
    };
    let mut nodes = vec![up(&one, first.admin)];
    let made = clock.command().args(["token", "create", "--config", &first.config()]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let token = String::from_utf8(made.stdout).unwrap();
    let arguments =
        ["init", &text(&two), "--join", token.trim(), "--name", "b", "--listen", &second_listens.to_string()];
    let joined = clock.command().args(arguments).output().unwrap();
    assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));
    configure(&two, second_admin, targets[1], (outs[1], first.listen, "spiffe://test.example/node/a"));
    nodes.push(up(&two, second_admin));

    let mut lives: BTreeSet<Serial> = [serial(&two)].into();
    let mut kept: Vec<TcpStream> = outs.iter().map(|out| TcpStream::connect(out).unwrap()).collect();
    let mut fresh: Vec<TcpStream> = Vec::new();
    for step in 1..=i64::try_from(days * 8).unwrap() {
        clock.set_hours(step * 3);
        // As long as a node takes to look at the clock; hours are no shorter than that.
        std::thread::sleep(LOOK);
        for dir in [&one, &two] {
            let mut left = Vec::new();
            let what = format!("all is well after {} h", step * 3);
            eventually(PATIENCE, &what, || {
                let now = complaints(dir);
                if now != left {
                    println!("{} h: {now:?}", step * 3);
                    left = now;
                }
                left.is_empty()
            });
        }
        // They stay until the next ones are there: a connection outlives its certificate where the same peer shows a newer one.
        let mut next: Vec<TcpStream> = outs.iter().map(|out| TcpStream::connect(out).unwrap()).collect();
        assert!(next.iter_mut().all(says_back), "no connection after {} h", step * 3);
        fresh = next;
        assert!(kept.iter_mut().all(says_back), "a live connection was lost after {} h", step * 3);
        lives.insert(serial(&two));
    }
    drop(fresh);
    assert!(nodes.iter_mut().all(Running::lives));
    println!("{days} days, {} certificates", lives.len());
    assert!(lives.len() as u64 > days, "one for each day at least: {}", lives.len());
}
