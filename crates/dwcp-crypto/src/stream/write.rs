//! The writer: what is written to it arrives sealed at the writer below.

use super::refusal::refused;
use super::seal_core::{SealCore, all_cores};
use super::{StreamFormat, StreamKey};
use crate::CryptoError;
use std::fmt;
use std::io::{self, Write};
use std::num::NonZeroUsize;

/// Seals what is written to it into the writer below, on all cores, with a few MiB of memory (1 MiB for each thread).
///
/// [`finish`](Self::finish) writes the end of the stream. Without it the stream is incomplete, and everybody who reads it
/// is told so: a crash half-way leaves nothing that looks whole. [`flush`](Write::flush) passes on what was sealed and flushes the writer
/// below; up to a batch (1 MiB or one segment for each thread) that is not full yet stays here.
///
/// # Security
/// A fork of the process or a restored snapshot of the machine that holds a half-written stream seals different plaintext under the same
/// nonces: begin a new stream after either.
#[must_use = "a stream is complete only after finish()"]
pub struct StreamEncryptor<W> {
    core: SealCore,
    inner: W,
}

impl<W: Write> StreamEncryptor<W> {
    /// A new stream under `key`, bound to `aad` (at most 64 KiB).
    ///
    /// # Errors
    /// As [`StreamSealer::new`](super::StreamSealer::new).
    pub fn new(key: &StreamKey, format: StreamFormat, aad: &[u8], inner: W) -> Result<Self, CryptoError> {
        Self::with_threads(key, format, aad, inner, all_cores())
    }

    /// The same on a number of threads of one's own choice, with 1 MiB of buffer (or one segment) for each.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_threads(
        key: &StreamKey,
        format: StreamFormat,
        aad: &[u8],
        inner: W,
        threads: NonZeroUsize,
    ) -> Result<Self, CryptoError> {
        Ok(Self { core: SealCore::new(key, format, aad, threads)?, inner })
    }

    /// Seals the last segment, writes it, flushes, and gives the writer back.
    ///
    /// # Errors
    /// What the writer below says; the stream is incomplete then.
    pub fn finish(mut self) -> io::Result<W> {
        self.drain()?;
        self.core.end().map_err(refused)?;
        self.drain()?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    /// Bytes of plaintext taken so far.
    pub fn plaintext_len(&self) -> u64 {
        self.core.plaintext()
    }

    /// The core, for whoever fills it without a copy.
    pub(super) fn core(&mut self) -> &mut SealCore {
        &mut self.core
    }

    pub(super) fn drain(&mut self) -> io::Result<()> {
        while !self.core.output().is_empty() {
            match self.inner.write(self.core.output()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.core.written(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for StreamEncryptor<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.drain()?;
        let count = self.core.accept(data).map_err(refused)?;
        if count > 0 || data.is_empty() {
            return Ok(count);
        }
        // A full batch was sealed to make room.
        self.drain()?;
        self.core.accept(data).map_err(refused)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.inner.flush()
    }
}

impl<W> fmt::Debug for StreamEncryptor<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamEncryptor({} bytes so far)", self.core.plaintext())
    }
}
