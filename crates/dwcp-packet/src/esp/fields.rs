//! The fields of a packet, with their places.

use super::layout::{HEADER, Layout};
use super::padding::Trailer;
use std::ops::Range;

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldKind {
    /// The IP header before ESP, with its extensions: in transport mode. Neither encrypted nor authenticated.
    IpHeader,
    /// The index of the key.
    Spi,
    /// The lower 32 bits of the sequence number.
    Sequence,
    /// The initialization vector.
    Iv,
    /// All that is encrypted, where it can not be looked into.
    Ciphertext,
    /// What the packet carries: an IP packet in tunnel mode, its upper layer in transport mode.
    Payload,
    /// Zeros that hide the length of the payload (RFC 4303 §2.7).
    ConfidentialityPadding,
    /// Padding to the block: 1, 2, 3 and so on.
    Padding,
    /// How many bytes of padding there are.
    PadLength,
    /// What the payload is: 4 for IPv4, 41 for IPv6, 59 for nothing, in transport mode the protocol.
    NextHeader,
    /// The tag, which the standard calls integrity check value.
    Icv,
}

impl FieldKind {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::IpHeader => "ip-header",
            Self::Spi => "spi",
            Self::Sequence => "sequence",
            Self::Iv => "iv",
            Self::Ciphertext => "ciphertext",
            Self::Payload => "payload",
            Self::ConfidentialityPadding => "tfc-padding",
            Self::Padding => "padding",
            Self::PadLength => "pad-length",
            Self::NextHeader => "next-header",
            Self::Icv => "icv",
        }
    }

    /// Whether it is sent encrypted.
    pub fn is_encrypted(self) -> bool {
        match self {
            Self::Ciphertext
            | Self::Payload
            | Self::ConfidentialityPadding
            | Self::Padding
            | Self::PadLength
            | Self::NextHeader => true,
            Self::IpHeader | Self::Spi | Self::Sequence | Self::Iv | Self::Icv => false,
        }
    }
}

/// One field of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// What it is.
    pub kind: FieldKind,
    /// Where it begins, counted from the packet's first byte.
    pub offset: usize,
    /// How many bytes it has: one at least.
    pub length: usize,
}

impl Field {
    /// Its stable name.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Where it lies.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.length
    }
}

/// The fields of a packet, in the order of its bytes.
#[derive(Clone, Debug)]
pub struct Fields {
    lengths: std::array::IntoIter<(FieldKind, usize), FIELDS>,
    offset: usize,
}

impl Fields {
    pub(super) fn of(at: usize, layout: Layout, body: Body) -> Self {
        let (ciphertext, payload, trailer, fixed) = match body {
            Body::Closed(length) => (length, 0, Trailer { confidentiality: 0, padding: 0 }, 0),
            Body::Known { payload, trailer } => (0, payload, trailer, Trailer::FIXED / 2),
        };
        let lengths = [
            (FieldKind::IpHeader, at),
            (FieldKind::Spi, HEADER / 2),
            (FieldKind::Sequence, HEADER / 2),
            (FieldKind::Iv, layout.iv),
            (FieldKind::Ciphertext, ciphertext),
            (FieldKind::Payload, payload),
            (FieldKind::ConfidentialityPadding, trailer.confidentiality),
            (FieldKind::Padding, trailer.padding),
            (FieldKind::PadLength, fixed),
            (FieldKind::NextHeader, fixed),
            (FieldKind::Icv, layout.tag),
        ];
        Self { lengths: lengths.into_iter(), offset: 0 }
    }
}

impl Iterator for Fields {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        let (kind, length) = self.lengths.find(|(_, length)| *length != 0)?;
        let offset = self.offset;
        self.offset += length;
        Some(Field { kind, offset, length })
    }
}

/// What is known of the encrypted part.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// Its length.
    Closed(usize),
    /// What was put into it.
    Known { payload: usize, trailer: Trailer },
}

const FIELDS: usize = 11;
