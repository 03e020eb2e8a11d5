//! The reader: what is read from it was authenticated before.

use super::choice::{choose, needed};
use super::open_core::OpenCore;
use super::refusal::refused;
use super::seal_core::all_cores;
use super::{StreamFormat, StreamKey};
use std::fmt;
use std::io::{self, Read};
use std::num::NonZeroUsize;

/// Reads a sealed stream from the reader below and gives out its plaintext, on all cores, with a few MiB of memory. It
/// [seeks](std::io::Seek) where the reader below does. Bytes behind the end of the stream are refused as a part of it that is not
/// authentic. Once the end was read (`Ok(0)`) it stays the end, and the reader below is not asked again.
///
/// # Security
/// Every byte it gives out is authentic at its place. That the stream is whole is proven by its end alone: a caller who
/// acts on the beginning acts on a stream that may have been cut short. Read to the end (`Ok(0)`) first where that matters.
pub struct StreamDecryptor<R> {
    pub(super) core: OpenCore,
    pub(super) inner: R,
    pub(super) key_index: usize,
    /// Proven length of the plaintext, once a seek asked for it.
    pub(super) length: Option<u64>,
    /// Plaintext bytes still to be skipped after a seek into a segment.
    pub(super) skip: usize,
    pub(super) position: u64,
}

impl<R: Read> StreamDecryptor<R> {
    /// Opens a stream that was sealed under one of `keys` and bound to `aad`; the first that fits is used, so the likeliest
    /// comes first. It reads the first segment at once.
    ///
    /// # Errors
    /// What the reader says, or a [refusal](super::refusal): [`NotAuthentic`](crate::CryptoError::NotAuthentic) when none of
    /// several keys opens it (a single key is tried by the first read), [`Truncated`](crate::CryptoError::Truncated) when it is too short for a stream,
    /// [`InvalidKey`](crate::CryptoError::InvalidKey) when no key fits the format. After an error what was read is lost.
    pub fn new<'k, K>(keys: K, format: StreamFormat, aad: &[u8], inner: R) -> io::Result<Self>
    where
        K: IntoIterator<Item = &'k StreamKey> + Clone,
    {
        Self::with_threads(keys, format, aad, inner, all_cores())
    }

    /// The same on a number of threads of one's own choice.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_threads<'k, K>(
        keys: K,
        format: StreamFormat,
        aad: &[u8],
        mut inner: R,
        threads: NonZeroUsize,
    ) -> io::Result<Self>
    where
        K: IntoIterator<Item = &'k StreamKey> + Clone,
    {
        let most = needed(keys.clone(), format);
        let mut start = Vec::with_capacity(most);
        inner.by_ref().take(most as u64).read_to_end(&mut start)?;
        let (core, key_index) = choose(keys, format, aad, start, threads).map_err(refused)?;
        Ok(Self { core, inner, key_index, length: None, skip: 0, position: 0 })
    }

    /// Which of the keys it is, counted from 0. A single key has proven itself only once something was read.
    pub fn key_index(&self) -> usize {
        self.key_index
    }

    /// The reader below. Whoever moves it gets refusals from here.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader below, wherever it stands.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Makes plaintext available unless the stream has ended, and returns how much.
    pub(super) fn load(&mut self) -> io::Result<usize> {
        loop {
            let count = self.core.plaintext().len();
            if count > 0 && self.skip == 0 {
                return Ok(count);
            }
            if count > 0 {
                let skipped = self.skip.min(count);
                self.core.taken(skipped);
                self.skip -= skipped;
                continue;
            }
            if self.core.is_done() {
                return Ok(0);
            }
            let room = self.core.room().map_err(refused)?;
            if room.is_empty() {
                continue;
            }
            match self.inner.read(room) {
                Ok(count) => self.core.received(count).map_err(refused)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands out up to `most` bytes of what [`load`](Self::load) made available.
    pub(super) fn give(&mut self, most: usize, out: impl FnOnce(&[u8])) -> usize {
        let text = self.core.plaintext();
        let count = text.len().min(most);
        out(&text[..count]);
        self.core.taken(count);
        self.position += count as u64;
        count
    }
}

impl<R: Read> Read for StreamDecryptor<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || self.load()? == 0 {
            return Ok(0);
        }
        let most = out.len();
        Ok(self.give(most, |text| out[..text.len()].copy_from_slice(text)))
    }
}

impl<R> fmt::Debug for StreamDecryptor<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamDecryptor(at {}, key {})", self.position, self.key_index)
    }
}
