//! Responders that an issuer appointed (RFC 6960 §4.2.2.2).

use super::asn1::{NO_CHECK, OCSP_SIGNING};
use crate::{Certificate, KeyPin, Serial, signature};
use der::Decode;
use der::oid::AssociatedOid;
use dwcp_base::UnixTime;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};

/// A responder that an issuer appointed, as far as it may be taken back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appointed {
    /// SHA-256 of its key.
    pub(crate) pin: KeyPin,
    /// The serial number that the issuer gave it.
    pub(crate) serial: Serial,
    /// The end of its office.
    pub(crate) not_after: UnixTime,
}

impl Appointed {
    pub(super) fn of(delegate: &Certificate) -> Self {
        Self { pin: delegate.key_pin(), serial: delegate.serial(), not_after: delegate.not_after() }
    }
}

/// Checks that a certificate is of a responder of `issuer`'s that is in office, by all but the issuer's signature.
///
/// A responder without id-pkix-ocsp-nocheck is refused: whether it was revoked would have to be found out elsewhere, and
/// nothing here could.
pub(super) fn check(delegate: &Certificate, issuer: &Certificate, now: UnixTime) -> Result<(), &'static str> {
    let extensions = delegate.extensions();
    if !extensions.purposes.contains(&OCSP_SIGNING) {
        return Err("the responder's certificate is not for signing OCSP responses");
    }
    if !extensions.others.contains(&NO_CHECK) {
        return Err("the responder's certificate does not exempt it from being checked itself");
    }
    if extensions.key_usage.is_some_and(|usage| !usage.digital_signature()) {
        return Err("the responder's certificate does not let its key sign");
    }
    if now < delegate.not_before() || now > delegate.not_after() {
        return Err("the responder's certificate is not in force");
    }
    refuse_critical(delegate)?;
    let (raw, by) = (delegate.raw().map_err(|_| UNREADABLE)?, issuer.raw().map_err(|_| UNREADABLE)?);
    if raw.issuer == by.subject { Ok(()) } else { Err(NOT_APPOINTED) }
}

/// Checks that `issuer` itself appointed the responder: an authority further up or down appoints nobody for this issuer.
pub(super) fn check_signature(delegate: &Certificate, issuer: &Certificate) -> Result<(), &'static str> {
    let key_info = issuer.raw().map_err(|_| UNREADABLE)?.key_info;
    signature::verify(delegate.der(), key_info).map_err(|_| NOT_APPOINTED)
}

/// RFC 5280 §4.2: a critical extension that is not understood refuses the certificate.
fn refuse_critical(delegate: &Certificate) -> Result<(), &'static str> {
    let unreadable = |_| "the responder's certificate can not be read";
    let certificate = x509_cert::Certificate::from_der(delegate.der()).map_err(unreadable)?;
    let extensions = certificate.tbs_certificate().extensions().map_or(&[][..], Vec::as_slice);
    let known = [BasicConstraints::OID, KeyUsage::OID, ExtendedKeyUsage::OID, SubjectAltName::OID, NO_CHECK];
    match extensions.iter().find(|extension| extension.critical && !known.contains(&extension.extn_id)) {
        Some(_) => Err("the responder's certificate has a critical extension that is not known"),
        None => Ok(()),
    }
}

const UNREADABLE: &str = "a certificate of the check can not be read";
const NOT_APPOINTED: &str = "the issuer of the certificate did not appoint the responder";
