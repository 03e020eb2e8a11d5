//! Random access: only the segments that are asked for are read and opened.

use super::engine::End;
use super::read::StreamDecryptor;
use super::refusal::refused;
use crate::CryptoError;
use std::io::{self, Read, Seek, SeekFrom};

impl<R: Read + Seek> StreamDecryptor<R> {
    /// The length of the plaintext, proven by opening the last segment: neither a cut nor a lengthened stream has one.
    ///
    /// # Errors
    /// What the reader says, or a [refusal](super::refusal): [`Truncated`](CryptoError::Truncated) for a length that no whole
    /// stream has, [`NotAuthentic`](CryptoError::NotAuthentic) when the last segment is not the end of this stream.
    pub fn plaintext_len(&mut self) -> io::Result<u64> {
        if let Some(length) = self.length {
            return Ok(length);
        }
        let here = self.inner.stream_position()?;
        let start = here
            .checked_sub(self.core.given())
            .ok_or_else(|| io::Error::other("the reader below was moved"))?;
        let end = self.inner.seek(SeekFrom::End(0))?;
        let proven = self.prove(start, end.saturating_sub(start));
        self.inner.seek(SeekFrom::Start(here))?;
        self.length = Some(proven?);
        proven_length(self.length)
    }

    /// Opens the last slot of a stream of `ciphertext` bytes that begins at `start` of the reader.
    fn prove(&mut self, start: u64, ciphertext: u64) -> io::Result<u64> {
        let layout = *self.core.layout();
        let (index, slot) = layout.last_slot(ciphertext).ok_or_else(|| refused(CryptoError::Truncated))?;
        self.inner.seek(SeekFrom::Start(start.saturating_add(layout.offset_of(index))))?;
        let mut last = vec![0; slot];
        self.inner.read_exact(&mut last)?;
        let opened = self.core.opener().open(index, &mut last, End::Last);
        zeroize::Zeroize::zeroize(&mut last);
        opened.map_err(refused)?;
        layout.plaintext_len(ciphertext).ok_or_else(|| refused(CryptoError::Truncated))
    }
}

impl<R: Read + Seek> Seek for StreamDecryptor<R> {
    /// Moves within the plaintext. The first call proves the length of the stream; a position past its end reads as
    /// the end.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.plaintext_len()?;
        let target = match to {
            SeekFrom::Start(target) => Some(target),
            SeekFrom::End(by) => length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        let target = target
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a position before the beginning"))?;
        let layout = *self.core.layout();
        let here = self.inner.stream_position()?;
        let start = here.saturating_sub(self.core.given());
        // Past the end one goes on at the end, in the segment that proves it.
        let (index, within) = match layout.locate(target.min(length)) {
            (index, 0) if index > 0 && target >= length && !layout.short_end() => {
                (index - 1, layout.plaintext_of(index - 1))
            }
            place => place,
        };
        self.inner.seek(SeekFrom::Start(start.saturating_add(layout.offset_of(index))))?;
        self.core.restart(index);
        self.skip = within;
        self.position = target;
        Ok(target)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.position)
    }
}

fn proven_length(length: Option<u64>) -> io::Result<u64> {
    length.ok_or_else(|| refused(CryptoError::Truncated))
}
