//! The search for a path from a leaf to an anchor, and the rules that webpki leaves to its caller.

use super::anchor::Anchor;
use super::leaf::{self, Usages};
use super::link::Link;
use super::presented::Presented;
use super::store::TrustStore;
use super::translate;
use crate::identity::Facts;
use crate::signature::ACCEPTED;
use crate::{PeerIdentity, Purpose, RevocationChecked, ValidationError};
use dwcp_base::UnixTime;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use std::cell::RefCell;
use std::time::Duration;
use webpki::{EndEntityCert, VerifiedPath};

/// Which of the rules about time and revocation apply to one search.
pub(super) struct Rules {
    pub(super) at: UnixTime,
    pub(super) anchors: AnchorDates,
    pub(super) crls: CrlRule,
}

/// Whether an anchor must be within its validity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AnchorDates {
    Enforced,
    Ignored,
}

/// What CRLs are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CrlRule {
    /// As the store's mode says.
    ByMode,
    /// What is listed is refused, however old the CRL; none is required.
    KnownOnly,
    /// Revocation does not matter.
    Ignored,
}

/// Judges a chain; when a rule about dates or usage refuses it, looks whether a revoked certificate should lead.
pub(super) fn judge(
    store: &TrustStore,
    chain: &[CertificateDer<'_>],
    purpose: Purpose,
    rules: &Rules,
) -> Result<PeerIdentity, ValidationError> {
    let presented = Presented::read(chain)?;
    let search = Search { store, presented: &presented, usages: Usages::For(purpose), rules };
    let refusal = match search.run() {
        Ok(identity) => return Ok(identity),
        Err(refusal) => refusal,
    };
    if !hides_revocation(&refusal) || rules.crls == CrlRule::Ignored {
        return Err(refusal);
    }
    let past =
        Rules { at: presented.common_moment(), anchors: AnchorDates::Ignored, crls: CrlRule::KnownOnly };
    match (Search { rules: &past, usages: Usages::Whatever, ..search }).run() {
        Err(revoked) if revoked.is_revocation() => Err(revoked),
        _ => Err(refusal),
    }
}

/// Refusals that come before a path is looked up in its CRLs.
fn hides_revocation(refusal: &ValidationError) -> bool {
    matches!(
        refusal,
        ValidationError::Expired { .. }
            | ValidationError::NotYetValid { .. }
            | ValidationError::AnchorExpired
            | ValidationError::Purpose { .. }
    )
}

struct Search<'a> {
    store: &'a TrustStore,
    presented: &'a Presented<'a>,
    usages: Usages,
    rules: &'a Rules,
}

/// A path that was approved of, leaf first, and what CRLs said about it.
type Approved = (Vec<Link>, RevocationChecked);

impl Search<'_> {
    fn run(&self) -> Result<PeerIdentity, ValidationError> {
        let (links, checked) = self.find()?;
        leaf::check(&self.presented.leaf, self.usages)?;
        Ok(self.identity(links, checked))
    }

    /// Has webpki look for a path, without any CRL: it would verify the signature of each for each path it tries, before
    /// anything is known of the peer. Revocation is judged in [`approve`](Self::approve), once a path is sound.
    fn find(&self) -> Result<Approved, ValidationError> {
        let roots = self.store.anchors.roots(self.presented.issuers());
        if roots.is_empty() {
            return Err(ValidationError::UnknownIssuer);
        }
        let leaf = EndEntityCert::try_from(self.presented.leaf_der).map_err(|e| self.translate(&e))?;
        let at = u64::try_from(self.rules.at.secs()).unwrap_or(0);
        let at = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(at));
        // webpki's own error can not carry ours, and it may try another path after a veto, so verdicts are kept beside it.
        let approved: RefCell<Option<Approved>> = RefCell::new(None);
        let worst = RefCell::new(ValidationError::UnknownIssuer);
        let refuse = |error: ValidationError| {
            let mut worst = worst.borrow_mut();
            if translate::weight(&error) > translate::weight(&worst) {
                *worst = error;
            }
        };
        let judge = |path: &VerifiedPath<'_>| match self.approve(path) {
            Ok(found) => {
                *approved.borrow_mut() = Some(found);
                Ok(())
            }
            Err(error) => {
                refuse(error);
                Err(VETO)
            }
        };
        let found = leaf.verify_for_usage(
            ACCEPTED,
            &roots,
            &self.presented.rest,
            at,
            self.usages,
            None,
            Some(&judge),
        );
        match found {
            Ok(_) | Err(VETO) => {}
            Err(error) => {
                approved.take();
                refuse(self.translate(&error));
            }
        }
        let approved = approved.take();
        approved.ok_or_else(|| worst.into_inner())
    }

    /// The rules on a whole path that webpki found sound: anchor dates, keyCertSign and cRLSign, a fresh CRL of each issuer,
    /// blocked keys and listed serials.
    fn approve(&self, path: &VerifiedPath<'_>) -> Result<Approved, ValidationError> {
        let anchor = self.anchor(path.anchor())?;
        let links = self.presented.links(path, anchor)?;
        if self.rules.crls == CrlRule::Ignored {
            return Ok((links, RevocationChecked::NotChecked));
        }
        let index = &self.store.index;
        for link in &links {
            index.confirm(link);
            if index.is_blocked(&link.pin) {
                return Err(ValidationError::KeyRevoked { pin: link.pin });
            }
            if index.lists(link) {
                return Err(ValidationError::Revoked { serial: link.serial });
            }
        }
        if index.is_blocked(&anchor.pin) {
            return Err(ValidationError::KeyRevoked { pin: anchor.pin });
        }
        let checked = match self.rules.crls {
            CrlRule::ByMode => super::freshness::check(self.store, &links, self.rules.at)?,
            CrlRule::KnownOnly | CrlRule::Ignored => RevocationChecked::NotChecked,
        };
        Ok((links, checked))
    }

    /// The anchor that webpki ended at. Several certificates may carry its name and key, for instance a renewed root:
    /// one that is within its validity is enough.
    fn anchor(&self, found: &TrustAnchor<'_>) -> Result<&Anchor, ValidationError> {
        let named = self.store.anchors.named(&found.subject);
        let mut same = named.filter(|anchor| anchor.trust == *found);
        match self.rules.anchors {
            AnchorDates::Enforced => {
                same.find(|anchor| anchor.is_valid_at(self.rules.at)).ok_or(ValidationError::AnchorExpired)
            }
            AnchorDates::Ignored => same.next().ok_or(ValidationError::UnknownIssuer),
        }
    }

    fn translate(&self, error: &webpki::Error) -> ValidationError {
        translate::error(error, self.presented, self.usages)
    }

    fn identity(&self, links: Vec<Link>, revocation: RevocationChecked) -> PeerIdentity {
        let leaf = &self.presented.leaf;
        PeerIdentity::new(Facts {
            names: leaf.names().to_vec(),
            spiffe_id: leaf.names().iter().find_map(crate::SubjectName::spiffe_id),
            serial: leaf.serial(),
            key_pin: leaf.key_pin(),
            not_before: leaf.not_before(),
            not_after: leaf.not_after(),
            fingerprint: leaf.fingerprint(),
            trust_generation: self.store.generation(),
            revocation,
            links,
        })
    }
}

/// Stands for a refusal of ours inside webpki; it produces this one itself only for keys on a list that is empty.
const VETO: webpki::Error = webpki::Error::CertDistrusted;
