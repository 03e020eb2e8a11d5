//! What an attacker does to a stream at rest: cut, swap, repeat, splice, flip. Nothing unauthenticated comes out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::hkdf::Hash;
use dwcp_crypto::stream::{StreamLayout, refusal};
use dwcp_crypto::{CryptoError, StreamDecryptor, StreamEncryptor, StreamFormat, StreamKey, StreamParameters};
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;

const FORMATS: [StreamFormat; 2] = [StreamFormat::Tink, StreamFormat::C2sp];

fn key() -> StreamKey {
    StreamKey::generate(StreamParameters::AES256_4K).unwrap()
}

fn seal(key: &StreamKey, format: StreamFormat, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut stream = StreamEncryptor::with_threads(key, format, aad, Vec::new(), NonZeroUsize::MIN).unwrap();
    stream.write_all(plaintext).unwrap();
    stream.finish().unwrap()
}

/// Reads all that comes, and says with what refusal it ended.
fn read(key: &StreamKey, format: StreamFormat, aad: &[u8], sealed: &[u8]) -> (Vec<u8>, Option<CryptoError>) {
    let mut opened = Vec::new();
    let ended = StreamDecryptor::with_threads([key], format, aad, sealed, NonZeroUsize::MIN)
        .and_then(|mut stream| stream.read_to_end(&mut opened));
    (opened, ended.err().map(|error| refusal(&error).unwrap()))
}

/// Three segments, the last one short.
fn three_segments(format: StreamFormat) -> (StreamKey, Vec<u8>, Vec<u8>, StreamLayout) {
    let key = key();
    let layout = StreamLayout::new(format, key.parameters());
    let length = layout.plaintext_of(0) + layout.plaintext_of(1) + 40;
    let plaintext: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let sealed = seal(&key, format, b"aad", &plaintext);
    (key, plaintext, sealed, layout)
}

#[test]
fn at_e1_every_truncation_of_three_segments_is_refused() {
    for format in FORMATS {
        let (key, plaintext, sealed, layout) = three_segments(format);
        let borders = [layout.header_len(), layout.header_len() + layout.slot_of(0)];
        let borders = [borders[0], borders[1], borders[1] + layout.slot_of(1)];
        for length in 0..sealed.len() {
            let (opened, refused) = read(&key, format, b"aad", &sealed[..length]);
            assert!(plaintext.starts_with(&opened), "{format:?} {length}: something that was never sealed");
            let refused = refused.unwrap_or_else(|| panic!("{format:?}: cut to {length} passed"));
            if length < borders[0] + 16 || borders[1..].contains(&length) {
                assert_eq!(refused, CryptoError::Truncated, "{format:?} {length}");
            }
            let sought = StreamDecryptor::new([&key], format, b"aad", Cursor::new(&sealed[..length]))
                .and_then(|mut stream| stream.seek(SeekFrom::End(0)));
            assert!(sought.is_err(), "{format:?}: the end of a stream cut to {length} was proven");
        }
    }
}

#[test]
fn at_e1_every_flipped_bit_of_three_segments_is_refused() {
    for format in FORMATS {
        // Small segments where the format has a choice, so that every bit is tried.
        let key = match format {
            StreamFormat::Tink => {
                StreamKey::generate(StreamParameters::new(32, Hash::Sha256, 300).unwrap()).unwrap()
            }
            _ => key(),
        };
        let layout = StreamLayout::new(format, key.parameters());
        let plaintext = vec![5; layout.plaintext_of(0) + layout.plaintext_of(1) + 40];
        let sealed = seal(&key, format, b"", &plaintext);
        let step = if format == StreamFormat::Tink { 1 } else { 13 };
        let header_and_tags = (0..72).chain(sealed.len() - 56..sealed.len());
        for at in (0..sealed.len()).step_by(step).chain(header_and_tags) {
            for bit in 0..8 {
                let mut bad = sealed.clone();
                bad[at] ^= 1 << bit;
                let (opened, refused) = read(&key, format, b"", &bad);
                assert_eq!(refused, Some(CryptoError::NotAuthentic), "{format:?} byte {at} bit {bit}");
                assert_eq!(opened, b"", "one batch: nothing of it comes out");
            }
        }
    }
}

#[test]
fn at_e1_segments_that_are_swapped_repeated_or_left_out_are_refused() {
    for format in FORMATS {
        let (key, _, sealed, layout) = three_segments(format);
        let first = layout.header_len() + layout.slot_of(0);
        let second = first + layout.slot_of(1);
        let (head, middle, end) = (&sealed[..first], &sealed[first..second], &sealed[second..]);
        for (what, bad) in [
            ("left out", [head, end].concat()),
            ("repeated", [head, middle, middle, end].concat()),
            ("the end twice", [head, middle, end, end].concat()),
            ("trailing byte", [head, middle, end, b"x"].concat()),
            ("trailing segment", [head, middle, end, middle].concat()),
            ("trailing zeros", [head, middle, end, &[0; 16]].concat()),
        ] {
            let (_, refused) = read(&key, format, b"aad", &bad);
            assert!(refused.is_some(), "{format:?} {what}");
        }
        let four = seal(&key, format, b"aad", &vec![1; layout.plaintext_of(0) + 3 * layout.plaintext_of(1)]);
        let third = second + layout.slot_of(2);
        let swapped = [&four[..first], &four[second..third], &four[first..second], &four[third..]].concat();
        assert_eq!(read(&key, format, b"aad", &swapped), (vec![], Some(CryptoError::NotAuthentic)));
    }
}

#[test]
fn at_e1_a_segment_of_another_file_under_the_same_key_is_refused() {
    for format in FORMATS {
        let key = key();
        let layout = StreamLayout::new(format, key.parameters());
        let plaintext = vec![3; layout.plaintext_of(0) + layout.plaintext_of(1) + 9];
        let (one, other) = (seal(&key, format, b"a", &plaintext), seal(&key, format, b"a", &plaintext));
        let first = layout.header_len() + layout.slot_of(0);
        let second = first + layout.slot_of(1);
        assert_ne!(one[first..second], other[first..second], "no two streams are sealed alike");
        let spliced = [&one[..first], &other[first..second], &one[second..]].concat();
        assert_eq!(read(&key, format, b"a", &spliced), (vec![], Some(CryptoError::NotAuthentic)));
        let header = [&other[..layout.header_len()], &one[layout.header_len()..]].concat();
        assert_eq!(read(&key, format, b"a", &header), (vec![], Some(CryptoError::NotAuthentic)));
    }
}

#[test]
fn at_e1_an_empty_end_after_a_full_segment_is_not_tinks() {
    let key = key();
    let layout = StreamLayout::new(StreamFormat::Tink, key.parameters());
    let sealed = seal(&key, StreamFormat::Tink, b"", &vec![1; layout.plaintext_of(0)]);
    let longer = [sealed.as_slice(), &[0; 16]].concat();
    assert_eq!(layout.plaintext_len(longer.len() as u64), None);
    assert_eq!(read(&key, StreamFormat::Tink, b"", &longer), (vec![], Some(CryptoError::Truncated)));
}

#[test]
fn at_e5_a_refused_batch_leaves_zeros_in_the_buffer_of_the_caller() {
    use dwcp_crypto::stream::{End, StreamOpener};
    let (key, _, mut sealed, layout) = three_segments(StreamFormat::Tink);
    let (header, slots) = sealed.split_at_mut(layout.header_len());
    let opener = StreamOpener::new(&key, StreamFormat::Tink, b"aad", header).unwrap();
    *slots.last_mut().unwrap() ^= 1;
    assert_eq!(opener.open(0, slots, End::Last), Err(CryptoError::NotAuthentic));
    assert!(slots.iter().all(|byte| *byte == 0), "the two segments that did open are gone as well");
}

#[test]
fn at_c7_a_c2sp_stream_is_refused_by_another_key_before_anything_is_opened() {
    let (ours, theirs) = (key(), key());
    let sealed = seal(&ours, StreamFormat::C2sp, b"", b"");
    let refused = StreamDecryptor::new([&theirs], StreamFormat::C2sp, b"", sealed.as_slice()).unwrap_err();
    assert_eq!(refusal(&refused), Some(CryptoError::NotAuthentic), "by the commitment, in the header");
    let refused = StreamDecryptor::new([&ours], StreamFormat::C2sp, b"x", sealed.as_slice()).unwrap_err();
    assert_eq!(refusal(&refused), Some(CryptoError::NotAuthentic));
}

#[test]
fn an_error_stays_an_error() {
    let (key, _, sealed, layout) = three_segments(StreamFormat::Tink);
    let mut cut =
        StreamDecryptor::new([&key], StreamFormat::Tink, b"aad", &sealed[..sealed.len() - 1]).unwrap();
    for _ in 0..3 {
        assert!(cut.read(&mut [0; 10]).is_err());
    }
    // After a seek to a segment that is whole, that segment is readable; the end still is not proven.
    let cut = &sealed[..layout.header_len() + layout.slot_of(0)];
    let mut stream = StreamDecryptor::new([&key], StreamFormat::Tink, b"aad", Cursor::new(cut)).unwrap();
    assert!(stream.seek(SeekFrom::Start(0)).is_err());
}

#[test]
fn debug_texts_hold_no_key_and_no_plaintext() {
    let key = StreamKey::from_material(StreamParameters::AES256_4K, vec![0xAB; 32].into()).unwrap();
    let mut stream = StreamEncryptor::new(&key, StreamFormat::Tink, b"", Vec::new()).unwrap();
    stream.write_all(b"open sesame").unwrap();
    for text in [format!("{key:?}"), format!("{stream:?}")] {
        assert!(!text.contains("171") && !text.to_lowercase().contains("ab, ab") && !text.contains("sesame"));
    }
    assert_eq!(format!("{stream:?}"), "StreamEncryptor(11 bytes so far)");
}
