//! The bytes of protocol buffers: as much of the encoding as keysets use, read strictly, written into wiped memory.

use crate::Secret;

/// The bytes are no message, or hold what no keyset holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The value of a field. Keysets have no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A number or the number of an enum (wire type 0).
    Number(u64),
    /// Bytes, text or a message (wire type 2).
    Bytes(&'a [u8]),
}

/// The fields of one message, in the order they stand in.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field with its number; `None` at the end of the message.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = number(self.varint()?)?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            _ => return Err(Malformed),
        };
        Ok(Some((tag >> 3, value)))
    }

    /// Seven bits a byte, the lowest first; only the shortest form of a number is taken, as every writer makes it.
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().enumerate().take(MOST_VARINT) {
            let bits = u64::from(byte & 0x7f);
            let shift = 7 * index;
            if index == MOST_VARINT - 1 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if *byte == 0 && index > 0 {
                    return Err(Malformed);
                }
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(Malformed)
    }
}

/// A `uint32`, or the number of an enum.
pub(super) fn number(value: u64) -> Result<u32, Malformed> {
    u32::try_from(value).map_err(|_| Malformed)
}

/// Fills a field that may stand once.
pub(super) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Malformed> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed),
    }
}

/// Writes a message in the order of `fields`; a number that is zero is left out, as proto3 does.
pub(super) fn message(fields: &[(u32, Value<'_>)]) -> Secret {
    let length = fields.iter().map(|field| length_of(*field)).sum();
    let mut at = 0;
    // The closure can not fail, and the length is exact: nothing is written twice and nothing is left behind.
    let Ok(secret) = Secret::build(length, |out| {
        for (field, value) in fields {
            match value {
                Value::Number(0) => {}
                Value::Number(number) => {
                    put_varint(out, &mut at, u64::from(field << 3));
                    put_varint(out, &mut at, *number);
                }
                Value::Bytes(bytes) => {
                    put_varint(out, &mut at, u64::from(field << 3 | 2));
                    put_varint(out, &mut at, bytes.len() as u64);
                    out[at..at + bytes.len()].copy_from_slice(bytes);
                    at += bytes.len();
                }
            }
        }
        Ok::<(), std::convert::Infallible>(())
    });
    secret
}

fn length_of((field, value): (u32, Value<'_>)) -> usize {
    let tag = varint_length(u64::from(field << 3));
    match value {
        Value::Number(0) => 0,
        Value::Number(number) => tag + varint_length(number),
        Value::Bytes(bytes) => tag + varint_length(bytes.len() as u64) + bytes.len(),
    }
}

fn varint_length(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

fn put_varint(out: &mut [u8], at: &mut usize, mut value: u64) {
    loop {
        let [low, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        out[*at] = if value == 0 { low } else { low | 0x80 };
        *at += 1;
        if value == 0 {
            return;
        }
    }
}

/// Bytes of the longest number: 64 bits in groups of seven.
const MOST_VARINT: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> Result<u64, Malformed> {
        let mut fields = Fields { rest: bytes };
        let value = fields.varint()?;
        bytes = fields.rest;
        assert!(bytes.is_empty());
        Ok(value)
    }

    #[test]
    fn numbers_are_read_in_their_shortest_form_alone() {
        for (bytes, value) in [
            (&[0][..], 0),
            (&[0x7f], 127),
            (&[0x80, 0x01], 128),
            (&[0xac, 0x02], 300),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], u64::from(u32::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], u64::MAX),
        ] {
            assert_eq!(read(bytes), Ok(value));
            assert_eq!(varint_length(value), bytes.len());
            let (mut out, mut at) = (vec![0; bytes.len()], 0);
            put_varint(&mut out, &mut at, value);
            assert_eq!(out, bytes);
        }
        for bytes in [
            &[][..],
            &[0x80],
            &[0x80, 0x00],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            assert_eq!(read(bytes), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn a_message_is_read_back_field_by_field() {
        let written =
            message(&[(1, Value::Number(150)), (2, Value::Bytes(b"testing")), (3, Value::Number(0))]);
        assert_eq!(written.expose(), b"\x08\x96\x01\x12\x07testing");
        let mut fields = Fields::of(written.expose());
        assert_eq!(fields.next(), Ok(Some((1, Value::Number(150)))));
        assert_eq!(fields.next(), Ok(Some((2, Value::Bytes(b"testing")))));
        assert_eq!(fields.next(), Ok(None));
    }

    #[test]
    fn lengths_beyond_the_message_and_other_wire_types_are_refused() {
        for bytes in [&b"\x12\x08testing"[..], b"\x12", b"\x09aaaaaaaa", b"\x0d\x00\x00\x00\x00", b"\x0b\x0c"]
        {
            assert_eq!(Fields::of(bytes).next(), Err(Malformed), "{bytes:?}");
        }
        let huge = b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(Fields::of(huge).next(), Err(Malformed));
    }
}
