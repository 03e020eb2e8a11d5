//! Responders that an issuer appointed (RFC 6960 §4.2.2.2).

use super::asn1::{NO_CHECK, OCSP_SIGNING};
use crate::{Certificate, signature};
use der::Decode;
use der::oid::AssociatedOid;
use dwcp_base::UnixTime;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};

/// Checks that `issuer` itself appointed the responder, and that it is in office.
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
    let unreadable = |_| "a certificate of the check can not be read";
    let (raw, by) = (delegate.raw().map_err(unreadable)?, issuer.raw().map_err(unreadable)?);
    // Directly: an authority further up or down appoints nobody for this issuer.
    if raw.issuer != by.subject || signature::verify(delegate.der(), by.key_info).is_err() {
        return Err("the issuer of the certificate did not appoint the responder");
    }
    Ok(())
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
