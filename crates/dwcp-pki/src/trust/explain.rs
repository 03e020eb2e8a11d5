//! The path behind an identity, for whoever has to show why it was accepted.

use super::anchor::Anchor;
use super::freshness;
use super::link::Link;
use super::store::TrustStore;
use crate::{
    Certificate, ChainFault, ChainPlace, KeyPin, PeerIdentity, RevocationChecked, Serial, ValidationError,
};
use dwcp_base::UnixTime;

/// The path that an identity stands on: what was presented, leaf first, and the anchor it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPath {
    steps: Vec<PathStep>,
    anchor: Certificate,
}

impl TrustPath {
    /// The certificates below the anchor, leaf first; at least one.
    pub fn steps(&self) -> &[PathStep] {
        &self.steps
    }

    /// The anchor. It is trusted by being listed, so no CRL speaks for it.
    pub fn anchor(&self) -> &Certificate {
        &self.anchor
    }
}

/// One certificate of a path, and what is known of its revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathStep {
    /// Where it stands.
    pub place: ChainPlace,
    /// Its serial number.
    pub serial: Serial,
    /// The pin of its key.
    pub key_pin: KeyPin,
    /// SHA-256 of all of it, to find it among what was presented.
    pub fingerprint: [u8; 32],
    /// The first second in which it is valid.
    pub not_before: UnixTime,
    /// The last second in which it is valid.
    pub not_after: UnixTime,
    /// Whether a fresh CRL of its issuer speaks for it.
    pub revocation: RevocationChecked,
}

impl TrustStore {
    /// The path of an identity that this store made, with what the CRLs of `now` cover of it.
    ///
    /// # Errors
    /// [`ValidationError`] when there is no such path here any more: the anchor is gone
    /// ([`ChainFault::UnknownIssuer`]), outside its validity or bound to another trust domain ([`ChainFault::AnchorExpired`]), or a CRL that the mode asks for is missing or stale. Right
    /// after [`validate`](Self::validate), with the same store and time, there is none.
    ///
    /// # Security
    /// It tells how far revocation was checked, not whether something was revoked meanwhile; that is
    /// [`recheck`](Self::recheck).
    pub fn path_of(&self, identity: &PeerIdentity, now: UnixTime) -> Result<TrustPath, ValidationError> {
        let links = identity.links();
        let last = links.last().ok_or(ChainFault::UnknownIssuer)?;
        let named = self.anchors.named(&last.issuer);
        let mut same = named.filter(|anchor| anchor.pin == last.issuer_pin).peekable();
        same.peek().ok_or(ChainFault::UnknownIssuer)?;
        let vouches = |anchor: &&Anchor| {
            anchor.is_valid_at(now) && self.domains.judge(&anchor.vouches, identity.spiffe_id()).is_ok()
        };
        let anchor = same.find(vouches).ok_or(ChainFault::AnchorExpired)?;
        let step = |(at, link): (usize, &Link)| {
            let place = if at == 0 { ChainPlace::Leaf } else { ChainPlace::Intermediate(at) };
            Ok(PathStep {
                place,
                serial: link.serial,
                key_pin: link.pin,
                fingerprint: link.fingerprint,
                not_before: link.not_before,
                not_after: link.not_after,
                revocation: freshness::check(self, link, now)?,
            })
        };
        let steps = links.iter().enumerate().map(step).collect::<Result<_, ChainFault>>()?;
        Ok(TrustPath { steps, anchor: anchor.certificate.clone() })
    }

    /// The anchor that an identity was led to, whatever became of lists and dates since; `None` where this store does not have it.
    pub fn anchor_of(&self, identity: &PeerIdentity) -> Option<&Certificate> {
        self.anchors().find(|anchor| anchor.fingerprint() == *identity.anchor())
    }
}
