//! Certificate revocation lists (RFC 5280 §5).

use crate::certificate::{printable, unix};
use crate::fields::{Field, Fields};
use crate::{Document, ParseError, Serial, pem};
use der::oid::{AssociatedOid, ObjectIdentifier};
use der::{Decode, Tag};
use dwcp_base::UnixTime;
use rustls_pki_types::CertificateRevocationListDer;
use std::fmt;
use std::sync::Arc;
use webpki::BorrowedCertRevocationList;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::CrlNumber as CrlNumberExtension;
use x509_cert::time::Time;

/// A complete CRL that was read; its signature is for a trust store to check. A clone shares the bytes.
///
/// At most 64 MiB of DER are read, in one pass over the entries: 21 bytes are kept for each beside the DER, here and in a
/// trust store alike.
#[derive(Clone)]
pub struct Crl {
    inner: Arc<Inner>,
}

struct Inner {
    der: CertificateRevocationListDer<'static>,
    number: Option<CrlNumber>,
    this_update: UnixTime,
    next_update: UnixTime,
    issuer: String,
    raw_issuer: Vec<u8>,
    raw_scope: Option<Vec<u8>>,
    /// Sorted, each once.
    serials: Box<[Serial]>,
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
        self.inner.number
    }

    /// When it was made.
    pub fn this_update(&self) -> UnixTime {
        self.inner.this_update
    }

    /// When a newer one will be there at the latest; after it this one proves nothing.
    pub fn next_update(&self) -> UnixTime {
        self.inner.next_update
    }

    /// The issuer's distinguished name as RFC 4514 text for display.
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// Whether `serial` of this CRL's issuer is revoked.
    pub fn contains(&self, serial: &Serial) -> bool {
        self.inner.serials.binary_search(serial).is_ok()
    }

    /// The revoked serials in ascending order.
    pub fn serials(&self) -> &[Serial] {
        &self.inner.serials
    }

    /// How many serials are revoked.
    pub fn len(&self) -> usize {
        self.inner.serials.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.inner.serials.is_empty()
    }

    /// The DER that was signed, byte for byte.
    pub fn der(&self) -> &[u8] {
        &self.inner.der
    }

    /// One PEM section.
    pub fn to_pem(&self) -> String {
        pem::encode("X509 CRL", &self.inner.der)
    }

    /// The DER of the issuer's name, to match a certificate's.
    pub(crate) fn raw_issuer(&self) -> &[u8] {
        &self.inner.raw_issuer
    }

    /// The DER of its issuing distribution point (RFC 5280 §5.2.5), if it is not about all certificates of its issuer.
    pub(crate) fn raw_scope(&self) -> Option<&[u8]> {
        self.inner.raw_scope.as_deref()
    }

    fn from_owned(der: CertificateRevocationListDer<'static>) -> Result<Self, ParseError> {
        ParseError::check_size(Document::Crl, &der, LARGEST)?;
        let header = Header::read(&der).map_err(ParseError::der(Document::Crl))?;
        let serials = serials(&der)?;
        let (number, issuer) = (header.number, printable(&header.issuer_text));
        let (raw_issuer, raw_scope) = (header.raw_issuer.to_vec(), header.raw_scope);
        let (this_update, next_update) = (unix(header.this_update), unix(header.next_update));
        Ok(Self {
            inner: Arc::new(Inner {
                number,
                this_update,
                next_update,
                issuer,
                raw_issuer,
                raw_scope,
                serials,
                der,
            }),
        })
    }
}

impl PartialEq for Crl {
    fn eq(&self, other: &Self) -> bool {
        self.inner.der == other.inner.der
    }
}

impl Eq for Crl {}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl")
            .field("issuer", &self.inner.issuer)
            .field("number", &self.inner.number)
            .field("next_update", &self.inner.next_update)
            .field("revoked", &self.inner.serials.len())
            .finish_non_exhaustive()
    }
}

/// A CRL number: non-negative, at most 20 octets (RFC 5280 §5.2.3). Ordered as the numbers are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrlNumber([u8; 20]);

impl CrlNumber {
    pub(crate) fn from_be_bytes(bytes: &[u8]) -> Option<Self> {
        let mut octets = [0; 20];
        octets.get_mut(20_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
        Some(Self(octets))
    }
}

impl From<u64> for CrlNumber {
    fn from(number: u64) -> Self {
        let mut octets = [0; 20];
        octets[12..].copy_from_slice(&number.to_be_bytes());
        Self(octets)
    }
}

/// Lower-case hexadecimal without leading zeros, as OpenSSL shows it.
impl fmt::Display for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: String = self.0.iter().map(|octet| format!("{octet:02x}")).collect();
        f.write_str(match digits.trim_start_matches('0') {
            "" => "0",
            significant => significant,
        })
    }
}

impl fmt::Debug for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrlNumber({self})")
    }
}

struct Header<'a> {
    number: Option<CrlNumber>,
    this_update: Time,
    next_update: Time,
    issuer_text: String,
    raw_issuer: &'a [u8],
    raw_scope: Option<Vec<u8>>,
}

impl<'a> Header<'a> {
    fn read(der: &'a [u8]) -> der::Result<Self> {
        let list = Fields::of_sequence(der)?.sequence()?;
        let mut fields = Fields::of_content(list.content)?;
        fields.required()?.expect(Tag::Integer)?;
        fields.sequence()?;
        let issuer = fields.sequence()?;
        let this_update = Time::from_der(fields.required()?.whole)?;
        let next_update = Time::from_der(fields.required()?.whole)?;
        let (mut number, mut raw_scope) = (None, None);
        while let Some(field) = fields.next()? {
            if matches!(field.tag, Tag::ContextSpecific { .. }) {
                (number, raw_scope) = read_extensions(&field)?;
            }
        }
        let issuer_text = x509_cert::name::Name::from_der(issuer.whole)?.to_string();
        Ok(Self { number, this_update, next_update, issuer_text, raw_issuer: issuer.whole, raw_scope })
    }
}

fn read_extensions(extensions: &Field<'_>) -> der::Result<(Option<CrlNumber>, Option<Vec<u8>>)> {
    let extensions = Extensions::from_der(extensions.content)?;
    let value = |id| extensions.iter().find(|e| e.extn_id == id).map(|e| e.extn_value.as_bytes());
    let scope = value(ISSUING_DISTRIBUTION_POINT).map(<[u8]>::to_vec);
    let Some(number) = value(CrlNumberExtension::OID) else { return Ok((None, scope)) };
    let number = CrlNumberExtension::from_der(number)?;
    let number = CrlNumber::from_be_bytes(number.0.as_bytes()).ok_or(der::ErrorKind::Overlength)?;
    Ok((Some(number), scope))
}

fn serials(der: &[u8]) -> Result<Box<[Serial]>, ParseError> {
    let refused = |error: webpki::Error| ParseError::malformed(Document::Crl, rule(&error));
    let list = BorrowedCertRevocationList::from_der(der).map_err(refused)?;
    let mut serials = Vec::new();
    for entry in &list {
        if let Ok(serial) = Serial::from_be_bytes(entry.map_err(refused)?.serial_number) {
            serials.push(serial);
        }
    }
    serials.sort_unstable();
    serials.dedup();
    Ok(serials.into_boxed_slice())
}

fn rule(error: &webpki::Error) -> &'static str {
    match error {
        webpki::Error::UnsupportedDeltaCrl => "a delta CRL is not complete",
        webpki::Error::UnsupportedIndirectCrl => "an indirect CRL speaks for other issuers",
        webpki::Error::UnsupportedCriticalExtension => "it has a critical extension that is not known",
        webpki::Error::UnsupportedCrlVersion => "it is not version 2",
        webpki::Error::SignatureAlgorithmMismatch => "it names two different signature algorithms",
        webpki::Error::InvalidCrlNumber => "its number is not a number of at most 20 octets",
        webpki::Error::UnsupportedRevocationReason => "an entry has an unknown reason",
        _ => "it is not a complete version 2 CRL with nextUpdate",
    }
}

/// id-ce-issuingDistributionPoint. The OID that x509-cert 0.3.0 has for its type is that of another extension.
pub(crate) const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
const LARGEST: usize = 64 << 20;
/// Base64 takes four bytes for three; line ends and white space take a little more.
const LARGEST_PEM: usize = 92 << 20;
