//! Judging an identity again after the world has changed: a lookup, no signature.

use super::anchor::Anchor;
use super::crl_signers;
use super::freshness;
use super::link::Link;
use super::profile::Profile;
use super::store::TrustStore;
use super::vouching::Warrant;
use crate::{ChainFault, ChainMember, ChainPlace, PeerIdentity, ValidationError};
use dwcp_base::UnixTime;

impl TrustStore {
    /// Judges an identity again that this store or an earlier one made: for a resumed session, and for live connections
    /// after a revocation or a change of trust.
    ///
    /// Looked at, for each certificate of the path: blocked keys, listed serial numbers, dates; that the anchor is still
    /// here, valid, and bound to no other trust domain; that profile, depth and policies ask no more than they did; and that the
    /// CRLs are as fresh as the mode asks. It costs about a microsecond a certificate, save once per new CRL of an issuer that is
    /// no anchor, whose signature is then checked.
    ///
    /// # Errors
    /// [`ValidationError`]: a revocation (see [`ValidationError::is_revocation`]) ends a connection at once, the others
    /// let it drain.
    pub fn recheck(&self, identity: &PeerIdentity, now: UnixTime) -> Result<(), ValidationError> {
        let links = identity.links();
        let authorities = links.len().saturating_sub(1);
        // Another certificate of the anchor asks what was never asked of this path.
        let same = |anchor: &Anchor| anchor.certificate.fingerprint() == *identity.anchor();
        let whole = self.recheck_path(
            identity,
            links,
            |anchor| same(anchor) || self.may_end(anchor, authorities),
            now,
        );
        // Trust may have rolled over from a root to one that it had cross-signed, and which ends the path earlier now.
        let shorter = |below: usize| {
            let path = links.get(..=below)?;
            self.recheck_path(identity, path, |anchor| self.may_end(anchor, below), now).ok()
        };
        whole.or_else(|refusal| (0..links.len().saturating_sub(1)).find_map(shorter).ok_or(refusal))
    }

    /// Whether a path on which the anchor's key stood as an authority may end at the anchor itself, `below` authorities above
    /// the leaf. What its certificate asks besides would have to be held against a whole chain, which is not here.
    fn may_end(&self, anchor: &Anchor, below: usize) -> bool {
        let extensions = anchor.certificate.extensions();
        extensions.name_constraints.is_none()
            && extensions.purposes.is_empty()
            && anchor.certificate.path_length().is_none_or(|limit| below <= usize::from(limit))
            && anchor.suits(self.profile()).is_ok()
    }

    fn recheck_path(
        &self,
        identity: &PeerIdentity,
        links: &[Link],
        may_end: impl Fn(&Anchor) -> bool,
        now: UnixTime,
    ) -> Result<(), ValidationError> {
        let links = &*crl_signers::judge_again(self, links, now);
        let last = links.last().ok_or(ChainFault::UnknownIssuer)?;
        let index = self.revocation();
        for (at, link) in links.iter().enumerate() {
            index.confirm(link);
            if index.is_blocked(&link.pin) {
                return Err(refusal(ChainFault::KeyRevoked { pin: link.pin }, links, at));
            }
            if index.lists(link, now) {
                return Err(refusal(ChainFault::Revoked { serial: link.serial }, links, at));
            }
        }
        if index.is_blocked(&last.issuer_pin) {
            return Err(ChainFault::KeyRevoked { pin: last.issuer_pin }.into());
        }
        self.still_asked_for(identity)?;
        for (at, link) in links.iter().enumerate() {
            if now.secs() > link.not_after.secs() {
                return Err(refusal(ChainFault::Expired { not_after: link.not_after }, links, at));
            }
            if now.secs() < link.not_before.secs() {
                return Err(refusal(ChainFault::NotYetValid { not_before: link.not_before }, links, at));
            }
        }
        let named = self.anchors.named(&last.issuer);
        let mut same = named.filter(|anchor| anchor.pin == last.issuer_pin && may_end(anchor)).peekable();
        if same.peek().is_none() {
            return Err(ChainFault::UnknownIssuer.into());
        }
        let mut valid = same.filter(|anchor| anchor.is_valid_at(now)).peekable();
        if valid.peek().is_none() {
            return Err(ChainFault::AnchorExpired.into());
        }
        self.still_vouched_for(identity, valid).map_err(|fault| refusal(fault, links, 0))?;
        freshness::check_all(self, links, now).map(|_| ()).map_err(|(at, fault)| refusal(fault, links, at))
    }
}

impl TrustStore {
    /// Whether what was asked of the path is all that is asked today: what is asked besides would have to be held against the
    /// chain, which is not here.
    fn still_asked_for(&self, identity: &PeerIdentity) -> Result<(), ChainFault> {
        let (asked, asks) = (identity.rules(), self.rules());
        let stricter = asks.profile == Profile::Mesh && asked.profile == Profile::Interop;
        let deeper = asks.max_depth.is_some_and(|limit| identity.links().len().saturating_sub(1) > limit)
            && asks.max_depth != asked.max_depth;
        if stricter || deeper || (asks.policies != asked.policies && *asks.policies != Default::default()) {
            return Err(ChainFault::RulesChanged);
        }
        Ok(())
    }

    /// Whether one of the anchors that an identity leads to vouches for all its names.
    fn still_vouched_for<'a>(
        &self,
        identity: &PeerIdentity,
        anchors: impl Iterator<Item = &'a Anchor>,
    ) -> Result<(), ChainFault> {
        let mut fault = ChainFault::UnknownIssuer;
        for anchor in anchors {
            match self.domains.judge(&anchor.vouches, identity.spiffe_id()) {
                Ok(Warrant::AllNames) => return Ok(()),
                // It was made with that one name, or of a leaf that has no other.
                Ok(Warrant::SpiffeIdAlone) if identity.names().len() == 1 => return Ok(()),
                Ok(Warrant::SpiffeIdAlone) => {
                    fault = ChainFault::Names { why: "a bundle vouches for its SPIFFE ID alone" };
                }
                Err(refused) => fault = refused,
            }
        }
        Err(fault)
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
