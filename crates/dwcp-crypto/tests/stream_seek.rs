//! Seeking to the borders of segments: what is read there, what is opened for it, and what the end proves.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::stream::{StreamLayout, refusal};
use dwcp_crypto::{CryptoError, StreamDecryptor, StreamEncryptor, StreamFormat, StreamKey, StreamParameters};
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;

const FORMATS: [StreamFormat; 2] = [StreamFormat::Tink, StreamFormat::C2sp];

/// A stream that can be opened again and again, and where its segments begin in plaintext and ciphertext.
struct Sealed {
    key: StreamKey,
    format: StreamFormat,
    plaintext: Vec<u8>,
    bytes: Vec<u8>,
    layout: StreamLayout,
}

impl Sealed {
    /// `segments` full ones and `more` bytes.
    fn new(format: StreamFormat, segments: u64, more: usize) -> Self {
        let key = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
        let layout = StreamLayout::new(format, key.parameters());
        let full: usize = (0..segments).map(|index| layout.plaintext_of(index)).sum();
        let plaintext: Vec<u8> =
            (0..full + more).map(|at| u8::try_from((at / 5 + at / 4_096) % 256).unwrap()).collect();
        let mut stream = StreamEncryptor::new(&key, format, b"aad", Vec::new()).unwrap();
        stream.write_all(&plaintext).unwrap();
        let bytes = stream.finish().unwrap();
        Self { key, format, plaintext, bytes, layout }
    }

    fn open<'s>(&self, bytes: &'s [u8]) -> StreamDecryptor<Cursor<&'s [u8]>> {
        let one = NonZeroUsize::MIN;
        StreamDecryptor::with_threads([&self.key], self.format, b"aad", Cursor::new(bytes), one).unwrap()
    }

    /// Where segments begin, the end of the last full one included.
    fn borders(&self, segments: u64) -> Vec<usize> {
        let mut borders = vec![0];
        borders.extend((0..segments).scan(0, |at, index| {
            *at += self.layout.plaintext_of(index);
            Some(*at)
        }));
        borders
    }

    fn len(&self) -> u64 {
        self.plaintext.len() as u64
    }
}

/// All that is left from where it stands, in pieces of `piece` bytes.
fn rest(stream: &mut impl Read, piece: usize) -> Vec<u8> {
    let (mut out, mut buffer) = (Vec::new(), vec![0; piece]);
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => return out,
            count => out.extend_from_slice(&buffer[..count]),
        }
    }
}

#[test]
fn what_stands_at_and_beside_every_border_is_read() {
    for format in FORMATS {
        for more in [0, 1, 100] {
            let sealed = Sealed::new(format, 3, more);
            let mut stream = sealed.open(&sealed.bytes);
            for border in sealed.borders(3).into_iter().rev() {
                for at in border.saturating_sub(1)..=(border + 1).min(sealed.plaintext.len()) {
                    let back = i64::try_from(sealed.plaintext.len() - at).unwrap();
                    for (to, piece) in [
                        (SeekFrom::Start(at as u64), 1_000),
                        (SeekFrom::End(-back), 4_096),
                        (SeekFrom::Current(-back), usize::MAX >> 40),
                    ] {
                        assert_eq!(stream.seek(to).unwrap(), at as u64);
                        assert_eq!(
                            rest(&mut stream, piece),
                            sealed.plaintext[at..],
                            "{format:?} {at} of {more}"
                        );
                        assert_eq!(stream.stream_position().unwrap(), sealed.len());
                    }
                }
            }
        }
    }
}

#[test]
fn at_the_very_end_and_past_it_there_is_nothing_and_no_error() {
    for format in FORMATS {
        for (segments, more) in [(0, 0), (0, 1), (1, 0), (1, 1), (3, 0), (3, 1)] {
            let sealed = Sealed::new(format, segments, more);
            for past in [0, 1, 4_096, u64::MAX - sealed.len()] {
                let mut stream = sealed.open(&sealed.bytes);
                let to = sealed.len() + past;
                assert_eq!(stream.seek(SeekFrom::Start(to)).unwrap(), to);
                for _ in 0..2 {
                    let read = stream.read(&mut [0; 10]).unwrap();
                    assert_eq!(read, 0, "{format:?} {segments} {more} {past}");
                }
                assert_eq!(stream.stream_position().unwrap(), to);
                // And back again: the end was a place like any other.
                stream.rewind().unwrap();
                assert_eq!(rest(&mut stream, 1_000), sealed.plaintext);
            }
        }
    }
}

#[test]
fn a_border_belongs_to_the_segment_after_it_and_the_one_before_is_not_opened() {
    // C2SP's end is a segment of its own, and empty, where the others are full.
    for (format, more) in [(StreamFormat::Tink, 50), (StreamFormat::C2sp, 50), (StreamFormat::C2sp, 0)] {
        let sealed = Sealed::new(format, 3, more);
        let borders = sealed.borders(3);
        for (index, border) in (1..4_u64).zip(&borders[1..]) {
            let before: usize = (0..index).map(|index| sealed.layout.slot_of(index)).sum();
            let mut damaged = sealed.bytes.clone();
            // The last byte of the slot before: a part of its tag.
            damaged[sealed.layout.header_len() + before - 1] ^= 1;
            let mut stream = sealed.open(&damaged);
            stream.seek(SeekFrom::Start(*border as u64)).unwrap();
            assert_eq!(rest(&mut stream, 100), sealed.plaintext[*border..], "{format:?} {index}");
            stream.seek(SeekFrom::Start(*border as u64 - 1)).unwrap();
            let refused = stream.read(&mut [0; 1]).unwrap_err();
            assert_eq!(refusal(&refused), Some(CryptoError::NotAuthentic), "{format:?} {index}");
        }
    }
}

#[test]
fn at_e1_a_stream_that_was_cut_at_a_border_has_no_end_to_seek_to() {
    for format in FORMATS {
        let sealed = Sealed::new(format, 3, 50);
        for index in 1..4 {
            let kept: usize = (0..index).map(|index| sealed.layout.slot_of(index)).sum();
            let cut = &sealed.bytes[..sealed.layout.header_len() + kept];
            for to in [SeekFrom::Start(0), SeekFrom::Start(1), SeekFrom::End(0)] {
                let refused = sealed.open(cut).seek(to).unwrap_err();
                let expected = match format {
                    // Tink's may end with a full segment: the flag in its nonce tells that this one did not.
                    StreamFormat::Tink => CryptoError::NotAuthentic,
                    _ => CryptoError::Truncated,
                };
                assert_eq!(refusal(&refused), Some(expected), "{format:?} {index}");
            }
        }
    }
}
