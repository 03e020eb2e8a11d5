//! One tag, one length, one value (X.690 §8.1): a reader that knows no types, so that nothing odd in a value stops it.

use std::fmt;

/// What does not fit in a piece of DER, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How many bytes into the document.
    pub at: usize,
    /// What is wrong there; one of a fixed set of sentences.
    pub what: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.what, self.at)
    }
}

impl std::error::Error for Fault {}

/// One value: its identifier octet, its content and the whole of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
    /// Where the whole begins in the document.
    pub(crate) at: usize,
}

impl<'a> Value<'a> {
    /// The value at the start of `bytes`, whatever follows it; `None` for what is none.
    pub(crate) fn first(bytes: &'a [u8]) -> Option<Self> {
        Cursor::new(bytes, 0).next().ok()?
    }

    /// The one value that `bytes` are; `None` for anything else. For callers that have words of their own for it.
    pub(crate) fn only(bytes: &'a [u8]) -> Option<Self> {
        Cursor::single(bytes, 0).ok()
    }

    /// The values inside, if it has this tag.
    pub(crate) fn values(&self, tag: u8) -> Option<Cursor<'a>> {
        (self.tag == tag).then(|| self.inside())
    }

    /// The values inside.
    pub(crate) fn inside(&self) -> Cursor<'a> {
        Cursor { rest: self.content, at: self.content_at() }
    }

    /// Where the content begins in the document.
    pub(crate) fn content_at(&self) -> usize {
        self.at + self.whole.len() - self.content.len()
    }

    pub(crate) fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }
}

/// The values of one content, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A reader of `bytes`, which begin at `at` in the document.
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { rest: bytes, at }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }

    /// The identifier octet of the next value.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The bytes that are left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next value, if it is there and of this kind. For callers that have words of their own for what is missing.
    pub(crate) fn take(&mut self, tag: u8) -> Option<Value<'a>> {
        self.next().ok().flatten().filter(|value| value.tag == tag)
    }

    /// The next value, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Value<'a>>, Fault> {
        let Some((&tag, after)) = self.rest.split_first() else { return Ok(None) };
        if tag & 0x1f == 0x1f {
            return Err(self.fault("a tag of more than one octet"));
        }
        let (length, header) = self.length(after)?;
        let whole = header
            .checked_add(length)
            .and_then(|end| self.rest.get(..end))
            .ok_or(self.fault("a value longer than what it stands in"))?;
        let content = whole.get(header..).unwrap_or(&[]);
        let value = Value { tag, content, whole, at: self.at };
        self.rest = self.rest.get(whole.len()..).unwrap_or(&[]);
        self.at += whole.len();
        Ok(Some(value))
    }

    /// The length that `after` begins with, and how long tag and length are together.
    fn length(&self, after: &[u8]) -> Result<(usize, usize), Fault> {
        let truncated = self.fault("a value that is cut off");
        let (&first, rest) = after.split_first().ok_or(truncated)?;
        if first < 0x80 {
            return Ok((usize::from(first), 2));
        }
        let count = usize::from(first & 0x7f);
        if count == 0 {
            return Err(self.fault("an indefinite length, which DER has not"));
        }
        // Four octets count to 4 GiB, far beyond any document that is read.
        if count > 4 {
            return Err(self.fault("a length of more than four octets"));
        }
        let octets = rest.get(..count).ok_or(truncated)?;
        let length = octets.iter().fold(0_usize, |sum, octet| sum << 8 | usize::from(*octet));
        if octets.first() == Some(&0) || length < 0x80 {
            return Err(self.fault("a length that is not written in its shortest form"));
        }
        Ok((length, 2 + count))
    }

    /// The next value, which must be there and of this kind.
    pub(crate) fn expect(&mut self, tag: u8, what: &'static str) -> Result<Value<'a>, Fault> {
        let missing = self.fault(what);
        self.next()?.filter(|value| value.tag == tag).ok_or(missing)
    }

    pub(crate) fn sequence(&mut self) -> Result<Value<'a>, Fault> {
        self.expect(SEQUENCE, "no SEQUENCE where one belongs")
    }

    /// The next value where it is of this kind.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>, Fault> {
        if self.peek() == Some(tag) { self.next() } else { Ok(None) }
    }

    /// Nothing may follow.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        if self.is_empty() { Ok(()) } else { Err(self.fault("more data than belongs here")) }
    }

    /// The one value that `bytes` are.
    pub(crate) fn single(bytes: &'a [u8], at: usize) -> Result<Value<'a>, Fault> {
        let mut cursor = Self::new(bytes, at);
        let value = cursor.next()?.ok_or(Fault { at, what: "nothing where a value belongs" })?;
        cursor.finish()?;
        Ok(value)
    }

    /// The values inside the one SEQUENCE that `bytes` are.
    pub(crate) fn single_sequence(bytes: &'a [u8], at: usize) -> Result<Self, Fault> {
        let value = Self::single(bytes, at)?;
        if value.tag == SEQUENCE {
            Ok(value.inside())
        } else {
            Err(value.fault("no SEQUENCE where one belongs"))
        }
    }
}

/// The content of a BIT STRING: the octets, and how many bits at the end do not count (X.690 §8.6).
pub(crate) fn bit_string<'a>(value: &Value<'a>) -> Result<(&'a [u8], u8), Fault> {
    bits_of(value.content).ok_or(value.fault("a BIT STRING whose first octet is impossible"))
}

fn bits_of(content: &[u8]) -> Option<(&[u8], u8)> {
    let (&unused, octets) = content.split_first()?;
    (unused < 8 && (unused == 0 || !octets.is_empty())).then_some((octets, unused))
}

/// A BOOLEAN; TRUE is 0xff in DER (X.690 §11.1), and anything but zero elsewhere.
pub(crate) fn boolean(value: &Value<'_>) -> Result<bool, Fault> {
    match value.content {
        [0] => Ok(false),
        [0xff] => Ok(true),
        [_] => Err(value.fault("a BOOLEAN that is neither 00 nor ff")),
        _ => Err(value.fault("a BOOLEAN that is not one octet")),
    }
}

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const NUMERIC_STRING: u8 = 0x12;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const TELETEX_STRING: u8 = 0x14;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const VISIBLE_STRING: u8 = 0x1a;
pub(crate) const UNIVERSAL_STRING: u8 = 0x1c;
pub(crate) const BMP_STRING: u8 = 0x1e;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// `[number]`, primitive.
pub(crate) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// `[number]` around other values.
pub(crate) const fn wrapped(number: u8) -> u8 {
    0xa0 | number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_the_first_of_many_or_the_only_one() {
        let bytes = [2, 1, 7, 9];
        assert_eq!(Value::first(&bytes).map(|value| value.whole.len()), Some(3));
        assert!(Value::only(&bytes).is_none() && Value::only(&bytes[..3]).is_some());
        let mut cursor = Cursor::new(&bytes, 0);
        assert!(cursor.take(INTEGER).is_some_and(|value| value.content == [7]));
        assert_eq!(cursor.rest(), [9]);
        assert!(cursor.take(INTEGER).is_none());
        assert!(Value::first(&bytes).and_then(|value| value.values(SEQUENCE)).is_none());
    }

    #[test]
    fn lengths_are_read_in_their_one_form_and_never_beyond_the_end() {
        for (bytes, what) in [
            (&[0x30][..], "cut off"),
            (&[0x30, 0x80, 0, 0], "indefinite"),
            (&[0x30, 0x81, 0x7f], "shortest"),
            (&[0x30, 0x82, 0, 0x80], "shortest"),
            (&[0x30, 0x85, 1, 1, 1, 1, 1], "four octets"),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], "longer than"),
            (&[0x30, 0x01], "longer than"),
            (&[0x1f, 0x81, 0], "more than one octet"),
        ] {
            let fault = Cursor::new(bytes, 7).next().unwrap_err();
            assert!(fault.what.contains(what) && fault.at == 7, "{bytes:x?}: {fault}");
        }
        let inner =
            Cursor::single(&[0x30, 0x03, 0x02, 0x01, 0x05], 0).unwrap().inside().next().unwrap().unwrap();
        assert_eq!((inner.at, inner.content, inner.content_at()), (2, &[5][..], 4));
    }
}
