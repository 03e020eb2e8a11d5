//! Ratios to the raw primitive in the same run: one-shot sealing, the segment engine, the adapters, files, key agreement.
//!
//! `cargo bench -p dwcp-crypto --bench at_rest`. Each line is the median of paired rounds: ours, then the yardstick, so that a machine
//! whose speed drifts does not favour either. Above 1 is faster than the yardstick.
#![allow(clippy::unwrap_used, reason = "a bench ends where it can not go on")]

#[path = "support/ratio.rs"]
mod ratio;

use allocation_counter::measure;
use dwcp_crypto::stream::{End, StreamOpener, StreamSealer, open_all, seal_all};
use dwcp_crypto::{
    Algorithm, DataAlgorithm, DataKey, Group, KeyAgreement, OpeningKey, SealingKey, Secret, StreamEncryptor,
    StreamFormat, StreamKey, StreamParameters, agreement,
};
use ratio::Bench;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::num::NonZeroUsize;

fn main() {
    let bench = Bench::new();
    one_shot(&bench);
    engine(&bench);
    adapters(&bench);
    files(&bench);
    agreements(&bench);
    allocations();
}

impl Bench {
    /// Compares two of which everything counts.
    fn ratio(
        &self,
        name: &str,
        bytes: u64,
        rounds: usize,
        ours: &mut dyn FnMut(),
        yardstick: &mut dyn FnMut(),
    ) {
        let (ours, yardstick) = (&mut || self.time(ours), &mut || self.time(yardstick));
        self.compare(name, bytes, rounds, ours, yardstick);
    }
}

fn raw_key() -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap())
}

fn nonce(count: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&count.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// A key is exhausted by bytes as well as by messages: each round has its own.
fn one_shot(bench: &Bench) {
    for size in [64, 1 << 10, 16 << 10, 1 << 20] {
        let times = ((8 << 20) / size).max(8);
        let raw = raw_key();
        let mut buffer = vec![1; size];
        let mut other = vec![1; size];
        bench.ratio(
            &format!("seal {size} B / ring"),
            (size * times) as u64,
            41,
            &mut || {
                let mut key = SealingKey::new(Algorithm::Aes256Gcm, Secret::from(vec![7; 36])).unwrap();
                for _ in 0..times {
                    key.seal_in_place(b"header", &mut buffer).unwrap();
                    buffer.truncate(size);
                }
            },
            &mut || {
                for count in 0..times {
                    raw.seal_in_place_append_tag(nonce(count as u64), Aad::from(b"header"), &mut other)
                        .unwrap();
                    other.truncate(size);
                }
            },
        );
        let opening = OpeningKey::new(Algorithm::Aes256Gcm, Secret::from(vec![7; 36])).unwrap();
        let mut sealing = SealingKey::new(Algorithm::Aes256Gcm, Secret::from(vec![7; 36])).unwrap();
        let mut sealed = vec![1; size];
        let sequence = sealing.seal_in_place(b"header", &mut sealed).unwrap();
        let plain_raw = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
        let prefix_nonce = || {
            let mut bytes = [7; 12];
            bytes[4..].copy_from_slice(&0_u64.to_be_bytes());
            Nonce::assume_unique_for_key(bytes)
        };
        // Opening destroys its input: both sides copy it anew.
        let (mut mine, mut theirs) = (sealed.clone(), sealed.clone());
        bench.ratio(
            &format!("open {size} B / ring"),
            (size * times) as u64,
            41,
            &mut || {
                for _ in 0..times {
                    mine.copy_from_slice(&sealed);
                    black_box(opening.open_in_place(sequence, b"header", &mut mine).unwrap());
                }
            },
            &mut || {
                for _ in 0..times {
                    theirs.copy_from_slice(&sealed);
                    black_box(
                        plain_raw.open_in_place(prefix_nonce(), Aad::from(b"header"), &mut theirs).unwrap(),
                    );
                }
            },
        );
    }
}

fn engine(bench: &Bench) {
    let key = StreamKey::generate(StreamParameters::AES256_1M).unwrap();
    let raw = raw_key();
    let mut sealer = StreamSealer::new(&key, StreamFormat::Tink, b"").unwrap();
    let layout = *sealer.layout();
    let slots = 16;
    let total = layout.slot_of(0) + (slots - 1) * layout.slot_of(1);
    let mut first = vec![1; layout.slot_of(0)];
    sealer.seal(&mut first, End::More).unwrap();
    let total = total - layout.slot_of(0) + layout.slot_of(1);
    let mut ours = vec![1; total];
    let mut theirs = vec![1; total];
    let mut count = 0;
    let mut yardstick = || {
        for slot in theirs.chunks_exact_mut(layout.slot_of(1)) {
            count += 1;
            let (text, room) = slot.split_at_mut(slot.len() - 16);
            let tag = raw.seal_in_place_separate_tag(nonce(count), Aad::empty(), text).unwrap();
            room.copy_from_slice(tag.as_ref());
        }
    };
    for threads in [1, 2] {
        sealer.set_threads(NonZeroUsize::new(threads).unwrap());
        bench.ratio(
            &format!("engine in place, {threads} thread(s) / ring"),
            total as u64,
            41,
            &mut || sealer.seal(&mut ours, End::More).unwrap(),
            &mut yardstick,
        );
    }
    opening(bench, &key);
}

fn opening(bench: &Bench, key: &StreamKey) {
    let raw = raw_key();
    let mut sealer = StreamSealer::new(key, StreamFormat::Tink, b"").unwrap();
    let layout = *sealer.layout();
    let mut sealed = vec![1; layout.slot_of(0) + 15 * layout.slot_of(1)];
    sealer.seal(&mut sealed, End::Last).unwrap();
    let mut slot = vec![1; layout.plaintext_of(1)];
    raw.seal_in_place_append_tag(nonce(1), Aad::empty(), &mut slot).unwrap();
    let other: Vec<u8> = slot.iter().copied().cycle().take(16 * slot.len()).collect();
    let (mut mine, mut theirs) = (sealed.clone(), other.clone());
    for threads in [1, 2] {
        let mut opener = StreamOpener::new(key, StreamFormat::Tink, b"", sealer.header()).unwrap();
        opener.set_threads(NonZeroUsize::new(threads).unwrap());
        bench.ratio(
            &format!("engine opening, {threads} thread(s) / ring, with copies"),
            sealed.len() as u64,
            21,
            &mut || {
                mine.copy_from_slice(&sealed);
                opener.open(0, &mut mine, End::Last).unwrap();
            },
            &mut || {
                theirs.copy_from_slice(&other);
                for slot in theirs.chunks_exact_mut(layout.slot_of(1)) {
                    raw.open_in_place(nonce(1), Aad::empty(), slot).unwrap();
                }
            },
        );
    }
}

fn adapters(bench: &Bench) {
    let raw = raw_key();
    let plaintext = vec![1; 64 << 20];
    let mut buffer = vec![1; 64 << 20];
    for (name, parameters, format) in [
        ("Write, 1 MiB segments", StreamParameters::AES256_1M, StreamFormat::Tink),
        ("Write, 64 KiB segments", StreamParameters::AES256_64K, StreamFormat::Tink),
        ("Write, 4 KiB segments", StreamParameters::AES256_4K, StreamFormat::Tink),
        ("Write, C2SP", StreamParameters::AES256_4K, StreamFormat::C2sp),
    ] {
        let key = StreamKey::generate(parameters).unwrap();
        for threads in [1, 2] {
            bench.ratio(
                &format!("{name}, {threads} thread(s) / ring"),
                plaintext.len() as u64,
                11,
                &mut || {
                    let threads = NonZeroUsize::new(threads).unwrap();
                    let mut stream =
                        StreamEncryptor::with_threads(&key, format, b"", std::io::sink(), threads).unwrap();
                    stream.write_all(&plaintext).unwrap();
                    stream.finish().unwrap();
                },
                &mut || {
                    for (count, slot) in buffer.chunks_exact_mut(1 << 20).enumerate() {
                        let tag =
                            raw.seal_in_place_separate_tag(nonce(count as u64), Aad::empty(), slot).unwrap();
                        black_box(tag.as_ref()[0]);
                    }
                },
            );
        }
    }
}

fn files(bench: &Bench) {
    let dir = tempfile::tempdir().unwrap();
    let (source, sealed, copy) = (dir.path().join("in"), dir.path().join("sealed"), dir.path().join("copy"));
    std::fs::write(&source, vec![1; 256 << 20]).unwrap();
    let key = StreamKey::generate(StreamParameters::AES256_1M).unwrap();
    let mut plain = || {
        let (mut from, mut to) = (File::open(&source).unwrap(), File::create(&copy).unwrap());
        let mut buffer = vec![0; 2 << 20];
        loop {
            let count = from.read(&mut buffer).unwrap();
            if count == 0 {
                break;
            }
            to.write_all(&buffer[..count]).unwrap();
        }
        to.sync_all().unwrap();
    };
    bench.ratio(
        "file to file, sealing / read, write, sync",
        256 << 20,
        7,
        &mut || {
            let (mut from, mut to) = (File::open(&source).unwrap(), File::create(&sealed).unwrap());
            seal_all(&key, StreamFormat::Tink, b"", &mut from, &mut to, &mut |_| Ok(())).unwrap();
            to.sync_all().unwrap();
        },
        &mut plain,
    );
    let opened = dir.path().join("opened");
    bench.ratio(
        "file to file, opening / read, write, sync",
        256 << 20,
        7,
        &mut || {
            let (mut from, mut to) = (File::open(&sealed).unwrap(), File::create(&opened).unwrap());
            open_all([&key], StreamFormat::Tink, b"", &mut from, &mut to, &mut |_| Ok(())).unwrap();
            to.sync_all().unwrap();
        },
        &mut plain,
    );
}

fn agreements(bench: &Bench) {
    use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
    let random = ring::rand::SystemRandom::new();
    let peer = KeyAgreement::start(Group::X25519).unwrap();
    bench.ratio(
        "X25519 agreement / ring",
        0,
        41,
        &mut || {
            for _ in 0..100 {
                black_box(agreement::respond(Group::X25519, peer.share()).unwrap());
            }
        },
        &mut || {
            for _ in 0..100 {
                let key = EphemeralPrivateKey::generate(&X25519, &random).unwrap();
                black_box(key.compute_public_key().unwrap());
                let peer = UnparsedPublicKey::new(&X25519, peer.share());
                black_box(agree_ephemeral(key, &peer, |secret| secret[0]).unwrap());
            }
        },
    );
}

/// How often one operation on a message of 16 KiB asks for memory.
fn allocations() {
    let mut key = SealingKey::new(Algorithm::Aes256Gcm, Secret::from(vec![7; 36])).unwrap();
    let opening = OpeningKey::new(Algorithm::Aes256Gcm, Secret::from(vec![7; 36])).unwrap();
    let mut message = Vec::with_capacity((16 << 10) + 16);
    message.resize(16 << 10, 1);
    let mut sequence = None;
    let sealing = measure(|| sequence = Some(key.seal_in_place(b"", &mut message).unwrap()));
    let opened = measure(|| {
        opening.open_in_place(sequence.unwrap(), b"", &mut message).unwrap();
    });
    let data = DataKey::generate(DataAlgorithm::Aes256Gcm).unwrap();
    let mut sealed = Vec::new();
    let one_shot = measure(|| sealed = data.seal(b"", &message).unwrap());
    let one_shot_opened = measure(|| {
        data.open_in_place(b"", &mut sealed).unwrap();
    });
    let stream_key = StreamKey::generate(StreamParameters::AES256_1M).unwrap();
    let mut sealer = StreamSealer::new(&stream_key, StreamFormat::Tink, b"").unwrap();
    let mut slot = vec![1; sealer.layout().slot_of(0)];
    let segment = measure(|| sealer.seal(&mut slot, End::More).unwrap());
    for (name, info) in [
        ("SealingKey::seal_in_place", sealing),
        ("OpeningKey::open_in_place", opened),
        ("DataKey::seal", one_shot),
        ("DataKey::open_in_place", one_shot_opened),
        ("StreamSealer::seal, one thread", segment),
    ] {
        println!("{name:<44} {} allocations", info.count_total);
    }
}
