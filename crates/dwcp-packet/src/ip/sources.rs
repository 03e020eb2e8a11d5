//! Where a peer's packets may come from: its own inner addresses and no others.

use super::{PacketMetadata, Prefix};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

/// The addresses from which one peer may send, in at most [`AllowedSources::MAX`] prefixes.
///
/// Authentication says which peer sealed a packet, and nothing about the addresses inside: without this check each peer of a
/// tunnel could speak in the name of all others. Prefixes that overlap or touch are joined when the list is made, so a
/// check is two comparisons for each of at most ten steps, allocates nothing, and takes no longer for a list that a peer could
/// influence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSources {
    // Disjoint, sorted, inclusive.
    v4: Vec<(u128, u128)>,
    v6: Vec<(u128, u128)>,
}

impl AllowedSources {
    /// The most prefixes of one peer.
    pub const MAX: usize = 1_024;

    /// Takes the prefixes; none at all permits nothing.
    ///
    /// # Errors
    ///
    /// [`TooManyPrefixes`] beyond [`AllowedSources::MAX`], before any further prefix is looked at.
    pub fn new(prefixes: impl IntoIterator<Item = Prefix>) -> Result<Self, TooManyPrefixes> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (index, prefix) in prefixes.into_iter().enumerate() {
            if index == Self::MAX {
                return Err(TooManyPrefixes);
            }
            let ranges = if prefix.address().is_ipv4() { &mut v4 } else { &mut v6 };
            ranges.push(prefix.range());
        }
        Ok(Self { v4: joined(v4), v6: joined(v6) })
    }

    /// Whether a packet may come from this peer; asked for each packet, after it was authenticated.
    ///
    /// Whatever the list says, these are never a source: multicast and broadcast (RFC 1122 §3.2.1.3, RFC 4291 §2.7),
    /// loopback, IPv4-mapped and IPv4-compatible IPv6 (a service with one socket for both would take the first for the IPv4 address),
    /// and all of 0.0.0.0/8 and `::`. Address configuration needs the last two (DHCP, duplicate address detection), on links: a tunnel
    /// carries neither. Addresses of one link (routing protocols use them in tunnels), and IPv4 that is embedded in other IPv6 addresses
    /// (6to4, NAT64), are for the prefixes to say. A home address (RFC 6275 §6.3), which the receiver would take for the source, must be permitted
    /// too.
    ///
    /// # Security
    ///
    /// It is about sources. Where a packet goes, what it carries inside (protocols 4, 41, 47: another packet with a source of its own), and
    /// [routes](PacketMetadata::routed) that its sender chose are the caller's to judge.
    ///
    /// # Errors
    ///
    /// [`RefusedSource`] with the address that is in the way.
    pub fn permit(&self, packet: &PacketMetadata) -> Result<PermittedSource, RefusedSource> {
        self.judge(packet.source)?;
        if let Some(home) = packet.home_address {
            self.judge(IpAddr::V6(home))?;
        }
        Ok(PermittedSource { address: packet.source })
    }

    fn judge(&self, address: IpAddr) -> Result<(), RefusedSource> {
        if is_never_a_source(address) {
            return Err(RefusedSource::Never(address));
        }
        let (ranges, bits) = match address {
            IpAddr::V4(v4) => (&self.v4, u128::from(v4.to_bits())),
            IpAddr::V6(v6) => (&self.v6, v6.to_bits()),
        };
        let behind = ranges.partition_point(|(first, _)| *first <= bits);
        let inside =
            behind.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| bits <= *last);
        if inside { Ok(()) } else { Err(RefusedSource::NotAllowed(address)) }
    }
}

/// That a peer may send from this address; only [`AllowedSources::permit`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct PermittedSource {
    address: IpAddr,
}

impl PermittedSource {
    /// The source address.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

/// Why a packet may not come from this peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusedSource {
    /// The address is none of this peer's.
    NotAllowed(IpAddr),
    /// No packet in a tunnel comes from such an address, whatever the list says.
    Never(IpAddr),
}

impl fmt::Display for RefusedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed(address) => write!(f, "{address} is not an address of this peer"),
            Self::Never(address) => write!(f, "{address} is never the source of a packet in a tunnel"),
        }
    }
}

impl core::error::Error for RefusedSource {}

/// More prefixes than [`AllowedSources::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPrefixes;

impl fmt::Display for TooManyPrefixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a peer has at most {} prefixes", AllowedSources::MAX)
    }
}

impl core::error::Error for TooManyPrefixes {}

fn is_never_a_source(address: IpAddr) -> bool {
    if address.is_multicast() || address.is_loopback() {
        return true;
    }
    match address {
        // RFC 1122 §3.2.1.3: 0.0.0.0/8 is "this network".
        IpAddr::V4(v4) => v4.is_broadcast() || v4.octets()[0] == 0,
        // The first 96 bits zero: unspecified, and IPv4-compatible (RFC 4291 §2.5.5.1).
        IpAddr::V6(v6) => v6.to_ipv4_mapped().is_some() || v6.to_bits() >> 32 == 0,
    }
}

/// Sorted, and without overlaps: each check then needs to look at one range only.
fn joined(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut out: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match out.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => out.push((first, last)),
        }
    }
    out
}
