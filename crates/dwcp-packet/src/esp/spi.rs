//! The number by which a receiver finds the key of a packet.

use super::SetupError;
use std::fmt;

/// A Security Parameters Index (RFC 4303 §2.1): 256 to 2^32 − 1.
///
/// Zero never is on the wire: in UDP four zero bytes mean that what follows is no ESP packet (RFC 3948 §2.2). 1 to 255 are reserved.
///
/// It is no secret and proves nothing: whoever sees one packet can send others under its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spi(u32);

impl Spi {
    /// The lowest that may be used.
    pub const MIN: Self = Self(256);

    /// An index of the caller's choice.
    ///
    /// # Errors
    /// [`SetupError::ReservedSpi`] below 256.
    pub const fn new(index: u32) -> Result<Self, SetupError> {
        if index < Self::MIN.0 { Err(SetupError::ReservedSpi) } else { Ok(Self(index)) }
    }

    /// An index drawn at random, for whoever has no table to take it from.
    ///
    /// # Errors
    /// [`SetupError::Crypto`] when the operating system gives no randomness.
    pub fn random() -> Result<Self, SetupError> {
        let drawn = u32::from_be_bytes(dwcp_crypto::random::array()?);
        // The reserved ones are folded upwards: a bias of 2^-24, in a number that is no secret.
        Ok(if drawn < Self::MIN.0 { Self(drawn | Self::MIN.0) } else { Self(drawn) })
    }

    /// The number itself.
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(super) const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl TryFrom<u32> for Spi {
    type Error = SetupError;

    fn try_from(index: u32) -> Result<Self, SetupError> {
        Self::new(index)
    }
}

/// As tshark and most configuration files write it: `0x00001001`.
impl fmt::Display for Spi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_indexes_are_refused_and_never_drawn() {
        for index in 0..256 {
            assert_eq!(Spi::new(index), Err(SetupError::ReservedSpi));
        }
        assert_eq!(Spi::new(256).unwrap(), Spi::MIN);
        assert_eq!(Spi::new(u32::MAX).unwrap().get(), u32::MAX);
        assert!((0..10_000).all(|_| Spi::random().unwrap() >= Spi::MIN));
        assert_eq!(Spi::new(0x1001).unwrap().to_string(), "0x00001001");
    }
}
