//! Relay throughput and idle memory beside `tokio::io::copy_bidirectional` over the same TLS, in alternating rounds.
//!
//! `cargo bench -p dwcp-channel --bench relay [-- MEGABYTES ROUNDS]` prints both rates, their ratio, and bytes per idle connection.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{DEADLINE, Mesh, Node};
use dwcp_channel::{Lookups, NODE_ALPN, RelaySettings, Session, forward, listen};
use dwcp_tls::{ClientAuth, ServerSettings, TlsContext};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    // Under `cargo test` it only has to run through.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let (megabytes, rounds) = if measuring { (256, 7) } else { (8, 1) };
    let (megabytes, rounds) = (numbers.next().unwrap_or(megabytes), numbers.next().unwrap_or(rounds));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mesh = Mesh::new();
        let (server, client) = (mesh.node("server"), mesh.node("client"));
        let source = source(megabytes << 20).await;
        let ours = ours(&server, source);
        let plain = plain(&server, source);
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (rates, address) in rates.iter_mut().zip([ours, plain]) {
                rates.push(download(&client, &server, address, megabytes << 20).await);
            }
        }
        let [ours_rate, plain_rate] = rates.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        });
        println!(
            "relay {ours_rate:.0} MB/s, plain {plain_rate:.0} MB/s, ratio {:.3}",
            ours_rate / plain_rate
        );
        for (name, address) in [("relay", ours), ("plain", plain)] {
            println!(
                "{name}: {} bytes per idle connection, both ends",
                idle(&client, &server, address).await
            );
        }
    });
}

/// A target that sends `length` bytes to whoever asks with `g`.
async fn source(length: usize) -> SocketAddr {
    common::target(move |mut stream| async move {
        while let Ok(b'g') = stream.read_u8().await {
            let block = vec![7; 256 << 10];
            let mut left = length;
            while left > 0 {
                let size = left.min(block.len());
                stream.write_all(&block[..size]).await.unwrap();
                left -= size;
            }
        }
    })
    .await
}

fn ours(server: &Node, target: SocketAddr) -> SocketAddr {
    let settings = RelaySettings::default();
    let (target, lookups) = (target.to_string(), Lookups::default());
    let handler = move |session: Session| {
        let (target, lookups) = (target.clone(), lookups.clone());
        async move {
            let _ = forward(session, &target, &lookups, DEADLINE, &settings).await;
        }
    };
    let (address, _, stop, _) =
        common::start(server.acceptor(&["spiffe://mesh/*"]), handler, Default::default());
    std::mem::forget(stop);
    address
}

fn plain(server: &Node, target: SocketAddr) -> SocketAddr {
    let context: TlsContext = server
        .manager
        .server(ServerSettings::new(ClientAuth::Required).with_alpn([&NODE_ALPN[..0]; 0]))
        .unwrap();
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let context = context.clone();
            tokio::spawn(async move {
                let mut tls = Box::pin(context.accept(stream, DEADLINE)).await.unwrap();
                let mut plain = TcpStream::connect(target).await.unwrap();
                plain.set_nodelay(true).unwrap();
                let size = 64 << 10;
                let _ = tokio::io::copy_bidirectional_with_sizes(&mut tls, &mut plain, size, size).await;
            });
        }
    });
    address
}

async fn dial(client: &Node, server: &Node, address: SocketAddr) -> Session {
    client.stranger().dial(&address.to_string(), &server.expected(), DEADLINE).await.unwrap()
}

async fn download(client: &Node, server: &Node, address: SocketAddr, length: usize) -> f64 {
    let mut session = dial(client, server, address).await;
    session.write_all(b"g").await.unwrap();
    session.flush().await.unwrap();
    let mut buffer = vec![0; 256 << 10];
    let started = Instant::now();
    let mut left = length;
    while left > 0 {
        left -= session.read(&mut buffer).await.unwrap();
    }
    length as f64 / 1e6 / started.elapsed().as_secs_f64()
}

async fn idle(client: &Node, server: &Node, address: SocketAddr) -> u64 {
    let mut sessions = Vec::new();
    for _ in 0..50 {
        sessions.push(dial(client, server, address).await);
    }
    let before = resident();
    for _ in 0..1_000 {
        sessions.push(dial(client, server, address).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let grown = resident() - before;
    // Kept, so that the next measurement does not live in the memory of this one.
    std::mem::forget(sessions);
    grown / 1_000
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4_096
}
