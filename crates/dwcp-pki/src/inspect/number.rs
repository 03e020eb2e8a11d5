//! INTEGERs of any length and sign (X.690 §8.3), since a serial number may be odd and must still be shown.

use super::tlv::{self, Cursor, Fault, Value};
use std::fmt;

/// An INTEGER as it was encoded. Its text is hexadecimal with two digits an octet, a minus sign where it is negative.
#[derive(Clone, PartialEq, Eq)]
pub struct Number(Box<[u8]>);

impl Number {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Fault> {
        if value.tag != tlv::INTEGER {
            return Err(value.fault("no INTEGER where one belongs"));
        }
        Self::of_content(value)
    }

    /// From a value whose tag was looked at, as an implicitly tagged one.
    pub(super) fn of_content(value: &Value<'_>) -> Result<Self, Fault> {
        if value.content.is_empty() {
            return Err(value.fault("an INTEGER without a single octet"));
        }
        Ok(Self(value.content.into()))
    }

    pub(super) fn next(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let missing = cursor.fault("no INTEGER where one belongs");
        Self::read(&cursor.next()?.ok_or(missing)?)
    }

    /// The number, where it is not negative and fits.
    pub fn as_u64(&self) -> Option<u64> {
        let significant = self.significant();
        if self.is_negative() || significant.len() > 8 {
            return None;
        }
        Some(significant.iter().fold(0, |sum, octet| sum << 8 | u64::from(*octet)))
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.first().is_some_and(|first| *first >= 0x80)
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|octet| *octet == 0)
    }

    /// Whether it is the shortest encoding of its number, which DER asks for (X.690 §8.3.2).
    pub fn is_canonical(&self) -> bool {
        !matches!(*self.0, [0, second, ..] if second < 0x80)
            && !matches!(*self.0, [0xff, second, ..] if second >= 0x80)
    }

    /// The content octets of its DER.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Without the octets that are zero in front; meaningful for numbers that are not negative.
    pub(super) fn significant(&self) -> &[u8] {
        let zeros = self.0.iter().take_while(|octet| **octet == 0).count();
        self.0.get(zeros..).unwrap_or(&[])
    }

    /// How many bits it takes, sign aside.
    pub(super) fn bits(&self) -> usize {
        let significant = self.significant();
        let spare = significant.first().map_or(0, |first| first.leading_zeros() as usize);
        significant.len() * 8 - spare
    }

    /// The octets of its absolute value, two's complement undone.
    fn magnitude(&self) -> Vec<u8> {
        let mut octets: Vec<u8> = self.0.to_vec();
        if self.is_negative() {
            let mut carry = true;
            for octet in octets.iter_mut().rev() {
                let (next, overflow) = (!*octet).overflowing_add(u8::from(carry));
                (*octet, carry) = (next, overflow);
            }
        }
        octets
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negative() {
            f.write_str("-")?;
        }
        let octets = self.magnitude();
        let zeros =
            octets.iter().take_while(|octet| **octet == 0).count().min(octets.len().saturating_sub(1));
        octets.iter().skip(zeros).try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(content: &[u8]) -> Number {
        Number(content.into())
    }

    #[test]
    fn at_x10_odd_serials_are_shown_as_what_they_are() {
        for (content, text) in [
            (&[0][..], "00"),
            (&[0, 0x80], "80"),
            (&[0xff], "-01"),
            (&[0x80], "-80"),
            (&[0xff, 0x01], "-ff"),
            (&[0, 0, 1], "01"),
        ] {
            assert_eq!(number(content).to_string(), text, "{content:x?}");
        }
        assert!(!number(&[0, 1]).is_canonical() && !number(&[0xff, 0xff]).is_canonical());
        assert!(number(&[0]).is_canonical() && number(&[0xff]).is_canonical());
        assert_eq!(number(&[1; 40]).to_string().len(), 80);
        assert_eq!((number(&[0, 0xff]).bits(), number(&[1, 0, 1]).bits()), (8, 17));
        assert_eq!((number(&[1, 0, 1]).as_u64(), number(&[0xff]).as_u64()), (Some(65_537), None));
    }
}
