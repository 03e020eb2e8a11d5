//! Judging an identity again after the world has changed: a lookup, no signature.

use super::freshness;
use super::store::TrustStore;
use crate::{PeerIdentity, ValidationError};
use dwcp_base::UnixTime;

impl TrustStore {
    /// Judges an identity again that this store or an earlier one made: for a resumed session, and for live connections
    /// after a revocation or a change of trust.
    ///
    /// Looked at, for each certificate of the path: blocked keys, listed serial numbers, dates; that the anchor is still
    /// here and valid; and that the CRLs are as fresh as the mode asks. It costs well under a microsecond a certificate,
    /// save once per new CRL of an issuer that is no anchor, whose signature is then checked.
    ///
    /// # Errors
    /// [`ValidationError`]: a revocation (see [`ValidationError::is_revocation`]) ends a connection at once, the others
    /// let it drain.
    pub fn recheck(&self, identity: &PeerIdentity, now: UnixTime) -> Result<(), ValidationError> {
        let links = identity.links();
        let last = links.last().ok_or(ValidationError::UnknownIssuer)?;
        let index = self.revocation();
        for link in links {
            index.confirm(link);
            for pin in [link.pin, link.issuer_pin] {
                if index.is_blocked(&pin) {
                    return Err(ValidationError::KeyRevoked { pin });
                }
            }
            if index.lists(link) {
                return Err(ValidationError::Revoked { serial: link.serial });
            }
        }
        for link in links {
            if now.secs() > link.not_after.secs() {
                return Err(ValidationError::Expired { not_after: link.not_after });
            }
            if now.secs() < link.not_before.secs() {
                return Err(ValidationError::NotYetValid { not_before: link.not_before });
            }
        }
        let named = self.anchors.named(&last.issuer);
        let mut same = named.filter(|anchor| anchor.pin == last.issuer_pin).peekable();
        if same.peek().is_none() {
            return Err(ValidationError::UnknownIssuer);
        }
        if !same.any(|anchor| anchor.is_valid_at(now)) {
            return Err(ValidationError::AnchorExpired);
        }
        freshness::check(self, links, now).map(|_| ())
    }
}
