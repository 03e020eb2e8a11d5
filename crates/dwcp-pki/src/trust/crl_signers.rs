//! Keys besides an issuer's own that sign its CRLs: those that it has for lists alone (RFC 5280 §6.3.3 (f)).

use super::link::Link;
use super::presented::{Other, Presented};
use super::scope::Role;
use super::store::TrustStore;
use crate::{KeyPin, signature};
use dwcp_base::UnixTime;
use std::sync::Arc;

/// A key that an authority of the path certified under an issuer's name, for CRLs.
#[derive(Clone)]
pub(crate) struct CrlSigner {
    /// The whole SubjectPublicKeyInfo.
    pub(crate) key: Arc<[u8]>,
    pub(crate) pin: KeyPin,
}

/// Finds, for each link of a path that is sound, the keys that its issuer has for CRLs alone: those of presented certificates
/// under its name which the issuer, or an authority above it, signed.
///
/// A key that issues certificates as well has its own CRL and speaks in it for what it issued: where an authority goes over to
/// another key under the same name, neither list says anything of what the other key issued.
///
/// # Security
/// The path was verified before, so a stranger has nothing verified here; and no key counts that the path's own authorities
/// did not certify under this name, with cRLSign (AT-X13). A certificate that is blocked or listed certifies nothing.
pub(super) fn find(store: &TrustStore, presented: &Presented<'_>, links: &mut [Link], now: UnixTime) {
    for at in 0..links.len() {
        let Some(above) = links.get(at..) else { return };
        let Some(link) = above.first() else { return };
        let mut found: Vec<CrlSigner> = Vec::new();
        let mut add = |key: &Arc<[u8]>, pin: KeyPin| {
            if pin != link.issuer_pin && found.iter().all(|known| known.pin != pin) {
                found.push(CrlSigner { key: Arc::clone(key), pin });
            }
        };
        let namesakes = presented.others().iter().filter(|other| *other.subject == *link.issuer);
        for other in namesakes.filter(|other| is_for_crls(other) && other.pin != link.issuer_pin) {
            let certified = above.iter().any(|upper| is_certified(store, other, upper, now));
            if certified && !store.index.is_blocked(&other.pin) {
                add(&other.key, other.pin);
            }
        }
        if let Some(link) = links.get_mut(at) {
            link.crl_signers = found.into();
        }
    }
}

/// Whether its key usage names cRLSign and not keyCertSign.
fn is_for_crls(other: &Other) -> bool {
    let usage = other.certificate.extensions().key_usage;
    usage.is_some_and(|usage| usage.crl_sign() && !usage.key_cert_sign())
}

/// Whether the issuer of `upper` signed this certificate, and has not taken it back.
fn is_certified(store: &TrustStore, other: &Other, upper: &Link, now: UnixTime) -> bool {
    if *other.issuer != *upper.issuer
        || signature::verify(other.certificate.der(), &upper.issuer_key).is_err()
    {
        return false;
    }
    let issuer = (Arc::clone(&upper.issuer), Arc::clone(&upper.issuer_key), upper.issuer_pin);
    let certified = Link::new(&other.certificate, Role::Authority, issuer, upper.issuer_signs_crls);
    store.index.confirm(&certified);
    certified.is_valid_at(now) && !store.index.lists(&certified, now)
}
