//! Delta CRLs (RFC 5280 §5.2.4): what changed since a complete one.

use crate::certificate::unix;
use crate::fields::{Fields, RawCertificate};
use crate::{CrlNumber, Document, ParseError, Serial, pem};
use der::Decode;
use der::oid::AssociatedOid;
use dwcp_base::UnixTime;
use std::fmt;
use x509_cert::crl::CertificateList;
use x509_cert::ext::pkix::{BaseCrlNumber, CrlNumber as CrlNumberExtension};

/// What an authority revoked since a complete CRL, signed. It means nothing without that one or a newer one, so it is another
/// type than [`Crl`](crate::Crl), which refuses to read it, and no trust store takes it.
#[derive(Clone, PartialEq, Eq)]
pub struct DeltaCrl {
    der: Vec<u8>,
    number: CrlNumber,
    base: CrlNumber,
    this_update: UnixTime,
    next_update: UnixTime,
    /// Sorted, each once.
    serials: Vec<Serial>,
}

impl DeltaCrl {
    /// Reads what was just signed for an issuer; the signature is checked elsewhere.
    pub(crate) fn read_back(der: Vec<u8>, issuer: &RawCertificate<'_>) -> Result<Self, ParseError> {
        let document = Document::Crl;
        let broken = ParseError::der(document);
        let list = CertificateList::<x509_cert::certificate::Rfc5280>::from_der(&der).map_err(&broken)?;
        let fields = list.tbs_cert_list;
        let extension = |id, critical| {
            let mut found = fields.crl_extensions.iter().flatten().filter(|e| e.extn_id == id);
            found.next().filter(|e| e.critical == critical).map(|e| e.extn_value.as_bytes())
        };
        let malformed = |rule| ParseError::malformed(document, rule);
        let number = extension(CrlNumberExtension::OID, false).ok_or(malformed("it has no number"))?;
        let number = CrlNumberExtension::from_der(number).map_err(&broken)?;
        let base = extension(BaseCrlNumber::OID, true).ok_or(malformed("it is not a delta"))?;
        let base = BaseCrlNumber::from_der(base).map_err(&broken)?;
        let [number, base] = [number.0, base.0].map(|number| CrlNumber::from_be_bytes(number.as_bytes()));
        let (Some(number), Some(base)) = (number, base) else {
            return Err(malformed("its numbers have more than 20 octets"));
        };
        if raw_issuer(&der).map_err(&broken)? != issuer.subject {
            return Err(malformed("it does not name its issuer as the issuer names itself"));
        }
        let serials = fields.revoked_certificates.iter().flatten();
        let serials = serials
            .map(|entry| Serial::from_be_bytes(entry.serial_number.as_bytes()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            number,
            base,
            this_update: unix(fields.this_update),
            next_update: unix(fields.next_update.ok_or(malformed("it has no nextUpdate"))?),
            serials,
            der,
        })
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
        self.this_update
    }

    /// When a newer one will be there at the latest.
    pub fn next_update(&self) -> UnixTime {
        self.next_update
    }

    /// Whether `serial` was revoked, or for a graver reason, since the base.
    pub fn contains(&self, serial: &Serial) -> bool {
        self.serials.binary_search(serial).is_ok()
    }

    /// The serials that were revoked since the base, in ascending order.
    pub fn serials(&self) -> &[Serial] {
        &self.serials
    }

    /// How many serials it lists.
    pub fn len(&self) -> usize {
        self.serials.len()
    }

    /// Whether nothing changed since the base.
    pub fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// The DER that was signed, byte for byte.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// One PEM section, labelled as complete CRLs are.
    pub fn to_pem(&self) -> String {
        pem::encode("X509 CRL", &self.der)
    }
}

impl fmt::Debug for DeltaCrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeltaCrl")
            .field("number", &self.number)
            .field("base", &self.base)
            .field("next_update", &self.next_update)
            .field("revoked", &self.serials.len())
            .finish_non_exhaustive()
    }
}

fn raw_issuer(der: &[u8]) -> der::Result<&[u8]> {
    let list = Fields::of_sequence(der)?.sequence()?;
    let mut fields = Fields::of_content(list.content)?;
    fields.required()?;
    fields.sequence()?;
    Ok(fields.sequence()?.whole)
}
