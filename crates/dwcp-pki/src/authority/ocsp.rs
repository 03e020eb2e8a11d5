//! The authority's part in OCSP: what the index says, under the authority's own signature.

use super::{AuthorityError, CertificateAuthority, Revocation};
use crate::Serial;
use crate::ocsp::{self, CertId, CertStatus, OcspNonce, OcspRefusal, OcspRequest, OcspResponse, Validity};
use dwcp_base::UnixTime;
use std::time::Duration;

impl CertificateAuthority {
    /// Answers a request, signed by the authority's own key and for this request alone, with nextUpdate one hour from `now`.
    ///
    /// A certificate that was issued here is good or revoked, with time and reason; a serial that was not, and a certificate
    /// of another issuer, is unknown (RFC 6960 §2.2). If no certificate in the request is of this issuer the response is the
    /// unsigned refusal [`Unauthorized`](OcspRefusal::Unauthorized) (RFC 5019 §2.2.3). A nonce is repeated.
    ///
    /// # Errors
    /// [`AuthorityError::Storage`] and the like when the index can not be read, [`AuthorityError::BadParameter`] for a time
    /// outside the years 1970 to 9999.
    pub fn ocsp(&self, request: &OcspRequest, now: UnixTime) -> Result<OcspResponse, AuthorityError> {
        if !request.ids().iter().any(|id| self.is_issuer_of(id)) {
            return Ok(OcspResponse::refused(OcspRefusal::Unauthorized));
        }
        let index = self.index.settled()?;
        let answers: Vec<_> = request
            .ids()
            .iter()
            .map(|id| {
                let standing = if self.is_issuer_of(id) { index.standing(id.serial()) } else { None };
                (id, standing.map_or(CertStatus::Unknown, |standing| CertStatus::of(standing.revoked)))
            })
            .collect();
        // Signing takes longer than reading: nobody has to wait for it.
        drop(index);
        self.sign_ocsp(&answers, request.nonce(), now).map(|(response, _)| response)
    }

    /// Whether a certificate id names this authority as the issuer.
    pub(crate) fn is_issuer_of(&self, id: &CertId) -> bool {
        self.line.own().raw().is_ok_and(|raw| id.is_issued_by(&raw))
    }

    /// What the index says of a serial (`None`: never issued), and its revision when it said so.
    pub(crate) fn ocsp_standing(
        &self,
        serial: &Serial,
    ) -> Result<(Option<Option<Revocation>>, u64), AuthorityError> {
        let index = self.index.settled()?;
        Ok((index.standing(serial).map(|standing| standing.revoked), index.revision()))
    }

    pub(crate) fn sign_ocsp(
        &self,
        answers: &[(&CertId, CertStatus)],
        nonce: Option<&OcspNonce>,
        now: UnixTime,
    ) -> Result<(OcspResponse, Validity), AuthorityError> {
        let validity = Validity { this_update: now, next_update: now.plus(NEXT_UPDATE) };
        let response = ocsp::sign(answers, nonce, validity, self.line.own(), &*self.key)?;
        Ok((response, validity))
    }
}

/// As often as complete CRLs are published: a relying party that keeps an answer to its end hears of a revocation no later than
/// one that fetches every CRL.
const NEXT_UPDATE: Duration = Duration::from_secs(3_600);
