//! Packets sealed and opened, beside what the primitive alone takes for the same bytes in the same run.
//!
//! `cargo bench -p dwcp-packet --bench esp`. Each line is the median of paired rounds: ours, then ring's, so that a machine whose speed
//! drifts favours neither. Ours has the header, the padding, the numbers, the window and a look at the inner packet besides. Above 1 is
//! faster than ring. Encrypt-then-MAC has no yardstick in ring: its line is the time alone.
#![allow(clippy::unwrap_used, reason = "a bench ends where it can not go on")]

use dwcp_base::{Clock, SystemClock, Tick};
use dwcp_crypto::Secret;
use dwcp_packet::{DecryptionContext, EncryptionContext, EncryptionMode, PacketSettings, Slot, Spi};
use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use std::hint::black_box;
use std::ops::Range;
use std::time::Duration;

fn main() {
    let clock = SystemClock::new();
    println!("{:<32} {:>6}  {:>18}  {:>18}  {:>18}", "mode", "bytes", "seal", "open", "batches of 32");
    for mode in EncryptionMode::ALL {
        for length in [64, 1_400] {
            let bench = Bench { clock, mode, packet: packet(length) };
            let (seal, open, batch) = (bench.seal(), bench.open(), bench.batch());
            println!("{:<32} {length:>6}  {seal:>18}  {open:>18}  {batch:>18}", mode.name());
        }
    }
}

struct Bench {
    clock: SystemClock,
    mode: EncryptionMode,
    packet: Vec<u8>,
}

/// A buffer that a packet is put into, and where.
type Place = (Vec<u8>, Range<usize>);

impl Bench {
    fn seal(&self) -> String {
        let yardstick = Yardstick::of(self.mode);
        self.rounds(|bench| {
            let (mut sealing, _) = bench.pair();
            let mut places = bench.places(&sealing);
            let ours = bench.time(|| {
                for (buffer, at) in &mut places {
                    black_box(sealing.seal(Tick(1), buffer, at.clone()).unwrap().bytes().len());
                }
            });
            let mut bodies = bench.bodies();
            let theirs = yardstick.as_ref().map(|key| bench.time(|| key.seal(&mut bodies)));
            (ours, theirs)
        })
    }

    fn open(&self) -> String {
        let yardstick = Yardstick::of(self.mode);
        self.rounds(|bench| {
            let (mut sealing, mut opening) = bench.pair();
            let mut places = bench.places(&sealing);
            let mut wires: Vec<_> = places
                .iter_mut()
                .map(|(buffer, at)| sealing.seal(Tick(1), buffer, at.clone()).unwrap().bytes().to_vec())
                .collect();
            let ours = bench.time(|| {
                for wire in &mut wires {
                    black_box(opening.open(Tick(1), wire).unwrap().range().end);
                }
            });
            let theirs = yardstick.as_ref().map(|key| {
                let mut bodies = bench.bodies();
                key.seal(&mut bodies);
                bench.time(|| key.open(&mut bodies))
            });
            (ours, theirs)
        })
    }

    /// Sealed and opened, 32 at a time.
    fn batch(&self) -> String {
        let yardstick = Yardstick::of(self.mode);
        self.rounds(|bench| {
            let (mut sealing, mut opening) = bench.pair();
            let mut places = bench.places(&sealing);
            let mut slots: Vec<_> =
                places.iter_mut().map(|(buffer, at)| Slot::new(buffer, at.clone())).collect();
            let ours = bench.time(|| {
                for batch in slots.chunks_mut(32) {
                    assert_eq!(sealing.seal_batch(Tick(1), batch), batch.len());
                    assert_eq!(opening.open_batch(Tick(1), batch), batch.len());
                }
            });
            let theirs = yardstick.as_ref().map(|key| {
                let mut bodies = bench.bodies();
                bench.time(|| {
                    for batch in bodies.chunks_mut(32) {
                        key.seal(batch);
                        key.open(batch);
                    }
                })
            });
            (ours, theirs)
        })
    }

    /// The median of the ratios and of our times, for one packet.
    fn rounds(&self, mut round: impl FnMut(&Self) -> (Duration, Option<Duration>)) -> String {
        round(self);
        let mut ratios = Vec::new();
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let (ours, theirs) = round(self);
            times.push(ours.as_secs_f64() * 1e9 / PACKETS as f64);
            ratios.extend(theirs.map(|theirs| theirs.as_secs_f64() / ours.as_secs_f64()));
        }
        ratios.sort_by(f64::total_cmp);
        times.sort_by(f64::total_cmp);
        match ratios.get(ratios.len() / 2) {
            Some(ratio) => format!("{ratio:.2}x {:>6.0} ns", times[ROUNDS / 2]),
            None => format!("{:.0} ns", times[ROUNDS / 2]),
        }
    }

    fn time(&self, work: impl FnOnce()) -> Duration {
        let start = self.clock.tick();
        work();
        self.clock.tick().since(start)
    }

    fn pair(&self) -> (EncryptionContext, DecryptionContext) {
        let settings = PacketSettings::new(self.mode);
        let spi = Spi::new(0x1001).unwrap();
        let material = || Secret::from(vec![7; self.mode.material_len()]);
        let sealing = EncryptionContext::from_keys(&settings, spi, material(), Tick(0)).unwrap();
        (sealing, DecryptionContext::from_keys(&settings, spi, material(), Tick(0)).unwrap())
    }

    fn places(&self, sealing: &EncryptionContext) -> Vec<Place> {
        let at = sealing.headroom()..sealing.headroom() + self.packet.len();
        let mut buffer = vec![0; at.end + sealing.tailroom()];
        buffer[at.clone()].copy_from_slice(&self.packet);
        vec![(buffer, at); PACKETS]
    }

    /// As many bytes as ours encrypts, with room for a tag.
    fn bodies(&self) -> Vec<Vec<u8>> {
        vec![vec![1; (self.packet.len() + 2).next_multiple_of(4) + 16]; PACKETS]
    }
}

/// The primitive alone: 12 bytes of associated data, a nonce that counts, a tag apart.
struct Yardstick {
    key: LessSafeKey,
}

impl Yardstick {
    fn of(mode: EncryptionMode) -> Option<Self> {
        let algorithm: &'static Algorithm = match mode {
            EncryptionMode::Aes256Gcm | EncryptionMode::Aes256GcmImplicitIv => &AES_256_GCM,
            EncryptionMode::Aes128Gcm | EncryptionMode::Aes128GcmImplicitIv => &AES_128_GCM,
            EncryptionMode::ChaCha20Poly1305 | EncryptionMode::ChaCha20Poly1305ImplicitIv => {
                &CHACHA20_POLY1305
            }
            _ => return None,
        };
        let key = UnboundKey::new(algorithm, &vec![7; algorithm.key_len()]).unwrap();
        Some(Self { key: LessSafeKey::new(key) })
    }

    fn seal(&self, bodies: &mut [Vec<u8>]) {
        for (number, body) in (0_u64..).zip(bodies) {
            let (body, tag) = body.split_last_chunk_mut::<16>().unwrap();
            let made =
                self.key.seal_in_place_separate_tag(nonce(number), Aad::from(aad(number)), body).unwrap();
            tag.copy_from_slice(made.as_ref());
        }
    }

    fn open(&self, bodies: &mut [Vec<u8>]) {
        for (number, body) in (0_u64..).zip(bodies) {
            black_box(self.key.open_in_place(nonce(number), Aad::from(aad(number)), body).unwrap().len());
        }
    }
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [9; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn aad(number: u64) -> [u8; 12] {
    let mut aad = [8; 12];
    aad[4..].copy_from_slice(&number.to_be_bytes());
    aad
}

/// A UDP packet of `length` bytes over IPv4.
fn packet(length: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, high, low, 0, 7, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    packet.resize(length, 0x5a);
    packet
}

const PACKETS: usize = 1_024;
const ROUNDS: usize = 101;
