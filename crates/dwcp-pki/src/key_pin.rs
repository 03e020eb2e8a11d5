//! Pins of public keys: the SHA-256 of a SubjectPublicKeyInfo (RFC 7469 §2.4).

use crate::signer::Lent;
use dwcp_crypto::{Signer, digest};
use rcgen::PublicKeyData;
use std::fmt;
use std::str::FromStr;

/// Names one public key whatever certificate carries it. The text form is `sha256/` and 44 characters of base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPin([u8; 32]);

impl KeyPin {
    /// The pin of a DER SubjectPublicKeyInfo, header included.
    pub fn of_key_info(der: &[u8]) -> Self {
        Self(digest::sha256(der))
    }

    /// The pin of the public half of `key`.
    pub fn of_key(key: &dyn Signer) -> Self {
        Self::of_key_info(&Lent(key).subject_public_key_info())
    }

    /// The SHA-256 itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Takes a digest that was computed elsewhere.
impl From<[u8; 32]> for KeyPin {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

/// A text that is no key pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key pin is sha256/ and 44 characters of base64")]
pub struct BadKeyPin;

impl FromStr for KeyPin {
    type Err = BadKeyPin;

    fn from_str(text: &str) -> Result<Self, BadKeyPin> {
        let encoded = text.strip_prefix("sha256/").and_then(|t| t.strip_suffix('=')).ok_or(BadKeyPin)?;
        if encoded.len() != 43 {
            return Err(BadKeyPin);
        }
        let mut bits: u32 = 0;
        let mut waiting = 0;
        let mut out = Vec::with_capacity(32);
        for symbol in encoded.bytes() {
            let value = ALPHABET.iter().position(|a| *a == symbol).ok_or(BadKeyPin)?;
            bits = bits << 6 | u32::try_from(value).map_err(|_| BadKeyPin)?;
            waiting += 6;
            if waiting >= 8 {
                waiting -= 8;
                out.push(u8::try_from(bits >> waiting & 0xff).map_err(|_| BadKeyPin)?);
            }
        }
        // Bits beyond the last octet must be zero, or one pin would have four texts.
        if bits & ((1 << waiting) - 1) != 0 {
            return Err(BadKeyPin);
        }
        out.try_into().map(Self).map_err(|_| BadKeyPin)
    }
}

impl fmt::Display for KeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(44);
        for group in self.0.chunks(3) {
            let bits = group.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b)) << (8 * (3 - group.len()));
            for place in 0..=group.len() {
                text.push(ALPHABET.get(bits >> (18 - 6 * place) & 0x3f).map_or('=', |b| char::from(*b)));
            }
        }
        write!(f, "sha256/{text}=")
    }
}

impl fmt::Debug for KeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPin({self})")
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_standard_base64() {
        let pin = KeyPin::from(digest::sha256(b"abc"));
        assert_eq!(pin.to_string(), "sha256/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }

    #[test]
    fn one_pin_has_one_text() {
        let text = "sha256/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        assert!(text.parse::<KeyPin>().is_ok());
        for other in [
            "sha256/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa1=",
            "sha256/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0",
            "sha1/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
            "sha256/ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=",
            "sha256/=",
            "",
        ] {
            assert_eq!(other.parse::<KeyPin>(), Err(BadKeyPin), "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_pin_makes_the_round_trip(digest in any::<[u8; 32]>()) {
            let pin = KeyPin::from(digest);
            prop_assert_eq!(pin.to_string().parse::<KeyPin>(), Ok(pin));
        }
    }
}
