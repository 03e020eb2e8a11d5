//! Packets: sealing and opening as ratios to the raw primitives in the same run, and nanoseconds for each packet.
//!
//! `cargo bench -p dwcp-crypto --bench packet`. Each line is the median of paired rounds: ours, then the yardstick. Above 1 is faster than
//! the yardstick: ring's AEAD with the same associated data, or AES-CBC and ring's HMAC in one call over head, IV and body.
#![allow(clippy::unwrap_used, reason = "a bench ends where it can not go on")]

#[path = "support/ratio.rs"]
mod ratio;

use aes::cipher::array::Array;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use aes::{Aes256Dec, Aes256Enc};
use dwcp_crypto::Secret;
use dwcp_crypto::packet::{PacketCipher, PacketOpener, PacketParts, PacketSealer, SealedParts};
use ratio::Bench;
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use std::hint::black_box;
use std::time::Duration;

fn main() {
    let bench = Bench::new();
    for cipher in PacketCipher::ALL {
        for size in [64, 512, 1_400] {
            let size = size / cipher.block_len() * cipher.block_len();
            let packets = Packets::new(cipher, size);
            packets.line(&bench, "seal", &mut packets.sealing(&bench), &mut packets.raw_sealing(&bench));
            packets.line(&bench, "open", &mut packets.opening(&bench), &mut packets.raw_opening(&bench));
        }
    }
}

/// Packets of one size, side by side as a queue has them: head, IV, body, tag.
struct Packets {
    cipher: PacketCipher,
    size: usize,
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

/// A packet in its parts.
struct Parts<'a> {
    head: &'a [u8],
    iv: &'a mut [u8],
    body: &'a mut [u8],
    tag: &'a mut [u8],
}

impl Packets {
    fn new(cipher: PacketCipher, size: usize) -> Self {
        let length = HEAD + cipher.iv_len() + size + cipher.tag_len();
        let plain = vec![1; length * COUNT];
        let mut packets = Self { cipher, size, sealed: plain.clone(), plain };
        let mut sealer = packets.sealer();
        let mut sealed = packets.plain.clone();
        packets.each(&mut sealed, |parts| seal(&mut sealer, parts));
        packets.sealed = sealed;
        packets
    }

    fn line(
        &self,
        bench: &Bench,
        what: &str,
        ours: &mut dyn FnMut() -> Duration,
        raw: &mut dyn FnMut() -> Duration,
    ) {
        let name = format!("{what} {:?} {}", self.cipher, self.size);
        let best = bench.compare(&name, (self.size * COUNT) as u64, ROUNDS, ours, raw);
        println!("{:44} {:.0} ns for each packet", "", best.as_secs_f64() * 1e9 / COUNT as f64);
    }

    fn sealing(&self, bench: &Bench) -> impl FnMut() -> Duration {
        let mut sealer = self.sealer();
        self.rounds(bench, &self.plain, move |parts| seal(&mut sealer, parts))
    }

    fn opening(&self, bench: &Bench) -> impl FnMut() -> Duration {
        let opener = PacketOpener::new(self.cipher, self.material()).unwrap();
        self.rounds(bench, &self.sealed, move |Parts { head, iv, body, tag }| {
            opener.open(0, SealedParts { head, iv, body, tail: b"" }, tag).unwrap();
        })
    }

    fn raw_sealing<'a>(&'a self, bench: &'a Bench) -> Box<dyn FnMut() -> Duration + 'a> {
        let material = self.material();
        let mut number = 0_u64;
        if let Some(key) = self.raw_aead() {
            let salt = &material.expose()[self.cipher.key_len()..];
            let salt: [u8; 4] = salt.try_into().unwrap();
            return Box::new(self.rounds(bench, &self.plain, move |Parts { head, iv, body, tag }| {
                number += 1;
                iv.copy_from_slice(&number.to_be_bytes());
                let nonce = nonce(salt, iv);
                let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(head), body).unwrap();
                tag.copy_from_slice(sealed.as_ref());
            }));
        }
        let (key, mac) = material.expose().split_at(32);
        let (cipher, mac) = (Aes256Enc::new_from_slice(key).unwrap(), self.raw_mac(mac));
        let tag_len = self.cipher.tag_len();
        Box::new(self.whole(bench, &self.plain, move |packet| {
            let (covered, tag) = packet.split_at_mut(packet.len() - tag_len);
            let (iv, body) = covered[HEAD..].split_first_chunk_mut::<16>().unwrap();
            let mut chain = cbc::Encryptor::inner_iv_init(&cipher, (&*iv).into());
            chain.encrypt_blocks(Array::slice_as_chunks_mut(body).0);
            tag.copy_from_slice(&hmac::sign(&mac, covered).as_ref()[..tag_len]);
        }))
    }

    fn raw_opening<'a>(&'a self, bench: &'a Bench) -> Box<dyn FnMut() -> Duration + 'a> {
        let material = self.material();
        if let Some(key) = self.raw_aead() {
            let salt: [u8; 4] = material.expose()[self.cipher.key_len()..].try_into().unwrap();
            return Box::new(self.rounds(bench, &self.sealed, move |Parts { head, iv, body, tag }| {
                let tag = aead::Tag::try_from(&*tag).unwrap();
                key.open_in_place_separate_tag(nonce(salt, iv), Aad::from(head), tag, body, 0..).unwrap();
            }));
        }
        let (key, mac) = material.expose().split_at(32);
        let (cipher, mac) = (Aes256Dec::new_from_slice(key).unwrap(), self.raw_mac(mac));
        let tag_len = self.cipher.tag_len();
        Box::new(self.whole(bench, &self.sealed, move |packet| {
            let (covered, tag) = packet.split_at_mut(packet.len() - tag_len);
            assert_eq!(hmac::sign(&mac, covered).as_ref()[..tag_len], *tag);
            let (iv, body) = covered[HEAD..].split_first_chunk_mut::<16>().unwrap();
            let mut chain = cbc::Decryptor::inner_iv_init(&cipher, (&*iv).into());
            chain.decrypt_blocks(Array::slice_as_chunks_mut(body).0);
        }))
    }

    /// Each round has the packets as they were; fetching them does not count.
    fn rounds(
        &self,
        bench: &Bench,
        fresh: &[u8],
        mut work: impl FnMut(Parts<'_>),
    ) -> impl FnMut() -> Duration {
        move || {
            let mut packets = fresh.to_vec();
            let taken = bench.time(&mut || self.each(&mut packets, &mut work));
            black_box(packets);
            taken
        }
    }

    fn whole(
        &self,
        bench: &Bench,
        fresh: &[u8],
        mut work: impl FnMut(&mut [u8]),
    ) -> impl FnMut() -> Duration {
        let length = fresh.len() / COUNT;
        move || {
            let mut packets = fresh.to_vec();
            let taken = bench.time(&mut || packets.chunks_exact_mut(length).for_each(&mut work));
            black_box(packets);
            taken
        }
    }

    fn each(&self, packets: &mut [u8], mut work: impl FnMut(Parts<'_>)) {
        for packet in packets.chunks_exact_mut(self.plain.len() / COUNT) {
            let (head, rest) = packet.split_at_mut(HEAD);
            let (iv, rest) = rest.split_at_mut(self.cipher.iv_len());
            let (body, tag) = rest.split_at_mut(self.size);
            work(Parts { head, iv, body, tag });
        }
    }

    fn material(&self) -> Secret {
        Secret::from(vec![7; self.cipher.material_len()])
    }

    fn sealer(&self) -> PacketSealer {
        PacketSealer::new(self.cipher, self.material()).unwrap()
    }

    fn raw_aead(&self) -> Option<LessSafeKey> {
        let algorithm = match self.cipher {
            PacketCipher::Aes256Gcm => &aead::AES_256_GCM,
            PacketCipher::Aes128Gcm => &aead::AES_128_GCM,
            PacketCipher::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
            _ => return None,
        };
        let key = UnboundKey::new(algorithm, &self.material().expose()[..self.cipher.key_len()]);
        Some(LessSafeKey::new(key.unwrap()))
    }

    fn raw_mac(&self, key: &[u8]) -> hmac::Key {
        let algorithm = match self.cipher.tag_len() {
            16 => hmac::HMAC_SHA256,
            24 => hmac::HMAC_SHA384,
            _ => hmac::HMAC_SHA512,
        };
        hmac::Key::new(algorithm, key)
    }
}

fn seal(sealer: &mut PacketSealer, Parts { head, iv, body, tag }: Parts<'_>) {
    let turn = sealer.turn(head.len() + body.len()).unwrap();
    sealer.seal(turn, PacketParts { head, iv, body, tail: b"" }, tag).unwrap();
}

fn nonce(salt: [u8; 4], iv: &[u8]) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&salt);
    bytes[4..].copy_from_slice(iv);
    Nonce::assume_unique_for_key(bytes)
}

const HEAD: usize = 8;
/// Packets in a round: all ciphers' keys bear the rounds there are.
const COUNT: usize = 1_000;
const ROUNDS: usize = 201;
