//! One TLS record: a header of five bytes and what it holds.

use super::code_points::VersionCode;
use super::error::InspectError;
use std::fmt;

/// A record (RFC 9846 §5.1), borrowed from what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsRecord<'a> {
    content_type: ContentType,
    legacy_version: VersionCode,
    payload: &'a [u8],
}

/// What a record holds, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentType {
    /// `change_cipher_spec` (20): nothing but a leftover in TLS 1.3.
    ChangeCipherSpec,
    /// `alert` (21).
    Alert,
    /// `handshake` (22).
    Handshake,
    /// `application_data` (23): also everything that is protected in TLS 1.3.
    ApplicationData,
    /// `heartbeat` (24).
    Heartbeat,
    /// Any other number.
    Other(u8),
}

impl<'a> TlsRecord<'a> {
    /// Reads the record that `bytes` begin with, and returns it with what follows; `None` while it is not whole.
    ///
    /// The bounds are those of protected records, so that a whole connection can be walked through. The type is kept whatever
    /// it is.
    ///
    /// # Errors
    /// As soon as the header is there: [`InspectError::RecordOversized`] above [`LARGEST_RECORD`], and
    /// [`InspectError::RecordVersion`] when the version does not begin with 3. RFC 9846 §5.1 has the version ignored; its
    /// first byte never was another in any SSL 3.0 or TLS, and other protocols are told apart by it.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, InspectError> {
        let Some((header, rest)) = bytes.split_first_chunk() else { return Ok(None) };
        let header = RecordHeader::read(*header, LARGEST_RECORD)?;
        let Some((payload, rest)) = rest.split_at_checked(header.length) else { return Ok(None) };
        let RecordHeader { content_type, legacy_version, .. } = header;
        Ok(Some((Self { content_type, legacy_version, payload }, rest)))
    }

    /// What it holds.
    pub fn content_type(&self) -> ContentType {
        self.content_type
    }

    /// The version in the header: `0x0301` or `0x0303` whatever is spoken (RFC 9846 §5.1).
    pub fn legacy_version(&self) -> VersionCode {
        self.legacy_version
    }

    /// What is in it, at most [`LARGEST_RECORD`] bytes.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

impl ContentType {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::ApplicationData => 23,
            Self::Heartbeat => 24,
            Self::Other(number) => number,
        }
    }
}

impl From<u8> for ContentType {
    fn from(number: u8) -> Self {
        match number {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            24 => Self::Heartbeat,
            number => Self::Other(number),
        }
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChangeCipherSpec => "change_cipher_spec",
            Self::Alert => "alert",
            Self::Handshake => "handshake",
            Self::ApplicationData => "application_data",
            Self::Heartbeat => "heartbeat",
            Self::Other(number) => return write!(f, "content type {number}"),
        })
    }
}

/// The first five bytes of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordHeader {
    pub(super) content_type: ContentType,
    pub(super) legacy_version: VersionCode,
    pub(super) length: usize,
}

impl RecordHeader {
    pub(super) fn read(bytes: [u8; RECORD_HEADER], limit: usize) -> Result<Self, InspectError> {
        let [content_type, major, minor, high, low] = bytes;
        let legacy_version = VersionCode::from(u16::from_be_bytes([major, minor]));
        if major != 3 {
            return Err(InspectError::RecordVersion(legacy_version));
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > limit {
            return Err(InspectError::RecordOversized { length, limit });
        }
        Ok(Self { content_type: content_type.into(), legacy_version, length })
    }
}

/// The most a protected record holds: 2^14 bytes and 256 for the protection (RFC 9846 §5.2).
pub const LARGEST_RECORD: usize = LARGEST_PLAINTEXT + 256;

/// The most a record in plaintext holds (RFC 9846 §5.1).
pub(super) const LARGEST_PLAINTEXT: usize = 1 << 14;

pub(super) const RECORD_HEADER: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_whole_or_more_is_needed() {
        let bytes = [23, 3, 3, 0, 2, 7, 8, 21, 3];
        for cut in 0..7 {
            assert_eq!(TlsRecord::parse(&bytes[..cut]), Ok(None), "{cut}");
        }
        let (record, rest) = TlsRecord::parse(&bytes).unwrap().unwrap();
        assert_eq!((record.content_type(), record.payload()), (ContentType::ApplicationData, &[7, 8][..]));
        assert_eq!((record.legacy_version().code_point(), rest), (0x0303, &[21, 3][..]));
    }

    #[test]
    fn the_bounds_hold_as_soon_as_the_header_is_there() {
        let length = u16::try_from(LARGEST_RECORD).unwrap();
        let header = |length: u16| [&[23, 3, 3][..], &length.to_be_bytes()].concat();
        assert_eq!(TlsRecord::parse(&header(length)), Ok(None));
        let refused = InspectError::RecordOversized { length: LARGEST_RECORD + 1, limit: LARGEST_RECORD };
        assert_eq!(TlsRecord::parse(&header(length + 1)), Err(refused));
        let refused = TlsRecord::parse(b"GET / HTTP/1.1\r\n").unwrap_err();
        assert!(matches!(refused, InspectError::RecordVersion(_)), "{refused}");
    }

    #[test]
    fn every_number_is_kept() {
        for number in 0..=u8::MAX {
            assert_eq!(ContentType::from(number).number(), number);
        }
        assert_eq!(ContentType::from(99).to_string(), "content type 99");
    }
}
