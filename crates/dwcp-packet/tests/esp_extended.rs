//! Numbers beyond 2^32: packets that another implementation sealed under them, whose upper half does not travel (RFC 4303 §2.2.1, appendix A).
#![cfg(feature = "esp")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/esp.rs"]
mod support;

use dwcp_packet::{EncryptionMode, ExtendedSequence, PacketError, PacketSettings};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use support::{ipv4, manual, material, opened, sealed};

const SPI: [u8; 4] = [0, 0, 0x10, 1];

/// Seals under any number with ring and the key of [`manual`]: AES-256-GCM, or HMAC put anew around a body of CBC.
fn packet(settings: &PacketSettings, number: u64) -> Vec<u8> {
    let (mode, key) = (settings.mode(), material(settings.mode()));
    let number = number.to_be_bytes();
    if !mode.is_aead() {
        let mut wire = sealed(&mut manual(settings).0, &ipv4(60));
        wire[4..8].copy_from_slice(&number[4..]);
        let end = wire.len() - 16;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key.expose()[32..]);
        let code = hmac::sign(&key, &[&wire[..end], &number[..4]].concat());
        wire[end..].copy_from_slice(&code.as_ref()[..16]);
        return wire;
    }
    let sealing = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key.expose()[..32]).unwrap());
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&key.expose()[32..]);
    nonce[4..].copy_from_slice(&number);
    let mut body = [ipv4(60), vec![1, 2, 2, 4]].concat();
    let aad = [&SPI[..], &number].concat();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = sealing.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut body).unwrap();
    let iv: &[u8] = if mode.has_implicit_iv() { &[] } else { &number };
    [&SPI[..], &number[4..], iv, &body, tag.as_ref()].concat()
}

const MODES: [EncryptionMode; 3] =
    [EncryptionMode::Aes256Gcm, EncryptionMode::Aes256GcmImplicitIv, EncryptionMode::Aes256CbcHmacSha256];

#[test]
fn at_c3_numbers_keep_all_64_bits_over_the_edge_of_the_lower_half() {
    let edge = 1_u64 << 32;
    for mode in MODES {
        for size in [64_u32, 8_192, 65_536] {
            let settings = PacketSettings::new(mode).with_window(size);
            let (_, mut opening) = manual(&settings);
            let w = u64::from(size);
            // What four bytes can tell: a window back, and nearly 2^32 ahead.
            for (number, expected) in [
                (1, Ok(())),
                (1 << 31, Ok(())),
                (edge - w, Ok(())),
                (edge - 1, Ok(())),
                (edge, Ok(())),
                (edge - 1, Err(PacketError::Replayed)),
                (edge - w + 1, Ok(())),
                (edge + 1, Ok(())),
                (edge - 2, Ok(())),
                (edge + w - 2, Ok(())),
                (edge, Err(PacketError::Replayed)),
                (2 * edge - w - 5, Ok(())),
                (2 * edge + 3, Ok(())),
                (2 * edge, Ok(())),
            ] {
                let verdict =
                    opened(&mut opening, &packet(&settings, number)).map(|out| assert_eq!(out, ipv4(60)));
                assert_eq!(verdict, expected, "{mode} {size} {number:#x}");
                if expected.is_ok() {
                    assert!(opening.window().highest() >= Some(number));
                }
            }
            assert_eq!(opening.window().highest(), Some(2 * edge + 3));
            // Packets of laps before are taken for the number of this lap: seen already, or not authentic.
            for (number, expected) in [(3, PacketError::Replayed), (edge + 5, PacketError::Forged)] {
                assert_eq!(opened(&mut opening, &packet(&settings, number)), Err(expected));
            }
            assert_eq!(opening.window().highest(), Some(2 * edge + 3));
        }
    }
}

#[test]
fn at_c8_the_upper_half_that_does_not_travel_is_authenticated() {
    let edge = 1_u64 << 32;
    for mode in MODES {
        let settings = PacketSettings::new(mode);
        // Where the receiver stands decides what the four bytes mean, and the packet of another lap is not that.
        for (stands, comes) in [
            (&[edge - 10][..], 5),
            (&[edge - 10], 2 * edge + 5),
            (&[1], edge + 5),
            (&[edge - 10, edge + 1], 5),
        ] {
            let (_, mut opening) = manual(&settings);
            for number in stands {
                opened(&mut opening, &packet(&settings, *number)).unwrap();
            }
            let verdict = opened(&mut opening, &packet(&settings, comes));
            assert_eq!(verdict, Err(PacketError::Forged), "{mode} {stands:x?} {comes:#x}");
            assert_eq!(opening.window().highest(), stands.last().copied());
        }
        // A peer that does not extend its numbers is not understood by one that does.
        if !mode.is_aead() {
            let short = settings.clone().with_sequence(ExtendedSequence::Off);
            let wire = sealed(&mut manual(&short).0, &ipv4(60));
            assert_eq!(opened(&mut manual(&settings).1, &wire), Err(PacketError::Forged));
        }
    }
}
