//! Transport mode: where ESP goes into a packet that keeps its own IP header (RFC 4303 §3.1.1).
//!
//! ESP protects what is behind it. Whoever is on the way can change what stays in front: addresses, hop limit, options, routes.
//! Where addresses have to be believed, use tunnel mode, which seals them.

use super::bytes::u8_at;
use super::chain::{self, Chain};
use super::{IpError, IpVersion, PacketMetadata, checksum};
use core::fmt;

/// Where the headers that stay in the clear end, and what is behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Split {
    version: IpVersion,
    before: usize,
    protocol: u8,
    protocol_at: usize,
    total_len: usize,
}

impl Split {
    /// IPv4 or IPv6.
    pub fn version(&self) -> IpVersion {
        self.version
    }

    /// How many bytes stay in front: 20 to 552.
    pub fn before(&self) -> usize {
        self.before
    }

    /// What starts there: ESP's next header when sealing, 50 or 17 on what was received.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Which of the bytes in front says so.
    pub fn protocol_at(&self) -> usize {
        self.protocol_at
    }

    /// Where the packet ends by its header; what follows is not part of it.
    pub fn total_len(&self) -> usize {
        self.total_len
    }

    /// Makes the headers in front fit what is now behind them: `protocol`, in a packet of `total_len` bytes. The checksum of
    /// IPv4 is computed anew. Nothing else changes, and after an error nothing has.
    ///
    /// `head` starts with the IP header and has at least [`Split::before`] bytes.
    ///
    /// # Errors
    ///
    /// [`TransportError::Length`] if `total_len` is shorter than the headers or does not fit their length field, or if
    /// `head` is too short.
    pub fn rewrite(&self, head: &mut [u8], protocol: u8, total_len: usize) -> Result<(), TransportError> {
        let head = head.get_mut(..self.before).ok_or(TransportError::Length)?;
        let (counted, at) = match self.version {
            IpVersion::V4 => (Some(total_len), 2),
            IpVersion::V6 => (total_len.checked_sub(40), 4),
        };
        let length = counted.and_then(|length| u16::try_from(length).ok()).ok_or(TransportError::Length)?;
        // An IPv6 payload length of zero in front of anything would be a jumbogram's.
        let jumbo = self.version == IpVersion::V6 && length == 0 && protocol != chain::NO_NEXT;
        if total_len < self.before || jumbo {
            return Err(TransportError::Length);
        }
        put(head, at, &length.to_be_bytes());
        put(head, self.protocol_at, &[protocol]);
        if self.version == IpVersion::V4 {
            put(head, 10, &[0, 0]);
            let sum = checksum::folded(v4_header(head)).to_be_bytes();
            put(head, 10, &sum);
        }
        Ok(())
    }
}

/// Splits a packet that is to be sealed: behind the IPv4 header with its options; behind hop-by-hop options, routing and an
/// atomic fragment header of IPv6, with destination options before any of these. Destination options behind them are for
/// the destination alone and go inside, and so does everything else.
///
/// # Errors
///
/// [`TransportError::Fragment`] for a piece of a packet: transport mode is for whole packets (RFC 4303 §3.3.4), so they are
/// fragmented after sealing and put together before opening. [`TransportError::Checksum`] for an IPv4 header whose checksum is wrong:
/// hosts drop such a packet (RFC 1122 §3.2.1.2), and a rewritten header would hide that. [`TransportError::Packet`] for bytes
/// that are no packet.
pub fn split(packet: &[u8]) -> Result<Split, TransportError> {
    let metadata = whole(packet)?;
    let packet = packet.get(..metadata.total_len).unwrap_or_default();
    let split = |before, protocol_at| Split {
        version: metadata.version,
        before,
        protocol: u8_at(packet, protocol_at).unwrap_or(chain::NO_NEXT),
        protocol_at,
        total_len: metadata.total_len,
    };
    if metadata.version == IpVersion::V4 {
        return Ok(split(v4_header(packet).len(), 9));
    }
    let mut chain = Chain::v6(packet);
    let mut stays = (chain.at, chain.kind_at);
    while let Some(header) = chain.step().map_err(TransportError::Packet)? {
        match header.kind {
            chain::HOP_BY_HOP | chain::ROUTING | chain::FRAGMENT => stays = (chain.at, chain.kind_at),
            // Stays if one of the three follows.
            chain::DESTINATION => {}
            _ => break,
        }
    }
    Ok(split(stays.0, stays.1))
}

/// Finds the upper layer of a packet that was received, wherever the sender has put it: ESP (50), or UDP (17) around it. It
/// may stand behind destination options, which RFC 4303 §3.1.1 allows on both sides of ESP.
///
/// # Errors
///
/// As of [`split`], and [`TransportError::Authentication`] where an authentication header stands before it: nobody here verifies
/// that, and it would be passed on as if somebody had.
pub fn locate(packet: &[u8]) -> Result<Split, TransportError> {
    let metadata = whole(packet)?;
    let PacketMetadata { version, header_len, total_len, protocol, .. } = metadata;
    let whole = packet.get(..total_len).unwrap_or_default();
    let mut chain = match version {
        IpVersion::V4 => Chain::v4(whole, v4_header(whole).len()),
        IpVersion::V6 => Chain::v6(whole),
    };
    while let Some(header) = chain.step().map_err(TransportError::Packet)? {
        if header.kind == chain::AUTHENTICATION {
            return Err(TransportError::Authentication);
        }
    }
    Ok(Split { version, before: header_len, protocol, protocol_at: chain.kind_at, total_len })
}

/// Why a packet can not be sealed or opened in transport mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportError {
    /// The bytes are no packet.
    Packet(IpError),
    /// A piece of a packet.
    Fragment,
    /// The checksum of the IPv4 header is wrong.
    Checksum,
    /// An authentication header stands before what was looked for.
    Authentication,
    /// What came of it does not fit the length field, or the buffer does not hold the headers.
    Length,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Packet(_) => "not an IP packet that can be sealed",
            Self::Fragment => "transport mode is for whole packets, and this is a fragment",
            Self::Checksum => "the checksum of the IPv4 header is wrong",
            Self::Authentication => {
                "an authentication header stands before what is sealed, and is not verified"
            }
            Self::Length => "the packet does not fit its length field",
        })
    }
}

impl core::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Packet(error) => Some(error),
            _ => None,
        }
    }
}

fn whole(packet: &[u8]) -> Result<PacketMetadata, TransportError> {
    let metadata = PacketMetadata::read(packet).map_err(TransportError::Packet)?;
    match (metadata.is_whole(), metadata.header_intact) {
        (true, true) => Ok(metadata),
        (true, false) => Err(TransportError::Checksum),
        (false, _) => Err(TransportError::Fragment),
    }
}

/// The IPv4 header with its options, and no header behind it.
fn v4_header(packet: &[u8]) -> &[u8] {
    let length = usize::from(u8_at(packet, 0).unwrap_or(0) & 0x0F) * 4;
    packet.get(..length).unwrap_or_default()
}

fn put(head: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = head.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
