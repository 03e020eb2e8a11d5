//! Attacks on keys of packets: forged bits, short tags, moved borders, turns of others. What is refused is zeros.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/packet.rs"]
mod support;

use dwcp_crypto::CryptoError;
use dwcp_crypto::packet::{PacketCipher, PacketParts};
use support::{Packet, forms, open, pair, seal};

#[test]
fn every_bit_of_every_part_counts_and_what_is_refused_is_zeros() {
    for (cipher, implicit) in forms() {
        let (mut sealer, opener) = pair(cipher);
        let packet = seal(&mut sealer, 64 / cipher.block_len(), implicit);
        let mut forged = 0;
        let mut refused = |mut altered: Packet| {
            assert_eq!(open(&opener, &mut altered), Err(CryptoError::NotAuthentic), "{cipher:?} {altered:?}");
            assert!(altered.body.iter().all(|byte| *byte == 0));
            forged += 1;
            assert_eq!(opener.forgeries(), forged);
        };
        let parts: [fn(&mut Packet) -> &mut Vec<u8>; 5] = [
            |packet| &mut packet.head,
            |packet| &mut packet.iv,
            |packet| &mut packet.body,
            |packet| &mut packet.tail,
            |packet| &mut packet.tag,
        ];
        for part in parts {
            for bit in 0..part(&mut packet.clone()).len() * 8 {
                let mut altered = packet.clone();
                part(&mut altered)[bit / 8] ^= 1 << (bit % 8);
                refused(altered);
            }
        }
        if implicit {
            for bit in 0..64 {
                refused(Packet { number: packet.number ^ 1 << bit, ..packet.clone() });
            }
        }
        // The true one opens after all that.
        assert_eq!(open(&opener, &mut packet.clone()), Ok(()), "{cipher:?}");
    }
}

#[test]
fn at_c8_tags_of_every_other_length_are_refused() {
    for (cipher, implicit) in forms() {
        let (mut sealer, opener) = pair(cipher);
        let packet = seal(&mut sealer, 48 / cipher.block_len(), implicit);
        for length in (0..=64).filter(|length| *length != cipher.tag_len()) {
            let mut altered = packet.clone();
            altered.tag.resize(length, 0);
            assert_eq!(open(&opener, &mut altered), Err(CryptoError::NotAuthentic), "{cipher:?} {length}");
            assert_eq!(altered.body, [0; 48]);
            // Nor is anything written to a buffer that was made for another tag.
            let (mut iv, mut body, mut tag) = (packet.iv.clone(), [5; 48], vec![0; length]);
            let turn = sealer.turn(100).unwrap();
            let parts = PacketParts { head: &packet.head, iv: &mut iv, body: &mut body, tail: &packet.tail };
            assert_eq!(sealer.seal(turn, parts, &mut tag), Err(CryptoError::InvalidLayout));
            assert_eq!((body, tag), ([5; 48], vec![0; length]));
        }
    }
}

#[test]
fn at_c8_bytes_do_not_move_from_one_part_into_another() {
    for (cipher, implicit) in forms() {
        let (mut sealer, opener) = pair(cipher);
        let packet = seal(&mut sealer, 64 / cipher.block_len(), implicit);
        let whole = [&packet.head[..], &packet.iv, &packet.body, &packet.tail].concat();
        let mut opened = 0;
        for head in 0..whole.len() {
            for iv in [0, 4, 8, 12, 16, 20].into_iter().filter(|iv| head + iv <= whole.len()) {
                for tail in [0, 4, 8, 16, 20].into_iter().filter(|tail| head + iv + tail <= whole.len()) {
                    let mut whole = whole.clone();
                    let (start, end) = (head + iv, whole.len() - tail);
                    let moved = Packet {
                        number: packet.number,
                        tail: whole.split_off(end),
                        body: whole.split_off(start),
                        iv: whole.split_off(head),
                        head: whole,
                        tag: packet.tag.clone(),
                    };
                    let expected = moved == packet;
                    opened += usize::from(expected);
                    let mut moved = moved;
                    assert_eq!(open(&opener, &mut moved).is_ok(), expected, "{cipher:?} {head} {iv} {tail}");
                    assert!(expected || moved.body.iter().all(|byte| *byte == 0));
                }
            }
        }
        assert_eq!(opened, 1);
    }
}

#[test]
fn at_c1_the_turn_of_another_sealer_is_refused_even_under_the_same_material() {
    for cipher in PacketCipher::ALL {
        let (mut sealer, _) = pair(cipher);
        let (mut other, _) = pair(cipher);
        for turn in [other.turn(100).unwrap(), other.turn(100).unwrap()] {
            let (mut iv, mut body, mut tag) = (vec![0; cipher.iv_len()], [3; 32], vec![0; cipher.tag_len()]);
            let parts = PacketParts { head: b"SPI.num.", iv: &mut iv, body: &mut body, tail: b"" };
            assert_eq!(sealer.seal(turn, parts, &mut tag), Err(CryptoError::ForeignTurn), "{cipher:?}");
            assert_eq!((body, iv, tag), ([3; 32], vec![0; cipher.iv_len()], vec![0; cipher.tag_len()]));
        }
        assert_eq!(sealer.turn(0).unwrap().number(), 1, "nothing was spent here");
        // Not even after it moved.
        let turn = sealer.turn(100).unwrap();
        let moved = Box::new(sealer);
        let mut body = [3; 32];
        let (mut iv, mut tag) = (vec![0; cipher.iv_len()], vec![0; cipher.tag_len()]);
        let parts = PacketParts { head: b"SPI.num.", iv: &mut iv, body: &mut body, tail: b"" };
        assert_eq!(moved.seal(turn, parts, &mut tag), Ok(()));
    }
}
