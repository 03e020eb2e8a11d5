//! Certificate revocation lists (RFC 5280 §5).

mod delta;
mod entries;
mod entry;
mod extension;
mod list;
mod number;
mod point;

pub use delta::DeltaCrl;
pub(crate) use entry::Standing;
pub(crate) use list::List;
pub use number::CrlNumber;
pub(crate) use point::{IssuingPoint, Point, Reasons, directory_name, points};

use crate::{Document, ParseError, Serial, pem};
use der::oid::ObjectIdentifier;
use dwcp_base::UnixTime;
use rustls_pki_types::CertificateRevocationListDer;
use std::fmt;
use std::sync::Arc;

/// A complete CRL that was read; its signature is for a trust store to check. A clone shares the bytes.
///
/// At most 64 MiB of DER are read, in one pass over the entries: at most 6 bytes are kept for each beside the DER, here and in a
/// trust store alike.
#[derive(Clone)]
pub struct Crl {
    list: Arc<List>,
}

impl Crl {
    /// Reads DER of at most 64 MiB.
    ///
    /// Entries with serials that no certificate may have (RFC 5280 §4.1.2.2) are passed over: a certificate that could
    /// match them is refused before.
    ///
    /// # Errors
    /// [`ParseError::Malformed`] for what is not a complete version 2 CRL of one issuer with nextUpdate: delta and indirect
    /// CRLs and unknown critical extensions are refused, since half of their meaning would be lost.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        ParseError::check_size(Document::Crl, der, LARGEST)?;
        Self::from_owned(CertificateRevocationListDer::from(der.to_vec()))
    }

    /// Reads a PEM file that holds exactly one CRL, of at most 64 MiB once decoded.
    ///
    /// # Errors
    /// [`ParseError::Missing`] when there is none, [`ParseError::Pem`] when it is damaged; otherwise as
    /// [`from_der`](Self::from_der).
    pub fn from_pem(text: &[u8]) -> Result<Self, ParseError> {
        Self::from_owned(pem::section(Document::Crl, text, LARGEST_PEM)?)
    }

    /// The CRL's number, which only grows (RFC 5280 §5.2.3); `None` where its issuer wrote none.
    pub fn number(&self) -> Option<CrlNumber> {
        self.list.header().number
    }

    /// When it was made.
    pub fn this_update(&self) -> UnixTime {
        self.list.header().this_update
    }

    /// When a newer one will be there at the latest; after it this one proves nothing.
    pub fn next_update(&self) -> UnixTime {
        self.list.header().next_update
    }

    /// The issuer's distinguished name as RFC 4514 text for display.
    pub fn issuer(&self) -> &str {
        &self.list.header().issuer
    }

    /// Whether `serial` of this CRL's issuer is revoked.
    pub fn contains(&self, serial: &Serial) -> bool {
        self.list.names(serial)
    }

    /// The revoked serials in ascending order, each once.
    pub fn serials(&self) -> impl Iterator<Item = Serial> + '_ {
        self.list.iter().map(|(serial, _)| serial)
    }

    /// How many serials are revoked.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.list.len() == 0
    }

    /// The DER that was signed, byte for byte.
    pub fn der(&self) -> &[u8] {
        self.list.der()
    }

    /// One PEM section.
    pub fn to_pem(&self) -> String {
        pem::encode("X509 CRL", self.list.der())
    }

    /// The DER of the issuer's name, to match a certificate's.
    pub(crate) fn raw_issuer(&self) -> &[u8] {
        &self.list.header().raw_issuer
    }

    pub(crate) fn list(&self) -> &List {
        &self.list
    }

    fn from_owned(der: CertificateRevocationListDer<'static>) -> Result<Self, ParseError> {
        let list = List::read(der)?;
        match list.header().base {
            None => Ok(Self { list: Arc::new(list) }),
            Some(_) => Err(ParseError::malformed(Document::Crl, "a delta CRL is not complete")),
        }
    }
}

impl PartialEq for Crl {
    fn eq(&self, other: &Self) -> bool {
        self.list.der() == other.list.der()
    }
}

impl Eq for Crl {}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl")
            .field("issuer", &self.issuer())
            .field("number", &self.number())
            .field("next_update", &self.next_update())
            .field("revoked", &self.len())
            .finish_non_exhaustive()
    }
}

/// id-ce-issuingDistributionPoint. The OID that x509-cert 0.3.0 has for its type is that of another extension.
pub(crate) const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
const INDIRECT: &str = "an indirect CRL speaks for other issuers";
const LARGEST: usize = 64 << 20;
/// Base64 takes four bytes for three; line ends and white space take a little more.
const LARGEST_PEM: usize = 92 << 20;
