//! Keys of packets: what was sealed opens, whatever was altered is refused and leaves zeros, and a turn seals once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::packet::{PacketCipher, PacketOpener, PacketParts, PacketSealer, SealedParts};
use dwcp_crypto::{CryptoError, Secret};
use proptest::prelude::*;

/// A sealed packet, each part in memory of its own.
#[derive(Clone, Debug, PartialEq)]
struct Packet {
    number: u64,
    head: Vec<u8>,
    iv: Vec<u8>,
    body: Vec<u8>,
    tail: Vec<u8>,
    tag: Vec<u8>,
}

fn material(cipher: PacketCipher) -> Secret {
    Secret::from((0..cipher.material_len()).map(|at| u8::try_from(at).unwrap() ^ 0x5a).collect::<Vec<_>>())
}

fn pair(cipher: PacketCipher) -> (PacketSealer, PacketOpener) {
    (
        PacketSealer::new(cipher, material(cipher)).unwrap(),
        PacketOpener::new(cipher, material(cipher)).unwrap(),
    )
}

fn is_aead(cipher: PacketCipher) -> bool {
    cipher.salt_len() > 0
}

/// Seals so many blocks (of a byte, for AEAD algorithms) with a head as ESP has it.
fn seal(sealer: &mut PacketSealer, blocks: usize, implicit: bool) -> Packet {
    let cipher = sealer.cipher();
    let body: Vec<u8> =
        (0..blocks * cipher.block_len()).map(|at| u8::try_from(at % 251).unwrap() | 1).collect();
    let mut packet = Packet {
        number: 0,
        head: b"SPI.num.".to_vec(),
        iv: vec![0; if implicit { 0 } else { cipher.iv_len() }],
        body,
        tail: if is_aead(cipher) { vec![] } else { b"high".to_vec() },
        tag: vec![0; cipher.tag_len()],
    };
    let turn = sealer.turn(packet.head.len() + packet.body.len() + packet.tail.len()).unwrap();
    packet.number = turn.number();
    let Packet { head, iv, body, tail, tag, .. } = &mut packet;
    sealer.seal(turn, PacketParts { head, iv, body, tail }, tag).unwrap();
    packet
}

fn open(opener: &PacketOpener, packet: &mut Packet) -> Result<(), CryptoError> {
    let Packet { number, head, iv, body, tail, tag } = packet;
    opener.open(*number, SealedParts { head, iv, body, tail }, tag)
}

/// Each form a packet of the cipher can have: with its IV, and without it where that is possible.
fn forms() -> impl Iterator<Item = (PacketCipher, bool)> {
    let every = PacketCipher::ALL.into_iter();
    every
        .flat_map(|cipher| [false, true].map(|implicit| (cipher, implicit)))
        .filter(|(cipher, implicit)| is_aead(*cipher) || !implicit)
}

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
            prop_assert!(packet.body.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 251 | 1));
            prop_assert!(sealed.len() < 8 || sealed != packet.body);
        }
    }
}
