//! Encodes and signs CRLs, complete ones and deltas (RFC 5280 §5).

use super::index::Locked;
use super::publication::KEPT_AFTER_EXPIRY;
use super::{AuthorityError, Line, Revocation};
use crate::crl::ISSUING_DISTRIBUTION_POINT;
use crate::signed_form::{self, SignError};
use crate::{Certificate, Serial};
use der::asn1::{GeneralizedTime, OctetString, Uint};
use der::oid::{AssociatedOid, ObjectIdentifier};
use der::{Decode, Encode};
use dwcp_base::UnixTime;
use dwcp_crypto::Signer;
use std::time::Duration;
use x509_cert::Version;
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlNumber, CrlReason};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

/// What a CRL says, apart from its issuer.
pub(super) struct List {
    pub(super) number: u64,
    pub(super) this_update: UnixTime,
    pub(super) next_update: UnixTime,
    pub(super) entries: Vec<RevokedCert>,
    /// Beside the issuer's key and the number: what the list covers, where it is, what it is a delta to.
    pub(super) marks: Vec<Extension>,
}

impl List {
    /// The DER. Whoever calls verifies it before it leaves.
    pub(super) fn sign(self, issuer: &Certificate, key: &dyn Signer) -> Result<Vec<u8>, AuthorityError> {
        let moment = |at| {
            let what = "a date lies outside the years 1970 to 9999";
            time(at).map_err(|_| AuthorityError::BadParameter { what })
        };
        let raw = issuer.raw().map_err(|source| AuthorityError::Certificate { source })?;
        let fields = TbsCertList::<Rfc5280> {
            version: Version::V2,
            signature: signed_form::algorithm(key),
            issuer: Name::from_der(raw.subject).map_err(encoding)?,
            this_update: moment(self.this_update)?,
            next_update: Some(moment(self.next_update)?),
            // RFC 5280 §5.1.2.6: an empty list is left out.
            revoked_certificates: Some(self.entries).filter(|entries| !entries.is_empty()),
            crl_extensions: Some(extensions(issuer, self.number, self.marks).map_err(encoding)?),
        };
        signed_form::sign(&fields.to_der().map_err(encoding)?, key).map_err(SignError::into_authority)
    }
}

/// The extensions of every list of a line: the place that all its certificates name (§5.2.5), so that none of another passes for it.
pub(super) fn place(line: &Line) -> Result<Vec<Extension>, AuthorityError> {
    let point = line.urls().issuing_point().map_err(encoding)?;
    let marked = point.map(|point| extension(ISSUING_DISTRIBUTION_POINT, true, &point));
    Ok(marked.transpose().map_err(encoding)?.into_iter().collect())
}

/// The entries of those of these serials that are revoked, without those that a CRL lists no more.
pub(super) fn entries(
    index: &Locked<'_>,
    serials: impl IntoIterator<Item = Serial>,
    now: UnixTime,
) -> Result<Vec<(Serial, RevokedCert)>, AuthorityError> {
    let mut found = Vec::new();
    for serial in serials {
        let Some(standing) = index.standing(&serial) else { continue };
        let Some(revocation) = standing.revoked else { continue };
        if standing.not_after.plus(KEPT_AFTER_EXPIRY) >= now {
            found.push((serial, entry(&serial, &revocation).map_err(encoding)?));
        }
    }
    Ok(found)
}

fn entry(serial: &Serial, revocation: &Revocation) -> der::Result<RevokedCert> {
    let reason = revocation.reason.code().map(|code| extension(CrlReason::OID, false, &code));
    Ok(RevokedCert {
        serial_number: SerialNumber::new(serial.as_be_bytes())?,
        // Years before 1970 can not be written here; a revocation that old holds all the same.
        revocation_date: time(revocation.at.max(UnixTime::from_secs(0)))?,
        crl_entry_extensions: reason.transpose()?.map(|reason| vec![reason]),
    })
}

/// The key identifier, which relying parties compare between a delta and its base (§6.3.3 (c)), the number and the marks.
fn extensions(issuer: &Certificate, number: u64, marks: Vec<Extension>) -> der::Result<Vec<Extension>> {
    let mut extensions = Vec::new();
    if let Some(id) = &issuer.extensions().key_id {
        let id = AuthorityKeyIdentifier {
            key_identifier: Some(OctetString::new(id.clone())?),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        };
        extensions.push(extension(AuthorityKeyIdentifier::OID, false, &id)?);
    }
    let number = CrlNumber(Uint::new(&number.to_be_bytes())?);
    extensions.push(extension(CrlNumber::OID, false, &number)?);
    extensions.extend(marks);
    Ok(extensions)
}

pub(super) fn extension(id: ObjectIdentifier, critical: bool, value: &impl Encode) -> der::Result<Extension> {
    Ok(Extension { extn_id: id, critical, extn_value: OctetString::new(value.to_der()?)? })
}

/// UTCTime up to 2049 and GeneralizedTime from then on (RFC 5280 §5.1.2.4).
fn time(at: UnixTime) -> der::Result<Time> {
    let seconds = u64::try_from(at.secs()).map_err(|_| der::ErrorKind::DateTime)?;
    let at = GeneralizedTime::from_unix_duration(Duration::from_secs(seconds))?;
    Ok(Time::from(at.to_date_time()))
}

pub(super) fn encoding(error: der::Error) -> AuthorityError {
    AuthorityError::Encoding { source: Box::new(error) }
}
