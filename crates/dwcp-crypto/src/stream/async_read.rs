//! The asynchronous reader.

use super::choice::{choose, needed};
use super::open_core::OpenCore;
use super::refusal::refused;
use super::{StreamFormat, StreamKey};
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// [`StreamDecryptor`](super::StreamDecryptor) for tokio, without seeking.
///
/// # Security
/// As for the blocking one: the end of the stream alone proves that it is whole.
pub struct AsyncStreamDecryptor<R> {
    core: OpenCore,
    inner: R,
    key_index: usize,
}

impl<R: AsyncRead + Unpin> AsyncStreamDecryptor<R> {
    /// Opens a stream that was sealed under one of `keys` and bound to `aad`. It reads the first segment before it returns.
    ///
    /// # Errors
    /// As [`StreamDecryptor::new`](super::StreamDecryptor::new).
    pub async fn new<'k, K>(keys: K, format: StreamFormat, aad: &[u8], mut inner: R) -> io::Result<Self>
    where
        K: IntoIterator<Item = &'k StreamKey> + Clone,
    {
        let most = needed(keys.clone(), format);
        let mut start = Vec::with_capacity(most);
        (&mut inner).take(most as u64).read_to_end(&mut start).await?;
        let (core, key_index) = choose(keys, format, aad, start, NonZeroUsize::MIN).map_err(refused)?;
        Ok(Self { core, inner, key_index })
    }

    /// Which of the keys it is, counted from 0. A single key has proven itself only once something was read.
    pub fn key_index(&self) -> usize {
        self.key_index
    }

    /// The reader below, wherever it stands.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for AsyncStreamDecryptor<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let text = this.core.plaintext();
            let count = text.len().min(out.remaining());
            if count > 0 || out.remaining() == 0 {
                out.put_slice(&text[..count]);
                this.core.taken(count);
                return Poll::Ready(Ok(()));
            }
            if this.core.is_done() {
                return Poll::Ready(Ok(()));
            }
            let room = this.core.room().map_err(refused)?;
            if room.is_empty() {
                continue;
            }
            let mut room = ReadBuf::new(room);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut room))?;
            let count = room.filled().len();
            this.core.received(count).map_err(refused)?;
        }
    }
}

impl<R> fmt::Debug for AsyncStreamDecryptor<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsyncStreamDecryptor(key {})", self.key_index)
    }
}
