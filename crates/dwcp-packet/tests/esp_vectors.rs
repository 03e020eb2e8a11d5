//! Packets that others sealed, from standards and drafts.
#![cfg(feature = "esp")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]

#[path = "support/esp.rs"]
mod support;

use dwcp_base::Tick;
use dwcp_crypto::Secret;
use dwcp_packet::{DecryptionContext, EncryptionMode, ExtendedSequence, PacketError, PacketSettings};
use support::{opened, spi};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Opens without extended numbers, which these examples do not use.
fn context(mode: EncryptionMode, index: u32, material: &str) -> DecryptionContext {
    let settings = PacketSettings::new(mode).with_sequence(ExtendedSequence::Off);
    DecryptionContext::from_keys(&settings, spi(index), Secret::from(bytes(material)), Tick(0)).unwrap()
}

#[test]
fn the_packet_of_rfc_7634_appendix_a_opens() {
    let material = "808182838485868788898a8b8c8d8e8f 909192939495969798999a9b9c9d9e9f a0a1a2a3";
    let wire = bytes(
        "01020304 00000005 1011121314151617
         24039428b97f417e3c13753a4f05087b 67c352e6a7fab1b982d466ef407ae5c6
         14ee8099d52844eb61aa95dfab4c02f7 2aa71e7c4c4f64c9befe2facc638e8f3
         cbec163fac469b502773f6fb94e664da 9165b82829f641e0
         76aaa8266b7fb0f7b11b369907e1ad43",
    );
    let ping = bytes(
        "45000054a6f200004001e778c6336405 c000020508005b7a3a080000553bec10
         0007362708090a0b0c0d0e0f10111213 1415161718191a1b1c1d1e1f20212223
         2425262728292a2b2c2d2e2f30313233 34353637",
    );
    let mut opening = context(EncryptionMode::ChaCha20Poly1305, 0x0102_0304, material);
    assert_eq!(opened(&mut opening, &wire), Ok(ping));
    assert_eq!(opening.window().highest(), Some(5));
    assert_eq!(opened(&mut opening, &wire), Err(PacketError::Replayed));
}

/// Two examples of draft-mcgrew-gcm-test without extended numbers. They are authentic; that their next header is 1, and in one of them
/// nothing is said of a tunnel, makes them malformed here, which is said of authentic packets alone.
#[test]
fn the_aes_gcm_examples_of_draft_mcgrew_gcm_test_are_authentic() {
    let cases = [
        (
            EncryptionMode::Aes128Gcm,
            0xa5f8,
            "feffe9928665731c6d6a8f9467308308 cafebabe",
            "0000a5f8 0000000a facedbaddecaf888
             deb22cd9b07c72c16e3a65beeb8df304 a5a5897d33ae530f1ba76d5d114d2a5c
             3de81827c10e9a4f51330d0eec416642 cfbb85a5b47e48a4ec3b9ba95d918bd1
             83b70d3aa8bc6ee4c309e9d85a41ad4a",
        ),
        (
            EncryptionMode::Aes256Gcm,
            0x4a2c_bfe3,
            "abbccddef00112233445566778899aab abbccddef00112233445566778899aab 11223344",
            "4a2cbfe3 00000002 0102030405060708
             ff425c9b724599df7a3bcd510194e00d 6a78107f1b0b1cbf06efae9d65a5d763
             748a637985771d347f0545659f14e99d ef842d8e
             b335f4eecfdbf831824b4c4915956c96",
        ),
    ];
    for (mode, index, material, wire) in cases {
        let wire = bytes(wire);
        assert_eq!(opened(&mut context(mode, index, material), &wire), Err(PacketError::Malformed), "{mode}");
        for bit in 32..wire.len() * 8 {
            let mut flipped = wire.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let verdict = opened(&mut context(mode, index, material), &flipped);
            // A number of zero is malformed too; no single bit makes one of 10, and one bit does of 2.
            let zero = flipped[4..8] == [0; 4];
            let expected = if zero { PacketError::Malformed } else { PacketError::Forged };
            assert_eq!(verdict, Err(expected), "{mode} {bit}");
        }
    }
}
