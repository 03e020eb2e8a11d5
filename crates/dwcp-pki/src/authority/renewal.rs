//! Renewal: the same names again, for whoever holds a certificate that still stands.

use super::{AuthorityError, CertificateAuthority, IssuancePolicy, Refusal};
use crate::{Certificate, CertificateChain, CertificateRequest, Serial, SubjectName};
use dwcp_base::UnixTime;

impl CertificateAuthority {
    /// Issues a successor of `old` for the key of `request`: a fresh serial, the same names in whatever order, everything else as
    /// `policy` has it now. The old one stands until it expires or is revoked.
    ///
    /// # Security
    /// That whoever asks may have these names is proven by holding `old`'s key, not by this call: let the request come over a
    /// connection that was authenticated with `old`, as a node's does.
    ///
    /// # Errors
    /// [`AuthorityError::UnknownSerial`] when `old` was not issued here, [`AuthorityError::Refused`] when it was revoked or has
    /// expired or the names differ; else as [`issue`](Self::issue).
    pub fn renew(
        &self,
        old: &Certificate,
        request: &CertificateRequest,
        policy: &IssuancePolicy,
        now: UnixTime,
    ) -> Result<CertificateChain, AuthorityError> {
        let serial = old.serial();
        let standing = self.index.settled()?.standing(&serial);
        // A serial proves nothing by itself; serial and key together are in this index alone.
        let standing = standing
            .filter(|standing| standing.key_pin == old.key_pin())
            .ok_or(AuthorityError::UnknownSerial { serial })?;
        if standing.revoked.is_some() {
            return Err(Refusal::Revoked.into());
        }
        if now > old.not_after() {
            return Err(Refusal::Expired { not_after: old.not_after() }.into());
        }
        if sorted(request.names()) != sorted(old.names()) {
            return Err(Refusal::OtherNames.into());
        }
        self.issue_after(Some(serial), request, policy, now)
    }

    /// Whether any of these certificates was revoked here, for whatever reason; a serial that was not issued here is not.
    ///
    /// # Errors
    /// As [`open`](Self::open) for the index.
    pub fn any_revoked(&self, serials: &[Serial]) -> Result<bool, AuthorityError> {
        let index = self.index.settled()?;
        Ok(serials
            .iter()
            .any(|serial| index.standing(serial).is_some_and(|standing| standing.revoked.is_some())))
    }
}

fn sorted(names: &[SubjectName]) -> Vec<String> {
    let mut texts: Vec<_> = names.iter().map(ToString::to_string).collect();
    texts.sort();
    texts.dedup();
    texts
}
