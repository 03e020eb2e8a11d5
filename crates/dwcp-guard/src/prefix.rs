//! What counts as one source: an IPv4 address, or the /64 an IPv6 host can move about in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The part of an address that one party controls: IPv4 /32, IPv6 /64, and the /48 above it as an aggregate.
///
/// An IPv6 host may pick any of 2^64 addresses in its /64, so a full IPv6 address is never a key. An IPv4-mapped IPv6
/// address (`::ffff:a.b.c.d`, RFC 4291 §2.5.5.2) is the IPv4 address in it: a dual-stack socket gives nobody a second
/// allowance. IPv4 has no aggregate: neighbours in a /24 are strangers to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourcePrefix {
    kind: Kind,
    bits: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    V4,
    V6Site,
    V6Subnet,
}

impl SourcePrefix {
    /// The prefix that `source` is counted under.
    pub fn of(source: IpAddr) -> Self {
        match source.to_canonical() {
            IpAddr::V4(v4) => Self { kind: Kind::V4, bits: u64::from(v4.to_bits()) },
            IpAddr::V6(v6) => Self { kind: Kind::V6Subnet, bits: high_half(v6) },
        }
    }

    /// The /48 around an IPv6 /64, since a site is handed 65 536 of those; `None` for IPv4 and for a /48 itself.
    pub fn aggregate(self) -> Option<Self> {
        match self.kind {
            Kind::V6Subnet => Some(Self { kind: Kind::V6Site, bits: self.bits & !0xFFFF }),
            Kind::V4 | Kind::V6Site => None,
        }
    }

    pub(crate) fn is_aggregate(self) -> bool {
        self.kind == Kind::V6Site
    }
}

/// Network notation, for example `192.0.2.7/32` or `2001:db8::/64`.
impl fmt::Display for SourcePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = || Ipv6Addr::from_bits(u128::from(self.bits) << 64);
        match self.kind {
            Kind::V4 => write!(f, "{}/32", Ipv4Addr::from_bits(u32::try_from(self.bits).unwrap_or(0))),
            Kind::V6Subnet => write!(f, "{}/64", v6()),
            Kind::V6Site => write!(f, "{}/48", v6()),
        }
    }
}

fn high_half(v6: Ipv6Addr) -> u64 {
    u64::try_from(v6.to_bits() >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> SourcePrefix {
        SourcePrefix::of(text.parse().unwrap())
    }

    #[test]
    fn at_g4_an_ipv4_mapped_address_is_the_ipv4_address() {
        assert_eq!(prefix("::ffff:192.0.2.7"), prefix("192.0.2.7"));
        assert_eq!(prefix("192.0.2.7").to_string(), "192.0.2.7/32");
        assert_ne!(prefix("::192.0.2.7"), prefix("192.0.2.7"), "the deprecated compatible form is IPv6");
    }

    #[test]
    fn at_g4_addresses_of_one_subnet_are_one_source_and_subnets_of_one_site_share_an_aggregate() {
        assert_eq!(prefix("2001:db8:1:2::1"), prefix("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(prefix("2001:db8:1:2::1"), prefix("2001:db8:1:3::1"));
        assert_eq!(prefix("2001:db8:1:2::1").aggregate(), prefix("2001:db8:1:3::1").aggregate());
        assert_ne!(prefix("2001:db8:1:2::1").aggregate(), prefix("2001:db8:2:2::1").aggregate());
        assert_eq!(prefix("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        let site = prefix("2001:db8:1:2::1").aggregate().unwrap();
        assert_eq!(site.to_string(), "2001:db8:1::/48");
        assert_eq!(site.aggregate(), None);
        assert_eq!(prefix("192.0.2.7").aggregate(), None);
    }

    #[test]
    fn a_subnet_and_a_site_with_equal_bits_are_different_keys() {
        let subnet = prefix("2001:db8:1::1");
        assert_ne!(Some(subnet), subnet.aggregate());
    }
}
