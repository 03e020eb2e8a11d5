//! What may stand in a packet: whole IP packets, by their next header.

use super::PacketError;
use crate::{AllowedSources, Extent, IpVersion, PacketMetadata};

/// The next header of a packet in tunnel mode. It has to be as long as it says, since the receiver goes by that (RFC 4303 §2.7): by the
/// receiver's own rule, so that nothing is sealed that [`judge`] refuses for its form, unless it reads all headers to check sources.
#[inline]
pub(super) fn next_header(packet: &[u8]) -> Result<u8, PacketError> {
    match Extent::read(packet) {
        Some(Extent { version, total_len }) if total_len == packet.len() => Ok(match version {
            IpVersion::V4 => IPV4,
            IpVersion::V6 => IPV6,
        }),
        _ => Err(PacketError::NotAPacket),
    }
}

/// Judges what a packet in tunnel mode held, which the holder of the key has sealed: `payload` is what stood before the padding. Gives the
/// length of the inner packet.
///
/// # Errors
/// [`PacketError::Malformed`], [`PacketError::WrongSource`], or [`PacketError::Dummy`].
#[inline]
pub(super) fn judge(
    payload: &[u8],
    next_header: u8,
    sources: Option<&AllowedSources>,
) -> Result<usize, PacketError> {
    let version = match next_header {
        IPV4 => IpVersion::V4,
        IPV6 => IpVersion::V6,
        NO_NEXT_HEADER => return Err(PacketError::Dummy),
        _ => return Err(PacketError::Malformed),
    };
    // What follows the inner packet hides its length and is cut; a packet that is cut off itself is an error.
    let extent = Extent::read(payload).filter(|extent| extent.version == version);
    let total_len = extent.ok_or(PacketError::Malformed)?.total_len;
    permitted(payload.get(..total_len).unwrap_or_default(), sources)?;
    Ok(total_len)
}

/// Whether `packet` comes from where its sender may send from. It is read to the end of its headers for that, since a home address
/// counts too.
#[inline]
pub(super) fn permitted(packet: &[u8], sources: Option<&AllowedSources>) -> Result<(), PacketError> {
    let Some(sources) = sources else { return Ok(()) };
    let metadata = PacketMetadata::read(packet).map_err(|_| PacketError::Malformed)?;
    sources.permit(&metadata).map(|_| ()).map_err(|_| PacketError::WrongSource)
}

/// Headers that stand before ESP or nowhere: hop-by-hop options, routing, fragment (RFC 4303 §3.1.1, §3.3.4: transport mode is for
/// whole packets). Behind it only a peer that lies has them.
#[inline]
pub(super) fn stands_before(protocol: u8) -> bool {
    matches!(protocol, 0 | 43 | 44)
}

/// IPv4 in IP.
pub(super) const IPV4: u8 = 4;
/// IPv6 in IP.
pub(super) const IPV6: u8 = 41;
/// ESP itself.
pub(super) const ESP: u8 = 50;
/// A dummy packet (RFC 4303 §2.6).
pub(super) const NO_NEXT_HEADER: u8 = 59;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_has_to_be_as_long_as_it_says() {
        let mut packet = [0; 60];
        (packet[0], packet[3]) = (0x45, 60);
        assert_eq!(next_header(&packet), Ok(IPV4));
        assert_eq!(next_header(&packet[..59]), Err(PacketError::NotAPacket));
        (packet[0], packet[5], packet[6]) = (0x60, 20, 17);
        assert_eq!(next_header(&packet), Ok(IPV6));
        assert_eq!(next_header(&packet[..59]), Err(PacketError::NotAPacket));
        for length in 0..20 {
            let mut short = packet[..length].to_vec();
            if length > 3 {
                (short[0], short[3]) = (0x45, length.to_le_bytes()[0]);
            }
            assert_eq!(next_header(&short), Err(PacketError::NotAPacket), "{length}");
        }
        packet[0] = 0x50;
        assert_eq!(next_header(&packet), Err(PacketError::NotAPacket));
    }
}
