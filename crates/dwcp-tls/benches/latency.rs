//! How long a full mutual handshake takes on loopback: one at a time, and at 80 % of what the machine can do.
//!
//! `cargo bench -p dwcp-tls --bench latency`. Both sides are in this process, so a handshake is paid for twice. A handshake is timed by
//! the one who waits for it: from the moment it was due, through connecting and both sides' work, until the server's first
//! byte is there, which says that the client was accepted. Under load handshakes are due at random moments (Poisson) whether
//! or not earlier ones are done, so that one that waits counts with its waiting. Aims: 99 of 100 below 5 ms alone and below 50 ms
//! under load.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench ends where it can not go on"
)]
#![allow(clippy::disallowed_methods, clippy::cast_precision_loss, reason = "wall time is what is measured")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Authority, DEADLINE, required, server_dns};
use dwcp_tls::{ClientSettings, ExpectedServer, Tickets, TlsConnector, TlsContext};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

fn main() -> ExitCode {
    // `cargo test --benches` only wants to know that it builds and starts.
    let brief = std::env::args().any(|argument| argument == "--test");
    let period = Duration::from_secs(if brief { 1 } else { 10 });
    let authority = Authority::new("bench");
    let server = authority.node("server").server(required().with_tickets(Tickets::Off)).unwrap();
    let client = ClientSettings::new().with_tickets(Tickets::Off);
    let client = authority.node("client").client(client).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dialer = Dialer { client, expected: server_dns(), remote: serve(server).await };
        let alone = one_by_one(&dialer, period).await;
        let capacity = capacity(&dialer, period).await;
        let loaded = at_rate(&dialer, capacity * 0.8, period).await;
        println!("capacity {capacity:.0} handshakes a second, both sides in this process");
        let good =
            [("alone", alone, 5.0), ("at 80 % of capacity", loaded, 50.0)].map(|(name, times, aim)| {
                let (p50, p99) = (quantile(&times, 0.5), quantile(&times, 0.99));
                println!(
                    "{name:<22} {:>6} handshakes, p50 {p50:.2} ms, p99 {p99:.2} ms (aim {aim} ms)",
                    times.len()
                );
                p99 < aim
            });
        if good.iter().all(|good| *good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    })
}

#[derive(Clone)]
struct Dialer {
    client: TlsConnector,
    expected: ExpectedServer,
    remote: SocketAddr,
}

impl Dialer {
    /// One handshake, until the server has said a byte.
    async fn shake(&self) {
        let tcp = TcpStream::connect(self.remote).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut session = self.client.connect(tcp, &self.expected, DEADLINE).await.unwrap();
        assert_eq!(session.read_u8().await.unwrap(), b'!');
    }
}

async fn serve(server: TlsContext) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let server = server.clone();
            tokio::spawn(async move {
                tcp.set_nodelay(true).unwrap();
                let mut session = server.accept(tcp, DEADLINE).await.unwrap();
                // Whoever is measured has gone when it has its byte.
                let _ = session.write_all(b"!").await;
                let _ = session.flush().await;
                let _ = session.read(&mut [0]).await;
            });
        }
    });
    address
}

async fn one_by_one(dialer: &Dialer, period: Duration) -> Vec<Duration> {
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < period {
        let due = Instant::now();
        dialer.shake().await;
        times.push(due.elapsed());
    }
    times
}

/// Handshakes a second with eight at a time.
async fn capacity(dialer: &Dialer, period: Duration) -> f64 {
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let dialer = dialer.clone();
        clients.spawn(async move {
            let mut done = 0.0;
            while start.elapsed() < period {
                dialer.shake().await;
                done += 1.0;
            }
            done
        });
    }
    clients.join_all().await.iter().sum::<f64>() / start.elapsed().as_secs_f64()
}

async fn at_rate(dialer: &Dialer, rate: f64, period: Duration) -> Vec<Duration> {
    let start = Instant::now();
    let mut clients = JoinSet::new();
    let (mut due, mut state) = (start, 0x9e37_79b9_7f4a_7c15_u64);
    while due < start + period {
        // xorshift64: what is drawn has to be spread, not unforeseeable.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let uniform = ((state >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        due += Duration::from_secs_f64(-uniform.ln() / rate);
        tokio::time::sleep_until(due.into()).await;
        let dialer = dialer.clone();
        clients.spawn(async move {
            dialer.shake().await;
            due.elapsed()
        });
    }
    clients.join_all().await
}

fn quantile(times: &[Duration], q: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let at = ((sorted.len() as f64 * q) as usize).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1e3
}
