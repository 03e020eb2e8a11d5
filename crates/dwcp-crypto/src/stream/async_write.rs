//! The asynchronous writer.

use super::refusal::refused;
use super::seal_core::SealCore;
use super::{StreamFormat, StreamKey};
use crate::CryptoError;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// [`StreamEncryptor`](super::StreamEncryptor) for tokio. [`shutdown`](tokio::io::AsyncWriteExt::shutdown) writes the end of the
/// stream and shuts the writer below down; without it the stream is incomplete. A shutdown that was given up half-way goes on where it stopped.
/// Afterwards writing is an error of the kind [`InvalidInput`](io::ErrorKind::InvalidInput), and flushing or shutting down again adds
/// nothing to the stream and reaches the writer below alone.
///
/// A batch of up to 1 MiB (or one segment) is sealed on the polling thread, which takes a fraction of a millisecond.
#[must_use = "a stream is complete only after shutdown()"]
pub struct AsyncStreamEncryptor<W> {
    core: SealCore,
    inner: W,
    ended: bool,
}

impl<W: AsyncWrite + Unpin> AsyncStreamEncryptor<W> {
    /// A new stream under `key`, bound to `aad` (at most 64 KiB).
    ///
    /// # Errors
    /// As [`StreamSealer::new`](super::StreamSealer::new).
    pub fn new(key: &StreamKey, format: StreamFormat, aad: &[u8], inner: W) -> Result<Self, CryptoError> {
        Ok(Self { core: SealCore::new(key, format, aad, NonZeroUsize::MIN)?, inner, ended: false })
    }

    /// The writer below.
    pub fn into_inner(self) -> W {
        self.inner
    }

    fn drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.core.output().is_empty() {
            let count = ready!(Pin::new(&mut self.inner).poll_write(context, self.core.output()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.core.written(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for AsyncStreamEncryptor<W> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            ready!(this.drain(context))?;
            let count = this.core.accept(data).map_err(refused)?;
            if count > 0 || data.is_empty() {
                return Poll::Ready(Ok(count));
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.drain(context))?;
        Pin::new(&mut this.inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.drain(context))?;
        if !this.ended {
            this.core.end().map_err(refused)?;
            this.ended = true;
        }
        ready!(this.drain(context))?;
        Pin::new(&mut this.inner).poll_shutdown(context)
    }
}

impl<W> fmt::Debug for AsyncStreamEncryptor<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsyncStreamEncryptor({} bytes so far)", self.core.plaintext())
    }
}
