//! The packets that most packets are: IPv4 without options, IPv6 without extension headers, and no fragments.

use super::{IpVersion, PacketMetadata, upper};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads a plain packet as [`PacketMetadata::read`] would, in a fraction of its time. `None` for all others, those that lie included: they are
/// read by the rules one by one.
#[inline]
pub(super) fn read(packet: &[u8]) -> Option<PacketMetadata> {
    match packet.first()? >> 4 {
        4 => v4(packet.first_chunk()?, packet),
        6 => v6(packet.first_chunk()?, packet),
        _ => None,
    }
}

#[inline]
fn v4(header: &[u8; 20], packet: &[u8]) -> Option<PacketMetadata> {
    let &[
        first,
        traffic_class,
        l0,
        l1,
        _,
        _,
        f0,
        f1,
        hop_limit,
        protocol,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        d0,
        d1,
        d2,
        d3,
    ] = header;
    let total_len = usize::from(u16::from_be_bytes([l0, l1]));
    let flags = u16::from_be_bytes([f0, f1]);
    // An authentication header is the one that is passed behind IPv4.
    if first != 0x45 || flags & 0x3FFF != 0 || protocol == super::chain::AUTHENTICATION || total_len < 20 {
        return None;
    }
    let whole = packet.get(..total_len)?;
    let payload = whole.get(20..)?;
    Some(PacketMetadata {
        version: IpVersion::V4,
        source: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
        destination: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        protocol,
        header_len: 20,
        total_len,
        trailing: packet.len() - total_len,
        extension_headers: 0,
        traffic_class,
        flow_label: 0,
        hop_limit,
        dont_fragment: flags & 0x4000 != 0,
        fragment: None,
        ports: upper::ports(protocol, payload),
        icmp: upper::icmp(protocol, payload),
        routed: false,
        home_address: None,
        header_intact: adds_up(header),
    })
}

#[inline]
fn v6(header: &[u8; 40], packet: &[u8]) -> Option<PacketMetadata> {
    let &[first, second, third, fourth, l0, l1, protocol, hop_limit, ..] = header;
    let payload_len = usize::from(u16::from_be_bytes([l0, l1]));
    if payload_len == 0 || super::chain::is_extension(protocol) {
        return None;
    }
    let total_len = 40 + payload_len;
    let payload = packet.get(40..total_len)?;
    let (_, addresses) = header.split_first_chunk::<8>()?;
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    Some(PacketMetadata {
        version: IpVersion::V6,
        source: IpAddr::V6(Ipv6Addr::from(*source)),
        destination: IpAddr::V6(Ipv6Addr::from(*destination.first_chunk::<16>()?)),
        protocol,
        header_len: 40,
        total_len,
        trailing: packet.len() - total_len,
        extension_headers: 0,
        traffic_class: (first << 4) | (second >> 4),
        flow_label: u32::from_be_bytes([0, second & 0x0F, third, fourth]),
        hop_limit,
        dont_fragment: true,
        fragment: None,
        ports: upper::ports(protocol, payload),
        icmp: upper::icmp(protocol, payload),
        routed: false,
        home_address: None,
        header_intact: true,
    })
}

/// Whether the ten words of a header add up to all ones (RFC 1071).
#[inline]
fn adds_up(header: &[u8; 20]) -> bool {
    let (words, _) = header.as_chunks::<4>();
    let sum = words.iter().fold(0_u64, |sum, word| sum + u64::from(u32::from_be_bytes(*word)));
    // Ones' complement: the sum of 32-bit words is folded to 16 bits (RFC 1071 §2).
    let sum = (sum >> 32) + (sum & 0xFFFF_FFFF);
    let sum = (sum >> 16) + (sum & 0xFFFF);
    let sum = (sum >> 16) + (sum & 0xFFFF);
    (sum >> 16) + (sum & 0xFFFF) == 0xFFFF
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Numbers that look random and are the same in each run.
    fn roll(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    #[test]
    fn whatever_is_plain_is_read_as_the_rules_read_it() {
        let (mut state, mut plain) = (7, 0);
        for round in 0..400_000 {
            let length = usize::try_from(roll(&mut state) % 70).unwrap();
            let mut packet: Vec<u8> = (0..length).map(|_| roll(&mut state).to_le_bytes()[0]).collect();
            // Most of them nearly right: version, length, no fragment, a protocol that is known.
            let near = usize::try_from(roll(&mut state) % 4).unwrap();
            let claimed = u8::try_from(length.saturating_sub(near)).unwrap();
            let kinds = [0, 1, 4, 6, 17, 33, 41, 43, 44, 50, 51, 58, 59, 60, 132, 135, 136, 139, 140, 253];
            let kind = kinds[usize::try_from(roll(&mut state)).unwrap() % kinds.len()];
            let (places, values): (&[usize], [u8; 5]) = if round % 2 == 0 {
                let first = [0x45, 0x45, 0x45, 0x46][near];
                (&[0, 2, 3, 6, 9], [first, 0, claimed, [0, 0x40, 0x80, 0x20][near], kind])
            } else {
                (&[0, 4, 5, 6, 1], [0x60 | near.to_le_bytes()[0], 0, claimed.saturating_sub(40), kind, 0x95])
            };
            for (at, value) in places.iter().zip(values) {
                if let Some(byte) = packet.get_mut(*at) {
                    *byte = value;
                }
            }
            if round % 2 == 0 && length >= 20 && near < 2 {
                packet[10..12].fill(0);
                let sum = super::super::checksum::folded(&packet[..20]).to_be_bytes();
                packet[10..12].copy_from_slice(&sum);
            }
            if let Some(metadata) = read(&packet) {
                assert_eq!(PacketMetadata::read_by_rule(&packet), Ok(metadata), "{packet:02x?}");
                plain += 1;
            }
        }
        assert!(plain > 40_000, "{plain}");
    }
}
