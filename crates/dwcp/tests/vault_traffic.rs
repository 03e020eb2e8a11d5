//! Two nodes whose leaves of seconds a real OpenBao signs, with traffic between them while the server is well, ill and gone.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp::config::{check, load};
use dwcp::node::Node;
use dwcp_channel::ConnectionState;
use dwcp_testkit::{OpenBao, OpenBaoOptions};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use support::eventually;
use support::vault::{VaultNode, mount, token};

/// What runs through the dialer all the time: two connections that stay, and newcomers one after the other.
#[derive(Default)]
struct Traffic {
    over: AtomicBool,
    echoes: AtomicU64,
    newcomers: AtomicU64,
}

impl Traffic {
    fn begin(self: &Arc<Self>, plain: SocketAddr) -> Vec<JoinHandle<()>> {
        let stays = (0..2).map(|_| {
            let traffic = Arc::clone(self);
            std::thread::spawn(move || {
                let mut line = dial(plain);
                while !traffic.over.load(Ordering::Relaxed) {
                    echo(&mut line);
                    traffic.echoes.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(10));
                }
            })
        });
        let comes = std::iter::once_with(|| {
            let traffic = Arc::clone(self);
            std::thread::spawn(move || {
                while !traffic.over.load(Ordering::Relaxed) {
                    echo(&mut dial(plain));
                    traffic.newcomers.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(40));
                }
            })
        });
        stays.chain(comes).collect()
    }

    fn end(&self, threads: Vec<JoinHandle<()>>) {
        self.over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().expect("no connection is lost");
        }
        assert!(self.echoes.load(Ordering::Relaxed) > 100 && self.newcomers.load(Ordering::Relaxed) > 50);
    }
}

fn dial(plain: SocketAddr) -> TcpStream {
    let line = TcpStream::connect(plain).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    line
}

fn echo(line: &mut TcpStream) {
    line.write_all(&[7; 512]).expect("it takes what is sent");
    let mut back = [0; 512];
    line.read_exact(&mut back).expect("it sends it back");
    assert_eq!(back, [7; 512]);
}

/// Listener `a` and dialer `b` at one server; leaves live for `ttl`.
fn pair(bao: &OpenBao, ttl: &str, tokens: &str) -> [VaultNode; 2] {
    let a = VaultNode::new(bao, "a", ttl, &token(bao, tokens), None);
    let b = VaultNode::new(bao, "b", ttl, &token(bao, tokens), Some(a.listen));
    [a, b]
}

fn rotations(nodes: &[&VaultNode]) -> f64 {
    nodes
        .iter()
        .map(|node| node.counter("dwcp_certificate_rotations_total", &format!("\"{}\"", node.name)))
        .sum()
}

#[test]
fn dozens_of_renewals_under_traffic_lose_no_connection_and_leak_no_token() {
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let [a, b] = pair(&bao, "5s", "6s");
    let ups = [a.up(), b.up()];
    let traffic = Arc::new(Traffic::default());
    let threads = traffic.begin(b.plain);
    // Leaves of five seconds, and tokens of six that are renewed at two thirds.
    eventually(Duration::from_secs(60), "24 renewals", || rotations(&[&a, &b]) >= 24.0);
    for (node, up) in [&a, &b].into_iter().zip(&ups) {
        assert_eq!(node.check("certs.provider")["status"], "pass");
        let secret = std::fs::read_to_string(node.path("token")).unwrap();
        let secret = secret.trim();
        let told = [
            node.get("/health/certs"),
            node.get("/metrics"),
            node.written(),
            node.ask(&["--json", "cert", "list"]),
            up.said(),
        ];
        assert!(!up.said().is_empty(), "the log is read");
        assert!(told.iter().all(|text| !text.contains(secret)), "the token is told");
        assert!(
            told[2].contains("vault.token.renewed") || told[2].contains("vault.login.done"),
            "{}",
            told[2]
        );
    }
    for up in &ups {
        let argv = std::fs::read(format!("/proc/{}/cmdline", up.pid())).unwrap();
        assert!(!String::from_utf8_lossy(&argv).contains("s."));
    }
    traffic.end(threads);
}

/// One stream and no other connection: nobody shows the certificates that come after it began, unless the dialer does so by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_stream_outlives_the_lives_of_both_sides_and_every_notice() {
    const LIFE: Duration = Duration::from_secs(6);
    let Some(bao) = OpenBao::start() else { return };
    mount(&bao);
    let nodes = pair(&bao, "6s", "1h");
    let mut running = Vec::new();
    for node in &nodes {
        let plan = check(&load(&node.path("dwcp.yaml"), &[]).unwrap()).unwrap();
        running.push(Node::start(plan).await.unwrap());
    }
    let plain = nodes[1].plain;
    let mut line = tokio::task::spawn_blocking(move || dial(plain)).await.unwrap();
    let (began, mut seen, mut noticed) = (Instant::now(), 0, [None; 2]);
    // A notice that nothing takes back comes with the first end and leaves 30 s: who waits for the cut waits long.
    while began.elapsed() < LIFE * 3 {
        let talk = move || {
            echo(&mut line);
            line
        };
        line = tokio::task::spawn_blocking(talk).await.unwrap();
        for (node, noticed) in running.iter().zip(&mut noticed) {
            let connections = node.connections();
            seen += connections.len();
            match connections.iter().any(|connection| connection.state == ConnectionState::Draining) {
                true => {
                    let since = *noticed.get_or_insert_with(Instant::now);
                    assert!(since.elapsed() < LIFE + Duration::from_secs(2), "{connections:?}");
                }
                false => *noticed = None,
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(seen > 100, "the stream is one that is judged: {seen}");
    drop(line);
    for node in running {
        node.stop().await;
    }
}

#[test]
fn a_server_that_is_sealed_killed_mute_or_strict_cuts_nothing_and_health_says_what_to_do() {
    let options = OpenBaoOptions { durable: true, ..OpenBaoOptions::default() };
    let Some(mut bao) = OpenBao::start_with(&options) else { return };
    mount(&bao);
    let [a, b] = pair(&bao, "40s", "1h");
    let ups = [a.up(), b.up()];
    let traffic = Arc::new(Traffic::default());
    let threads = traffic.begin(b.plain);
    let ill = |what: &str, fix: &str| {
        // An operator asks for a renewal, and learns why there is none.
        let socket = a.file("admin.sock");
        let (code, said) = support::refused(&["cert", "renew", "a", "--socket", &socket]);
        assert!(code == 6 || code == 4, "{what}: {code} {said}");
        let check = a.check("certs.provider");
        assert_eq!(check["status"], "warn", "{what}: {check}");
        assert!(check["fix"].as_str().unwrap().contains(fix), "{what}: {check}");
    };
    let well = |what: &str| {
        eventually(Duration::from_secs(20), what, || a.check("certs.provider")["status"] == "pass");
    };
    bao.seal();
    ill("sealed", "unseal");
    bao.unseal();
    a.ask(&["cert", "renew", "a"]);
    well("unsealed");
    bao.kill();
    ill("killed", "bao status");
    bao.restart();
    a.ask(&["cert", "renew", "a"]);
    well("up again");
    let secret = std::fs::read_to_string(a.path("token")).unwrap();
    let secrets = [secret.trim().to_owned(), std::fs::read_to_string(b.path("token")).unwrap()];
    bao.write("auth/token/revoke", &json!({ "token": secret.trim() }));
    ill("revoked", "write");
    a.write_token(&token(&bao, "1h"));
    well("a new token");
    a.ask(&["cert", "renew", "a"]);
    bao.write("sys/quotas/rate-limit/q", &json!({ "rate": 1.0, "interval": "2s", "path": "pki" }));
    let socket = a.file("admin.sock");
    let mut limited = false;
    for _ in 0..6 {
        let (_, said) = support::refused(&["cert", "renew", "a", "--socket", &socket]);
        limited |= said.contains("limits the rate");
    }
    assert!(limited, "the server limits the rate, and the operator hears of it");
    bao.delete("sys/quotas/rate-limit/q");
    // Another issuer signs from now on, and both are trusted by whoever asks the mount.
    bao.command(&["write", "pki/root/rotate/internal", "common_name=NovaCron Root CA 2", "ttl=8760h"]);
    bao.command(&["write", "pki/root/replace", "default=next"]);
    for (node, up) in [&a, &b].into_iter().zip(&ups) {
        up.signal("HUP");
        eventually(Duration::from_secs(20), "both roots are trusted", || {
            std::fs::read_to_string(node.path("vault-ca.crt")).unwrap().matches("BEGIN").count() == 2
        });
    }
    a.ask(&["cert", "renew", "a"]);
    b.ask(&["cert", "renew", "b"]);
    assert!(a.leaf().issuer().contains("Root CA 2"), "{}", a.leaf().issuer());
    std::thread::sleep(Duration::from_secs(1));
    traffic.end(threads);
    let now = std::fs::read_to_string(a.path("token")).unwrap();
    assert!(ups[0].said().contains("sealed"), "the log tells of it: {}", ups[0].said());
    for up in &ups {
        let said = up.said();
        assert!(!said.is_empty(), "the log is read");
        let tells = |secret: &String| said.contains(secret.trim());
        assert!(!secrets.iter().chain([&now]).any(tells), "the token is told");
        assert!(!said.contains("vaultrs") && !said.contains("rustify"), "libraries log on their own: {said}");
    }
}
