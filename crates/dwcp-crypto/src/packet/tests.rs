//! What the keys of packets promise, with limits and first numbers that only tests may choose.

use super::{PacketCipher, PacketOpener, PacketParts, PacketSealer, SealedParts};
use crate::budget::Limits;
use crate::{CryptoError, Secret};

mod known_answers;
mod wycheproof;

const ENDLESS: Limits = Limits { records: u64::MAX, bytes: u64::MAX };

fn material(cipher: PacketCipher) -> Secret {
    Secret::from(vec![7; cipher.material_len()])
}

fn sealer(cipher: PacketCipher, first: u64, limits: Limits) -> PacketSealer {
    PacketSealer::with_limits(cipher, material(cipher), first, limits).unwrap()
}

/// Takes a turn for a packet of eight bytes of head and this body, and seals it; the IV and the tag.
fn seal(sealer: &mut PacketSealer, body: &mut [u8]) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
    let cipher = sealer.cipher();
    let (mut iv, mut tag) = (vec![0; cipher.iv_len()], vec![0; cipher.tag_len()]);
    let turn = sealer.turn(8 + body.len())?;
    let parts = PacketParts { head: b"SPI.num.", iv: &mut iv, body, tail: b"" };
    sealer.seal(turn, parts, &mut tag)?;
    Ok((iv, tag))
}

#[test]
fn at_c1_the_counter_stops_before_it_repeats() {
    for cipher in PacketCipher::ALL {
        let mut sealer = sealer(cipher, 1, Limits { records: 3, bytes: u64::MAX });
        for expected in 1..=3 {
            assert_eq!(sealer.remaining(), 4 - expected);
            assert_eq!(sealer.turn(100).unwrap().number(), expected);
        }
        for _ in 0..3 {
            assert_eq!(sealer.turn(0).map(|_| ()), Err(CryptoError::KeyExhausted), "{cipher:?}");
        }
        assert_eq!(sealer.remaining(), 0);
    }
}

#[test]
fn at_c1_the_last_number_of_the_counter_does_not_wrap() {
    for cipher in PacketCipher::ALL {
        let mut sealer = sealer(cipher, u64::MAX, ENDLESS);
        assert_eq!(sealer.turn(0).unwrap().number(), u64::MAX);
        assert_eq!(sealer.turn(0).map(|_| ()), Err(CryptoError::KeyExhausted), "{cipher:?}");
    }
}

#[test]
fn a_key_stops_at_its_bytes_and_does_not_revive() {
    for cipher in PacketCipher::ALL {
        let mut sealer = sealer(cipher, 1, Limits { records: 100, bytes: 60 });
        seal(&mut sealer, &mut [1; 16]).unwrap();
        seal(&mut sealer, &mut [1; 16]).unwrap();
        assert_eq!(seal(&mut sealer, &mut [1; 16]).map(|_| ()), Err(CryptoError::KeyExhausted));
        assert_eq!(sealer.turn(0).map(|_| ()), Err(CryptoError::KeyExhausted), "{cipher:?}");
        assert_eq!(sealer.remaining(), 0);
    }
}

#[test]
fn defaults_are_the_documented_limits() {
    for (cipher, records, bytes) in [
        (PacketCipher::Aes256Gcm, 1 << 24, 1 << 38),
        (PacketCipher::Aes128Gcm, 1 << 24, 1 << 38),
        (PacketCipher::ChaCha20Poly1305, 1 << 48, 1 << 62),
        (PacketCipher::Aes256CbcHmacSha256, 1 << 32, 1 << 39),
        (PacketCipher::Aes256CbcHmacSha384, 1 << 32, 1 << 39),
        (PacketCipher::Aes256CbcHmacSha512, 1_u64 << 32, 1_u64 << 39),
    ] {
        let mut sealer = PacketSealer::new(cipher, material(cipher)).unwrap();
        assert_eq!(
            (sealer.remaining(), cipher.record_limit(), cipher.byte_limit()),
            (records, records, bytes)
        );
        assert_eq!(cipher.forgery_limit(), 1 << 36);
        let all = usize::try_from(bytes).unwrap();
        assert_eq!(sealer.turn(all).unwrap().bytes(), all);
        assert_eq!(sealer.turn(1).map(|_| ()), Err(CryptoError::KeyExhausted), "{cipher:?}");
    }
}

/// SP 800-38A appendix C: no IV comes twice, and none can be told in advance from the number, which everybody sees.
#[test]
fn at_c1_a_million_ivs_of_cbc_never_repeat_and_do_not_show_the_number() {
    const COUNT: usize = 1_000_000;
    let mut sealer = sealer(PacketCipher::Aes256CbcHmacSha256, 1, ENDLESS);
    let mut ones = [0_u32; 128];
    let mut ivs = Vec::with_capacity(COUNT);
    for number in 1..=u128::try_from(COUNT).unwrap() {
        let iv = u128::from_be_bytes(seal(&mut sealer, &mut [0; 16]).unwrap().0.try_into().unwrap());
        assert!(iv != number && iv != number.swap_bytes() && iv != number << 64);
        for (bit, ones) in ones.iter_mut().enumerate() {
            *ones += u32::from(iv >> bit & 1 == 1);
        }
        ivs.push(iv);
    }
    // Each bit is a fair coin, within five standard deviations (of 500).
    assert!(ones.iter().all(|ones| ones.abs_diff(500_000) < 2_500), "{ones:?}");
    // The step from one to the next repeats no more than the IVs do.
    let mut steps: Vec<u128> = ivs.windows(2).map(|pair| pair[0] ^ pair[1]).collect();
    for values in [&mut ivs, &mut steps] {
        let before = values.len();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), before);
    }
}

#[test]
fn guessing_ends_at_the_forgery_limit_even_for_a_true_packet() {
    for cipher in PacketCipher::ALL {
        let mut sealer = sealer(cipher, 1, ENDLESS);
        let opener = PacketOpener::with_limit(cipher, material(cipher), 2).unwrap();
        let mut body = [9; 32];
        let (iv, tag) = seal(&mut sealer, &mut body).unwrap();
        let try_open = |head: &[u8], body: &mut [u8]| {
            opener.open(1, SealedParts { head, iv: &iv, body, tail: b"" }, &tag)
        };
        for forged in 1..=2 {
            assert_eq!(try_open(b"SPI.mun.", &mut body.clone()), Err(CryptoError::NotAuthentic));
            assert_eq!(opener.forgeries(), forged);
        }
        assert_eq!(try_open(b"SPI.num.", &mut body), Err(CryptoError::TooManyForgeries), "{cipher:?}");
        assert_eq!(body, [0; 32]);
        assert_eq!(opener.forgeries(), 2, "what is no longer tried is no longer counted");
    }
}

#[test]
fn at_p12_what_a_packet_holds_is_not_printed() {
    let (mut iv, mut body) = ([9; 8], *b"top secret");
    let parts = PacketParts { head: b"SPI.num.", iv: &mut iv, body: &mut body, tail: b"" };
    assert_eq!(format!("{parts:?}"), "PacketParts(8 bytes of head, 8 of IV, 10 of body, 0 of tail)");
    let parts = SealedParts { head: b"SPI.num.", iv: &iv, body: &mut body, tail: b"high" };
    assert_eq!(format!("{parts:?}"), "SealedParts(8 bytes of head, 8 of IV, 10 of body, 4 of tail)");
}
