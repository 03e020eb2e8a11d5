//! Where bytes lie: from lengths and positions of the plaintext to those of the ciphertext and back.

use super::{StreamFormat, StreamParameters};

/// How a format lays a stream out: a header, then slots that each hold one segment of ciphertext and its tag.
///
/// All arithmetic is in 64 bits and saturates; a stream that long is refused elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLayout {
    header: usize,
    /// Plaintext of the first slot when it is full.
    first: usize,
    /// Plaintext of every other full slot.
    segment: usize,
    /// Whether the last segment must be shorter than a full one.
    short_end: bool,
}

impl StreamLayout {
    /// The layout of `format` under a key with `parameters`; C2SP has one size, so they do not matter there.
    pub fn new(format: StreamFormat, parameters: StreamParameters) -> Self {
        match format {
            StreamFormat::Tink => {
                // Length byte, salt, nonce prefix.
                let header = 1 + parameters.derived_key_size() + 7;
                let segment = parameters.segment_size() - TAG;
                Self { header, first: segment - header, segment, short_end: false }
            }
            StreamFormat::C2sp => {
                Self { header: 24 + 32, first: C2SP_CHUNK, segment: C2SP_CHUNK, short_end: true }
            }
        }
    }

    /// Bytes of the header: 24 or 40 for Tink, 56 for C2SP.
    pub fn header_len(&self) -> usize {
        self.header
    }

    /// Bytes of plaintext in segment `index` when it is full.
    pub fn plaintext_of(&self, index: u64) -> usize {
        if index == 0 { self.first } else { self.segment }
    }

    /// Bytes of slot `index` when it is full: its plaintext and a tag of 16 bytes.
    pub fn slot_of(&self, index: u64) -> usize {
        self.plaintext_of(index) + TAG
    }

    /// How long the whole stream of `plaintext` bytes is.
    pub fn ciphertext_len(&self, plaintext: u64) -> u64 {
        let tags = self.segments(plaintext).saturating_mul(TAG as u64);
        plaintext.saturating_add(tags).saturating_add(self.header as u64)
    }

    /// How much plaintext a stream of `ciphertext` bytes holds, if it is whole; `None` for a length that none has.
    pub fn plaintext_len(&self, ciphertext: u64) -> Option<u64> {
        let (last, slot) = self.last_slot(ciphertext)?;
        Some(self.start_of(last) + (slot - TAG) as u64)
    }

    /// Index and length of the last slot in a stream of `ciphertext` bytes; `None` for a length that no whole stream has.
    pub(crate) fn last_slot(&self, ciphertext: u64) -> Option<(u64, usize)> {
        let slots = ciphertext.checked_sub(self.header as u64)?;
        let after_first = slots.saturating_sub(self.slot_of(0) as u64);
        let full = self.slot_of(1) as u64;
        let (index, length) = if after_first == 0 {
            (0, slots)
        } else if after_first % full == 0 {
            (after_first / full, full)
        } else {
            (after_first / full + 1, after_first % full)
        };
        let length = usize::try_from(length).ok()?;
        let empty = length == TAG && index > 0;
        let fits = length >= TAG && if self.short_end { length < self.slot_of(index) } else { !empty };
        fits.then_some((index, length))
    }

    /// Which segment holds byte `position` of the plaintext, and where in it.
    pub(crate) fn locate(&self, position: u64) -> (u64, usize) {
        let (first, segment) = (self.first as u64, self.segment as u64);
        let (index, within) = match position.checked_sub(first) {
            None => (0, position),
            Some(after) => (1 + after / segment, after % segment),
        };
        // A remainder of a division by a usize fits one.
        (index, usize::try_from(within).unwrap_or(0))
    }

    /// The position in the plaintext at which segment `index` begins.
    pub(crate) fn start_of(&self, index: u64) -> u64 {
        match index.checked_sub(1) {
            None => 0,
            Some(others) => (self.first as u64).saturating_add(others.saturating_mul(self.segment as u64)),
        }
    }

    /// The position in the stream at which slot `index` begins.
    pub(crate) fn offset_of(&self, index: u64) -> u64 {
        let tags = index.saturating_mul(TAG as u64);
        self.start_of(index).saturating_add(tags).saturating_add(self.header as u64)
    }

    /// Whether the last segment must be shorter than a full one, and may be empty.
    pub(crate) fn short_end(&self) -> bool {
        self.short_end
    }

    fn segments(&self, plaintext: u64) -> u64 {
        let (index, within) = self.locate(plaintext);
        // At the very start of a segment that format may leave out, the one before is the last.
        if within == 0 && index > 0 && !self.short_end { index } else { index + 1 }
    }
}

/// Bytes of a tag.
pub(crate) const TAG: usize = 16;
/// C2SP chunked encryption v1, "Message chunking".
const C2SP_CHUNK: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hkdf::Hash;

    #[test]
    fn lengths_follow_each_other_both_ways_for_every_small_message() {
        let tiny = StreamParameters::new(16, Hash::Sha256, 64).unwrap();
        for layout in
            [StreamLayout::new(StreamFormat::Tink, tiny), StreamLayout::new(StreamFormat::C2sp, tiny)]
        {
            let mut before = 0;
            for plaintext in (0..400).chain(16_300..16_500).chain(32_700..32_800) {
                let ciphertext = layout.ciphertext_len(plaintext);
                assert_eq!(layout.plaintext_len(ciphertext), Some(plaintext), "{layout:?} {plaintext}");
                assert!(ciphertext > before);
                before = ciphertext;
                let (index, within) = layout.locate(plaintext);
                assert_eq!(layout.start_of(index) + within as u64, plaintext);
                assert!(within < layout.plaintext_of(index));
            }
        }
    }

    #[test]
    fn lengths_that_no_stream_has_are_none() {
        let tink = StreamLayout::new(StreamFormat::Tink, StreamParameters::AES256_4K);
        let c2sp = StreamLayout::new(StreamFormat::C2sp, StreamParameters::AES256_4K);
        for short in 0..56 {
            assert_eq!(tink.plaintext_len(short), None);
        }
        assert_eq!(tink.plaintext_len(56), Some(0));
        assert_eq!(tink.plaintext_len(4_096), Some(4_040));
        for tag in 1..=16 {
            assert_eq!(tink.plaintext_len(4_096 + tag), None, "an empty segment after a full one");
        }
        assert_eq!(tink.plaintext_len(4_096 + 17), Some(4_041));
        for short in 0..72 {
            assert_eq!(c2sp.plaintext_len(short), None);
        }
        assert_eq!(c2sp.plaintext_len(72), Some(0));
        for full in 1..4 {
            assert_eq!(c2sp.plaintext_len(56 + full * 16_400), None, "without a short end");
            assert_eq!(c2sp.plaintext_len(56 + full * 16_400 + 15), None);
            assert_eq!(c2sp.plaintext_len(56 + full * 16_400 + 16), Some(full * 16_384));
        }
        assert_eq!(tink.ciphertext_len(u64::MAX), u64::MAX);
    }
}
