//! What a relying party may take from a response (RFC 6960 §3.2).

use super::asn1::ResponderId;
use super::cert_id::key_hash;
use super::delegate::{self, Appointed};
use super::nonce::OcspNonce;
use super::ocsp_error::OcspError;
use super::response::{Basic, OcspResponse, Single};
use super::status::CertStatus;
use crate::{Certificate, signature};
use dwcp_base::UnixTime;
use std::time::Duration;

/// The standing of one certificate, from a response that was verified: nothing else makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct OcspVerdict {
    status: CertStatus,
    this_update: UnixTime,
    next_update: Option<UnixTime>,
}

impl OcspVerdict {
    /// What the responder says. [`CertStatus::Unknown`] is no leave to go on.
    pub fn status(&self) -> CertStatus {
        self.status
    }

    /// When that was known to hold.
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// Until when it may be kept; `None` when it was made for one request and holds for that alone.
    pub fn next_update(&self) -> Option<UnixTime> {
        self.next_update
    }
}

impl OcspResponse {
    /// What the response says about `certificate`, which `issuer` issued.
    ///
    /// It counts if `issuer` signed it, or a responder to which `issuer` itself issued a certificate for that purpose, in
    /// force now, exempt from checks of its own (id-pkix-ocsp-nocheck) and sent along; if exactly one answer in it is about
    /// the certificate, from no later than 60 s from now and not past its nextUpdate; and if it repeats `nonce`, where one is
    /// given. An answer without nextUpdate counts only if it repeats a nonce.
    ///
    /// # Errors
    /// [`OcspError`], one variant a rule.
    ///
    /// # Security
    /// `issuer` must be trusted already: this check gives no trust to it. A nonce must be fresh for each request. Whether a
    /// responder that the issuer appointed was taken back since is not looked at; a
    /// [`TrustStore`](crate::TrustStore) that is given the response as [`Evidence`](crate::Evidence) does.
    pub fn verify(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        nonce: Option<&OcspNonce>,
        now: UnixTime,
    ) -> Result<OcspVerdict, OcspError> {
        let single = self.signed(certificate, issuer, nonce, now)?;
        check_times(single, nonce.is_some(), now)?;
        Ok(single.verdict())
    }

    /// Whether it claims to say something about a certificate: names are compared, and nothing is verified.
    pub(crate) fn is_about(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        let (Ok(basic), Ok(by)) = (self.content(), issuer.raw()) else { return false };
        let serial = certificate.serial();
        basic.singles.iter().any(|single| *single.id.serial() == serial && single.id.is_issued_by(&by))
    }

    /// The one answer about a certificate, from a responder that may give it.
    fn signed(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        nonce: Option<&OcspNonce>,
        now: UnixTime,
    ) -> Result<&Single, OcspError> {
        let basic = self.content().map_err(|refusal| OcspError::Refused { refusal })?;
        let issued = certificate.raw().map_err(OcspError::Certificate)?;
        let by = issuer.raw().map_err(OcspError::Certificate)?;
        // Serials are unique for one issuer alone, so the pair must belong together before its answer means anything.
        let belongs = issuer.is_authority()
            && issued.issuer == by.subject
            && signature::verify(certificate.der(), by.key_info).is_ok();
        if !belongs {
            return Err(OcspError::WrongIssuer);
        }
        let signed = self.signed_by(issuer, now)?;
        if let Some(expected) = nonce
            && basic.nonce.as_ref() != Some(expected)
        {
            return Err(OcspError::Nonce { missing: basic.nonce.is_none() });
        }
        signed.one_about(certificate)
    }
}

impl Single {
    pub(super) fn verdict(&self) -> OcspVerdict {
        let Self { status, this_update, next_update, .. } = *self;
        OcspVerdict { status, this_update, next_update }
    }
}

/// The signature, by the issuer's key or by that of a responder which the issuer appointed and which is given then.
///
/// At most two signatures are verified: of the certificates that came along the first that may be the signer's counts.
pub(super) fn check_signer(
    basic: &Basic,
    issuer: &Certificate,
    now: UnixTime,
) -> Result<Option<Appointed>, OcspError> {
    if names(&basic.data.responder, issuer)? {
        return check_signature(basic, issuer).map(|()| None);
    }
    let mut why = "the responder is not the issuer and sent no certificate of its own";
    for der in &basic.certificates {
        // One that can not be read is none that the answer rests on.
        let Ok(delegate) = Certificate::from_der(der) else { continue };
        if !names(&basic.data.responder, &delegate)? {
            continue;
        }
        if let Err(rule) = delegate::check(&delegate, issuer, now) {
            why = rule;
            continue;
        }
        delegate::check_signature(&delegate, issuer).map_err(|why| OcspError::Stranger { why })?;
        return check_signature(basic, &delegate).map(|()| Some(Appointed::of(&delegate)));
    }
    Err(OcspError::Stranger { why })
}

fn check_signature(basic: &Basic, signer: &Certificate) -> Result<(), OcspError> {
    let key_info = signer.raw().map_err(OcspError::Certificate)?.key_info;
    signature::verify_with_more(&basic.der, key_info).map_err(|_| OcspError::Signature)
}

/// Whether a certificate is the one that a responder id names.
fn names(id: &ResponderId, certificate: &Certificate) -> Result<bool, OcspError> {
    Ok(match id {
        ResponderId::ByName(name) => {
            let subject = certificate.raw().map_err(OcspError::Certificate)?.subject;
            der::Encode::to_der(name).is_ok_and(|name| name == subject)
        }
        ResponderId::ByKey(hash) => {
            hash.as_bytes() == key_hash(certificate).map_err(OcspError::Certificate)?
        }
    })
}

pub(super) fn check_times(single: &Single, is_ours: bool, now: UnixTime) -> Result<(), OcspError> {
    let Single { this_update, next_update, .. } = *single;
    if this_update > now.plus(CLOCK_SKEW) {
        return Err(OcspError::Early { this_update });
    }
    match next_update {
        Some(next_update) if next_update.secs() <= now.secs() || next_update < this_update => {
            Err(OcspError::Stale { next_update })
        }
        // RFC 6960 §4.2.2.1: newer information is available all the time, so only what was made for us is new.
        None if !is_ours => Err(OcspError::Undated),
        _ => Ok(()),
    }
}

/// How far a responder's clock may run ahead of ours; as much as certificates are dated back.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
