//! Paths by names and signatures alone, whatever the dates, purposes and constraints: what those refuse may be revoked besides.

use super::path::{CrlRule, Rules};
use super::presented::{Other, Presented};
use super::revoked;
use super::sound::SoundPath;
use super::store::TrustStore;
use crate::{ChainFault, ValidationError, signature};

/// The revocation on a path to an anchor, if there is one.
pub(super) fn revocation(
    store: &TrustStore,
    presented: &Presented<'_>,
    rules: &Rules<'_>,
) -> Option<ValidationError> {
    if rules.crls == CrlRule::Ignored || (store.index.is_empty() && rules.evidence.is_empty()) {
        return None;
    }
    Climb { store, presented, checks: MOST_CHECKS }.start(&mut |path| {
        let mut links = presented.links(&path.issuers, path.anchor);
        if let Err((at, fault)) = revoked::check_listed(store, &links, rules) {
            return Some(path.refusal(at, fault));
        }
        match rules.evidence.weigh(&path.pairs(), &mut links, store.revocation(), rules.at) {
            Err((Some(at), fault)) if fault.is_revocation() => Some(path.refusal(at, fault)),
            _ => None,
        }
    })
}

/// Whether an anchor issued the chain at all.
pub(super) fn leads_to_an_anchor(store: &TrustStore, presented: &Presented<'_>) -> bool {
    Climb { store, presented, checks: MOST_CHECKS }.start(&mut |_| Some(())).is_some()
}

/// The refusals that come before a path is looked up in its CRLs. A chain that no anchor issued is not among them, so that a
/// stranger costs nothing more.
pub(super) fn may_hide_revocation(refusal: &ChainFault) -> bool {
    matches!(
        refusal,
        ChainFault::Expired { .. }
            | ChainFault::NotYetValid { .. }
            | ChainFault::AnchorExpired
            | ChainFault::Authority { .. }
            | ChainFault::Malformed { .. }
            | ChainFault::NameConstraint
            | ChainFault::Profile { .. }
            | ChainFault::Purpose { .. }
            | ChainFault::TooDeep { .. }
            | ChainFault::TrustDomain { .. }
    )
}

struct Climb<'a> {
    store: &'a TrustStore,
    presented: &'a Presented<'a>,
    /// How many signatures are still verified.
    checks: usize,
}

impl<'a> Climb<'a> {
    /// The first thing that `look` finds on a path, from the leaf up.
    fn start<T>(mut self, look: &mut dyn FnMut(&SoundPath<'_>) -> Option<T>) -> Option<T> {
        let presented = self.presented;
        self.from(presented.leaf_der, presented.leaf_issuer(), &mut Vec::new(), look)
    }

    fn from<T>(
        &mut self,
        der: &[u8],
        issuer: &[u8],
        issuers: &mut Vec<&'a Other>,
        look: &mut dyn FnMut(&SoundPath<'_>) -> Option<T>,
    ) -> Option<T> {
        let (store, presented) = (self.store, self.presented);
        for anchor in store.anchors.named(issuer) {
            if self.signed(der, &anchor.key) {
                let path = SoundPath { presented, issuers: issuers.clone(), anchor };
                if let Some(found) = look(&path) {
                    return Some(found);
                }
            }
        }
        for other in presented.others().iter().filter(|other| *other.subject == *issuer) {
            let is_new = issuers.iter().all(|known| known.pin != other.pin);
            if !is_new || !other.certificate.is_authority() || !self.signed(der, &other.key) {
                continue;
            }
            issuers.push(other);
            let found = self.from(other.certificate.der(), &other.issuer, issuers, look);
            if found.is_some() {
                return found;
            }
            issuers.pop();
        }
        None
    }

    fn signed(&mut self, der: &[u8], key: &[u8]) -> bool {
        let Some(left) = self.checks.checked_sub(1) else { return false };
        self.checks = left;
        signature::verify(der, key).is_ok()
    }
}

/// Some three milliseconds of work; an honest path has at most sixteen signatures.
const MOST_CHECKS: usize = 32;
