//! Object identifiers of any length (X.660, X.690 §8.19), and what they are called.

use super::oid_names;
use super::tlv::{self, Cursor, Fault, Value};
use der::oid::ObjectIdentifier;
use std::fmt::{self, Write};

/// An object identifier as it was encoded; its text is dotted decimal.
///
/// Arcs of up to 128 bits are read, which is what identifiers made of UUIDs need (X.667).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Oid(Box<[u8]>);

impl Oid {
    /// From the content octets of its DER.
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Fault> {
        if value.tag != tlv::OID {
            return Err(value.fault("no OBJECT IDENTIFIER where one belongs"));
        }
        Self::of_content(value.content).ok_or(value.fault("an OBJECT IDENTIFIER that is not encoded as one"))
    }

    pub(super) fn next(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let missing = cursor.fault("no OBJECT IDENTIFIER where one belongs");
        Self::read(&cursor.next()?.ok_or(missing)?)
    }

    /// From content octets without a tag, as an implicitly tagged value has them.
    pub(super) fn of_content(content: &[u8]) -> Option<Self> {
        let whole = content.last().is_some_and(|last| *last < 0x80);
        let fits = |arc: &[u8]| match arc {
            // X.690 §8.19.2: no arc begins with a zero of its own.
            [0x80, ..] => false,
            // The first of 19 groups of seven bits has two left of 128.
            [first, rest @ ..] if rest.len() == LONGEST_ARC - 1 => first & 0x7f < 4,
            _ => arc.len() < LONGEST_ARC,
        };
        let arcs = content.split_inclusive(|octet| *octet < 0x80);
        (whole && arcs.into_iter().all(fits)).then(|| Self(content.into()))
    }

    /// What it is called in the standard that defines it; `None` for those that are not known here.
    pub fn name(&self) -> Option<&'static str> {
        oid_names::of(self.as_bytes())
    }

    /// The content octets of its DER.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn is(&self, known: &ObjectIdentifier) -> bool {
        self.as_bytes() == known.as_bytes()
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arc = 0_u128;
        let mut first = true;
        for octet in self.0.iter() {
            arc = arc << 7 | u128::from(octet & 0x7f);
            if *octet >= 0x80 {
                continue;
            }
            if first {
                // X.690 §8.19.4: the first two arcs share one number.
                let root = (arc / 40).min(2);
                write!(f, "{root}.{}", arc - root * 40)?;
                first = false;
            } else {
                f.write_char('.')?;
                write!(f, "{arc}")?;
            }
            arc = 0;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

/// Groups of seven bits.
const LONGEST_ARC: usize = 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_written_as_everybody_writes_them() {
        for text in ["2.5.29.17", "1.2.840.113549.1.1.11", "0.9.2342.19200300.100.1.25"] {
            let known = ObjectIdentifier::new(text).unwrap();
            assert_eq!(Oid::of_content(known.as_bytes()).unwrap().to_string(), text);
        }
        // An arc below the second root may be as large as it likes.
        assert_eq!(Oid::of_content(&[0x88, 0x37, 1]).unwrap().to_string(), "2.999.1");
        let long = [&[0x69, 0x83][..], &[0xff; 17], &[0x7f]].concat();
        assert_eq!(Oid::of_content(&long).unwrap().to_string(), format!("2.25.{}", u128::MAX));
    }

    #[test]
    fn what_is_no_identifier_is_refused() {
        for content in [
            &[][..],
            &[0x80, 1],
            &[0x2a, 0x80, 1],
            &[0x2a, 0x86],
            &[0xff; 19],
            &[[0x84; 18].as_slice(), &[1]].concat(),
        ] {
            assert_eq!(Oid::of_content(content), None, "{content:x?}");
        }
    }
}
