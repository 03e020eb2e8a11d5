//! Packets larger than the way inside a tunnel: what is to be done, and who may be told (RFC 4301 §8).

use super::{IpVersion, PacketMetadata, upper};
use core::net::IpAddr;

/// What becomes of a packet on a path of a given size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// It fits as it is.
    Whole,
    /// It is too large, and may be cut into fragments before it is sealed: IPv4 without DF.
    Fragment,
    /// It is too large and may not be cut. Its sender has to learn how large packets may be: ICMP type 3 code 4
    /// (RFC 1191 §4) or ICMPv6 type 2 (RFC 4443 §3.2), unless [`PacketMetadata::is_answerable`] says no.
    TooBig {
        /// The size to tell. For IPv6 never below 1 280, which every link carries (RFC 8200 §5).
        mtu: usize,
    },
    /// An IPv6 packet of at most 1 280 bytes on a path that does not even carry those: the tunnel must fragment its own
    /// packets around it (RFC 2473 §7.1), since no answer would help.
    FragmentOutside,
}

impl PacketMetadata {
    /// Judges the size of this packet by `mtu`: the largest inner packet, in bytes, that the path carries once it is sealed.
    pub fn fit(&self, mtu: usize) -> Fit {
        const IPV6_LEAST: usize = 1_280;
        if self.total_len <= mtu {
            return Fit::Whole;
        }
        match self.version {
            IpVersion::V4 if !self.dont_fragment => Fit::Fragment,
            IpVersion::V4 => Fit::TooBig { mtu },
            IpVersion::V6 if self.total_len <= IPV6_LEAST => Fit::FragmentOutside,
            IpVersion::V6 => Fit::TooBig { mtu: mtu.max(IPV6_LEAST) },
        }
    }

    /// Whether an ICMP error may be sent about this packet: not about another error, which could go on for ever, not about a
    /// fragment that is not the first, and not to or from addresses that stand for none or many (RFC 1122 §3.2.2,
    /// RFC 4443 §2.4). Packets to a multicast group may be answered with "too big" in IPv6 alone.
    pub fn is_answerable(&self) -> bool {
        let Some(protocol) = self.upper_layer() else { return false };
        let quiet = match (protocol, self.icmp) {
            // Requests and replies; all other types are errors, or not known.
            (upper::ICMP, Some((kind, _))) => !matches!(kind, 0 | 8 | 9 | 10 | 13..=18),
            (upper::ICMP6, Some((kind, _))) => kind < 128,
            (upper::ICMP | upper::ICMP6, None) => true,
            _ => false,
        };
        let one = |address: IpAddr| {
            let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
            !(broadcast || address.is_unspecified() || address.is_multicast())
        };
        let to_group = self.version == IpVersion::V4 && !one(self.destination);
        !quiet && !to_group && one(self.source) && !self.source.is_loopback()
    }
}
