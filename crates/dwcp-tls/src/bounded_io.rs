//! Counts what arrives before the handshake is done, and stops reading when it is too much.

use crate::inspect::HelloAssembler;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A transport that reads at most so many bytes until [`lift`](Self::lift) is called; afterwards the count costs one
/// comparison per read.
///
/// rustls alone would buffer a handshake message of 64 KiB for anybody who sends its header.
#[derive(Debug)]
pub(crate) struct BoundedIo<IO> {
    io: IO,
    limit: usize,
    left: usize,
    /// Sees what is read until the limit is raised: a server's first bytes.
    watching: Option<Box<HelloAssembler>>,
    /// Told how much was read, for as long as the connection lasts.
    wire: Option<Arc<AtomicUsize>>,
}

/// The peer sent more than a handshake can need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("more than {limit} bytes arrived before the handshake was done")]
pub(crate) struct TooMuch {
    pub(crate) limit: usize,
}

impl<IO> BoundedIo<IO> {
    pub(crate) fn new(io: IO, limit: usize) -> Self {
        Self { io, limit, left: limit, watching: None, wire: None }
    }

    /// Has a look at what is read until the limit is raised, beside the engine that reads it.
    pub(crate) fn watching(io: IO, limit: usize) -> Self {
        Self { watching: Some(Box::default()), ..Self::new(io, limit) }
    }

    /// Adds what is read to `wire`, the limit lifted or not.
    pub(crate) fn counted_by(mut self, wire: Arc<AtomicUsize>) -> Self {
        self.wire = Some(wire);
        self
    }

    /// What was seen so far.
    pub(crate) fn watched(&self) -> Option<&HelloAssembler> {
        self.watching.as_deref()
    }

    /// Allows `limit` bytes in all, those that were read already included.
    pub(crate) fn raise_to(&mut self, limit: usize) {
        self.watching = None;
        self.left = self.left.saturating_add(limit.saturating_sub(self.limit));
        self.limit = limit;
    }

    /// Ends the counting.
    pub(crate) fn lift(&mut self) {
        self.limit = usize::MAX;
        self.left = usize::MAX;
    }

    fn count(&self, read: usize) {
        if let Some(wire) = &self.wire {
            wire.fetch_add(read, Ordering::Relaxed);
        }
    }

    pub(crate) fn get_ref(&self) -> &IO {
        &self.io
    }

    pub(crate) fn into_inner(self) -> IO {
        self.io
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for BoundedIo<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == usize::MAX {
            let before = buf.filled().len();
            let polled = Pin::new(&mut self.io).poll_read(cx, buf);
            self.count(buf.filled().len().saturating_sub(before));
            return polled;
        }
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                TooMuch { limit: self.limit },
            )));
        }
        let room = buf.remaining().min(self.left);
        let mut window = ReadBuf::new(buf.initialize_unfilled_to(room));
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut window);
        let read = window.filled().len();
        if let Some(assembler) = &mut self.watching {
            // It remembers what was wrong, for whoever asks; the engine judges the same bytes by itself.
            let _ = assembler.push(window.filled());
        }
        buf.advance(read);
        self.left -= read;
        self.count(read);
        polled
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for BoundedIo<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn reading_stops_at_the_limit_until_it_is_raised_and_lifted() {
        let (mut far, near) = tokio::io::duplex(64);
        far.write_all(&[7; 20]).await.unwrap();
        let mut bounded = BoundedIo::new(near, 5);
        let mut buffer = [0; 32];
        assert_eq!(bounded.read(&mut buffer).await.unwrap(), 5);
        let refused = bounded.read(&mut buffer).await.unwrap_err();
        let inner = refused.get_ref().and_then(|inner| inner.downcast_ref::<TooMuch>());
        assert_eq!(inner, Some(&TooMuch { limit: 5 }));
        bounded.raise_to(8);
        assert_eq!(bounded.read(&mut buffer).await.unwrap(), 3);
        assert!(bounded.read(&mut buffer).await.is_err());
        bounded.lift();
        assert_eq!(bounded.read(&mut buffer).await.unwrap(), 12);
        drop(far);
        assert_eq!(bounded.read(&mut buffer).await.unwrap(), 0, "the end of the stream is still the end");
    }
}
