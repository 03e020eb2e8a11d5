//! Says when a ClientHello has arrived in whole, without keeping a byte of it.

use crate::inspect::{ContentType, LARGEST_MESSAGE};

/// Walks along the first bytes of a connection, cut anywhere.
///
/// It exists for the sake of memory: until the message is whole its bytes lie once, in a buffer that grows with them. The engine,
/// which keeps room for 4 KiB before the first byte and doubles its room as it goes, sees them when there is something to do.
#[derive(Debug, Default)]
pub(crate) struct HelloWalk {
    header: [u8; RECORD_HEADER],
    headed: usize,
    /// What the current record still holds.
    left: usize,
    /// The type of the message and its length.
    message: [u8; MESSAGE_HEADER],
    /// Bytes of the message so far, with its header.
    seen: usize,
}

/// What the bytes so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walked {
    /// A part of a ClientHello.
    Part,
    /// A whole one.
    Whole,
    /// Something that is for the engine to judge, and will be refused.
    Other,
    /// The beginning of a message that announces more than a ClientHello can have.
    Oversized,
}

impl HelloWalk {
    /// Takes the next bytes. Only after [`Walked::Part`] is there another step.
    pub(crate) fn step(&mut self, mut bytes: &[u8]) -> Walked {
        while !bytes.is_empty() {
            let used = if self.left == 0 { self.head(bytes) } else { Some(self.body(bytes)) };
            let Some(used) = used else { return Walked::Other };
            bytes = bytes.get(used..).unwrap_or_default();
            match self.announced() {
                Some(_) if self.message.first() != Some(&CLIENT_HELLO) => return Walked::Other,
                Some(length) if length > LARGEST_MESSAGE => return Walked::Oversized,
                Some(length) if self.seen >= length => return Walked::Whole,
                _ => {}
            }
        }
        Walked::Part
    }

    /// Reads on in the header of a record; `None` when it is none of a handshake record that the engine would wait for.
    fn head(&mut self, bytes: &[u8]) -> Option<usize> {
        let missing = self.header.iter_mut().skip(self.headed);
        let used = missing.zip(bytes).map(|(slot, byte)| *slot = *byte).count();
        self.headed += used;
        let [content_type, major, _, high, low] = self.header;
        // The first byte tells other protocols apart: they may wait for an answer before they send a fifth.
        if content_type != ContentType::Handshake.number() {
            return None;
        }
        if self.headed == RECORD_HEADER {
            let length = usize::from(u16::from_be_bytes([high, low]));
            if major != 3 || length == 0 || length > LARGEST_FRAGMENT {
                return None;
            }
            (self.left, self.headed) = (length, 0);
        }
        Some(used)
    }

    /// Reads on in what a record holds.
    fn body(&mut self, bytes: &[u8]) -> usize {
        let part = bytes.get(..bytes.len().min(self.left)).unwrap_or(bytes);
        let missing = self.message.iter_mut().skip(self.seen);
        missing.zip(part).for_each(|(slot, byte)| *slot = *byte);
        self.seen = self.seen.saturating_add(part.len());
        self.left -= part.len();
        part.len()
    }

    /// The length of the message by its own account, once its header is there.
    fn announced(&self) -> Option<usize> {
        let [_, high, middle, low] = self.message;
        let body = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        (self.seen >= MESSAGE_HEADER).then_some(MESSAGE_HEADER + body)
    }
}

const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;
/// RFC 9846 §4.
const CLIENT_HELLO: u8 = 1;
/// RFC 9846 §5.1.
const LARGEST_FRAGMENT: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of `length` bytes with its header, in records that hold `part` bytes each.
    fn hello(length: usize, part: usize) -> Vec<u8> {
        let [.., high, middle, low] = (length - MESSAGE_HEADER).to_be_bytes();
        let message = [&[CLIENT_HELLO, high, middle, low][..], &vec![7; length - MESSAGE_HEADER]].concat();
        let record = |part: &[u8]| {
            let length = u16::try_from(part.len()).unwrap().to_be_bytes();
            [&[22, 3, 1][..], &length, part].concat()
        };
        message.chunks(part).flat_map(record).collect()
    }

    #[test]
    fn the_last_byte_makes_it_whole_wherever_it_is_cut() {
        for (length, part, segment) in [
            (4, 4, 1),
            (4, 1, 3),
            (300, 300, 1),
            (300, 1, 7),
            (LARGEST_MESSAGE, 16_384, 1000),
            (5000, 333, 4096),
        ] {
            let bytes = hello(length, part);
            let (last, before) = bytes.split_last().unwrap();
            let mut walk = HelloWalk::default();
            for segment in before.chunks(segment) {
                assert_eq!(walk.step(segment), Walked::Part, "{length} in {part}");
            }
            assert_eq!(walk.step(&[*last]), Walked::Whole, "{length} in {part}");
            assert_eq!(HelloWalk::default().step(&bytes), Walked::Whole, "in one piece");
        }
    }

    #[test]
    fn what_is_no_client_hello_is_known_by_its_first_bytes() {
        for (bytes, walked) in [
            (&b"GET / HTTP/1.1"[..], Walked::Other),
            (b"G", Walked::Other),
            (&[22, 2, 0, 0, 1], Walked::Other),
            (&[22, 3, 1, 0, 0], Walked::Other),
            (&[22, 3, 1, 0x40, 1], Walked::Other),
            (&[22, 3, 1, 0, 4, 2, 0, 0, 0], Walked::Other),
            (&[22, 3, 1, 0, 4, 1, 0, 0x3f, 0xfd], Walked::Oversized),
            (&[22, 3, 1, 0, 4, 1, 0, 0x3f, 0xfc], Walked::Part),
            // An alert, or anything else, between two parts.
            (&[22, 3, 1, 0, 1, 1, 21, 3, 3, 0, 2, 1, 0], Walked::Other),
            (&[22], Walked::Part),
        ] {
            assert_eq!(HelloWalk::default().step(bytes), walked, "{bytes:02x?}");
        }
    }
}
