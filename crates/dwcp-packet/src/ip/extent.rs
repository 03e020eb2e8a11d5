//! Where a packet ends, which is all that somebody who only carries it has to know.

use super::IpVersion;

/// The version of a packet and how many bytes it has by its header: what a tunnel goes by (RFC 4303 §2.7).
///
/// It costs a tenth of [`PacketMetadata::read`](crate::PacketMetadata::read), and says as little: nothing behind the first header is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// IPv4 or IPv6.
    pub version: IpVersion,
    /// The total length (RFC 791 §3.1), or 40 more than the payload length (RFC 8200 §3): at least the header, at most what was read.
    pub total_len: usize,
}

impl Extent {
    /// Reads the packet at the start of `packet`; `None` for what is no IP packet, or is cut off before its end. Wherever it is `None`,
    /// [`PacketMetadata::read`](crate::PacketMetadata::read) is an error.
    #[inline]
    pub fn read(packet: &[u8]) -> Option<Self> {
        let &[first, _, total @ .., p0, p1] = packet.first_chunk::<6>()?;
        let (version, header_len, total_len) = match first >> 4 {
            4 => (IpVersion::V4, usize::from(first & 0x0F) * 4, usize::from(u16::from_be_bytes(total))),
            6 => (IpVersion::V6, 40, 40 + usize::from(u16::from_be_bytes([p0, p1]))),
            _ => return None,
        };
        let sound = header_len >= 20 && header_len <= total_len && total_len <= packet.len();
        sound.then_some(Self { version, total_len })
    }
}
