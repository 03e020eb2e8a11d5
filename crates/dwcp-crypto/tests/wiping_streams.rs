//! Keys and plaintext of streams are gone once they are dropped. A binary of its own, with one test, so that nobody else writes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/memory.rs"]
mod memory;

use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{Secret, StreamDecryptor, StreamEncryptor, StreamFormat, StreamKey, StreamParameters};
use memory::{Pattern, assert_gone, assert_wiped, letters};
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;

/// Long buffers would go back to the system at once, wiped or not. A second run of this test keeps them.
#[test]
fn what_is_dropped_is_nowhere_in_memory() {
    const KEPT: &str = "DWCP_TEST_FREED_MEMORY_IS_KEPT";
    if std::env::var_os(KEPT).is_none() {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        // glibc: no allocation is a mapping of its own, and what is freed at the end of the heap stays.
        again.env("MALLOC_MMAP_THRESHOLD_", "33554432").env("MALLOC_TRIM_THRESHOLD_", "1073741824");
        assert!(again.env(KEPT, "1").arg("--nocapture").status().unwrap().success());
        return;
    }
    for (seed, format) in [(1, StreamFormat::Tink), (20, StreamFormat::C2sp)] {
        round_trip(seed, format);
        refused(seed + 5, format);
        several_keys(seed + 10, format);
    }
}

/// A key with what to search for, and the plaintext of a stream with the same.
fn material(seed: u32) -> (StreamKey, Pattern, Secret, Vec<Pattern>) {
    let material = letters(seed, 32);
    let pattern = Pattern::of(material.expose());
    let key = StreamKey::from_material(StreamParameters::AES256_4K, material).unwrap();
    let text = letters(seed + 1, 50_000);
    // In the first segment, in one in the middle, in the last.
    let patterns = [100, 20_000, 49_900].map(|at| Pattern::of(&text.expose()[at..at + 32]));
    (key, pattern, text, patterns.into())
}

fn seal(key: &StreamKey, format: StreamFormat, text: &Secret) -> Vec<u8> {
    let mut stream =
        StreamEncryptor::with_threads(key, format, b"", Vec::new(), NonZeroUsize::new(2).unwrap()).unwrap();
    stream.write_all(text.expose()).unwrap();
    stream.finish().unwrap()
}

/// The key that one stream is sealed under, by the public way (`docs/formats/streams.md`); Tink's alone can be derived here.
fn derived(key: &Secret, sealed: &[u8]) -> Pattern {
    let prk = Prk::extract(Hash::Sha256, &sealed[1..33], key);
    Pattern::of(Secret::build(32, |out| prk.expand(b"", out)).unwrap().expose())
}

fn round_trip(seed: u32, format: StreamFormat) {
    let (key, key_pattern, text, mut patterns) = material(seed);
    let sealed = seal(&key, format, &text);
    if format == StreamFormat::Tink {
        let of_stream = derived(&letters(seed, 32), &sealed);
        assert_gone("the key of a stream", &[of_stream]);
    }
    let mut stream = StreamDecryptor::new([&key], format, b"", Cursor::new(&sealed)).unwrap();
    let opened = Secret::build(text.len(), |out| stream.read_exact(out)).unwrap();
    assert_eq!(opened.expose(), text.expose());
    stream.seek(SeekFrom::Start(30_000)).unwrap();
    let part = Secret::build(100, |out| stream.read_exact(out)).unwrap();
    assert_eq!(part.expose(), &text.expose()[30_000..30_100]);
    // An encryptor that is given up with plaintext in it.
    let mut given_up = StreamEncryptor::new(&key, format, b"", Vec::new()).unwrap();
    given_up.write_all(text.expose()).unwrap();
    patterns.push(key_pattern);
    assert_wiped("a stream", (key, text, stream, opened, part, given_up), &patterns);
}

/// Plaintext that was authentic goes as well when something after it is not.
fn refused(seed: u32, format: StreamFormat) {
    let (key, _, text, patterns) = material(seed);
    let mut sealed = seal(&key, format, &text);
    *sealed.last_mut().unwrap() ^= 1;
    drop(text);
    let mut stream = StreamDecryptor::new([&key], format, b"", Cursor::new(&sealed)).unwrap();
    assert!(stream.read(&mut [0; 10]).is_err());
    assert!(stream.plaintext_len().is_err());
    assert_gone("a refused stream", &patterns);
}

/// To find the key, the first segment is opened on trial.
fn several_keys(seed: u32, format: StreamFormat) {
    let (key, _, text, patterns) = material(seed);
    let sealed = seal(&key, format, &text);
    drop(text);
    let other = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
    let stream = StreamDecryptor::new([&other, &key], format, b"", Cursor::new(&sealed)).unwrap();
    assert_gone("a trial", &patterns);
    drop(stream);
    let short = letters(seed + 2, 2_000);
    let pattern = Pattern::of(&short.expose()[1_000..1_032]);
    let sealed_short = seal(&key, format, &short);
    drop(short);
    let stream = StreamDecryptor::new([&other, &key], format, b"", Cursor::new(&sealed_short)).unwrap();
    assert_gone("a trial of a short stream", &[pattern]);
    drop(stream);
    // Cut between two segments: the last one is opened once more, to tell why it is refused.
    let layout = dwcp_crypto::stream::StreamLayout::new(format, key.parameters());
    let cut = layout.header_len() + layout.slot_of(0);
    let mut stream = StreamDecryptor::new([&key], format, b"", &sealed[..cut]).unwrap();
    assert!(stream.read(&mut [0; 10]).is_err());
    assert_gone("a cut stream", &patterns);
}
