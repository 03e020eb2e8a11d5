//! Keys of packets are gone once they are dropped, on the stack too. A binary of its own, with one test, so that nobody else writes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/hmac_key.rs"]
mod hmac_key;
#[path = "support/memory.rs"]
mod memory;

use dwcp_crypto::Secret;
use dwcp_crypto::packet::{PacketCipher, PacketOpener, PacketParts, PacketSealer, SealedParts};
use hmac_key::{apart, states};
use memory::{Pattern, assert_gone, assert_wiped, letters};
use ring::hmac;
use std::hint::black_box;

#[test]
fn what_is_dropped_is_nowhere_in_memory() {
    // A binary that is found to keep nothing: what looks for traces leaves none itself.
    let made = apart(|| patterns(PacketCipher::Aes256CbcHmacSha256, letters(1, 64).expose()));
    assert_gone("the search itself", &made.each);

    for (seed, cipher) in (2..).zip(PacketCipher::ALL) {
        let made = apart(|| patterns(cipher, letters(seed, cipher.material_len()).expose()));
        let sealer = PacketSealer::new(cipher, letters(seed, cipher.material_len())).unwrap();
        for (number, pattern) in made.each.iter().take(made.sealer).enumerate() {
            assert!(pattern.sightings() > 0, "{cipher:?}: {number} is not in a sealer in the first place");
        }
        let opener = PacketOpener::new(cipher, letters(seed, cipher.material_len())).unwrap();
        let sealer = traffic(sealer, &opener);
        drop(sealer);
        assert_wiped(&format!("opener {cipher:?}"), opener, &made.each[..made.opener]);
        assert_gone(&format!("{cipher:?}"), &made.each);
    }
}

/// What to search for, and how many of them each side holds: the first so many.
struct Patterns {
    each: Vec<Pattern>,
    sealer: usize,
    opener: usize,
}

/// Keys as hardware takes them and HMAC's states, from which tags are made without the key.
fn patterns(cipher: PacketCipher, material: &[u8]) -> Patterns {
    let (key, rest) = material.split_at(cipher.key_len());
    if cipher.auth_key_len() == 0 {
        return Patterns { each: vec![Pattern::of(key)], sealer: 1, opener: 1 };
    }
    let algorithm = match cipher.tag_len() {
        16 => hmac::HMAC_SHA256,
        24 => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA512,
    };
    let [inner, outer] = states(algorithm, rest);
    // The first round key is the last one of decryption.
    let mut each =
        vec![inner, outer, Pattern::of(&key[..16]), Pattern::of(key), Pattern::of(iv_key(key).expose())];
    let padded = |byte| rest.iter().map(|key| key ^ byte).collect::<Vec<_>>();
    for mut passing in [rest.to_vec(), padded(0x36), padded(0x5c)] {
        each.push(Pattern::of(&passing));
        passing.fill(0);
        black_box(&mut passing);
    }
    // Where AES is not in hardware, round keys have another form.
    let (sealer, opener) = if aes::hardware_accelerated() { (5, 3) } else { (2, 2) };
    Patterns { each, sealer, opener }
}

/// Uses both keys, so that what packets leave on the stack is there to be found.
#[inline(never)]
fn traffic(mut sealer: PacketSealer, opener: &PacketOpener) -> PacketSealer {
    let cipher = sealer.cipher();
    for round in 0..10 {
        let (mut body, mut iv, mut tag) =
            (vec![1; 16 * round], vec![0; cipher.iv_len()], vec![0; cipher.tag_len()]);
        let turn = sealer.turn(200).unwrap();
        let number = turn.number();
        let parts = PacketParts { head: b"SPI.num.", iv: &mut iv, body: &mut body, tail: b"" };
        sealer.seal(turn, parts, &mut tag).unwrap();
        for expected in [true, false] {
            let parts = SealedParts { head: b"SPI.num.", iv: &iv, body: &mut body, tail: b"" };
            assert_eq!(opener.open(number, parts, &tag).is_ok(), expected);
            tag[0] ^= 1;
        }
    }
    sealer
}

/// The key of the IVs: HKDF-Expand with the label `packet iv` (`docs/formats/hkdf-label.md`), which is one block.
fn iv_key(key: &[u8]) -> Secret {
    let info: &[u8] = b"\x00\x20\x0fdwcp1 packet iv\x00\x00\x01";
    let mut prk = Box::new(hmac::Key::new(hmac::HMAC_SHA256, key));
    let out = Secret::from(hmac::sign(&prk, info).as_ref().to_vec());
    *prk = hmac::Key::new(hmac::HMAC_SHA512, &[0; 64]);
    black_box(&mut prk);
    out
}
