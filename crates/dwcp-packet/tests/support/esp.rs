//! Two peers of a link, packets to send, and buffers that have room.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::Tick;
use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{Secret, Side};
use dwcp_packet::{
    DecryptionContext, Encapsulation, EncryptionContext, EncryptionMode, ExtendedSequence, LinkKeys, Opened,
    PacketError, PacketSettings, Spi,
};
use std::ops::Range;

/// The secret of both peers.
pub fn keys(side: Side) -> LinkKeys {
    keys_bound(side, b"alice and bob")
}

pub fn keys_bound(side: Side, binding: &[u8]) -> LinkKeys {
    let root = Prk::extract(Hash::Sha256, b"", &Secret::from(b"what both agreed on".to_vec()));
    LinkKeys::new(root, side, binding).unwrap()
}

pub fn spi(index: u32) -> Spi {
    Spi::new(index).unwrap()
}

/// A sender and its receiver.
pub fn pair(settings: &PacketSettings) -> (EncryptionContext, DecryptionContext) {
    let (sealing, told) =
        EncryptionContext::begin(&keys(Side::Initiator), 1, spi(0x1001), settings, Tick(0)).unwrap();
    let opening = DecryptionContext::of(&keys(Side::Responder), &told, settings, Tick(0)).unwrap();
    (sealing, opening)
}

/// Material that counts up.
pub fn material(mode: EncryptionMode) -> Secret {
    Secret::from((0..mode.material_len()).map(|at| u8::try_from(at).unwrap()).collect::<Vec<_>>())
}

/// A pair by material that both were given.
pub fn manual(settings: &PacketSettings) -> (EncryptionContext, DecryptionContext) {
    let mode = settings.mode();
    let sealing = EncryptionContext::from_keys(settings, spi(0x1001), material(mode), Tick(0)).unwrap();
    let opening = DecryptionContext::from_keys(settings, spi(0x1001), material(mode), Tick(0)).unwrap();
    (sealing, opening)
}

/// Every mode, encapsulation and kind of sequence number: 36.
pub fn all_settings() -> impl Iterator<Item = PacketSettings> {
    EncryptionMode::ALL.into_iter().flat_map(|mode| {
        [Encapsulation::Tunnel, Encapsulation::Transport].into_iter().flat_map(move |encapsulation| {
            [ExtendedSequence::On, ExtendedSequence::Off].into_iter().map(move |sequence| {
                PacketSettings::new(mode).with_encapsulation(encapsulation).with_sequence(sequence)
            })
        })
    })
}

/// A UDP packet over IPv4 of `length` bytes in all, 28 or more, from 10.0.0.1, with a right checksum.
pub fn ipv4(length: usize) -> Vec<u8> {
    let total = u16::try_from(length).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, total[0], total[1], 0, 7, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let sum = packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
    let folded = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    packet[10..12].copy_from_slice(&folded.to_be_bytes());
    packet.extend(udp(length - 20));
    packet
}

/// The same over IPv6, 48 bytes or more, from 2001:db8::1.
pub fn ipv6(length: usize) -> Vec<u8> {
    let payload = u16::try_from(length - 40).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, payload[0], payload[1], 17, 64];
    for last in [1, 2] {
        packet.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    packet.extend(udp(length - 40));
    packet
}

fn udp(length: usize) -> Vec<u8> {
    let total = u16::try_from(length).unwrap().to_be_bytes();
    let mut datagram = vec![0x10, 0x01, 0x10, 0x02, total[0], total[1], 0, 0];
    datagram.extend((8..length).map(|at| (at * 7 % 251) as u8));
    datagram
}

/// `packet` in a buffer with the room that `context` wants.
pub fn placed(context: &EncryptionContext, packet: &[u8]) -> (Vec<u8>, Range<usize>) {
    let at = context.headroom()..context.headroom() + packet.len();
    let mut buffer = vec![0xee; at.end + context.tailroom()];
    buffer[at.clone()].copy_from_slice(packet);
    (buffer, at)
}

/// `packet` sealed, as it is sent.
pub fn sealed(context: &mut EncryptionContext, packet: &[u8]) -> Vec<u8> {
    let (mut buffer, at) = placed(context, packet);
    context.seal(Tick(0), &mut buffer, at).unwrap().bytes().to_vec()
}

/// What comes out of `bytes`.
pub fn opened(context: &mut DecryptionContext, bytes: &[u8]) -> Result<Vec<u8>, PacketError> {
    let mut copy = bytes.to_vec();
    context.open(Tick(0), &mut copy).map(|opened: Opened<'_>| opened.bytes().to_vec())
}

/// Numbers that look random and are the same in each run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> usize {
        usize::try_from(self.roll() % bound).unwrap()
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let rolled = self.roll().to_le_bytes();
            chunk.copy_from_slice(&rolled[..chunk.len()]);
        }
    }
}

/// How much a test does: its own default, or what the nightly run asks for.
pub fn scaled(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
