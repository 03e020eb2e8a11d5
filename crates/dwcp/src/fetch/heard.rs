//! A connection that remembers what the other side's TLS said when it ended it.
//!
//! In TLS 1.3 a client is done before the server has judged its certificate, so a refusal arrives where an answer is read.

use dwcp_tls::TlsError;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection, and where its alert is left.
pub(super) struct Heard<IO> {
    io: IO,
    alert: Arc<Mutex<Option<TlsError>>>,
}

/// What is left of it when the connection is gone.
#[derive(Default)]
pub(super) struct Alert(Arc<Mutex<Option<TlsError>>>);

impl<IO> Heard<IO> {
    pub(super) fn new(io: IO) -> (Self, Alert) {
        let alert = Alert::default();
        (Self { io, alert: Arc::clone(&alert.0) }, alert)
    }
}

impl Alert {
    /// The alert that the other side sent, if it did.
    pub(super) fn take(&self) -> Option<TlsError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Heard<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        let Poll::Ready(Err(error)) = read else { return read };
        let (kind, text) = (error.kind(), error.to_string());
        let told = TlsError::from_stream(error);
        if matches!(told, TlsError::PeerAlert(_)) {
            *self.alert.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        }
        Poll::Ready(Err(io::Error::new(kind, text)))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Heard<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
