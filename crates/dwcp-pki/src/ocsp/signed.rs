//! A response whose signature was checked, and what it says of certificates of its issuer.

use super::delegate::Appointed;
use super::ocsp_error::OcspError;
use super::response::{Basic, OcspResponse, Single};
use super::status::CertStatus;
use super::verdict::{OcspVerdict, check_signer, check_times};
use crate::Certificate;
use dwcp_base::UnixTime;
use std::time::Duration;

/// A response that its issuer, or a responder which the issuer appointed, is known to have signed.
pub(crate) struct SignedResponse<'r, 'i> {
    basic: &'r Basic,
    issuer: &'i Certificate,
    appointed: Option<Appointed>,
}

impl OcspResponse {
    /// Checks the signature: at most two are verified, that of a responder's certificate and that of the response.
    pub(crate) fn signed_by<'r, 'i>(
        &'r self,
        issuer: &'i Certificate,
        now: UnixTime,
    ) -> Result<SignedResponse<'r, 'i>, OcspError> {
        let basic = self.content().map_err(|refusal| OcspError::Refused { refusal })?;
        let appointed = check_signer(basic, issuer, now)?;
        Ok(SignedResponse { basic, issuer, appointed })
    }
}

impl<'r> SignedResponse<'r, '_> {
    /// The responder that signed it; `None` where the issuer did so itself.
    pub(crate) fn appointed(&self) -> Option<Appointed> {
        self.appointed
    }

    /// What it says of a certificate that the issuer is known to have issued, and until when that counts. A revocation counts whatever
    /// its age; the rest until nextUpdate, until the responder's office ends and for seven days at most.
    pub(crate) fn standing(
        &self,
        certificate: &Certificate,
        now: UnixTime,
    ) -> Result<(OcspVerdict, UnixTime), OcspError> {
        let single = self.one_about(certificate)?;
        let (verdict, no_later) = (single.verdict(), single.this_update.plus(LONGEST));
        let ends = [single.next_update, self.appointed.map(|responder| responder.not_after)];
        let until = ends.into_iter().flatten().fold(no_later, UnixTime::min);
        if matches!(single.status, CertStatus::Revoked { .. }) {
            return Ok((verdict, until));
        }
        check_times(single, false, now)?;
        if until.secs() <= now.secs() {
            return Err(OcspError::Stale { next_update: until });
        }
        Ok((verdict, until))
    }

    /// The one answer about a certificate.
    pub(super) fn one_about(&self, certificate: &Certificate) -> Result<&'r Single, OcspError> {
        let by = self.issuer.raw().map_err(OcspError::Certificate)?;
        let serial = certificate.serial();
        let about = |single: &&Single| *single.id.serial() == serial && single.id.is_issued_by(&by);
        let mut found = self.basic.singles.iter().filter(about);
        match (found.next(), found.next()) {
            (Some(single), None) => Ok(single),
            _ => Err(OcspError::NotOne { count: self.basic.singles.iter().filter(about).count() }),
        }
    }
}

/// How long a response vouches for a certificate after its thisUpdate, whatever nextUpdate it names: a response that lasts for years
/// would undo revocation. Public authorities renew theirs within four days (CA/Browser Forum BR §4.9.10), and the mesh's last an hour.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);
