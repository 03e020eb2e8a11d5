//! A file with documents in it: DER, or PEM with any number of sections.

use super::armor::{self, Content};
use super::tlv::{Cursor, SEQUENCE};
use super::{InspectError, Inspected, text};

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// What can be shown, in order, with those in between that ought to be shown and can not.
    pub documents: Vec<Result<Inspected, InspectError>>,
    /// The labels of PEM sections of other kinds, in order, escaped and at most 64 characters each.
    pub left_out: Vec<String>,
    /// How many private keys there are. Nothing more is known of them: not even their base64 was decoded.
    pub private_keys: usize,
}

impl Contents {
    /// Documents that came another way, in their order.
    pub fn of(documents: Vec<Result<Inspected, InspectError>>) -> Self {
        Self { documents, left_out: Vec::new(), private_keys: 0 }
    }

    /// Reads a file of at most 92 MiB with at most 4096 PEM sections.
    ///
    /// # Errors
    /// [`InspectError`] where there is nothing to show. With PEM, a section that can not be read is no error but one of
    /// [`documents`](Self::documents); a file of nothing but private keys and strange sections is none either.
    pub fn read(file: &[u8]) -> Result<Self, InspectError> {
        if file.len() > LARGEST_FILE {
            return Err(InspectError::TooLarge { limit: LARGEST_FILE });
        }
        let file = file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file);
        if file.trim_ascii().is_empty() {
            return Err(InspectError::Empty);
        }
        let mut contents = Self::of(Vec::new());
        // A document may have lines in its texts that look like PEM.
        let is_der = Cursor::single(file, 0).is_ok_and(|value| value.tag == SEQUENCE);
        if is_der || !armor::is_pem(file) {
            contents.documents.push(Ok(Inspected::from_der(file)?));
            return Ok(contents);
        }
        for section in armor::sections(file, MOST_SECTIONS)? {
            let kind = Kind::of(section.label);
            match (section.content, kind) {
                (Ok(Content::PrivateKey), _) => contents.private_keys += 1,
                (_, None) => contents.left_out.push(shown(section.label)),
                (Err(error), Some(_)) => contents.documents.push(Err(error)),
                (Ok(Content::Der(der)), Some(kind)) => contents.documents.push(kind.read(&der)),
            }
        }
        Ok(contents)
    }
}

/// The documents that PEM labels name (RFC 7468 §5 to §7, with the older names that it mentions).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate,
    Request,
    Crl,
}

impl Kind {
    pub(super) fn of(label: &[u8]) -> Option<Self> {
        match label {
            b"CERTIFICATE" | b"X509 CERTIFICATE" | b"X.509 CERTIFICATE" => Some(Self::Certificate),
            b"CERTIFICATE REQUEST" | b"NEW CERTIFICATE REQUEST" => Some(Self::Request),
            b"X509 CRL" | b"CRL" => Some(Self::Crl),
            _ => None,
        }
    }

    fn read(self, der: &[u8]) -> Result<Inspected, InspectError> {
        Ok(match self {
            Self::Certificate => {
                Inspected::Certificate(Box::new(super::InspectedCertificate::from_der(der)?))
            }
            Self::Request => Inspected::Request(Box::new(super::InspectedRequest::from_der(der)?)),
            Self::Crl => Inspected::Crl(Box::new(super::InspectedCrl::from_der(der)?)),
        })
    }
}

fn shown(label: &[u8]) -> String {
    let shown = text::of_bytes(label.get(..LONGEST_LABEL).unwrap_or(label));
    shown.chars().take(LONGEST_LABEL).collect()
}

/// Base64 of the largest CRL.
const LARGEST_FILE: usize = 92 << 20;
/// What some editors put in front of text.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
pub(super) const MOST_SECTIONS: usize = 4096;
const LONGEST_LABEL: usize = 64;
