//! Signs complete CRLs (RFC 5280 §5).

use super::index::Locked;
use super::issuance::{check_signed_by, encoder_serial, encoder_time};
use super::{AuthorityError, Revocation};
use crate::signer::Signer;
use crate::{Certificate, Crl, CrlNumber, Serial};
use dwcp_base::UnixTime;
use dwcp_crypto::SigningKey;
use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, RevokedCertParams};
use std::time::Duration;

/// A CRL of all that is revoked, its number on disk before it is returned.
pub(super) fn publish(
    index: &mut Locked<'_>,
    issuer: &Certificate,
    key: &SigningKey,
    now: UnixTime,
) -> Result<Crl, AuthorityError> {
    let revoked = index
        .revoked()
        .filter(|(_, standing, _)| standing.not_after.plus(KEPT_AFTER_EXPIRY) >= now)
        .map(|(serial, _, revocation)| entry(&serial, &revocation))
        .collect::<Result<Vec<_>, _>>()?;
    let number = index.next_number(now)?;
    let expected = revoked.len();
    let params = CertificateRevocationListParams {
        this_update: encoder_time(now)?,
        next_update: encoder_time(now.plus(NEXT_UPDATE))?,
        crl_number: rcgen::SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: revoked,
        key_identifier_method: match &issuer.extensions().key_id {
            Some(id) => KeyIdMethod::PreSpecified(id.clone()),
            None => KeyIdMethod::Sha256,
        },
    };
    let signer =
        Issuer::from_ca_cert_der(issuer.certificate_der(), Signer(key)).map_err(AuthorityError::encoding)?;
    let signed = params.signed_by(&signer).map_err(AuthorityError::encoding)?;
    finish(index, issuer, signed.der(), Expected { number, entries: expected }, now)
}

/// What a CRL that was just signed has to say.
pub(super) struct Expected {
    pub(super) number: u64,
    pub(super) entries: usize,
}

/// Reads a complete CRL back, and keeps its number and that it is a base for deltas before it is returned.
pub(super) fn finish(
    index: &mut Locked<'_>,
    issuer: &Certificate,
    signed: &[u8],
    expected: Expected,
    now: UnixTime,
) -> Result<Crl, AuthorityError> {
    let Expected { number, entries } = expected;
    check_signed_by(signed, issuer)?;
    let crl = Crl::from_der(signed)
        .map_err(|_| AuthorityError::Defective { rule: "the CRL does not read back" })?;
    let named = issuer.raw().is_ok_and(|raw| raw.subject == crl.raw_issuer());
    if !named || crl.len() != entries || crl.number() != Some(CrlNumber::from(number)) {
        return Err(AuthorityError::Defective { rule: "the CRL does not say what was revoked" });
    }
    index.keep_number(number)?;
    index.keep_base(number, now)?;
    Ok(crl)
}

fn entry(serial: &Serial, revocation: &Revocation) -> Result<RevokedCertParams, AuthorityError> {
    Ok(RevokedCertParams {
        serial_number: encoder_serial(serial),
        revocation_time: encoder_time(revocation.at)?,
        reason_code: Some(revocation.reason.encoder()),
        invalidity_date: None,
    })
}

/// After it a CRL proves nothing, so a relying party that fails closed stops at the latest then.
pub(super) const NEXT_UPDATE: Duration = Duration::from_secs(24 * 3_600);
/// RFC 5280 §3.3: an entry stays until a CRL was published after the certificate's end. Seven times the life of a CRL.
pub(super) const KEPT_AFTER_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3_600);
