//! One packet's own account of itself.

use super::bytes::{u8_at, u16_at, u32_at, v6_at};
use super::chain::{self, Chain};
use super::{Fragment, IpError, checksum, options, upper};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which of the two protocols a packet is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IpVersion {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

/// What is known of one IP packet from its own bytes.
///
/// Everything here is what the sender wrote. It is consistent with the bytes that are there, and nothing more: addresses can
/// be false, so ask [`AllowedSources`](crate::AllowedSources) before a packet is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PacketMetadata {
    /// IPv4 or IPv6.
    pub version: IpVersion,
    /// The source address of the IP header.
    pub source: IpAddr,
    /// The destination address of the IP header. With `routed` it may be a stop on the way.
    pub destination: IpAddr,
    /// The upper layer, past extension headers (IPv6) and an authentication header (both). In a fragment that is not the
    /// first it is what that fragment claims, which may be an extension header, and which reassembly ignores
    /// (RFC 8200 §4.5). 50 for ESP, behind which nothing can be seen; 59 where there is no upper layer.
    pub protocol: u8,
    /// How many bytes precede the upper layer: 20 to 572.
    pub header_len: usize,
    /// How many bytes the packet has by its header, at most the length of what was read and at most 65 575.
    pub total_len: usize,
    /// How many bytes follow the packet: padding of a link or against traffic analysis (RFC 4303 §2.7). Cut them.
    pub trailing: usize,
    /// How many extension headers were passed.
    pub extension_headers: u8,
    /// Differentiated services and congestion bits: IPv4's type of service, IPv6's traffic class.
    pub traffic_class: u8,
    /// IPv6's flow label, 20 bits; zero in IPv4.
    pub flow_label: u32,
    /// Time to live (IPv4), hop limit (IPv6).
    pub hop_limit: u8,
    /// Whether routers may not fragment this packet: IPv4's DF bit; always so in IPv6.
    pub dont_fragment: bool,
    /// Set for fragments, atomic ones included.
    pub fragment: Option<Fragment>,
    /// Source and destination port of TCP, UDP, UDP-Lite, SCTP or DCCP, if the header is whole and in this packet.
    pub ports: Option<(u16, u16)>,
    /// Type and code of ICMP or ICMPv6, under the same condition.
    pub icmp: Option<(u8, u8)>,
    /// Whether the sender chose a route: an IPv4 source route, or an IPv6 routing header with segments left. The type 0
    /// routing header is deprecated since it multiplies traffic (RFC 5095); most gateways drop any such packet from outside.
    pub routed: bool,
    /// The address that a mobile node's correspondent takes for the source (RFC 6275 §6.3).
    pub home_address: Option<Ipv6Addr>,
    /// Whether the checksum of the IPv4 header is right; IPv6 has none, so `true`. Hosts drop a packet that has it wrong
    /// (RFC 1122 §3.2.1.2), but cards may fill it in later, so it is reported and not judged here.
    pub header_intact: bool,
}

impl PacketMetadata {
    /// Reads the packet at the start of `packet`. It allocates nothing, and looks at no more than the IP header,
    /// [`MAX_EXTENSION_BYTES`](crate::MAX_EXTENSION_BYTES) bytes behind it and the start of the upper layer.
    ///
    /// # Errors
    ///
    /// [`IpError`] names the rule that is broken.
    ///
    /// # Security
    ///
    /// A packet that two readers could take for different things is an error, not a guess.
    pub fn read(packet: &[u8]) -> Result<Self, IpError> {
        match u8_at(packet, 0).map(|first| first >> 4) {
            Some(4) => read_v4(packet),
            Some(6) => read_v6(packet),
            Some(other) => Err(IpError::Version(other)),
            None => Err(IpError::Truncated { claimed: 20, present: 0 }),
        }
    }

    /// Whether the packet is whole: no fragment, or an atomic one.
    pub fn is_whole(&self) -> bool {
        self.fragment.is_none_or(|fragment| fragment.is_atomic())
    }

    /// The six bits of differentiated services (RFC 2474).
    pub fn dscp(&self) -> u8 {
        self.traffic_class >> 2
    }

    /// The two bits of congestion notification (RFC 3168).
    pub fn ecn(&self) -> u8 {
        self.traffic_class & 3
    }

    /// The upper layer, unless this is a fragment whose own word for it proves nothing.
    pub fn upper_layer(&self) -> Option<u8> {
        self.fragment.is_none_or(|fragment| fragment.is_first()).then_some(self.protocol)
    }
}

fn read_v4(packet: &[u8]) -> Result<PacketMetadata, IpError> {
    let short = IpError::Truncated { claimed: 20, present: packet.len() };
    let &[first, class, l0, l1, i0, i1, f0, f1, hop_limit, claim, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        packet.first_chunk::<20>().ok_or(short)?;
    let header_len = usize::from(first & 0x0F) * 4;
    let total_len = usize::from(u16::from_be_bytes([l0, l1]));
    if header_len < 20 {
        return Err(IpError::HeaderLength(header_len));
    }
    if total_len < header_len {
        return Err(IpError::TotalLength(total_len));
    }
    let whole = cut(packet, total_len)?;
    let header = whole.get(..header_len).ok_or(IpError::HeaderLength(header_len))?;
    let routed = options::v4_routed(header.get(20..).unwrap_or_default())?;
    let flags = u16::from_be_bytes([f0, f1]);
    let id = u32::from(u16::from_be_bytes([i0, i1]));
    let fragment = Fragment { offset: (flags & 0x1FFF) << 3, more: flags & 0x2000 != 0, id };
    fragment.placed(total_len - header_len, 65_535 - header_len, claim)?;

    let mut chain = Chain::v4(whole, header_len);
    if fragment.is_first() {
        while chain.step().map_err(|error| in_first(fragment.more, error))?.is_some() {}
    }
    let inside = upper::look(chain.kind, whole.get(chain.at..).unwrap_or_default(), Some(fragment))?;
    Ok(PacketMetadata {
        version: IpVersion::V4,
        source: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
        destination: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        protocol: chain.kind,
        header_len: chain.at,
        total_len,
        trailing: packet.len() - total_len,
        extension_headers: chain.headers,
        traffic_class: class,
        flow_label: 0,
        hop_limit,
        dont_fragment: flags & 0x4000 != 0,
        fragment: (!fragment.is_atomic()).then_some(fragment),
        ports: inside.ports,
        icmp: inside.icmp,
        routed,
        home_address: None,
        header_intact: checksum::folded(header) == 0,
    })
}

fn read_v6(packet: &[u8]) -> Result<PacketMetadata, IpError> {
    let short = IpError::Truncated { claimed: 40, present: packet.len() };
    let header = packet.first_chunk::<40>().ok_or(short)?;
    let &[c0, c1, c2, c3, l0, l1, next, hop_limit, ref addresses @ ..] = header;
    let first = u32::from_be_bytes([c0, c1, c2, c3]);
    let payload_len = usize::from(u16::from_be_bytes([l0, l1]));
    let (source, destination) = (v6_at(addresses, 0).ok_or(short)?, v6_at(addresses, 16).ok_or(short)?);
    if payload_len == 0 && next != chain::NO_NEXT {
        return Err(without_length(packet));
    }
    let total_len = 40 + payload_len;
    let whole = cut(packet, total_len)?;

    let mut chain = Chain::v6(whole);
    let mut seen = Seen::default();
    // What a first fragment must hold is known once its fragment header is; before it a cut chain is just that.
    while let Some(header) = chain.step().map_err(|error| in_first(seen.more(), error))? {
        match header.kind {
            chain::HOP_BY_HOP if options::v6(header.bytes)?.jumbo => return Err(IpError::JumboPayload),
            chain::DESTINATION => {
                let home = options::v6(header.bytes)?.home_address;
                if home.is_some() && seen.home.is_some() {
                    return Err(IpError::Options);
                }
                seen.home = seen.home.or(home);
            }
            chain::ROUTING => seen.routed |= u8_at(header.bytes, 3) != Some(0),
            chain::FRAGMENT => {
                let fragment =
                    fragment_header(header.bytes).ok_or(IpError::ExtensionLength(chain::FRAGMENT))?;
                fragment.placed(total_len - chain.at, 65_535 - (chain.at - 8 - 40), chain.kind)?;
                seen.fragment = Some(fragment);
                if !fragment.is_first() {
                    break;
                }
            }
            _ => {}
        }
    }
    let [_, _, _, traffic_class] = (first >> 20).to_be_bytes();
    let inside = upper::look(chain.kind, whole.get(chain.at..).unwrap_or_default(), seen.fragment)?;
    Ok(PacketMetadata {
        version: IpVersion::V6,
        source: IpAddr::V6(source),
        destination: IpAddr::V6(destination),
        protocol: chain.kind,
        header_len: chain.at,
        total_len,
        trailing: packet.len() - total_len,
        extension_headers: chain.headers,
        traffic_class,
        flow_label: first & 0x000F_FFFF,
        hop_limit,
        dont_fragment: true,
        fragment: seen.fragment,
        ports: inside.ports,
        icmp: inside.icmp,
        routed: seen.routed,
        home_address: seen.home,
        header_intact: true,
    })
}

/// What was met on the way along an IPv6 chain.
#[derive(Default)]
struct Seen {
    fragment: Option<Fragment>,
    routed: bool,
    home: Option<Ipv6Addr>,
}

impl Seen {
    fn more(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.more)
    }
}

/// In a first fragment with more to follow, a chain that is cut off is a chain that hides.
fn in_first(more: bool, error: IpError) -> IpError {
    match error {
        IpError::ExtensionLength(_) if more => IpError::FirstFragment,
        other => other,
    }
}

fn fragment_header(bytes: &[u8]) -> Option<Fragment> {
    let place = u16_at(bytes, 2)?;
    Some(Fragment { offset: place & 0xFFF8, more: place & 1 != 0, id: u32_at(bytes, 4)? })
}

/// The packet without what follows it.
fn cut(packet: &[u8], total_len: usize) -> Result<&[u8], IpError> {
    packet.get(..total_len).ok_or(IpError::Truncated { claimed: total_len, present: packet.len() })
}

/// A payload length of zero in front of a payload: a jumbogram if its option says so (RFC 2675 §3), else a lie.
fn without_length(packet: &[u8]) -> IpError {
    let mut chain = Chain::v6(packet);
    match chain.step() {
        Ok(Some(header)) if header.kind == chain::HOP_BY_HOP => match options::v6(header.bytes) {
            Ok(options) if options.jumbo => IpError::JumboPayload,
            _ => IpError::TotalLength(40),
        },
        _ => IpError::TotalLength(40),
    }
}
