//! What the extensions of a certificate or request say (RFC 5280 §4.2), each at most once.

use crate::fields::Fields;
use crate::{Document, ParseError, SubjectName};
use der::oid::AssociatedOid;
use der::{Decode, ErrorKind, Tag};
use std::net::IpAddr;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::spki::ObjectIdentifier;

/// The extensions this crate understands, and the identifiers of the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExtensionFacts {
    pub(crate) names: Vec<SubjectName>,
    /// Whether there are names of kinds that nobody here compares.
    pub(crate) other_names: bool,
    /// The `cA` flag of basicConstraints.
    pub(crate) authority: bool,
    pub(crate) path_length: Option<u8>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) purposes: Vec<ObjectIdentifier>,
    pub(crate) key_id: Option<Vec<u8>>,
    /// The DER of cRLDistributionPoints, which counts among the others as well.
    pub(crate) crl_points: Option<Vec<u8>>,
    /// The DER of nameConstraints, which counts among the others as well.
    pub(crate) name_constraints: Option<Vec<u8>>,
    pub(crate) others: Vec<ObjectIdentifier>,
}

impl ExtensionFacts {
    pub(crate) fn read(document: Document, extensions: &[Extension]) -> Result<Self, ParseError> {
        let mut facts = Self::default();
        let mut seen: Vec<ObjectIdentifier> = Vec::new();
        if extensions.len() > MOST_EXTENSIONS {
            return Err(ParseError::malformed(document, "it has more than 64 extensions"));
        }
        for extension in extensions {
            // RFC 5280 §4.2: no extension twice. Two subjectAltNames would let two readers see two sets of names.
            if seen.contains(&extension.extn_id) {
                return Err(ParseError::malformed(document, "an extension stands in it twice"));
            }
            seen.push(extension.extn_id);
            facts.take(document, extension)?;
        }
        Ok(facts)
    }

    fn take(&mut self, document: Document, extension: &Extension) -> Result<(), ParseError> {
        let value = extension.extn_value.as_bytes();
        let broken = ParseError::der(document);
        match extension.extn_id {
            SubjectAltName::OID => (self.names, self.other_names) = read_names(document, value)?,
            BasicConstraints::OID => {
                let constraints = BasicConstraints::from_der(value).map_err(broken)?;
                self.authority = constraints.ca;
                self.path_length = constraints.path_len_constraint;
            }
            KeyUsage::OID => self.key_usage = Some(KeyUsage::from_der(value).map_err(broken)?),
            ExtendedKeyUsage::OID => self.purposes = ExtendedKeyUsage::from_der(value).map_err(broken)?.0,
            SubjectKeyIdentifier::OID => {
                let key_id = SubjectKeyIdentifier::from_der(value).map_err(broken)?;
                self.key_id = Some(key_id.0.as_bytes().to_vec());
            }
            other => {
                if other == CRL_POINTS {
                    self.crl_points = Some(value.to_vec());
                }
                if other == NameConstraints::OID {
                    self.name_constraints = Some(value.to_vec());
                }
                self.others.push(other);
            }
        }
        Ok(())
    }
}

/// Reads a subjectAltName value; kinds of names that nobody here compares (directory names and the like) are passed over.
///
/// Names of strangers are taken with less ceremony than [`SubjectName::check`] asks of ours (public certificates carry odd
/// ones), but nothing that reads as another name elsewhere gets through: NUL, control, space and non-ASCII are refused.
fn read_names(document: Document, value: &[u8]) -> Result<(Vec<SubjectName>, bool), ParseError> {
    let broken = ParseError::der(document);
    let mut fields = Fields::of_sequence(value).map_err(&broken)?;
    let mut names = Vec::new();
    let mut count = 0_usize;
    while let Some(field) = fields.next().map_err(&broken)? {
        count += 1;
        if count > MOST_NAMES {
            return Err(ParseError::malformed(document, "it has more than 256 names"));
        }
        let unexpected = || broken(ErrorKind::TagUnexpected { expected: None, actual: field.tag }.into());
        let Tag::ContextSpecific { number, constructed } = field.tag else {
            return Err(unexpected());
        };
        // X.690 §10.2: DER writes a string in one piece. What is in pieces reads as another name elsewhere.
        if constructed && matches!(number.value(), 1 | 2 | 6 | 7) {
            return Err(unexpected());
        }
        match number.value() {
            1 => names.push(SubjectName::Email(text(document, field.content)?.to_owned())),
            2 => names.push(SubjectName::Dns(text(document, field.content)?.to_ascii_lowercase())),
            6 => names.push(SubjectName::Uri(text(document, field.content)?.to_owned())),
            7 => names.push(SubjectName::Ip(address(document, field.content)?)),
            _ => {}
        }
    }
    if count == 0 {
        return Err(ParseError::malformed(document, "its subjectAltName is empty"));
    }
    // Each that was passed over counted as well.
    let others = count > names.len();
    Ok((names, others))
}

fn text(document: Document, content: &[u8]) -> Result<&str, ParseError> {
    let refused = |source| ParseError::Name { document, source };
    if content.is_empty() {
        return Err(refused(crate::NameError::Empty));
    }
    if content.len() > crate::names::LONGEST_URI {
        return Err(refused(crate::NameError::TooLong { limit: crate::names::LONGEST_URI }));
    }
    if !content.iter().all(u8::is_ascii_graphic) {
        return Err(refused(crate::NameError::ForbiddenCharacter));
    }
    // All of it is ASCII.
    std::str::from_utf8(content).map_err(|_| refused(crate::NameError::ForbiddenCharacter))
}

fn address(document: Document, content: &[u8]) -> Result<IpAddr, ParseError> {
    if let Ok(octets) = <[u8; 4]>::try_from(content) {
        return Ok(IpAddr::from(octets));
    }
    <[u8; 16]>::try_from(content)
        .map(IpAddr::from)
        .map_err(|_| ParseError::Name { document, source: crate::NameError::BadAddress })
}

/// Far more than any standard names, far fewer than could make the check for doubles slow.
const MOST_EXTENSIONS: usize = 64;
pub(crate) const MOST_NAMES: usize = 256;

/// id-kp-serverAuth, id-kp-clientAuth and anyExtendedKeyUsage (RFC 5280 §4.2.1.12).
pub(crate) const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
pub(crate) const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
pub(crate) const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const CRL_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u8, content: &[u8]) -> Result<(Vec<SubjectName>, bool), ParseError> {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let name = [&[tag, length(content)], content].concat();
        read_names(Document::Certificate, &[&[0x30, length(&name)], &name[..]].concat())
    }

    #[test]
    fn a_name_that_is_compared_is_a_string_in_one_piece() {
        for (number, content) in
            [(1, &b"a@b.example"[..]), (2, b"b.example"), (6, b"spiffe://b/x"), (7, &[127; 4])]
        {
            let (names, others) = read(0x80 | number, content).unwrap();
            assert!(names.len() == 1 && !others, "[{number}]");
            assert!(
                matches!(read(0xa0 | number, content), Err(ParseError::Der { .. })),
                "[{number}] constructed"
            );
            // As BER would have it: an IA5String or an OCTET STRING inside.
            let inner = [&[0x16, u8::try_from(content.len()).unwrap()], content].concat();
            assert!(
                matches!(read(0xa0 | number, &inner), Err(ParseError::Der { .. })),
                "[{number}] in pieces"
            );
        }
        // A directory name is constructed, and is passed over.
        assert_eq!(read(0xa4, &[0x30, 0]).unwrap(), (Vec::new(), true));
    }
}
