//! The load, and what it cost the process that carried it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The plain service: a first byte of `e` makes it echo, of `s` swallow everything and answer one byte at the end.
pub(crate) async fn target() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = vec![0; 256 * 1_024];
                let mode = stream.read_u8().await?;
                if mode == b'e' {
                    drop(buffer);
                    stream.write_u8(b'!').await?;
                    let mut rest = [0; 64];
                    while stream.read(&mut rest).await? > 0 {}
                    return stream.shutdown().await;
                }
                while stream.read(&mut buffer).await? > 0 {}
                stream.write_u8(b'.').await?;
                stream.shutdown().await
            });
        }
    });
    address
}

/// One measurement.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    amount: f64,
    wall: f64,
    cpu: f64,
}

impl Figures {
    pub(crate) fn per_cpu_second(&self) -> f64 {
        self.amount / self.cpu
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.amount / self.wall
    }
}

/// A link in a process of its own.
pub(crate) struct Link {
    child: Child,
    near: SocketAddr,
}

impl Link {
    pub(crate) fn start(role: &str, dir: &Path, target: SocketAddr, resume: bool) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env("DWCP_BENCH_ROLE", role)
            .env("DWCP_BENCH_DIR", dir)
            .env("DWCP_BENCH_TARGET", target.to_string())
            .env("DWCP_BENCH_RESUME", resume.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { near: line.trim().parse().unwrap_or_else(|_| panic!("{role} did not start")), child }
    }

    /// Connections that say one byte each, four at a time: each is one handshake on the link.
    pub(crate) async fn handshakes(&mut self) -> Figures {
        let near = self.near;
        let (cpu, start) = (self.cpu(), Instant::now());
        let mut clients = JoinSet::new();
        for _ in 0..4 {
            clients.spawn(async move {
                let mut done = 0.0;
                while start.elapsed() < PERIOD {
                    let mut stream = TcpStream::connect(near).await.unwrap();
                    stream.write_u8(b'e').await.unwrap();
                    assert_eq!(stream.read_u8().await.unwrap(), b'!');
                    stream.shutdown().await.unwrap();
                    let _ = stream.read(&mut [0]).await;
                    done += 1.0;
                }
                done
            });
        }
        let amount = clients.join_all().await.iter().sum();
        Figures { amount, wall: start.elapsed().as_secs_f64(), cpu: self.cpu() - cpu }
    }

    /// Bytes through one connection, until the far side has answered that it has them all.
    pub(crate) async fn bulk(&mut self) -> Figures {
        let mut stream = TcpStream::connect(self.near).await.unwrap();
        stream.write_u8(b's').await.unwrap();
        let block = vec![0x5A; 256 * 1_024];
        let (cpu, start) = (self.cpu(), Instant::now());
        let mut amount = 0.0;
        while start.elapsed() < PERIOD {
            stream.write_all(&block).await.unwrap();
            amount += block.len() as f64;
        }
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'.');
        Figures { amount, wall: start.elapsed().as_secs_f64(), cpu: self.cpu() - cpu }
    }

    /// Resident bytes for each idle connection over the link: both ends of it, since both are in the process.
    pub(crate) async fn idle_memory(&mut self) -> f64 {
        let near = self.near;
        let open = |count: usize| async move {
            let mut held = Vec::new();
            for _ in 0..count {
                let mut stream = TcpStream::connect(near).await.unwrap();
                stream.write_u8(b'e').await.unwrap();
                assert_eq!(stream.read_u8().await.unwrap(), b'!');
                held.push(stream);
            }
            held
        };
        // The first ones pay for what is shared.
        let _warm = open(100).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = self.resident();
        let _held = open(IDLE).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        (self.resident() - before) / IDLE as f64
    }

    /// Seconds of CPU so far, user and system (proc(5), in ticks of 10 ms).
    fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks: Vec<f64> =
            fields.split_whitespace().skip(11).take(2).map(|t| t.parse().unwrap()).collect();
        (ticks[0] + ticks[1]) / 100.0
    }

    fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1_024.0
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PERIOD: Duration = Duration::from_secs(2);
const IDLE: usize = 1_000;
