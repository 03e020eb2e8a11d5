//! Packets in their parts, and both keys of a cipher.

use dwcp_crypto::packet::{PacketCipher, PacketOpener, PacketParts, PacketSealer, SealedParts};
use dwcp_crypto::{CryptoError, Secret};

/// A sealed packet, each part in memory of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packet {
    pub(crate) number: u64,
    pub(crate) head: Vec<u8>,
    pub(crate) iv: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) tail: Vec<u8>,
    pub(crate) tag: Vec<u8>,
}

pub(crate) fn material(cipher: PacketCipher) -> Secret {
    Secret::from((0..cipher.material_len()).map(|at| u8::try_from(at).unwrap() ^ 0x5a).collect::<Vec<_>>())
}

pub(crate) fn pair(cipher: PacketCipher) -> (PacketSealer, PacketOpener) {
    (
        PacketSealer::new(cipher, material(cipher)).unwrap(),
        PacketOpener::new(cipher, material(cipher)).unwrap(),
    )
}

pub(crate) fn is_aead(cipher: PacketCipher) -> bool {
    cipher.salt_len() > 0
}

/// Seals so many blocks (of a byte, for AEAD algorithms) with a head as ESP has it.
pub(crate) fn seal(sealer: &mut PacketSealer, blocks: usize, implicit: bool) -> Packet {
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

pub(crate) fn open(opener: &PacketOpener, packet: &mut Packet) -> Result<(), CryptoError> {
    let Packet { number, head, iv, body, tail, tag } = packet;
    opener.open(*number, SealedParts { head, iv, body, tail }, tag)
}

/// Each form a packet of the cipher can have: with its IV, and without it where that is possible.
pub(crate) fn forms() -> impl Iterator<Item = (PacketCipher, bool)> {
    let every = PacketCipher::ALL.into_iter();
    every
        .flat_map(|cipher| [false, true].map(|implicit| (cipher, implicit)))
        .filter(|(cipher, implicit)| is_aead(*cipher) || !implicit)
}
