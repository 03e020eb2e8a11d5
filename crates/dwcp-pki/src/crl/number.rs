//! The numbers of lists (RFC 5280 §5.2.3).

use crate::tlv::{INTEGER, Value};
use std::fmt;

/// A CRL number: non-negative, at most 20 octets (RFC 5280 §5.2.3). Ordered as the numbers are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrlNumber([u8; 20]);

impl CrlNumber {
    /// From the DER of an INTEGER.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        let content = Value::only(der).filter(|value| value.tag == INTEGER)?.content;
        match content {
            [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => None,
            [0, rest @ ..] | rest => Self::from_be_bytes(rest),
        }
    }

    fn from_be_bytes(bytes: &[u8]) -> Option<Self> {
        let mut octets = [0; 20];
        octets.get_mut(20_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
        Some(Self(octets))
    }
}

impl From<u64> for CrlNumber {
    fn from(number: u64) -> Self {
        let mut octets = [0; 20];
        octets[12..].copy_from_slice(&number.to_be_bytes());
        Self(octets)
    }
}

/// Lower-case hexadecimal without leading zeros, as OpenSSL shows it.
impl fmt::Display for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: String = self.0.iter().map(|octet| format!("{octet:02x}")).collect();
        f.write_str(match digits.trim_start_matches('0') {
            "" => "0",
            significant => significant,
        })
    }
}

impl fmt::Debug for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrlNumber({self})")
    }
}
