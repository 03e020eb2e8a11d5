//! Keys of packets: what was sealed opens, in any order and on any thread, and what has no place in a packet is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/packet.rs"]
mod support;

use dwcp_crypto::packet::{PacketCipher, PacketOpener, PacketParts, PacketSealer, SealedParts};
use dwcp_crypto::{CryptoError, Secret};
use proptest::prelude::*;
use support::{forms, is_aead, open, pair, seal};

#[test]
fn lengths_are_those_of_the_standards() {
    let lengths = PacketCipher::ALL.map(|cipher| {
        assert_eq!(cipher.material_len(), cipher.key_len() + cipher.salt_len() + cipher.auth_key_len());
        [
            cipher.key_len(),
            cipher.salt_len(),
            cipher.auth_key_len(),
            cipher.iv_len(),
            cipher.block_len(),
            cipher.tag_len(),
        ]
    });
    assert_eq!(
        lengths,
        [
            [32, 4, 0, 8, 1, 16],
            [16, 4, 0, 8, 1, 16],
            [32, 4, 0, 8, 1, 16],
            [32, 0, 32, 16, 16, 16],
            [32, 0, 48, 16, 16, 24],
            [32, 0, 64, 16, 16, 32],
        ]
    );
}

#[test]
fn material_of_another_length_is_refused() {
    for cipher in PacketCipher::ALL {
        for length in (0..=100).filter(|length| *length != cipher.material_len()) {
            let made = PacketSealer::new(cipher, Secret::from(vec![7; length]));
            assert_eq!(made.map(|_| ()), Err(CryptoError::InvalidKey), "{cipher:?} {length}");
            let made = PacketOpener::new(cipher, Secret::from(vec![7; length]));
            assert_eq!(made.map(|_| ()), Err(CryptoError::InvalidKey), "{cipher:?} {length}");
        }
    }
}

#[test]
fn numbers_begin_at_one_and_travel_in_the_iv_of_aead_packets() {
    for (cipher, implicit) in forms() {
        let (mut sealer, opener) = pair(cipher);
        for number in 1..=3_u64 {
            let mut packet = seal(&mut sealer, 3, implicit);
            assert_eq!(packet.number, number);
            if is_aead(cipher) && !implicit {
                assert_eq!(packet.iv, number.to_be_bytes());
                packet.number = 99; // not looked at
            }
            open(&opener, &mut packet).unwrap();
        }
        assert_eq!(opener.forgeries(), 0);
    }
}

proptest! {
    #[test]
    fn what_was_sealed_opens_in_any_order(
        lengths in proptest::collection::vec(0_usize..200, 1..8),
        which in 0..9_usize,
        reverse: bool,
    ) {
        let (cipher, implicit) = forms().nth(which).unwrap();
        let (mut sealer, opener) = pair(cipher);
        let mut packets: Vec<_> = lengths.iter().map(|blocks| seal(&mut sealer, *blocks, implicit)).collect();
        if reverse {
            packets.reverse();
        }
        for packet in &mut packets {
            let sealed = packet.body.clone();
            prop_assert_eq!(open(&opener, packet), Ok(()));
            prop_assert!(packet.body.iter().enumerate().all(|(at, byte)| usize::from(*byte) == (at % 251) | 1));
            prop_assert!(sealed.len() < 8 || sealed != packet.body);
        }
    }
}

/// What a MAC without lengths could take for the same packet: a border between two parts somewhere else.

#[test]
fn parts_that_no_packet_has_are_refused_and_the_number_is_spent() {
    for cipher in PacketCipher::ALL {
        let (mut sealer, opener) = pair(cipher);
        let (head, tail): (&[u8], &[u8]) = if is_aead(cipher) { (b"", b"t") } else { (b"SPI.nu", b"hi") };
        let (good_iv, good_tail) = (cipher.iv_len(), if is_aead(cipher) { 0 } else { 4 });
        let mut expected = 0;
        let mut cases = vec![
            (8, good_iv + 1, 32, good_tail),
            (8, good_iv - 1, 32, good_tail),
            (8, 1, 32, good_tail),
            (8, good_iv, 32, tail.len()),
        ];
        if !is_aead(cipher) {
            cases.extend([
                (8, 0, 32, 4),
                (8, 16, 31, 4),
                (8, 16, 1, 0),
                (head.len(), 16, 32, 4),
                (9, 16, 32, 0),
            ]);
        }
        for (head, iv, body, tail) in cases {
            let (head, mut iv, mut body, tail) = (vec![1; head], vec![2; iv], vec![3; body], vec![4; tail]);
            let turn = sealer.turn(100).unwrap();
            expected += 1;
            assert_eq!(turn.number(), expected);
            let mut tag = vec![0; cipher.tag_len()];
            let parts = PacketParts { head: &head, iv: &mut iv, body: &mut body, tail: &tail };
            let sealed = sealer.seal(turn, parts, &mut tag);
            assert_eq!(sealed, Err(CryptoError::InvalidLayout), "{cipher:?} {head:?} {iv:?} {tail:?}");
            assert!(body.iter().all(|byte| *byte == 3) && tag.iter().all(|byte| *byte == 0));

            let parts = SealedParts { head: &head, iv: &iv, body: &mut body, tail: &tail };
            assert!(opener.open(1, parts, &tag).is_err());
            assert!(body.iter().all(|byte| *byte == 0));
        }
        assert_eq!(sealer.remaining(), cipher.record_limit() - expected);
        assert_eq!(seal(&mut sealer, 2, false).number, expected + 1, "a spent number does not come back");
    }
}

#[test]
fn a_packet_longer_than_its_turn_is_refused() {
    for cipher in PacketCipher::ALL {
        let (mut sealer, _) = pair(cipher);
        for (granted, expected) in [(39, Err(CryptoError::InvalidLayout)), (40, Ok(()))] {
            let turn = sealer.turn(granted).unwrap();
            assert_eq!(turn.bytes(), granted);
            let (mut iv, mut body, mut tag) = (vec![0; cipher.iv_len()], [3; 32], vec![0; cipher.tag_len()]);
            let parts = PacketParts { head: b"SPI.num.", iv: &mut iv, body: &mut body, tail: b"" };
            assert_eq!(sealer.seal(turn, parts, &mut tag), expected, "{cipher:?}");
            assert_eq!(body == [3; 32], expected.is_err());
        }
    }
}

/// Turns are given by one and used by many at once.

#[test]
fn threads_seal_and_open_with_one_key_each() {
    const COUNT: u64 = 2_000;
    for cipher in PacketCipher::ALL {
        let (mut sealer, opener) = pair(cipher);
        let turns: Vec<_> = (0..COUNT).map(|_| sealer.turn(100).unwrap()).collect();
        let (sealer, opener) = (&sealer, &opener);
        let mut shares: Vec<Vec<_>> = (0..4).map(|_| Vec::new()).collect();
        for (at, turn) in turns.into_iter().enumerate() {
            shares[at % 4].push(turn);
        }
        std::thread::scope(|scope| {
            for share in shares {
                scope.spawn(move || {
                    for turn in share {
                        let number = turn.number();
                        let mut body = [u8::try_from(number % 256).unwrap(); 64];
                        let (mut iv, mut tag) = (vec![0; cipher.iv_len()], vec![0; cipher.tag_len()]);
                        let parts =
                            PacketParts { head: b"SPI.num.", iv: &mut iv, body: &mut body, tail: b"" };
                        sealer.seal(turn, parts, &mut tag).unwrap();
                        let parts = SealedParts { head: b"SPI.num.", iv: &iv, body: &mut body, tail: b"" };
                        opener.open(number, parts, &tag).unwrap();
                        assert_eq!(body, [u8::try_from(number % 256).unwrap(); 64]);
                    }
                });
            }
        });
    }
}

#[test]
fn debug_text_holds_no_byte_of_a_key() {
    for cipher in PacketCipher::ALL {
        let (mut sealer, opener) = pair(cipher);
        drop(sealer.turn(1).unwrap());
        let left = cipher.record_limit() - 1;
        assert_eq!(format!("{sealer:?}"), format!("PacketSealer({cipher:?}, {left} left)"));
        assert_eq!(format!("{opener:?}"), format!("PacketOpener({cipher:?}, 0 forgeries)"));
    }
}
