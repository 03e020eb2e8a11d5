//! Delta CRLs (RFC 5280 §5.2.4): what changed since a complete one.

use super::entry::Standing;
use super::list::List;
use super::number::CrlNumber;
use super::{LARGEST, LARGEST_PEM};
use crate::{Document, ParseError, Serial, pem};
use dwcp_base::UnixTime;
use rustls_pki_types::CertificateRevocationListDer;
use std::fmt;
use std::sync::Arc;

/// What an authority revoked, and took off hold, since a complete CRL; its signature is for a trust store to check. It says nothing of
/// what was revoked before, so it is another type than [`Crl`](crate::Crl), which refuses to read it. A clone shares the bytes.
#[derive(Clone)]
pub struct DeltaCrl {
    list: Arc<List>,
    number: CrlNumber,
    base: CrlNumber,
    listed: usize,
}

impl DeltaCrl {
    /// Reads DER of at most 64 MiB.
    ///
    /// # Errors
    /// [`ParseError::Malformed`] for what is not a delta CRL: it needs a number, a critical delta CRL indicator, and the rest as
    /// [`Crl::from_der`](crate::Crl::from_der) asks for it.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        ParseError::check_size(Document::Crl, der, LARGEST)?;
        Self::from_owned(CertificateRevocationListDer::from(der.to_vec()))
    }

    /// Reads a PEM file that holds exactly one delta CRL, of at most 64 MiB once decoded.
    ///
    /// # Errors
    /// [`ParseError::Missing`] when there is none, [`ParseError::Pem`] when it is damaged; otherwise as
    /// [`from_der`](Self::from_der).
    pub fn from_pem(text: &[u8]) -> Result<Self, ParseError> {
        Self::from_owned(pem::section(Document::Crl, text, LARGEST_PEM)?)
    }

    fn from_owned(der: CertificateRevocationListDer<'static>) -> Result<Self, ParseError> {
        let list = List::read(der)?;
        let malformed = |rule| ParseError::malformed(Document::Crl, rule);
        let base = list.header().base.ok_or(malformed("it is not a delta"))?;
        // §5.2.4: always critical, so that nobody takes it for a complete one.
        if !list.header().insists {
            return Err(malformed("it is a delta CRL that does not insist on being one"));
        }
        let number = list.header().number.ok_or(malformed("it has no number"))?;
        let listed = list.iter().filter(|(_, standing)| *standing != Standing::Removed).count();
        Ok(Self { list: Arc::new(list), number, base, listed })
    }

    /// Its number, from the same sequence as those of complete CRLs and above the [`base`](Self::base)'s.
    pub fn number(&self) -> CrlNumber {
        self.number
    }

    /// The oldest complete CRL that it can be put on top of (BaseCRLNumber).
    pub fn base(&self) -> CrlNumber {
        self.base
    }

    /// When it was made.
    pub fn this_update(&self) -> UnixTime {
        self.list.header().this_update
    }

    /// When a newer one will be there at the latest.
    pub fn next_update(&self) -> UnixTime {
        self.list.header().next_update
    }

    /// The issuer's distinguished name as RFC 4514 text for display.
    pub fn issuer(&self) -> &str {
        &self.list.header().issuer
    }

    /// Whether `serial` was revoked, or for a graver reason, since the base.
    pub fn contains(&self, serial: &Serial) -> bool {
        self.list.find(serial).is_some_and(|standing| standing != Standing::Removed)
    }

    /// Whether `serial` was taken off hold since the base (removeFromCRL, RFC 5280 §5.3.1).
    pub fn removes(&self, serial: &Serial) -> bool {
        self.list.find(serial) == Some(Standing::Removed)
    }

    /// The serials that were revoked since the base, in ascending order, each once.
    pub fn serials(&self) -> impl Iterator<Item = Serial> + '_ {
        self.list.iter().filter(|(_, standing)| *standing != Standing::Removed).map(|(serial, _)| serial)
    }

    /// How many serials were revoked since the base.
    pub fn len(&self) -> usize {
        self.listed
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.listed == 0
    }

    /// The DER that was signed, byte for byte.
    pub fn der(&self) -> &[u8] {
        self.list.der()
    }

    /// One PEM section, labelled as complete CRLs are.
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
}

impl PartialEq for DeltaCrl {
    fn eq(&self, other: &Self) -> bool {
        self.list.der() == other.list.der()
    }
}

impl Eq for DeltaCrl {}

impl fmt::Debug for DeltaCrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeltaCrl")
            .field("number", &self.number)
            .field("base", &self.base)
            .field("next_update", &self.next_update())
            .field("revoked", &self.listed)
            .finish_non_exhaustive()
    }
}
