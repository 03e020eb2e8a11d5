//! Configured networks: the prefixes an operator exempts.

use dwcp_base::{Blame, Coded};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network in CIDR notation, for exemptions.
///
/// Parsing is strict, since what is written here lets traffic through: an address without length is a single host, bits
/// below the prefix must be zero, and zone ids, octal or shortened IPv4 text and lengths with signs or leading zeros are
/// refused. An IPv4-mapped IPv6 network is refused in favour of the IPv4 network that it would stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

impl Network {
    /// Whether `address` lies in this network; an IPv4-mapped IPv6 address is judged as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(host)) => {
                leading(u128::from(net.to_bits() ^ host.to_bits()) << 96) >= self.length
            }
            (IpAddr::V6(net), IpAddr::V6(host)) => leading(net.to_bits() ^ host.to_bits()) >= self.length,
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        // The longest text that can be right: 39 characters of IPv6, a slash, three digits.
        if text.len() > 43 {
            return Err(NetworkError::Malformed);
        }
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Malformed)?;
        if address.to_canonical() != address {
            return Err(NetworkError::Mapped);
        }
        let (bits, width) = match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let length = match length {
            None => width,
            Some(digits) => {
                let canonical =
                    digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
                let length: u8 = digits.parse().map_err(|_| NetworkError::Malformed)?;
                if !canonical || length > width {
                    return Err(NetworkError::Malformed);
                }
                length
            }
        };
        let host_bits = bits.checked_shl(u32::from(length)).unwrap_or(0);
        if host_bits != 0 {
            return Err(NetworkError::HostBits);
        }
        Ok(Self { address, length })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Why a text is no network. It names the rule, and leaves quoting the text to the caller who knows where it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Not an address with an optional `/length`.
    #[error("is not a network: write an address and a length, for example 10.0.0.0/8 or 2001:db8::/32")]
    Malformed,
    /// Bits below the prefix length are set, so that either the address or the length is not what was meant.
    #[error("has address bits set below its length")]
    HostBits,
    /// An IPv4-mapped IPv6 address.
    #[error("is an IPv4-mapped IPv6 address: write the IPv4 network")]
    Mapped,
}

impl Coded for NetworkError {
    fn code(&self) -> &'static str {
        "guard.network.malformed"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

fn leading(difference: u128) -> u8 {
    u8::try_from(difference.leading_zeros()).unwrap_or(128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_in_or_out_at_the_border_of_the_prefix() {
        let cases = [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.7", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
            ("::1/128", "::2", false),
        ];
        for (network, host, inside) in cases {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(host.parse().unwrap()), inside, "{host} in {network}");
        }
    }

    #[test]
    fn at_g9_texts_that_other_parsers_read_differently_are_refused() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "/8",
            "10.0.0.0/33",
            "::/129",
            "010.0.0.0/8",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10/8",
            "0x0a.0.0.0/8",
            "167772160/8",
            "fe80::1%eth0",
            "fe80::%1/64",
            " 10.0.0.0/8",
            "10.0.0.0/8 ",
            "10.0.0.0/8/8",
            "2001:db8::/32\n",
            "localhost",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Malformed), "{text:?}");
        }
        assert_eq!("10.0.0.1/8".parse::<Network>(), Err(NetworkError::HostBits));
        assert_eq!("2001:db8::1/64".parse::<Network>(), Err(NetworkError::HostBits));
        assert_eq!("::ffff:10.0.0.0/104".parse::<Network>(), Err(NetworkError::Mapped));
    }

    #[test]
    fn a_network_makes_the_round_trip() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0", "192.0.2.7/32"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }
}
