//! Counts what arrives before the handshake is done, stops reading when it is too much, and keeps a hello until it is whole.

use crate::first_bytes::{HelloWalk, Walked};
use crate::progress;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
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
    written: usize,
    /// Read already, and not by the engine yet: a client's first bytes, never more than the limit.
    ahead: Vec<u8>,
    /// How many of them the engine has.
    given: usize,
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
        Self { io, limit, left: limit, written: 0, ahead: Vec::new(), given: 0, wire: None }
    }

    /// What [`read_hello`](Self::read_hello) read and the engine has not.
    pub(crate) fn ahead(&self) -> &[u8] {
        self.ahead.get(self.given..).unwrap_or_default()
    }

    /// Adds what is read to `wire`, the limit lifted or not.
    pub(crate) fn counted_by(mut self, wire: Arc<AtomicUsize>) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Bytes read and written while they were counted.
    pub(crate) fn counted(&self) -> (usize, usize) {
        (self.limit.saturating_sub(self.left), self.written)
    }

    /// Allows `more` bytes behind those that arrived, but no more than `limit` in all.
    pub(crate) fn raise_by(&mut self, more: usize, limit: usize) {
        let read = self.limit.saturating_sub(self.left);
        self.limit = read.saturating_add(more).min(limit);
        self.left = self.limit.saturating_sub(read);
    }

    /// Ends the counting.
    pub(crate) fn lift(&mut self) {
        self.limit = usize::MAX;
        self.left = usize::MAX;
    }

    fn tell(&self, read: usize) {
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

impl<IO: AsyncRead + Unpin> BoundedIo<IO> {
    /// Reads until a ClientHello is whole, or until there is something that the engine has to judge: no hello, or an end.
    ///
    /// # Errors
    /// [`TooMuch`] for more than the limit, or as soon as a message announces more than a ClientHello can have; what the
    /// transport says.
    pub(crate) async fn read_hello(&mut self) -> io::Result<()> {
        let mut walk = HelloWalk::default();
        poll_fn(|cx| self.poll_hello(cx, &mut walk)).await
    }

    fn poll_hello(&mut self, cx: &mut Context<'_>, walk: &mut HelloWalk) -> Poll<io::Result<()>> {
        // On the stack of this call, so that who waits for a peer holds no buffer for it.
        let mut chunk = [0; CHUNK];
        loop {
            if self.left == 0 {
                return Poll::Ready(Err(self.too_much()));
            }
            let room = chunk.len().min(self.left);
            let mut window = ReadBuf::new(chunk.get_mut(..room).unwrap_or_default());
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut window))?;
            let read = window.filled();
            self.left -= read.len();
            if self.ahead.capacity() - self.ahead.len() < read.len() {
                self.ahead.reserve_exact(read.len().max(CHUNK / 2));
            }
            self.ahead.extend_from_slice(read);
            match walk.step(read) {
                // The engine meets the end by itself.
                _ if read.is_empty() => return Poll::Ready(Ok(())),
                Walked::Part => {}
                Walked::Whole | Walked::Other => return Poll::Ready(Ok(())),
                Walked::Oversized => return Poll::Ready(Err(self.too_much())),
            }
        }
    }
}

impl<IO> BoundedIo<IO> {
    fn too_much(&self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, TooMuch { limit: self.limit })
    }

    fn count(&mut self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(written)) = polled {
            self.written = self.written.saturating_add(*written);
        }
    }

    /// Gives the engine what was read ahead of it; the room for it goes with the last byte.
    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let ahead = self.ahead();
        let part = ahead.get(..ahead.len().min(buf.remaining())).unwrap_or(ahead);
        buf.put_slice(part);
        self.given += part.len();
        if self.given == self.ahead.len() {
            (self.ahead, self.given) = (Vec::new(), 0);
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for BoundedIo<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            self.give(buf);
            return Poll::Ready(Ok(()));
        }
        if self.left == usize::MAX {
            let before = buf.filled().len();
            let polled = Pin::new(&mut self.io).poll_read(cx, buf);
            self.tell(buf.filled().len().saturating_sub(before));
            return polled;
        }
        if self.left == 0 {
            return Poll::Ready(Err(self.too_much()));
        }
        let room = buf.remaining().min(self.left);
        let mut window = ReadBuf::new(buf.initialize_unfilled_to(room));
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut window);
        let read = window.filled().len();
        if read > 0 {
            progress::answered();
        }
        buf.advance(read);
        self.left -= read;
        self.tell(read);
        polled
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for BoundedIo<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.count(&polled);
        polled
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
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bytes);
        self.count(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// What is read at a time while a hello is not whole; half of it is the room that is made for one that comes in crumbs.
const CHUNK: usize = 2048;

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
        bounded.raise_by(3, 20);
        assert_eq!(bounded.read(&mut buffer).await.unwrap(), 3);
        assert!(bounded.read(&mut buffer).await.is_err());
        bounded.lift();
        assert_eq!(bounded.read(&mut buffer).await.unwrap(), 12);
        drop(far);
        assert_eq!(bounded.read(&mut buffer).await.unwrap(), 0, "the end of the stream is still the end");
    }

    #[tokio::test]
    async fn a_hello_is_read_ahead_and_given_on_as_it_came() {
        let (mut far, near) = tokio::io::duplex(4096);
        let hello = [&[22, 3, 1, 0, 6, 1, 0, 0, 2][..], &[7, 7], b"and more"].concat();
        let mut bounded = BoundedIo::new(near, 64);
        let feeding = async {
            for byte in &hello {
                far.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (_, read) = tokio::join!(feeding, bounded.read_hello());
        read.unwrap();
        assert_eq!(bounded.ahead(), hello.get(..11).unwrap(), "no byte more than the hello was wanted");
        let mut given = [0; 19];
        bounded.read_exact(&mut given).await.unwrap();
        assert_eq!((&given[..], bounded.ahead.capacity()), (&hello[..], 0));
        assert_eq!(bounded.counted(), (19, 0));
    }

    #[tokio::test]
    async fn a_message_that_announces_too_much_is_refused_by_its_header() {
        let (mut far, near) = tokio::io::duplex(64);
        far.write_all(&[22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff]).await.unwrap();
        let mut bounded = BoundedIo::new(near, 50);
        let refused = bounded.read_hello().await.unwrap_err();
        assert_eq!(refused.get_ref().and_then(|inner| inner.downcast_ref()), Some(&TooMuch { limit: 50 }));
        assert_eq!(bounded.ahead().len(), 9);
    }
}
