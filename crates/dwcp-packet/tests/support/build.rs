//! Packets put together by hand, each length as it should be: tests then make it lie.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// What is named, and its bytes.
pub type Header = (u8, Vec<u8>);

/// 192.0.2.1 to 198.51.100.2, with `options` (padded by the caller) and flags and offset as they stand on the wire.
pub fn v4(protocol: u8, options: &[u8], place: u16, payload: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let mut packet = vec![0x40 | u8::try_from(header / 4).unwrap(), 0];
    packet.extend(u16::try_from(header + payload.len()).unwrap().to_be_bytes());
    packet.extend([0x12, 0x34]);
    packet.extend(place.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2]);
    packet.extend(options);
    let sum = packet.chunks(2).fold(0u32, |sum, pair| sum + u32::from(pair[0]) * 256 + u32::from(pair[1]));
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let sum = !u16::try_from((sum & 0xFFFF) + (sum >> 16)).unwrap();
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

/// 2001:db8::1 to 2001:db8::2, traffic class 0xB9, flow label 0x54321.
pub fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x6B, 0x95, 0x43, 0x21];
    packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    packet.extend([next, 61]);
    for host in [1, 2] {
        packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
    }
    packet.extend(payload);
    packet
}

/// An IPv6 packet with this chain of (kind, header with any first byte) in front of the upper layer.
pub fn chained(headers: &[Header], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (at, (_, header)) in headers.iter().enumerate() {
        let start = body.len();
        body.extend(header);
        body[start] = headers.get(at + 1).map_or(protocol, |(kind, _)| *kind);
    }
    body.extend(payload);
    v6(headers.first().map_or(protocol, |(kind, _)| *kind), &body)
}

/// Options (hop-by-hop or destination), padded to eight bytes.
pub fn options(kind: u8, options: &[u8]) -> Header {
    let mut header = vec![0, 0];
    header.extend(options);
    match (8 - header.len() % 8) % 8 {
        0 => {}
        1 => header.push(0),
        room => {
            header.extend([1, u8::try_from(room - 2).unwrap()]);
            header.resize(header.len() + room - 2, 0);
        }
    }
    header[1] = u8::try_from(header.len() / 8 - 1).unwrap();
    (kind, header)
}

pub fn routing(kind: u8, left: u8, addresses: u8) -> Header {
    let mut header = vec![0, addresses * 2, kind, left];
    header.resize(8 + 16 * usize::from(addresses), 0);
    (43, header)
}

/// `offset` in bytes.
pub fn fragment(offset: u16, more: bool, id: u32) -> Header {
    let mut header = vec![0, 0];
    header.extend((offset | u16::from(more)).to_be_bytes());
    header.extend(id.to_be_bytes());
    (44, header)
}

/// An authentication header with an ICV of this many bytes.
pub fn authentication(icv: usize) -> Header {
    let mut header = vec![0, u8::try_from((12 + icv) / 4 - 2).unwrap()];
    header.resize(12 + icv, 7);
    (51, header)
}

/// TCP from port 4660 to 443, a header and `data` bytes.
pub fn tcp(data: usize) -> Vec<u8> {
    let mut segment = vec![0x12, 0x34, 0x01, 0xBB, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0];
    segment.resize(20 + data, 0xDA);
    segment
}

/// UDP from port 53 to 4500.
pub fn udp(data: usize) -> Vec<u8> {
    let mut datagram = vec![0, 53, 0x11, 0x94];
    datagram.extend(u16::try_from(8 + data).unwrap().to_be_bytes());
    datagram.resize(8 + data, 0);
    datagram
}
