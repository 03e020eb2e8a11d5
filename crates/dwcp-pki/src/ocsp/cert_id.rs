//! How OCSP names a certificate: hashes of its issuer's name and key, and its serial (RFC 6960 §4.1.1).

use super::asn1::CertIdFields;
use crate::fields::{Fields, RawCertificate};
use crate::{Certificate, Document, ParseError, Serial};
use der::asn1::{Any, OctetString, Uint};
use der::oid::ObjectIdentifier;
use der::{Tag, Tagged};
use dwcp_crypto::digest;
use x509_cert::spki::AlgorithmIdentifierOwned;

/// The hash under which a request names its certificate's issuer. It picks and proves nothing: the answer's signature does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertIdHash {
    /// SHA-1, which every responder knows (RFC 5019 §2.1.1): the default.
    #[default]
    Sha1,
    /// SHA-256, which some responders do not know.
    Sha256,
}

/// A certificate as a request or an answer names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertId {
    pub(super) fields: CertIdFields,
    serial: Serial,
    form: Option<Form>,
}

/// The ways to write down one certificate that can be this side's own: what an answer has to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    hash: CertIdHash,
    /// Whether the algorithm identifier has NULL parameters or none.
    null: bool,
}

impl CertId {
    /// A certificate with this serial, whoever holds it, of an issuer.
    pub(crate) fn new(serial: Serial, issuer: &RawCertificate<'_>, hash: CertIdHash) -> der::Result<Self> {
        let [name, key] = hashes(issuer, hash)?;
        let oid = match hash {
            CertIdHash::Sha1 => SHA_1,
            CertIdHash::Sha256 => SHA_256,
        };
        let fields = CertIdFields {
            // RFC 5019 and its examples write the parameters as NULL; old clients know no other form.
            hash_algorithm: AlgorithmIdentifierOwned { oid, parameters: Some(Any::null()) },
            issuer_name_hash: OctetString::new(name)?,
            issuer_key_hash: OctetString::new(key)?,
            serial: Uint::new(serial.as_be_bytes())?,
        };
        Ok(Self { fields, serial, form: Some(Form { hash, null: true }) })
    }

    /// Reads one, which may name its issuer by a hash that is not known here.
    pub(super) fn read(document: Document, fields: CertIdFields) -> Result<Self, ParseError> {
        let serial = Serial::from_be_bytes(fields.serial.as_bytes())?;
        let longest = [&fields.issuer_name_hash, &fields.issuer_key_hash].map(|hash| hash.as_bytes().len());
        if longest.into_iter().any(|length| length > LONGEST_HASH) {
            return Err(ParseError::malformed(
                document,
                "a hash in a certificate id has more than 64 octets",
            ));
        }
        let hash = match fields.hash_algorithm.oid {
            SHA_1 => Some(CertIdHash::Sha1),
            SHA_256 => Some(CertIdHash::Sha256),
            _ => None,
        };
        let null = match &fields.hash_algorithm.parameters {
            None => false,
            Some(parameters) if parameters.tag() == Tag::Null && parameters.value().is_empty() => true,
            // A hash that takes parameters is none that is known here, and its certificate is nobody's.
            Some(parameters) if hash.is_none() && parameters.value().len() <= LONGEST_HASH => false,
            Some(_) => {
                return Err(ParseError::malformed(document, "the hash in a certificate id has parameters"));
            }
        };
        Ok(Self { fields, serial, form: hash.map(|hash| Form { hash, null }) })
    }

    pub(crate) fn serial(&self) -> &Serial {
        &self.serial
    }

    /// How it is written; `None` under a hash that is not known here.
    pub(super) fn form(&self) -> Option<Form> {
        self.form
    }

    /// Whether it names a certificate of this issuer: name and key both.
    pub(crate) fn is_issued_by(&self, issuer: &RawCertificate<'_>) -> bool {
        let Some(form) = self.form else { return false };
        hashes(issuer, form.hash).is_ok_and(|[name, key]| {
            self.fields.issuer_name_hash.as_bytes() == name && self.fields.issuer_key_hash.as_bytes() == key
        })
    }
}

/// SHA-1 of a certificate's key, by which responders are named (§4.2.1).
pub(super) fn key_hash(certificate: &Certificate) -> Result<[u8; 20], ParseError> {
    let raw = certificate.raw()?;
    Ok(digest::sha1_for_lookup(key_bits(raw.key_info).map_err(ParseError::der(Document::Certificate))?))
}

/// The hashes of an issuer's name, as a DER `Name`, and of its key.
fn hashes(issuer: &RawCertificate<'_>, hash: CertIdHash) -> der::Result<[Vec<u8>; 2]> {
    let key = key_bits(issuer.key_info)?;
    Ok([issuer.subject, key].map(|bytes| match hash {
        CertIdHash::Sha1 => digest::sha1_for_lookup(bytes).to_vec(),
        CertIdHash::Sha256 => digest::sha256(bytes).to_vec(),
    }))
}

/// The key itself: the BIT STRING of a SubjectPublicKeyInfo without tag, length and count of unused bits.
fn key_bits(key_info: &[u8]) -> der::Result<&[u8]> {
    let mut fields = Fields::of_sequence(key_info)?;
    fields.sequence()?;
    let key = fields.required()?;
    key.expect(Tag::BitString)?;
    match key.content.split_first() {
        Some((0, bits)) => Ok(bits),
        _ => Err(der::ErrorKind::Failed.into()),
    }
}

/// SHA-512, the longest that anybody uses.
const LONGEST_HASH: usize = 64;
const SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
