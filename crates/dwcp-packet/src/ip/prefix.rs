//! Address prefixes: which addresses a peer's packets may come from.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

/// A network in CIDR notation (RFC 4632 §3.1), `10.0.0.0/8` or `2001:db8::/32`; an address without a length is one host.
///
/// Reading it is strict, since what is written here lets traffic through: bits below the length must be zero; zone ids,
/// octal or shortened IPv4 text, and lengths with signs or leading zeros are refused. An IPv4-mapped IPv6 network is refused
/// in favour of the IPv4 network that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// A prefix of `length` bits.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] names the rule that is broken.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        if address.to_canonical() != address {
            return Err(PrefixError::Mapped);
        }
        let (bits, width) = left_aligned(address);
        if length > width {
            return Err(PrefixError::Malformed);
        }
        if bits.checked_shl(u32::from(length)).unwrap_or(0) != 0 {
            return Err(PrefixError::HostBits);
        }
        Ok(Self { address, length })
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many leading bits all addresses share.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Whether `address` is in this network. An IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) counts as its IPv4 address, so it is
    /// in no IPv6 network, not even `::/0`.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let ((net, _), (host, _)) = (left_aligned(self.address), left_aligned(address));
        self.address.is_ipv4() == address.is_ipv4() && (net ^ host).leading_zeros() >= u32::from(self.length)
    }

    /// First and last address, as numbers of 32 or 128 bits.
    pub(super) fn range(&self) -> (u128, u128) {
        let (bits, width) = left_aligned(self.address);
        let hosts = u128::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
        let unused = 128 - u32::from(width);
        (bits >> unused, (bits | hosts) >> unused)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        // The longest text that can be right: 45 characters of IPv6 that ends as IPv4 does, a slash, three digits.
        if text.len() > 49 {
            return Err(PrefixError::Malformed);
        }
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| PrefixError::Malformed)?;
        let length = match length {
            None => left_aligned(address).1,
            Some("0") => 0,
            // A sign or a leading zero is read differently by others.
            Some(digits) if digits.starts_with(|first: char| matches!(first, '1'..='9')) => {
                digits.parse().map_err(|_| PrefixError::Malformed)?
            }
            Some(_) => return Err(PrefixError::Malformed),
        };
        Self::new(address, length)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Why a text, or an address and a length, are no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrefixError {
    /// Not an address with an optional `/length`.
    Malformed,
    /// Bits below the length are set, so that either the address or the length is not what was meant.
    HostBits,
    /// An IPv4-mapped IPv6 address.
    Mapped,
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => {
                "is no prefix: write an address and a length, for example 10.0.0.0/8 or 2001:db8::/32"
            }
            Self::HostBits => "has address bits set below its length",
            Self::Mapped => "is an IPv4-mapped IPv6 address: write the IPv4 prefix",
        })
    }
}

impl core::error::Error for PrefixError {}

/// The address from the highest bit on, and how many bits it has.
fn left_aligned(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}
