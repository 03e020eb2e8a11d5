//! Serial numbers of certificates (RFC 5280 §4.1.2.2).

use crate::ParseError;
use dwcp_crypto::CryptoError;
use std::fmt;
use std::str::FromStr;

/// A certificate's serial number: positive, at most 20 octets, one value for one number.
///
/// Octets with leading zeros and without are the same serial, so that a blocklist can not be slipped past by padding.
/// The text form is lower-case hexadecimal with two digits an octet; reading tolerates upper case, colons, leading
/// zeros and a leading `0x`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial {
    /// Right-aligned, so that the derived order is the order of the numbers.
    octets: [u8; LONGEST],
}

impl Serial {
    /// From the big-endian octets of a positive number; leading zeros do not count.
    ///
    /// # Errors
    /// [`ParseError::Serial`] for zero and for more than 20 octets.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        let significant =
            bytes.iter().position(|b| *b != 0).map_or(&[][..], |at| bytes.get(at..).unwrap_or(&[]));
        if significant.is_empty() || significant.len() > LONGEST {
            return Err(ParseError::Serial);
        }
        let mut octets = [0; LONGEST];
        octets[LONGEST - significant.len()..].copy_from_slice(significant);
        Ok(Self { octets })
    }

    /// From the content octets of a DER INTEGER.
    ///
    /// # Errors
    /// [`ParseError::Serial`] for what is negative, zero, longer than 20 octets or not the shortest encoding.
    pub fn from_der_integer(content: &[u8]) -> Result<Self, ParseError> {
        match content {
            [] => Err(ParseError::Serial),
            [first, ..] if *first >= 0x80 => Err(ParseError::Serial),
            // X.690 §8.3.2: a leading zero only where the next octet would read as a sign.
            [0, second, ..] if *second < 0x80 => Err(ParseError::Serial),
            _ => Self::from_be_bytes(content),
        }
    }

    /// A fresh serial of 159 random bits, so that its encoding never needs a 21st octet.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when the operating system gives none.
    pub fn random() -> Result<Self, CryptoError> {
        let mut octets = dwcp_crypto::random::array::<LONGEST>()?;
        octets[0] &= 0x7f;
        // One draw in 2^159 is zero, which is no serial.
        if octets == [0; LONGEST] {
            octets[LONGEST - 1] = 1;
        }
        Ok(Self { octets })
    }

    /// All 20 octets, leading zeros included.
    pub(crate) fn octets(&self) -> &[u8; LONGEST] {
        &self.octets
    }

    /// The number in big-endian octets without leading zeros: 1 to 20 of them.
    pub fn as_be_bytes(&self) -> &[u8] {
        let zeros = self.octets.iter().take_while(|b| **b == 0).count();
        self.octets.get(zeros..).unwrap_or(&[])
    }
}

impl FromStr for Serial {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > LONGEST_TEXT {
            return Err(ParseError::Serial);
        }
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let nibbles: Vec<u8> = digits
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(ParseError::Serial))
            .collect::<Result<_, _>>()?;
        let octets: Vec<u8> =
            nibbles.rchunks(2).map(|pair| pair.iter().fold(0, |n, d| n << 4 | d)).rev().collect();
        Self::from_be_bytes(&octets)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_be_bytes().iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

const LONGEST: usize = 20;
/// Room for colons, a prefix and padding; nothing longer is looked at.
const LONGEST_TEXT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_x10_zero_negative_and_oversized_serials_are_refused() {
        for text in ["", "0", "00", "00:00", "-1", "g1", "0x", "1 2"] {
            assert_eq!(text.parse::<Serial>(), Err(ParseError::Serial), "{text:?}");
        }
        assert!("f".repeat(40).parse::<Serial>().is_ok());
        assert_eq!("f".repeat(41).parse::<Serial>(), Err(ParseError::Serial));
        assert_eq!("0".repeat(300).parse::<Serial>(), Err(ParseError::Serial));
        for content in [&[][..], &[0], &[0x80], &[0xff, 0xff], &[0, 1], &[0, 0, 0x80]] {
            assert_eq!(Serial::from_der_integer(content), Err(ParseError::Serial), "{content:x?}");
        }
        let mut longest = [0xff; 21];
        longest[0] = 0;
        assert!(Serial::from_der_integer(&longest).is_ok());
        assert_eq!(Serial::from_der_integer(&[1; 21]), Err(ParseError::Serial));
    }

    #[test]
    fn at_x10_leading_zeros_do_not_make_another_serial() {
        let plain: Serial = "ab01".parse().unwrap();
        for text in ["00AB01", "0:0:a:b:0:1", "00:00:ab:01", "0xab01", "AB01"] {
            assert_eq!(text.parse(), Ok(plain), "{text}");
        }
        assert_eq!(Serial::from_be_bytes(&[0, 0, 0xab, 1]), Ok(plain));
        assert_eq!(Serial::from_der_integer(&[0, 0xab, 1]), Ok(plain));
        assert_eq!("f".parse::<Serial>().unwrap().to_string(), "0f");
    }

    #[test]
    fn order_is_the_order_of_numbers() {
        let mut serials: Vec<Serial> = ["0100", "ff", "1", "fffe"].map(|t| t.parse().unwrap()).to_vec();
        serials.sort();
        assert_eq!(serials.iter().map(ToString::to_string).collect::<Vec<_>>(), ["01", "ff", "0100", "fffe"]);
    }

    #[test]
    fn at_x15_random_serials_fit_twenty_octets_and_differ() {
        let drawn: std::collections::BTreeSet<Serial> =
            (0..1_000).map(|_| Serial::random().unwrap()).collect();
        assert_eq!(drawn.len(), 1_000);
        assert!(drawn.iter().all(|s| s.octets[0] < 0x80));
        // Of a thousand honest draws nearly all use more than 64 bits.
        assert!(drawn.iter().filter(|s| s.as_be_bytes().len() > 16).count() > 990);
    }

    proptest! {
        #[test]
        fn text_makes_the_round_trip(octets in proptest::collection::vec(any::<u8>(), 0..24)) {
            if let Ok(serial) = Serial::from_be_bytes(&octets) {
                prop_assert_eq!(serial.to_string().parse::<Serial>(), Ok(serial));
            }
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<Serial>();
        }
    }
}
