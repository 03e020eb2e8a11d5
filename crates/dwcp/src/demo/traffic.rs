//! The honest load of the tour: a few long streams and a steady run of short connections, through a node's dialer.

use super::service::{MAX_BLOCK, exchange};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Running load; [`finish`](Self::finish) ends it.
pub(super) struct Traffic {
    tasks: JoinSet<io::Result<()>>,
    shared: Arc<Counters>,
}

/// What the clients themselves saw.
#[derive(Debug, Default)]
struct Counters {
    stop: AtomicBool,
    checked: AtomicU64,
}

/// How the load went, as its clients saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Bytes of blocks whose hash came back right.
    pub(super) checked: u64,
    /// The first error, if any client had one.
    pub(super) error: Option<String>,
}

impl Traffic {
    /// Starts `streams` long streams and one run of short connections through each of `dialers`.
    pub(super) fn start(dialers: &[SocketAddr], streams: usize) -> Self {
        let shared = Arc::new(Counters::default());
        let mut tasks = JoinSet::new();
        for dialer in dialers.iter().copied() {
            for _ in 0..streams {
                tasks.spawn(long_stream(dialer, Arc::clone(&shared)));
            }
            tasks.spawn(short_connections(dialer, Arc::clone(&shared)));
        }
        Self { tasks, shared }
    }

    /// Lets every client finish its block and close in order.
    pub(super) async fn finish(mut self) -> Seen {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut error = None;
        while let Some(joined) = self.tasks.join_next().await {
            let failed = match joined {
                Ok(Ok(())) => continue,
                Ok(Err(failed)) => failed.to_string(),
                Err(failed) => failed.to_string(),
            };
            error.get_or_insert(failed);
        }
        Seen { checked: self.shared.checked.load(Ordering::Relaxed), error }
    }
}

async fn long_stream(dialer: SocketAddr, shared: Arc<Counters>) -> io::Result<()> {
    let mut stream = TcpStream::connect(dialer).await?;
    let mut block = pattern(MAX_BLOCK);
    let mut serial = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        exchange(&mut stream, &mut block, serial).await?;
        serial += 1;
        shared.checked.fetch_add(MAX_BLOCK as u64, Ordering::Relaxed);
    }
    close_in_order(stream).await
}

async fn short_connections(dialer: SocketAddr, shared: Arc<Counters>) -> io::Result<()> {
    let mut block = pattern(4 * 1_024);
    let mut serial = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(dialer).await?;
        exchange(&mut stream, &mut block, serial).await?;
        close_in_order(stream).await?;
        serial += 1;
        shared.checked.fetch_add(block.len() as u64, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Sends the end of the stream and waits for the other side's: anything else is a cut connection.
async fn close_in_order(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    match stream.read(&mut [0; 1]).await? {
        0 => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "bytes came after the end")),
    }
}

/// Bytes without a period that compression or a mixed-up buffer would hide behind.
pub(super) fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Between two short connections of one client, so that handshakes do not crowd out the long streams.
const PAUSE: Duration = Duration::from_millis(5);
