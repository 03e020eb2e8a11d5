//! Judging an identity again after the world has changed: a lookup, no signature.

use super::freshness;
use super::link::Link;
use super::store::TrustStore;
use crate::{ChainFault, ChainMember, ChainPlace, PeerIdentity, ValidationError};
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
        let last = links.last().ok_or(ChainFault::UnknownIssuer)?;
        let index = self.revocation();
        for (at, link) in links.iter().enumerate() {
            index.confirm(link);
            for pin in [link.pin, link.issuer_pin] {
                if index.is_blocked(&pin) {
                    return Err(refusal(ChainFault::KeyRevoked { pin }, links, at));
                }
            }
            if index.lists(link) {
                return Err(refusal(ChainFault::Revoked { serial: link.serial }, links, at));
            }
        }
        for (at, link) in links.iter().enumerate() {
            if now.secs() > link.not_after.secs() {
                return Err(refusal(ChainFault::Expired { not_after: link.not_after }, links, at));
            }
            if now.secs() < link.not_before.secs() {
                return Err(refusal(ChainFault::NotYetValid { not_before: link.not_before }, links, at));
            }
        }
        let named = self.anchors.named(&last.issuer);
        let mut same = named.filter(|anchor| anchor.pin == last.issuer_pin).peekable();
        if same.peek().is_none() {
            return Err(ChainFault::UnknownIssuer.into());
        }
        if !same.any(|anchor| anchor.is_valid_at(now)) {
            return Err(ChainFault::AnchorExpired.into());
        }
        freshness::check_all(self, links, now).map(|_| ()).map_err(|(at, fault)| refusal(fault, links, at))
    }
}

/// A refusal of the certificate at `at`, counted from the leaf; its subject was not kept.
fn refusal(fault: ChainFault, links: &[Link], at: usize) -> ValidationError {
    let place = if at == 0 { ChainPlace::Leaf } else { ChainPlace::Intermediate(at) };
    match links.get(at) {
        Some(link) => ValidationError::from(fault).of(ChainMember {
            place,
            serial: link.serial,
            key_pin: link.pin,
            subject: String::new(),
        }),
        None => fault.into(),
    }
}
