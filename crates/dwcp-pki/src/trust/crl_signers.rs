//! Keys besides an issuer's own that sign its CRLs: those that it has for lists alone (RFC 5280 §6.3.3 (f)).

use super::freshness;
use super::leaf_key;
use super::link::Link;
use super::presented::Other;
use super::profile::{self, Profile};
use super::revocation::RevocationMode;
use super::scope::Role;
use super::sound::SoundPath;
use super::store::TrustStore;
use crate::{KeyPin, RevocationChecked, signature};
use dwcp_base::UnixTime;
use std::borrow::Cow;
use std::sync::Arc;
use webpki::EndEntityCert;

/// A key that an authority of the path certified under an issuer's name, for CRLs.
#[derive(Clone)]
pub(crate) struct CrlSigner {
    /// The whole SubjectPublicKeyInfo.
    pub(crate) key: Arc<[u8]>,
    pub(crate) pin: KeyPin,
    /// Its certificate, and who issued that.
    certified: Link,
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
pub(super) fn find(store: &TrustStore, path: &SoundPath<'_>, links: &mut [Link], now: UnixTime) {
    // From the anchor down, since a signer's own certificate may be on a list of a signer further up.
    for at in (0..links.len()).rev() {
        let Some(link) = links.get(at) else { return };
        let mut found: Vec<CrlSigner> = Vec::new();
        let namesakes = path.presented.others().iter().filter(|other| *other.subject == *link.issuer);
        for other in namesakes.filter(|other| is_for_crls(other) && other.pin != link.issuer_pin) {
            let mut uppers =
                (at..links.len()).filter_map(|upper| certified(store, path, other, upper, links));
            if let Some(certified) = uppers.next()
                && found.iter().all(|known| known.pin != other.pin)
            {
                found.push(CrlSigner { key: Arc::clone(&other.key), pin: other.pin, certified });
            }
        }
        found.retain(|signer| is_good(store, signer, links, at, now));
        if let Some(link) = links.get_mut(at) {
            link.crl_signers = found.into();
        }
    }
}

/// The same path with those of its signers that are still good under this store.
pub(super) fn judge_again<'a>(store: &TrustStore, links: &'a [Link], now: UnixTime) -> Cow<'a, [Link]> {
    if links.iter().all(|link| link.crl_signers.is_empty()) {
        return Cow::Borrowed(links);
    }
    let mut judged = links.to_vec();
    for at in (0..judged.len()).rev() {
        let Some(known) = judged.get(at).map(|link| Arc::clone(&link.crl_signers)) else { continue };
        let good = known.iter().filter(|signer| is_good(store, signer, &judged, at, now)).cloned().collect();
        if let Some(link) = judged.get_mut(at) {
            link.crl_signers = good;
        }
    }
    Cow::Owned(judged)
}

/// Whether a signer of the CRLs of the issuer of `links[at]` is certified by an authority of the path, valid, neither blocked nor
/// listed, and where lists are required not without one. The signers further up were judged before.
fn is_good(store: &TrustStore, signer: &CrlSigner, links: &[Link], at: usize, now: UnixTime) -> bool {
    let by = &signer.certified;
    let mut above = (at..links.len()).filter_map(|upper| Some((upper, links.get(upper)?)));
    let issued = |(_, upper): &(usize, &Link)| upper.issuer == by.issuer && upper.issuer_pin == by.issuer_pin;
    let Some((upper, issuer)) = above.find(issued) else { return false };
    let mut by = by.clone();
    by.crl_signers = match upper == at {
        // Its own list is its issuer's, and speaks for it as for the rest.
        true => Arc::from([signer.clone()]),
        false => Arc::clone(&issuer.crl_signers),
    };
    let index = store.revocation();
    index.confirm(&by);
    !index.is_blocked(&signer.pin)
        && by.is_valid_at(now)
        && !index.lists(&by, now)
        && (store.mode() != RevocationMode::Required
            || freshness::check(store, &by, now) == Ok(RevocationChecked::Covered))
}

/// Whether its key usage names cRLSign and not keyCertSign.
fn is_for_crls(other: &Other) -> bool {
    let usage = other.certificate.extensions().key_usage;
    usage.is_some_and(|usage| usage.crl_sign() && !usage.key_cert_sign())
}

/// This certificate below the issuer of `links[upper]`, where that one signed it and its form is one that is accepted.
fn certified(
    store: &TrustStore,
    path: &SoundPath<'_>,
    other: &Other,
    upper: usize,
    links: &[Link],
) -> Option<Link> {
    let link = links.get(upper)?;
    if *other.issuer != *link.issuer
        || signature::verify(other.certificate.der(), &link.issuer_key).is_err()
        || !leaf_key::is_accepted(&other.key)
    {
        return None;
    }
    // It refuses critical extensions that are not known.
    let _ = EndEntityCert::try_from(other.certificate.certificate_der()).ok()?;
    if store.profile() == Profile::Mesh {
        let form = match path.issuers.get(upper) {
            Some(issuer) => issuer.form().ok()?,
            None => &path.anchor.form,
        };
        profile::check_crl_signer(other.form().ok()?, form).ok()?;
    }
    let issuer = (Arc::clone(&link.issuer), Arc::clone(&link.issuer_key), link.issuer_pin);
    Some(Link::new(&other.certificate, Role::Leaf, issuer, link.issuer_signs_crls))
}
