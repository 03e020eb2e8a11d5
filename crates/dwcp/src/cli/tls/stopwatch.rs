//! A transport that notes when what went which way, for whoever asks where the time went.

use dwcp_base::{Clock, Tick};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Notes of one connection; they outlive it, whatever became of it.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Noted>>);

/// What was noted so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted {
    /// The first bytes of ours: the ClientHello.
    pub(super) first_sent: Option<Tick>,
    /// The first bytes of the other side.
    pub(super) first_received: Option<Tick>,
    /// When we last had something to say after having listened: the answer to what was received.
    pub(super) last_answer: Option<Tick>,
    /// Bytes from the other side, TLS overhead included.
    pub(super) bytes_in: u64,
    /// Bytes to the other side, TLS overhead included.
    pub(super) bytes_out: u64,
    /// The other side's first bytes, at most [`HEAD`].
    pub(super) head: Vec<u8>,
    listened: bool,
}

/// A transport with notes.
pub(super) struct Stopwatch<IO> {
    io: IO,
    notes: Notes,
    clock: Arc<dyn Clock>,
}

impl Notes {
    pub(super) fn now(&self) -> Noted {
        self.lock().clone()
    }

    pub(super) fn bytes_in(&self) -> u64 {
        self.lock().bytes_in
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<IO> Stopwatch<IO> {
    pub(super) fn new(io: IO, notes: &Notes, clock: &Arc<dyn Clock>) -> Self {
        Self { io, notes: notes.clone(), clock: Arc::clone(clock) }
    }

    fn wrote(&self, count: usize) {
        let mut noted = self.notes.lock();
        let now = self.clock.tick();
        noted.first_sent.get_or_insert(now);
        if noted.listened {
            (noted.listened, noted.last_answer) = (false, Some(now));
        }
        noted.bytes_out += count as u64;
    }

    fn read(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut noted = self.notes.lock();
        noted.first_received.get_or_insert_with(|| self.clock.tick());
        noted.listened = true;
        noted.bytes_in += bytes.len() as u64;
        let room = HEAD.saturating_sub(noted.head.len()).min(bytes.len());
        noted.head.extend(bytes.iter().take(room));
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Stopwatch<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        self.read(buf.filled().get(before..).unwrap_or_default());
        polled
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Stopwatch<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            self.wrote(count);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Enough for a ServerHello with the largest share there is, and a HelloRetryRequest before it.
const HEAD: usize = 4 * 1_024;
