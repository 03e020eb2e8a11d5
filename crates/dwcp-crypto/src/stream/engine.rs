//! The segment engine: seals and opens whole slots in place over a caller's buffers, on as many threads as wanted.

use super::derive::Segments;
use super::work::{Work, count};
use super::{StreamFormat, StreamKey, StreamLayout};
use crate::CryptoError;
use std::fmt;
use std::num::NonZeroUsize;
use zeroize::Zeroize;

/// Whether a buffer is followed by more of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// There is at least one more segment.
    More,
    /// The last slot of the buffer ends the stream.
    Last,
}

/// Seals one stream from its beginning to its end. It counts the segments itself, so none is sealed twice.
#[must_use]
pub struct StreamSealer {
    segments: Segments,
    header: Vec<u8>,
    next: u64,
    ended: bool,
    threads: NonZeroUsize,
}

impl StreamSealer {
    /// A new stream under `key`, bound to `aad` (at most 64 KiB), with a random salt. It works on one thread until
    /// [`set_threads`](Self::set_threads).
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when there is none, [`CryptoError::InvalidKey`] when `format` is C2SP and the key
    /// material has not 32 bytes, [`CryptoError::DerivationTooLarge`] when `aad` is too long.
    pub fn new(key: &StreamKey, format: StreamFormat, aad: &[u8]) -> Result<Self, CryptoError> {
        let (header, segments) = Segments::fresh(key, format, aad)?;
        Ok(Self { segments, header, next: 0, ended: false, threads: NonZeroUsize::MIN })
    }

    /// The bytes that come before the first slot.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Where bytes lie in this stream.
    pub fn layout(&self) -> &StreamLayout {
        self.segments.layout()
    }

    /// The index of the segment that is sealed next; the first is 0.
    pub fn next_segment(&self) -> u64 {
        self.next
    }

    /// On how many threads buffers of 512 KiB and more are sealed.
    pub fn set_threads(&mut self, threads: NonZeroUsize) {
        self.threads = threads;
    }

    /// Seals consecutive slots in place. Each slot is plaintext followed by 16 bytes of room for its tag; all but the last
    /// slot of the stream are full ([`StreamLayout::slot_of`]).
    ///
    /// With [`End::Last`] the last slot may be shorter. Tink's may be full but is empty only in an empty stream; C2SP's
    /// must not be full and may be empty.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLayout`] when `slots` is not made of whole slots or the stream has ended: nothing happened
    /// then. [`CryptoError::KeyExhausted`] past 2^32 segments: the stream can not be finished.
    pub fn seal(&mut self, slots: &mut [u8], end: End) -> Result<(), CryptoError> {
        let layout = *self.segments.layout();
        let count = count(&layout, self.next, slots.len(), end)
            .filter(|_| !self.ended)
            .ok_or(CryptoError::InvalidLayout)?;
        let first = self.next;
        // Spent before they are used: a number never seals twice, whatever happens below.
        self.next += count;
        self.ended = end == End::Last;
        let segments = &self.segments;
        let work = Work { layout, first, count, end };
        let sealed = work.run(slots, self.threads, |index, last, slot| segments.seal(index, last, slot));
        if sealed.is_err() {
            self.ended = true;
        }
        sealed
    }
}

impl fmt::Debug for StreamSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamSealer(next {}, ended {})", self.next, self.ended)
    }
}

/// Opens the slots of one stream, in order or at any index.
pub struct StreamOpener {
    segments: Segments,
    threads: NonZeroUsize,
}

impl StreamOpener {
    /// The stream that begins with `header`, sealed under `key` and bound to `aad`. It works on one thread until
    /// [`set_threads`](Self::set_threads).
    ///
    /// # Errors
    /// [`CryptoError::Truncated`] when `header` has not [`StreamLayout::header_len`] bytes; [`CryptoError::NotAuthentic`] when it
    /// is of another kind of key or, with C2SP, committed to another key or `aad`; [`CryptoError::InvalidKey`] and
    /// [`CryptoError::DerivationTooLarge`] as for [`StreamSealer::new`].
    pub fn new(
        key: &StreamKey,
        format: StreamFormat,
        aad: &[u8],
        header: &[u8],
    ) -> Result<Self, CryptoError> {
        let segments = Segments::of_header(key, format, aad, header)?;
        Ok(Self { segments, threads: NonZeroUsize::MIN })
    }

    /// Where bytes lie in this stream.
    pub fn layout(&self) -> &StreamLayout {
        self.segments.layout()
    }

    /// On how many threads buffers of 512 KiB and more are opened.
    pub fn set_threads(&mut self, threads: NonZeroUsize) {
        self.threads = threads;
    }

    /// Opens consecutive slots in place, the first of which has `index`. The plaintext of each is its beginning, 16 bytes
    /// shorter than the slot.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`] when any slot is not what was sealed at its place, or `end` is not true;
    /// [`CryptoError::Truncated`] when no stream can end after `slots`; [`CryptoError::InvalidLayout`] when slots that
    /// are followed by more are not whole. `slots` holds zeros then.
    ///
    /// # Security
    /// Plaintext is authentic at its place, but the stream may still be cut short after it: only the slot opened with
    /// [`End::Last`] proves the end.
    pub fn open(&self, index: u64, slots: &mut [u8], end: End) -> Result<(), CryptoError> {
        let layout = *self.segments.layout();
        let opened = match count(&layout, index, slots.len(), end) {
            // No stream has segments there, whatever was written into a file or sent.
            Some(count) if index.checked_add(count).is_none_or(|after| after > self.segments.limit()) => {
                Err(CryptoError::NotAuthentic)
            }
            Some(count) => {
                Work { layout, first: index, count, end }
                    .run(slots, self.threads, |index, last, slot| self.segments.open(index, last, slot))
            }
            None if end == End::Last => Err(CryptoError::Truncated),
            None => Err(CryptoError::InvalidLayout),
        };
        if opened.is_err() {
            slots.zeroize();
        }
        opened
    }

    /// Whether `slot` is a whole segment `index` that is followed by more. `slot` is used up.
    pub(super) fn is_followed(&self, index: u64, slot: &mut [u8]) -> bool {
        let followed =
            slot.len() == self.layout().slot_of(index) && self.segments.open(index, false, slot).is_ok();
        slot.zeroize();
        followed
    }
}

impl fmt::Debug for StreamOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamOpener({:?})", self.layout())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StreamParameters;
    use crate::hkdf::Hash;

    fn tiny() -> StreamKey {
        StreamKey::generate(StreamParameters::new(16, Hash::Sha256, 64).unwrap()).unwrap()
    }

    #[test]
    fn at_e10_a_stream_ends_in_an_error_before_its_counter_could_wrap() {
        for format in [StreamFormat::Tink, StreamFormat::C2sp] {
            let key = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
            let (header, segments) = Segments::fresh(&key, format, b"").unwrap();
            let mut sealer = StreamSealer {
                segments: segments.limited(2),
                header,
                next: 0,
                ended: false,
                threads: NonZeroUsize::MIN,
            };
            let layout = *sealer.layout();
            let mut two = vec![0; layout.slot_of(0) + layout.slot_of(1)];
            sealer.seal(&mut two, End::More).unwrap();
            let mut third = vec![0; layout.slot_of(2)];
            assert_eq!(sealer.seal(&mut third, End::More), Err(CryptoError::KeyExhausted));
            assert_eq!(sealer.seal(&mut [0; 20], End::Last), Err(CryptoError::InvalidLayout), "it is over");
        }
    }

    #[test]
    fn threads_change_nothing_but_the_time() {
        let key = StreamKey::generate(StreamParameters::AES128_64K).unwrap();
        let mut sealer = StreamSealer::new(&key, StreamFormat::Tink, b"aad").unwrap();
        sealer.set_threads(NonZeroUsize::new(3).unwrap());
        let layout = *sealer.layout();
        let total = usize::try_from(layout.ciphertext_len(1_000_003)).unwrap() - layout.header_len();
        let mut slots = vec![7; total];
        sealer.seal(&mut slots, End::Last).unwrap();
        for threads in 1..=5 {
            let mut opener = StreamOpener::new(&key, StreamFormat::Tink, b"aad", sealer.header()).unwrap();
            opener.set_threads(NonZeroUsize::new(threads).unwrap());
            let mut copy = slots.clone();
            opener.open(0, &mut copy, End::Last).unwrap();
            assert!(copy[..layout.plaintext_of(0)].iter().all(|byte| *byte == 7));
            for at in [0, total / 2, total - 1] {
                let mut bad = slots.clone();
                bad[at] ^= 1;
                assert_eq!(opener.open(0, &mut bad, End::Last), Err(CryptoError::NotAuthentic));
                assert!(bad.iter().all(|byte| *byte == 0), "nothing is left of a batch that was refused");
            }
        }
    }

    #[test]
    fn at_e10_segments_that_no_stream_has_are_refused_and_leave_zeros() {
        for format in [StreamFormat::Tink, StreamFormat::C2sp] {
            let key = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
            let sealer = StreamSealer::new(&key, format, b"").unwrap();
            let opener = StreamOpener::new(&key, format, b"", sealer.header()).unwrap();
            let full = opener.layout().slot_of(1);
            for index in [u64::MAX, u64::MAX - 1, 1 << 40, 1 << 32, (1 << 32) - 1] {
                for (length, end) in
                    [(full, End::More), (2 * full, End::More), (100, End::Last), (full + 100, End::Last)]
                {
                    let mut forged = vec![0x41; length];
                    let opened = opener.open(index, &mut forged, end);
                    assert_eq!(opened, Err(CryptoError::NotAuthentic), "{index} {length}");
                    assert!(forged.iter().all(|byte| *byte == 0));
                }
            }
        }
    }

    #[test]
    fn buffers_that_are_not_whole_slots_are_refused_and_nothing_is_spent() {
        let mut sealer = StreamSealer::new(&tiny(), StreamFormat::Tink, b"").unwrap();
        let (first, full) = (sealer.layout().slot_of(0), sealer.layout().slot_of(1));
        for (length, end) in [
            (first - 1, End::More),
            (first + 1, End::More),
            (0, End::Last),
            (15, End::Last),
            (first + 16, End::Last),
        ] {
            assert_eq!(sealer.seal(&mut vec![0; length], end), Err(CryptoError::InvalidLayout), "{length}");
            assert_eq!(sealer.next_segment(), 0);
        }
        sealer.seal(&mut vec![0; first + full], End::More).unwrap();
        assert_eq!(sealer.next_segment(), 2);
        sealer.seal(&mut vec![0; full], End::Last).unwrap();
        assert_eq!(sealer.seal(&mut vec![0; full], End::Last), Err(CryptoError::InvalidLayout));
    }
}
