//! Sealing without input or output: plaintext is put in, slots come out. The adapters move the bytes.

use super::buffer::WipedBuffer;
use super::engine::{End, StreamSealer};
use super::layout::TAG;
use super::{StreamFormat, StreamKey};
use crate::CryptoError;
use std::num::NonZeroUsize;

/// Collects a batch of slots, seals it in place and hands it out.
pub(super) struct SealCore {
    sealer: StreamSealer,
    buffer: WipedBuffer,
    batch: u64,
    /// Where the slots of the batch begin: after the header in the first one.
    base: usize,
    /// Where the slot that is being filled begins, its index, and how much plaintext is in it.
    slot_at: usize,
    index: u64,
    in_slot: usize,
    /// What is sealed and still to be handed out.
    out: std::ops::Range<usize>,
    plaintext: u64,
    over: bool,
}

impl SealCore {
    pub(super) fn new(
        key: &StreamKey,
        format: StreamFormat,
        aad: &[u8],
        threads: NonZeroUsize,
    ) -> Result<Self, CryptoError> {
        let mut sealer = StreamSealer::new(key, format, aad)?;
        sealer.set_threads(threads);
        let layout = *sealer.layout();
        let batch = batch(layout.slot_of(1), threads);
        let slots = usize::try_from(batch).unwrap_or(1) * layout.slot_of(1);
        // One tag more: a C2SP stream can end with an empty segment after a full batch.
        let mut buffer = WipedBuffer::new(layout.header_len() + slots + TAG);
        let base = layout.header_len();
        buffer[..base].copy_from_slice(sealer.header());
        Ok(Self {
            sealer,
            buffer,
            batch,
            base,
            slot_at: base,
            index: 0,
            in_slot: 0,
            out: 0..0,
            plaintext: 0,
            over: false,
        })
    }

    /// Where plaintext may be put next. Empty when output waits or the batch is full.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let room = self.space();
        // A reader may write there and fail before it says how much.
        self.buffer.touch(room.end);
        &mut self.buffer[room]
    }

    fn space(&mut self) -> std::ops::Range<usize> {
        if self.over || !self.out.is_empty() {
            return 0..0;
        }
        let layout = *self.sealer.layout();
        if self.in_slot == layout.plaintext_of(self.index) && !self.is_full() {
            self.slot_at += layout.slot_of(self.index);
            self.index += 1;
            self.in_slot = 0;
        }
        let end = self.slot_at + layout.plaintext_of(self.index);
        self.slot_at + self.in_slot..end
    }

    /// Says that `count` bytes were put where [`room`](Self::room) said.
    pub(super) fn filled(&mut self, count: usize) {
        self.in_slot += count;
        self.plaintext += count as u64;
        self.buffer.touch(self.slot_at + self.in_slot);
    }

    /// Whether nothing more fits until the batch is sealed. It is not sealed yet: it may be the end of the stream.
    pub(super) fn is_full(&self) -> bool {
        let layout = self.sealer.layout();
        self.in_slot == layout.plaintext_of(self.index)
            && self.index + 1 == self.sealer.next_segment() + self.batch
    }

    /// Takes as much of `data` as fits now, and seals a full batch once it is known that more follows.
    pub(super) fn accept(&mut self, data: &[u8]) -> Result<usize, CryptoError> {
        if self.over {
            return Err(CryptoError::InvalidLayout);
        }
        if !data.is_empty() && self.out.is_empty() && self.is_full() {
            self.seal(self.slot_at + self.sealer.layout().slot_of(self.index), End::More)?;
        }
        let room = self.space();
        let count = room.len().min(data.len());
        self.buffer[room.start..room.start + count].copy_from_slice(&data[..count]);
        self.filled(count);
        Ok(count)
    }

    /// Seals what is left as the end of the stream. Output must have been taken before.
    pub(super) fn end(&mut self) -> Result<(), CryptoError> {
        if self.over || !self.out.is_empty() {
            return Err(CryptoError::InvalidLayout);
        }
        let layout = *self.sealer.layout();
        let full = self.in_slot == layout.plaintext_of(self.index);
        let end = if self.in_slot == 0 && self.slot_at > self.base && !layout.short_end() {
            // The slot before is full and the last.
            self.slot_at
        } else if full && layout.short_end() {
            self.slot_at + layout.slot_of(self.index) + TAG
        } else {
            self.slot_at + self.in_slot + TAG
        };
        self.over = true;
        self.seal(end, End::Last)
    }

    /// What has to be written before anything else.
    pub(super) fn output(&self) -> &[u8] {
        &self.buffer[self.out.clone()]
    }

    /// Says that `count` bytes of the output were written.
    pub(super) fn written(&mut self, count: usize) {
        self.out.start = (self.out.start + count).min(self.out.end);
        if self.out.is_empty() {
            (self.base, self.slot_at, self.in_slot) = (0, 0, 0);
            self.index = self.sealer.next_segment();
        }
    }

    /// Bytes of plaintext taken so far.
    pub(super) fn plaintext(&self) -> u64 {
        self.plaintext
    }

    fn seal(&mut self, end: usize, position: End) -> Result<(), CryptoError> {
        self.buffer.touch(end);
        if let Err(error) = self.sealer.seal(&mut self.buffer[self.base..end], position) {
            self.over = true;
            return Err(error);
        }
        // The header goes out with the first batch.
        self.out = 0..end;
        Ok(())
    }
}

/// How many slots are worked on at once: 1 MiB for each thread, or one slot where that is more.
pub(super) fn batch(slot: usize, threads: NonZeroUsize) -> u64 {
    let each = (BATCH_BYTES / slot).max(1);
    (each * threads.get().min(MOST_SHARES)) as u64
}

const BATCH_BYTES: usize = 1 << 20;

/// As many threads as there are processors, at most eight: past that a disk or a pipe is what one waits for.
pub(super) fn all_cores() -> NonZeroUsize {
    std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |all| all.min(MOST_THREADS))
}

/// Whatever a caller asks for: memory is bounded by it.
const MOST_SHARES: usize = 64;
const MOST_THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StreamParameters;

    #[test]
    fn after_the_end_there_is_no_room_and_nothing_is_taken_or_ended_again() {
        let key = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
        for format in [StreamFormat::Tink, StreamFormat::C2sp] {
            let mut core = SealCore::new(&key, format, b"", NonZeroUsize::MIN).unwrap();
            assert!(!core.room().is_empty());
            assert_eq!(core.accept(b"hello"), Ok(5));
            core.end().unwrap();
            let last = core.output().len();
            // First while the end waits to be written, then after it was.
            for left in [last, 0] {
                assert_eq!(core.accept(b"late"), Err(CryptoError::InvalidLayout), "{format:?}");
                assert_eq!(core.accept(b""), Err(CryptoError::InvalidLayout), "{format:?}");
                assert_eq!(core.end(), Err(CryptoError::InvalidLayout), "{format:?}");
                assert!(core.room().is_empty(), "{format:?}");
                assert_eq!((core.output().len(), core.plaintext()), (left, 5), "{format:?}");
                core.written(last);
            }
        }
    }
}
