//! DER values read in place, without recursion and without a copy: what lists of a million entries are walked with.

/// One value: its tag, its content, and the whole of it with the header.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Values that stand one after the other.
pub(crate) struct Values<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// The value at the start of `bytes`, whatever follows it; `None` for what is no DER with a tag of one octet.
    pub(crate) fn first(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, after_tag) = bytes.split_first()?;
        let (&first, after_first) = after_tag.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, after_header) = match first {
            0..0x80 => (usize::from(first), after_first),
            _ => long_length(usize::from(first & 0x7f), after_first)?,
        };
        let content = after_header.get(..length)?;
        let header = bytes.len() - after_header.len();
        Some(Self { tag, content, whole: bytes.get(..header + length)? })
    }

    /// The one value that `bytes` are.
    pub(crate) fn only(bytes: &'a [u8]) -> Option<Self> {
        Self::first(bytes).filter(|value| value.whole.len() == bytes.len())
    }

    /// What is in it, if it has this tag.
    pub(crate) fn values(self, tag: u8) -> Option<Values<'a>> {
        (self.tag == tag).then_some(Values(self.content))
    }
}

impl<'a> Values<'a> {
    pub(crate) fn new(content: &'a [u8]) -> Self {
        Self(content)
    }

    /// The next value, `Ok(None)` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Value<'a>>, NoDer> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let value = Value::first(self.0).ok_or(NoDer)?;
        self.0 = self.0.get(value.whole.len()..).ok_or(NoDer)?;
        Ok(Some(value))
    }

    /// The next value, which must be there and have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Value<'a>> {
        self.next().ok().flatten().filter(|value| value.tag == tag)
    }

    /// Whether a value of this tag comes next.
    pub(crate) fn comes(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes that are left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// What is no value.
#[derive(Debug)]
pub(crate) struct NoDer;

/// X.690 §8.1.3.5 and §10.1: the shortest form, here of at most four octets.
fn long_length(octets: usize, bytes: &[u8]) -> Option<(usize, &[u8])> {
    if !(1..=4).contains(&octets) {
        return None;
    }
    let (length, rest) = bytes.split_at_checked(octets)?;
    let length = length.iter().fold(0_usize, |length, octet| length << 8 | usize::from(*octet));
    let shortest = length >= 0x80 && bytes.first() != Some(&0);
    shortest.then_some((length, rest))
}

pub(crate) const BOOLEAN: u8 = 1;
pub(crate) const INTEGER: u8 = 2;
pub(crate) const BIT_STRING: u8 = 3;
pub(crate) const OCTET_STRING: u8 = 4;
pub(crate) const OID: u8 = 6;
pub(crate) const ENUMERATED: u8 = 10;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// A context-specific tag of a primitive value.
pub(crate) const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// A context-specific tag of a constructed value.
pub(crate) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_one_form_and_ends_within_what_is_there() {
        let whole = |bytes: &[u8]| Value::first(bytes).map(|value| value.whole.len());
        assert_eq!(whole(&[2, 1, 7, 9]), Some(3));
        let long = [&[4, 0x81, 0x80][..], &[0; 128]].concat();
        assert_eq!((whole(&long), Value::only(&long).is_some()), (Some(131), true));
        for bad in [
            &[][..],
            &[2],
            &[2, 1],
            &[2, 0x80, 0, 0],
            &[2, 0x81, 1, 7],
            &[2, 0x82, 0, 0x80],
            &[0x1f, 1, 0],
            &[2, 0x85, 0, 0, 0, 0, 1, 7],
            &[2, 0xff],
        ] {
            assert_eq!(whole(bad), None, "{bad:x?}");
        }
        assert!(Value::only(&[2, 1, 7, 9]).is_none());
    }
}
