//! Data that came before anybody asked for it, and the stream it comes in front of.

use dwcp_tls::TlsSession;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes of data that were read while a dial waited for a sign of acceptance, or that a client sent early.
#[derive(Debug, Default)]
pub(crate) struct Leading {
    bytes: Box<[u8]>,
    given: usize,
}

impl Leading {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), given: 0 }
    }

    pub(crate) fn give(&mut self, buffer: &mut ReadBuf<'_>) -> usize {
        let rest = self.bytes.get(self.given..).unwrap_or_default();
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..count]);
        self.given += count;
        if self.given == self.bytes.len() {
            *self = Self::default();
        }
        count
    }
}

/// The peer's side of a relay: the session's stream without its checks, which the relay makes itself.
pub(crate) struct Led<'a> {
    pub(crate) tls: &'a mut TlsSession<TcpStream>,
    pub(crate) leading: &'a mut Leading,
}

impl AsyncRead for Led<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.leading.give(buffer) > 0 {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.tls).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Led<'_> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.tls).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.tls).poll_shutdown(cx)
    }
}
