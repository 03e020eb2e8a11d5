//! What is around a sealed packet on the wire: an IP header of its own, a UDP header, and the pcap that it is written to.

use dwcp_packet::{Encapsulation, IpVersion, PacketMetadata, transport, udp};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The sealed packet as it would be sent: in tunnel mode between two addresses of documentation (RFC 5737, RFC 3849), of the version that the
/// packet inside has. `None` where it is longer than a packet can be.
pub(super) fn around(
    sealed: &[u8],
    encapsulation: Encapsulation,
    version: IpVersion,
    in_udp: bool,
) -> Option<Vec<u8>> {
    match encapsulation {
        Encapsulation::Tunnel if in_udp => {
            let ends = (version == IpVersion::V6).then_some((v6(1), v6(2)));
            between(version, UDP, &datagram(sealed, ends)?)
        }
        Encapsulation::Tunnel => between(version, ESP, sealed),
        Encapsulation::Transport if in_udp => {
            let metadata = PacketMetadata::read(sealed).ok()?;
            let split = transport::locate(sealed).ok()?;
            let (header, esp) = sealed.split_at_checked(split.before())?;
            let mut header = header.to_vec();
            split.rewrite(&mut header, UDP, sealed.len() + UDP_HEADER).ok()?;
            let ends = match (metadata.source, metadata.destination) {
                (IpAddr::V6(source), IpAddr::V6(destination)) => Some((source, destination)),
                _ => None,
            };
            header.extend(datagram(esp, ends)?);
            Some(header)
        }
        Encapsulation::Transport => Some(sealed.to_vec()),
    }
}

/// What is handed to the opening side, of a packet from the wire or of one that begins at its SPI; and whether it was in UDP.
///
/// `None` where no ESP is in it.
pub(super) fn within(bytes: &[u8], encapsulation: Encapsulation) -> Option<(Vec<u8>, bool)> {
    let Some((metadata, esp, in_udp)) = esp_of(bytes) else {
        // Four bytes of SPI, four of sequence number.
        let bare =
            encapsulation == Encapsulation::Tunnel && bytes.len() > 8 && PacketMetadata::read(bytes).is_err();
        return bare.then(|| (bytes.to_vec(), false));
    };
    if encapsulation == Encapsulation::Tunnel {
        return Some((esp.to_vec(), in_udp));
    }
    let packet = bytes.get(..metadata.total_len)?;
    if !in_udp {
        return Some((packet.to_vec(), false));
    }
    let split = transport::locate(packet).ok()?;
    let mut header = packet.get(..split.before())?.to_vec();
    split.rewrite(&mut header, ESP, split.before() + esp.len()).ok()?;
    Some(([header.as_slice(), esp].concat(), true))
}

/// Whether an IP packet has ESP in it, by itself or in UDP.
pub(super) fn carries_esp(packet: &[u8]) -> bool {
    esp_of(packet).is_some()
}

fn esp_of(bytes: &[u8]) -> Option<(PacketMetadata, &[u8], bool)> {
    let metadata = PacketMetadata::read(bytes).ok().filter(PacketMetadata::is_whole)?;
    let upper = bytes.get(metadata.header_len..metadata.total_len)?;
    match (metadata.protocol, metadata.ports) {
        (ESP, _) => Some((metadata, upper, false)),
        (UDP, Some((from, to))) if [from, to].contains(&udp::PORT) => {
            match udp::payload(upper.get(UDP_HEADER..)?) {
                udp::UdpPayload::Esp(esp) => Some((metadata, esp, true)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A capture of one packet, its link type raw IP (101), made `seconds` after 1970.
pub(super) fn pcap(packet: &[u8], seconds: i64) -> Vec<u8> {
    let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    // Seconds of 32 bits reach to 2106.
    let words = [
        0xa1b2_c3d4,
        4 << 16 | 2,
        0,
        0,
        SNAP,
        101,
        u32::try_from(seconds).unwrap_or(u32::MAX),
        0,
        length,
        length,
    ];
    let mut bytes = Vec::with_capacity(words.len() * 4 + packet.len());
    words.iter().for_each(|word: &u32| bytes.extend(word.to_le_bytes()));
    bytes.extend_from_slice(packet);
    bytes
}

/// A datagram for whoever has no packet at hand.
pub(super) fn example() -> Vec<u8> {
    let text = b"hello, packet\n";
    let length = UDP_HEADER + text.len();
    let mut packet = v4_header(UDP, Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 7), length)
        .unwrap_or_default();
    let length = u16::try_from(length).unwrap_or_default();
    packet.extend([40_000, 7, length, 0].into_iter().flat_map(u16::to_be_bytes));
    packet.extend_from_slice(text);
    packet
}

fn between(version: IpVersion, protocol: u8, payload: &[u8]) -> Option<Vec<u8>> {
    let mut packet = match version {
        IpVersion::V4 => {
            v4_header(protocol, Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2), payload.len())?
        }
        IpVersion::V6 => {
            let length = u16::try_from(payload.len()).ok()?;
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(length.to_be_bytes());
            header.extend([protocol, HOPS]);
            header.extend(v6(1).octets().into_iter().chain(v6(2).octets()));
            header
        }
    };
    packet.extend_from_slice(payload);
    Some(packet)
}

fn v4_header(protocol: u8, from: Ipv4Addr, to: Ipv4Addr, payload: usize) -> Option<Vec<u8>> {
    let length = u16::try_from(20 + payload).ok()?;
    let mut header = vec![0x45, 0];
    header.extend(length.to_be_bytes());
    header.extend([0, 0, 0, 0, HOPS, protocol, 0, 0]);
    header.extend(from.octets().into_iter().chain(to.octets()));
    let sum = checksum(&[&header]).to_be_bytes();
    header.splice(10..12, sum);
    Some(header)
}

/// RFC 3948 §2.1: the checksum is zero over IPv4; RFC 8200 §8.1: over IPv6 it is there.
fn datagram(esp: &[u8], ends: Option<(Ipv6Addr, Ipv6Addr)>) -> Option<Vec<u8>> {
    let length = u16::try_from(UDP_HEADER + esp.len()).ok()?;
    let sum = ends.map_or(0, |(source, destination)| {
        let addresses = [source.octets(), destination.octets()].concat();
        let numbers = [u32::from(length), u32::from(UDP)].map(u32::to_be_bytes).concat();
        match checksum(&[&addresses, &numbers, &udp_header(length, 0), esp]) {
            0 => u16::MAX,
            sum => sum,
        }
    });
    Some([&udp_header(length, sum), esp].concat())
}

fn udp_header(length: u16, sum: u16) -> [u8; UDP_HEADER] {
    let [[a, b], [c, d], [e, f]] = [udp::PORT, length, sum].map(u16::to_be_bytes);
    [a, b, a, b, c, d, e, f]
}

/// RFC 1071; every part but the last has an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let word = |two: &[u8]| u32::from(two[0]) << 8 | two.get(1).map_or(0, |low| u32::from(*low));
    let sum: u32 = words.map(word).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded & 0xffff).unwrap_or_default()
}

fn v6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)
}

const ESP: u8 = 50;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const HOPS: u8 = 64;
/// What captures write for "all of it".
const SNAP: u32 = 262_144;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_around_a_sealed_packet_comes_off_again_and_its_checksums_are_right() {
        let mut esp = vec![0, 0, 0x10, 1, 0, 0, 0, 1];
        for length in [1, 2, 27, 1_400] {
            esp.resize(8 + length, 0xa5);
            for version in [IpVersion::V4, IpVersion::V6] {
                for in_udp in [false, true] {
                    let wire = around(&esp, Encapsulation::Tunnel, version, in_udp).unwrap();
                    let metadata = PacketMetadata::read(&wire).unwrap();
                    assert!(metadata.header_intact && carries_esp(&wire));
                    assert_eq!((metadata.version, metadata.total_len), (version, wire.len()));
                    assert_eq!(within(&wire, Encapsulation::Tunnel), Some((esp.clone(), in_udp)));
                    if in_udp && version == IpVersion::V6 {
                        let numbers =
                            [u32::try_from(wire.len() - 40).unwrap(), u32::from(UDP)].map(u32::to_be_bytes);
                        assert_eq!(checksum(&[&wire[8..40], &numbers.concat(), &wire[40..]]), 0);
                    }
                }
            }
        }
        assert_eq!(around(&[0; 65_516], Encapsulation::Tunnel, IpVersion::V4, false), None);
        assert_eq!(around(&[0; 65_528], Encapsulation::Tunnel, IpVersion::V6, true), None);
    }

    #[test]
    fn what_holds_no_esp_is_not_taken_for_it() {
        assert_eq!(within(&example(), Encapsulation::Tunnel), None);
        for payload in [[0xff].as_slice(), &[0, 0, 0, 0, 7, 7, 7, 7, 7], &[]] {
            let wire = between(IpVersion::V4, UDP, &datagram(payload, None).unwrap()).unwrap();
            assert!(!carries_esp(&wire), "{payload:?}");
            assert_eq!(within(&wire, Encapsulation::Tunnel), None);
        }
        assert_eq!(within(&[1; 9], Encapsulation::Tunnel), Some((vec![1; 9], false)));
        assert_eq!(within(&[1; 8], Encapsulation::Tunnel), None);
        assert_eq!(within(&[1; 9], Encapsulation::Transport), None);
    }
}
