//! Looking at certificates, requests and CRLs: everything that stands in them, nothing of it believed.
//!
//! [`Certificate`](crate::Certificate), [`CertificateRequest`](crate::CertificateRequest) and [`Crl`](crate::Crl) refuse what
//! is not as it should be. The views here are for the person who wants to know *why*: they read as far as the encoding says
//! where things are, name what is odd, and keep malformed extensions beside the good ones.
//!
//! ```
//! # use dwcp_pki::inspect::{Contents, Inspected};
//! # fn show(file: &[u8]) -> Result<(), dwcp_pki::inspect::InspectError> {
//! for document in Contents::read(file)?.documents {
//!     if let Inspected::Certificate(certificate) = document? {
//!         println!("{} until {}", certificate.subject, certificate.not_after.text);
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! # Security
//! Every text that comes from a document is [escaped]: it can not move a terminal's cursor, reorder or hide what
//! stands around it. Sizes are bounded before anything is parsed (64 KiB for a certificate or request, 64 MiB for a CRL, 92 MiB
//! and 4096 sections for a file), no reader recurses, and what is made of a document is at most a small multiple of
//! it. Private keys are counted and not even decoded.

mod algorithm;
mod armor;
mod certificate;
mod constraints;
mod crl;
mod cut;
mod extension;
mod fault;
mod file;
mod general_name;
mod issuing_point;
mod key;
mod moment;
mod name;
mod number;
mod oid;
mod oid_names;
mod points;
mod policies;
mod remark;
mod request;
mod sct;
mod simple;
mod text;
mod usage;

pub use crate::tlv::Fault;
pub use algorithm::{Algorithm, Parameters};
pub(crate) use certificate::Parts;
pub use certificate::{InspectedCertificate, OwnSignature};
pub use constraints::{NameConstraints, PolicyConstraints, Subtree};
pub use crl::{CrlEntry, InspectedCrl, reason_name};
pub use cut::documents;
pub use extension::{Extension, ExtensionValue};
pub use fault::InspectError;
pub use file::Contents;
pub use general_name::GeneralName;
pub use issuing_point::IssuingPoint;
pub use key::{KeyDetail, PublicKey};
pub use moment::Moment;
pub use name::{DistinguishedName, NameAttribute};
pub use number::Number;
pub use oid::Oid;
pub use points::{AccessDescription, DistributionPoint, PointName};
pub use policies::{Policy, Qualifier};
pub use remark::Remark;
pub use request::{Attribute, AttributeValue, InspectedRequest};
pub use sct::{Timestamp, Timestamps};
pub use simple::{AuthorityKey, Template, UsagePeriod};
pub use text::{escaped, hex};
pub use usage::Flags;

use crate::tlv::{self, Cursor, INTEGER, OCTET_STRING, OID, SEQUENCE, wrapped};

/// A document that was taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inspected {
    /// A certificate.
    Certificate(Box<InspectedCertificate>),
    /// A certificate request.
    Request(Box<InspectedRequest>),
    /// A revocation list.
    Crl(Box<InspectedCrl>),
}

impl Inspected {
    /// Reads DER, whichever of the three documents it is.
    ///
    /// # Errors
    /// [`InspectError::Unknown`] for none of them, [`InspectError::PrivateKey`] for a key; otherwise as
    /// [`InspectedCertificate::from_der`], [`InspectedRequest::from_der`] and [`InspectedCrl::from_der`].
    pub fn from_der(der: &[u8]) -> Result<Self, InspectError> {
        if is_private_key(der) {
            return Err(InspectError::PrivateKey);
        }
        Ok(match shape(der).ok_or(InspectError::Unknown)? {
            Shape::Certificate => Self::Certificate(Box::new(InspectedCertificate::from_der(der)?)),
            Shape::Request => Self::Request(Box::new(InspectedRequest::from_der(der)?)),
            Shape::Crl => Self::Crl(Box::new(InspectedCrl::from_der(der)?)),
        })
    }
}

enum Shape {
    Certificate,
    Request,
    Crl,
}

/// The three documents differ in the third field of their signed part.
fn shape(der: &[u8]) -> Option<Shape> {
    // Trailing data is for the reader of the document to name.
    let mut fields = Cursor::new(der, 0).sequence().ok()?.inside().sequence().ok()?.inside();
    match fields.peek()? {
        tag if tag == wrapped(0) => return Some(Shape::Certificate),
        // A CRL of version 1 begins with its algorithm.
        SEQUENCE => return Some(Shape::Crl),
        INTEGER => {}
        _ => return None,
    }
    fields.next().ok()?;
    fields.sequence().ok()?;
    fields.sequence().ok()?;
    match fields.peek() {
        Some(SEQUENCE) => Some(Shape::Certificate),
        time if Moment::is_time(time) => Some(Shape::Crl),
        _ => Some(Shape::Request),
    }
}

/// PKCS#1, SEC 1, PKCS#8 in clear and encrypted: a number where a document has a SEQUENCE, or an algorithm beside an OCTET
/// STRING.
fn is_private_key(der: &[u8]) -> bool {
    let second = || {
        let mut fields = Cursor::new(der, 0).sequence().ok()?.inside();
        let first = fields.next().ok()??;
        let second = fields.next().ok()??;
        let names_algorithm =
            |value: tlv::Value<'_>| value.tag == SEQUENCE && value.inside().peek() == Some(OID);
        Some(match (first.tag, second.tag) {
            (INTEGER, INTEGER | OCTET_STRING) => true,
            (INTEGER, _) => names_algorithm(second) && fields.peek() == Some(OCTET_STRING),
            (_, OCTET_STRING) => names_algorithm(first),
            _ => false,
        })
    };
    second().unwrap_or(false)
}
