//! The packets that most packets are: their headers have nothing that a rule could refuse.

use super::{IpVersion, chain};

/// The version of a whole packet that is exactly as long as it says, without options, extension headers or fragments:
/// [`PacketMetadata::read`](super::PacketMetadata::read) takes each of these. `None` for all others, which it judges.
#[inline]
pub(crate) fn version(packet: &[u8]) -> Option<IpVersion> {
    match packet {
        // Neither an offset nor more fragments; an authentication header is the one that is passed behind IPv4.
        [0x45, _, l0, l1, _, _, f0, f1, _, protocol, ..] => {
            let fits = usize::from(u16::from_be_bytes([*l0, *l1])) == packet.len() && packet.len() >= 20;
            let whole = u16::from_be_bytes([*f0, *f1]) & 0x3FFF == 0;
            (fits && whole && *protocol != chain::AUTHENTICATION).then_some(IpVersion::V4)
        }
        [first, _, _, _, l0, l1, next, ..] if first >> 4 == 6 => {
            let payload = usize::from(u16::from_be_bytes([*l0, *l1]));
            let fits = payload != 0 && packet.len() == 40 + payload;
            (fits && !chain::is_extension(*next)).then_some(IpVersion::V6)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::PacketMetadata;
    use super::*;
    use alloc::vec::Vec;

    /// Numbers that look random and are the same in each run.
    fn roll(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    #[test]
    fn whatever_is_plain_is_taken_by_the_rules_and_is_whole() {
        let (mut state, mut plain) = (7, [0; 2]);
        for round in 0..400_000 {
            let length = usize::try_from(roll(&mut state) % 70).unwrap();
            let mut packet: Vec<u8> = (0..length).map(|_| roll(&mut state).to_le_bytes()[0]).collect();
            // Most of them nearly right: version, length, no fragment, any protocol.
            let near = usize::try_from(roll(&mut state) % 4).unwrap();
            let claimed = u8::try_from(length.saturating_sub(near / 2)).unwrap();
            let (places, values): (&[usize], [u8; 4]) = if round % 2 == 0 {
                (&[0, 2, 3, 6], [[0x45, 0x45, 0x45, 0x46][near], 0, claimed, [0, 0x40, 0x80, 0x20][near]])
            } else {
                (&[0, 4, 5, 1], [0x60 | near.to_le_bytes()[0], 0, claimed.saturating_sub(40), 0x95])
            };
            for (at, value) in places.iter().zip(values) {
                if let Some(byte) = packet.get_mut(*at) {
                    *byte = value;
                }
            }
            if let (Some(byte), true) = (packet.get_mut(7), round % 2 == 0) {
                *byte = 0;
            }
            if let Some(version) = version(&packet) {
                let read = PacketMetadata::read(&packet).map(|read| (read.version, read.trailing));
                assert_eq!(read, Ok((version, 0)), "{packet:02x?}");
                plain[usize::from(version == IpVersion::V6)] += 1;
            }
        }
        assert!(plain[0] > 10_000 && plain[1] > 10_000, "{plain:?}");
    }
}
