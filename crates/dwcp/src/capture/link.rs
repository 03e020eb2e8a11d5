//! What stands before an IP packet in a frame, by the capture's link type.

use std::fmt;

/// A link type, as <https://www.tcpdump.org/linktypes.html> numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Link {
    /// IEEE 802.3, with or without VLAN tags.
    Ethernet,
    /// The packet itself.
    RawIp,
    /// BSD loopback: the address family in the byte order of whoever captured.
    Null,
    /// OpenBSD loopback: the same in network byte order.
    Loop,
    /// Linux "cooked", version 1.
    LinuxCooked,
    /// Linux "cooked", version 2.
    LinuxCooked2,
    /// One that is not read.
    Other(u32),
}

impl From<u32> for Link {
    fn from(number: u32) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            // 12 and 14 are what some systems write for 101.
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            108 => Self::Loop,
            113 => Self::LinuxCooked,
            276 => Self::LinuxCooked2,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ethernet => "Ethernet",
            Self::RawIp => "raw IP",
            Self::Null | Self::Loop => "loopback",
            Self::LinuxCooked => "Linux cooked",
            Self::LinuxCooked2 => "Linux cooked v2",
            Self::Other(number) => return write!(f, "link type {number}"),
        })
    }
}

/// The IP packet of a frame with whatever follows that; `None` where the frame is too short or holds something else.
///
/// The version in its first four bits is the one that the link says, if it says any; nothing else is judged.
pub fn ip_within(link: Link, frame: &[u8]) -> Option<&[u8]> {
    match link {
        Link::RawIp => [4, 6].into_iter().find_map(|version| of_version(frame, version)),
        Link::Ethernet => ethernet(frame.get(12..)?),
        Link::LinuxCooked => by_ethertype(be16(frame.get(14..)?)?, frame.get(16..)?),
        Link::LinuxCooked2 => by_ethertype(be16(frame)?, frame.get(20..)?),
        Link::Null | Link::Loop => {
            let (family, rest) = frame.split_first_chunk::<4>()?;
            match (u32::from_be_bytes(*family), u32::from_le_bytes(*family)) {
                (2, _) | (_, 2) => of_version(rest, 4),
                // AF_INET6 of the BSDs and of Darwin.
                (24 | 28 | 30, _) | (_, 24 | 28 | 30) => of_version(rest, 6),
                _ => None,
            }
        }
        Link::Other(_) => None,
    }
}

/// From the type on.
fn ethernet(mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..=MOST_TAGS {
        let (kind, after) = (be16(rest)?, rest.get(2..)?);
        if !VLAN.contains(&kind) {
            return by_ethertype(kind, after);
        }
        rest = after.get(2..)?;
    }
    None
}

fn by_ethertype(kind: u16, packet: &[u8]) -> Option<&[u8]> {
    match kind {
        0x0800 => of_version(packet, 4),
        0x86dd => of_version(packet, 6),
        _ => None,
    }
}

fn of_version(packet: &[u8], version: u8) -> Option<&[u8]> {
    packet.first().filter(|first| *first >> 4 == version).map(|_| packet)
}

fn be16(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|two| u16::from_be_bytes(*two))
}

/// IEEE 802.1Q, 802.1ad, and what stood for the latter before.
const VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// More tags than two are of no network that is known here; four are read.
const MOST_TAGS: usize = 4;
