//! Signs delta CRLs (RFC 5280 §5.2.4).

use super::index::Locked;
use super::issuance::check_signed_by;
use super::publication::KEPT_AFTER_EXPIRY;
use super::{AuthorityError, CertificateAuthority, Revocation};
use crate::signed_form::{self, SignError};
use crate::{Certificate, CrlNumber, DeltaCrl, Event, Serial};
use der::asn1::{GeneralizedTime, OctetString, Uint};
use der::oid::AssociatedOid;
use der::{Decode, Encode};
use dwcp_base::UnixTime;
use dwcp_crypto::SigningKey;
use std::time::Duration;
use x509_cert::Version;
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BaseCrlNumber, CrlNumber as CrlNumberExtension, CrlReason,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

impl CertificateAuthority {
    /// Signs a delta CRL: what was revoked, or for a graver reason, since a complete CRL that was published. Its number is from
    /// the sequence of complete CRLs, its nextUpdate ten minutes from `now`, twice the five minutes at which it is to be made.
    ///
    /// The complete CRL that it refers to is at least an hour old once there is such a one, and kept in the index: whoever
    /// fetches complete CRLs every hour can put each delta on top of its own. Nothing that was revoked is taken back here, so
    /// no entry says removeFromCRL.
    ///
    /// # Errors
    /// [`AuthorityError::NoCompleteCrl`] when none was published yet by [`crl`](Self::crl);
    /// [`AuthorityError::BadParameter`] for a time outside the years 1970 to 9999; [`AuthorityError::Storage`] when the number
    /// could not be kept, and then nothing was published.
    pub fn delta_crl(&self, now: UnixTime) -> Result<DeltaCrl, AuthorityError> {
        let delta = publish(&mut self.index.settled()?, &self.certificate, &self.key, now)?;
        self.observer.observe(&Event::CrlPublished {
            number: delta.number(),
            revoked: delta.len(),
            next_update: delta.next_update(),
        });
        Ok(delta)
    }
}

fn publish(
    index: &mut Locked<'_>,
    issuer: &Certificate,
    key: &SigningKey,
    now: UnixTime,
) -> Result<DeltaCrl, AuthorityError> {
    let base = index.base()?;
    let number = index.next_number(now)?;
    let mut serials = Vec::new();
    let mut entries = Vec::new();
    for serial in index.revoked_since(&base) {
        let Some(standing) = index.standing(&serial) else { continue };
        let Some(revocation) = standing.revoked else { continue };
        // As in a complete CRL.
        if standing.not_after.plus(KEPT_AFTER_EXPIRY) >= now {
            entries.push(entry(&serial, &revocation).map_err(encoding)?);
            serials.push(serial);
        }
    }
    let moment = |at| {
        time(at)
            .map_err(|_| AuthorityError::BadParameter { what: "a date lies outside the years 1970 to 9999" })
    };
    let raw = issuer.raw().map_err(|source| AuthorityError::Certificate { source })?;
    let fields = TbsCertList::<Rfc5280> {
        version: Version::V2,
        signature: signed_form::algorithm(key),
        issuer: Name::from_der(raw.subject).map_err(encoding)?,
        this_update: moment(now)?,
        next_update: Some(moment(now.plus(NEXT_UPDATE))?),
        // RFC 5280 §5.1.2.6: an empty list is left out.
        revoked_certificates: Some(entries).filter(|entries| !entries.is_empty()),
        crl_extensions: Some(extensions(issuer, number, base.number).map_err(encoding)?),
    };
    let signed =
        signed_form::sign(&fields.to_der().map_err(encoding)?, key).map_err(SignError::into_authority)?;
    check_signed_by(&signed, issuer)?;
    let delta = DeltaCrl::read_back(signed, &raw)
        .map_err(|_| AuthorityError::Defective { rule: "the delta CRL does not read back" })?;
    if delta.serials() != serials
        || delta.number() != CrlNumber::from(number)
        || delta.base() != CrlNumber::from(base.number)
        || delta.number() <= delta.base()
    {
        return Err(AuthorityError::Defective { rule: "the delta CRL does not say what was revoked" });
    }
    index.keep_number(number)?;
    Ok(delta)
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

/// The key identifier as complete CRLs have it, since relying parties compare the two (§6.3.3 (c)), the number, and the mark of a
/// delta: critical, so that nobody takes it for a complete one.
fn extensions(issuer: &Certificate, number: u64, base: u64) -> der::Result<Vec<Extension>> {
    let mut extensions = Vec::new();
    if let Some(id) = &issuer.extensions().key_id {
        let id = AuthorityKeyIdentifier {
            key_identifier: Some(OctetString::new(id.clone())?),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        };
        extensions.push(extension(AuthorityKeyIdentifier::OID, false, &id)?);
    }
    let [number, base] = [number, base].map(|number| Uint::new(&number.to_be_bytes()));
    extensions.push(extension(CrlNumberExtension::OID, false, &CrlNumberExtension(number?))?);
    extensions.push(extension(BaseCrlNumber::OID, true, &BaseCrlNumber(base?))?);
    Ok(extensions)
}

fn extension(id: der::oid::ObjectIdentifier, critical: bool, value: &impl Encode) -> der::Result<Extension> {
    Ok(Extension { extn_id: id, critical, extn_value: OctetString::new(value.to_der()?)? })
}

/// UTCTime up to 2049 and GeneralizedTime from then on (RFC 5280 §5.1.2.4).
fn time(at: UnixTime) -> der::Result<Time> {
    let seconds = u64::try_from(at.secs()).map_err(|_| der::ErrorKind::DateTime)?;
    let at = GeneralizedTime::from_unix_duration(Duration::from_secs(seconds))?;
    Ok(Time::from(at.to_date_time()))
}

fn encoding(error: der::Error) -> AuthorityError {
    AuthorityError::Encoding { source: Box::new(error) }
}

const NEXT_UPDATE: Duration = Duration::from_secs(600);
