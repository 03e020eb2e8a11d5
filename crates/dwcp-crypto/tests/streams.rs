//! Streams as a caller uses them: round trips of every length that matters, adapters, seeking, several keys.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::hkdf::Hash;
use dwcp_crypto::stream::{End, StreamLayout, StreamOpener, StreamSealer, open_all, refusal, seal_all};
use dwcp_crypto::{CryptoError, StreamDecryptor, StreamEncryptor, StreamFormat, StreamKey, StreamParameters};
use proptest::prelude::*;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;

const FORMATS: [StreamFormat; 2] = [StreamFormat::Tink, StreamFormat::C2sp];

fn key(parameters: StreamParameters) -> StreamKey {
    StreamKey::generate(parameters).unwrap()
}

/// Bytes that differ from segment to segment.
fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at / 7 + at / 4_096) % 256).unwrap()).collect()
}

fn seal(key: &StreamKey, format: StreamFormat, aad: &[u8], plaintext: &[u8], threads: usize) -> Vec<u8> {
    let threads = NonZeroUsize::new(threads).unwrap();
    let mut stream = StreamEncryptor::with_threads(key, format, aad, Vec::new(), threads).unwrap();
    stream.write_all(plaintext).unwrap();
    stream.finish().unwrap()
}

fn open(key: &StreamKey, format: StreamFormat, aad: &[u8], sealed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut opened = Vec::new();
    StreamDecryptor::new([key], format, aad, sealed)?.read_to_end(&mut opened)?;
    Ok(opened)
}

#[test]
fn lengths_around_every_border_come_back() {
    for parameters in [
        StreamParameters::AES128_4K,
        StreamParameters::AES256_4K,
        StreamParameters::AES256_64K,
        StreamParameters::AES256_1M,
        StreamParameters::new(32, Hash::Sha512, 5_000).unwrap(),
    ] {
        let key = key(parameters);
        for format in FORMATS {
            if format == StreamFormat::C2sp && parameters.derived_key_size() == 16 {
                continue;
            }
            let layout = StreamLayout::new(format, parameters);
            let (first, full) = (layout.plaintext_of(0), layout.plaintext_of(1));
            for border in [0, first, first + full, first + 3 * full] {
                for length in [border.saturating_sub(1), border, border + 1] {
                    let plaintext = text(length);
                    let sealed = seal(&key, format, b"name", &plaintext, 2);
                    assert_eq!(sealed.len() as u64, layout.ciphertext_len(length as u64), "{length}");
                    assert_eq!(open(&key, format, b"name", &sealed).unwrap(), plaintext, "{length}");
                }
            }
        }
    }
}

#[test]
fn a_batch_that_is_full_at_the_end_of_the_stream_is_its_end() {
    // The buffers hold a MiB for each thread: lengths at which the last batch is exactly full.
    let key = key(StreamParameters::AES256_64K);
    for format in FORMATS {
        let layout = StreamLayout::new(format, key.parameters());
        let slots = (1 << 20) / layout.slot_of(1);
        let full = layout.plaintext_of(0) + (slots - 1) * layout.plaintext_of(1);
        for length in [full - 1, full, full + 1, full + slots * layout.plaintext_of(1)] {
            let plaintext = text(length);
            let sealed = seal(&key, format, b"", &plaintext, 1);
            assert_eq!(sealed.len() as u64, layout.ciphertext_len(length as u64));
            assert_eq!(open(&key, format, b"", &sealed).unwrap(), plaintext);
            let mut pumped = Vec::new();
            let mut steps = Vec::new();
            seal_all(&key, format, b"", &mut plaintext.as_slice(), &mut pumped, &mut |at| {
                steps.push(at);
                Ok(())
            })
            .unwrap();
            assert_eq!(pumped.len(), sealed.len());
            assert_eq!(steps.last(), Some(&(length as u64)));
            let mut back = Vec::new();
            let (opened, _) =
                open_all([&key], format, b"", &mut pumped.as_slice(), &mut back, &mut |_| Ok(())).unwrap();
            assert_eq!((opened, back == plaintext), (length as u64, true));
        }
    }
}

#[test]
fn the_engine_works_in_place_on_a_callers_slots() {
    let key = key(StreamParameters::AES256_4K);
    let mut sealer = StreamSealer::new(&key, StreamFormat::Tink, b"aad").unwrap();
    let layout = *sealer.layout();
    let (first, second) = (layout.slot_of(0), layout.slot_of(1));
    let mut slots = text(first + second + 20);
    let plain = slots.clone();
    sealer.seal(&mut slots[..first + second], End::More).unwrap();
    sealer.seal(&mut slots[first + second..], End::Last).unwrap();
    let stream = [sealer.header(), &slots].concat();
    let opener = StreamOpener::new(&key, StreamFormat::Tink, b"aad", &stream[..layout.header_len()]).unwrap();
    // Any slot by its index, in any order.
    opener.open(2, &mut slots[first + second..], End::Last).unwrap();
    opener.open(0, &mut slots[..first + second], End::More).unwrap();
    assert_eq!(slots[..first - 16], plain[..first - 16]);
    assert_eq!(slots[first..first + second - 16], plain[first..first + second - 16]);
    assert_eq!(slots[first + second..first + second + 4], plain[first + second..first + second + 4]);
}

#[test]
fn what_is_not_finished_does_not_open() {
    let key = key(StreamParameters::AES256_4K);
    for format in FORMATS {
        let threads = NonZeroUsize::MIN;
        let mut written = Vec::new();
        {
            let mut stream = StreamEncryptor::with_threads(&key, format, b"", &mut written, threads).unwrap();
            stream.write_all(&text(3 << 20)).unwrap();
            stream.flush().unwrap();
        }
        assert!(written.len() > 1 << 20, "whole batches were passed on");
        let refused = open(&key, format, b"", &written).unwrap_err();
        assert_eq!(refusal(&refused), Some(CryptoError::Truncated));
    }
}

#[test]
fn the_key_that_fits_is_found_among_several() {
    let keys = [
        key(StreamParameters::AES256_64K),
        key(StreamParameters::AES128_4K),
        key(StreamParameters::AES256_64K),
        key(StreamParameters::AES256_1M),
    ];
    for (format, fitting) in [(StreamFormat::Tink, vec![0, 1, 2, 3]), (StreamFormat::C2sp, vec![0, 2, 3])] {
        for place in fitting {
            for length in [0, 1, 5_000, 70_000, 1_048_504, 1_048_520, 1_048_521] {
                let sealed = seal(&keys[place], format, b"a", &text(length), 1);
                let mut stream = StreamDecryptor::new(&keys, format, b"a", sealed.as_slice()).unwrap();
                assert_eq!(stream.key_index(), place);
                let mut opened = Vec::new();
                stream.read_to_end(&mut opened).unwrap();
                assert_eq!(opened, text(length));
            }
        }
    }
    let foreign = seal(&key(StreamParameters::AES256_64K), StreamFormat::Tink, b"a", b"hello", 1);
    let refused = StreamDecryptor::new(&keys, StreamFormat::Tink, b"a", foreign.as_slice()).unwrap_err();
    assert_eq!(refusal(&refused), Some(CryptoError::NotAuthentic));
    let none: [&StreamKey; 0] = [];
    let refused = StreamDecryptor::new(none, StreamFormat::Tink, b"a", foreign.as_slice()).unwrap_err();
    assert_eq!(refusal(&refused), Some(CryptoError::NotAuthentic));
}

#[test]
fn a_key_of_another_size_is_not_used_for_c2sp() {
    let short = key(StreamParameters::AES128_4K);
    let refused = StreamEncryptor::new(&short, StreamFormat::C2sp, b"", Vec::new()).map(|_| ());
    assert_eq!(refused, Err(CryptoError::InvalidKey));
    let long = vec![0; super_long()];
    let refused = StreamEncryptor::new(&short, StreamFormat::Tink, &long, Vec::new()).map(|_| ());
    assert_eq!(refused, Err(CryptoError::DerivationTooLarge));
}

fn super_long() -> usize {
    dwcp_crypto::stream::LARGEST_ASSOCIATED_DATA + 1
}

#[test]
fn errors_of_the_reader_and_the_writer_below_come_through_and_lose_nothing() {
    /// Fails every third call as long as failures are left.
    struct Stutter<T>(T, u32, u32);
    impl<T> Stutter<T> {
        fn fails(&mut self) -> std::io::Result<()> {
            self.1 += 1;
            if self.1.is_multiple_of(3) && self.2 > 0 {
                self.2 -= 1;
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            Ok(())
        }
    }
    impl<T: Read> Read for Stutter<T> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.fails()?;
            let most = out.len().min(100_000);
            self.0.read(&mut out[..most])
        }
    }
    impl<T: Write> Write for Stutter<T> {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            self.fails()?;
            self.0.write(&data[..data.len().min(100_000)])
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let key = key(StreamParameters::AES256_4K);
    let plaintext = text(2_500_000);
    let (one, sink) = (NonZeroUsize::MIN, Stutter(Vec::new(), 0, 6));
    let mut stream = StreamEncryptor::with_threads(&key, StreamFormat::Tink, b"", sink, one).unwrap();
    let mut rest = plaintext.as_slice();
    let mut failures = 0;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(_) => failures += 1,
        }
    }
    assert_eq!(failures, 6);
    let sealed = stream.finish().unwrap().0;
    // The first segment is read by the constructor, which has nothing to go on with after a failure.
    let source = Stutter(sealed.as_slice(), 0, 0);
    let mut stream = StreamDecryptor::new([&key], StreamFormat::Tink, b"", source).unwrap();
    stream.get_mut().2 = 5;
    let (mut opened, mut piece, mut failures) = (Vec::new(), vec![0; 70_000], 0);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => opened.extend_from_slice(&piece[..count]),
            Err(_) => failures += 1,
        }
    }
    assert_eq!((opened == plaintext, failures), (true, 5));
}

#[test]
fn refusals_do_not_depend_on_how_many_keys_were_given() {
    let (short, other_short) = (key(StreamParameters::AES128_4K), key(StreamParameters::AES128_4K));
    let (long, sealing) = (key(StreamParameters::AES256_4K), key(StreamParameters::AES256_4K));
    let open = |keys: &[&StreamKey], format, aad: &[u8], sealed: &[u8]| {
        let refused = StreamDecryptor::new(keys.iter().copied(), format, aad, sealed).unwrap_err();
        refusal(&refused).unwrap()
    };
    let sealed = seal(&sealing, StreamFormat::Tink, b"", b"hello", 1);
    // Of two keys one does not even fit the header: the other is tried all the same.
    assert_eq!(open(&[&short, &long], StreamFormat::Tink, b"", &sealed), CryptoError::NotAuthentic);
    let huge = vec![0; super_long()];
    for keys in [&[&long][..], &[&long, &sealing]] {
        assert_eq!(open(keys, StreamFormat::Tink, &huge, &sealed), CryptoError::DerivationTooLarge);
    }
    for keys in [&[&short][..], &[&short, &other_short]] {
        assert_eq!(open(keys, StreamFormat::C2sp, b"", &[0; 100]), CryptoError::InvalidKey);
    }
    assert_eq!(open(&[&short, &long], StreamFormat::C2sp, b"", &[0; 100]), CryptoError::NotAuthentic);
}

#[test]
fn readers_and_writers_that_are_interrupted_or_take_nothing_end_in_no_false_success() {
    struct Interrupted<T>(T, bool);
    impl<T: Read> Read for Interrupted<T> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(std::io::ErrorKind::Interrupted.into()) } else { self.0.read(out) }
        }
    }
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Ok(0)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let key = key(StreamParameters::AES256_4K);
    let plaintext = text(3_000_000);
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    let done = &mut |_| Ok(());
    seal_all(&key, StreamFormat::Tink, b"", &mut Interrupted(plaintext.as_slice(), false), &mut sealed, done)
        .unwrap();
    open_all([&key], StreamFormat::Tink, b"", &mut Interrupted(sealed.as_slice(), false), &mut opened, done)
        .unwrap();
    assert_eq!(opened, plaintext);
    let mut stream = StreamEncryptor::new(&key, StreamFormat::Tink, b"", Full).unwrap();
    stream.write_all(b"hello").unwrap();
    assert_eq!(stream.finish().map(|_| ()).unwrap_err().kind(), std::io::ErrorKind::WriteZero);
    // What is cut is no end that `read_exact` tells of whole streams too.
    let mut cut = StreamDecryptor::new([&key], StreamFormat::Tink, b"", &sealed[..8_192]).unwrap();
    let refused = cut.read(&mut [0; 10]).unwrap_err();
    assert_eq!(
        (refused.kind(), refusal(&refused)),
        (std::io::ErrorKind::InvalidData, Some(CryptoError::Truncated))
    );
}

#[test]
fn a_refusal_in_the_middle_of_a_long_stream_stays() {
    let key = key(StreamParameters::AES256_4K);
    let mut sealed = seal(&key, StreamFormat::Tink, b"", &text(6_000_000), 1);
    sealed[3_000_000] ^= 1;
    let one = NonZeroUsize::MIN;
    let mut stream =
        StreamDecryptor::with_threads([&key], StreamFormat::Tink, b"", sealed.as_slice(), one).unwrap();
    let mut opened = Vec::new();
    assert!(stream.read_to_end(&mut opened).is_err());
    assert!(opened.len() < 3_000_000 && text(6_000_000).starts_with(&opened));
    for _ in 0..3 {
        assert_eq!(refusal(&stream.read(&mut [0; 10]).unwrap_err()), Some(CryptoError::NotAuthentic));
    }
    let many = NonZeroUsize::MAX;
    let sealed = StreamEncryptor::with_threads(&key, StreamFormat::Tink, b"", Vec::new(), many).unwrap();
    sealed.finish().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_pieces_make_the_same_stream_and_any_reads_give_it_back(
        pieces in proptest::collection::vec(0_usize..9_000, 0..12),
        reads in proptest::collection::vec(1_usize..9_000, 1..8),
        c2sp: bool,
    ) {
        let format = if c2sp { StreamFormat::C2sp } else { StreamFormat::Tink };
        let key = key(StreamParameters::AES256_4K);
        let plaintext = text(pieces.iter().sum());
        let mut stream = StreamEncryptor::new(&key, format, b"p", Vec::new()).unwrap();
        let mut rest = plaintext.as_slice();
        for piece in pieces {
            let (now, later) = rest.split_at(piece);
            stream.write_all(now).unwrap();
            rest = later;
        }
        let sealed = stream.finish().unwrap();
        let mut stream = StreamDecryptor::new([&key], format, b"p", sealed.as_slice()).unwrap();
        let mut opened = Vec::new();
        for most in reads.iter().cycle() {
            let mut piece = vec![0; *most];
            let count = stream.read(&mut piece).unwrap();
            if count == 0 {
                break;
            }
            opened.extend_from_slice(&piece[..count]);
        }
        prop_assert_eq!(opened, plaintext);
    }

    #[test]
    fn seeking_reads_what_stands_there(
        length in 0_usize..60_000,
        steps in proptest::collection::vec((0_u8..3, -70_000_i64..70_000, 0_usize..20_000), 1..12),
        c2sp: bool,
        offset in 0_usize..50,
    ) {
        let format = if c2sp { StreamFormat::C2sp } else { StreamFormat::Tink };
        let key = key(StreamParameters::AES256_4K);
        let plaintext = text(length);
        // The stream may stand anywhere in a larger file.
        let mut file = vec![9; offset];
        file.extend_from_slice(&seal(&key, format, b"s", &plaintext, 1));
        let mut inner = Cursor::new(file);
        inner.set_position(offset as u64);
        let mut stream = StreamDecryptor::new([&key], format, b"s", inner).unwrap();
        let mut reference = Cursor::new(plaintext);
        for (from, by, read) in steps {
            let to = match from {
                0 => SeekFrom::Start(by.unsigned_abs()),
                1 => SeekFrom::Current(by),
                _ => SeekFrom::End(by),
            };
            let (ours, theirs) = (stream.seek(to), reference.seek(to));
            prop_assert_eq!(ours.ok(), theirs.ok());
            let mut expected = Vec::new();
            Read::by_ref(&mut reference).take(read as u64).read_to_end(&mut expected).unwrap();
            let mut got = Vec::new();
            stream.by_ref().take(read as u64).read_to_end(&mut got).unwrap();
            prop_assert_eq!(got, expected);
            prop_assert_eq!(stream.stream_position().unwrap(), reference.position());
        }
    }
}
