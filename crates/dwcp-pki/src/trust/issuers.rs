//! Verdicts on issuers, so that a leaf under one that was judged before costs one signature.

use super::anchor::{Anchor, signs_crls};
use super::leaf::{self, Usages};
use super::link::Link;
use super::path::{self, AnchorDates, Rules};
use super::policies::PolicyRequirements;
use super::presented::{self, Other};
use super::profile::{self, Form, Profile};
use super::revoked;
use super::scope::Role;
use super::store::TrustStore;
use super::vouching::Vouches;
use crate::signature::ACCEPTED;
use crate::{Certificate, KeyPin, PeerIdentity, Purpose};
use dwcp_base::UnixTime;
use dwcp_crypto::digest;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use webpki::EndEntityCert;

/// Issuers that a whole path approved of, by the SHA-256 of their certificate: at most [`MOST_JUDGED`].
///
/// It belongs to one trust store, so a change of anchors, CRLs or rules begins with an empty one. Refusals are not kept, and
/// what a stranger shows gets in only under a leaf that an anchor vouches for. Dates and revocation are looked at anew each
/// time: what is saved is the signatures and the form of the issuers.
#[derive(Default)]
pub(super) struct IssuerCache(RwLock<HashMap<[u8; 32], Arc<Judged>>>);

/// One issuer, directly above leaves, with the path from it to its anchor.
pub(super) struct Judged {
    fingerprint: [u8; 32],
    /// The fingerprints of the authorities between it and the anchor.
    above: Vec<[u8; 32]>,
    /// The fingerprint of the anchor.
    anchor: [u8; 32],
    /// What webpki needs of it to check a leaf: name, key and its own name constraints.
    trust: TrustAnchor<'static>,
    key: Arc<[u8]>,
    pin: KeyPin,
    signs_crls: bool,
    form: Arc<Form>,
    /// The links from it upwards.
    links: Vec<Link>,
    anchor_not_before: UnixTime,
    anchor_not_after: UnixTime,
    serves: Serves,
    /// For whom the anchor vouches.
    vouches: Arc<Vouches>,
}

/// Which purposes every authority of the path passes on.
#[derive(Clone, Copy)]
struct Serves {
    server: bool,
    client: bool,
}

impl IssuerCache {
    /// What is known of the first of these certificates of which anything is.
    fn find(&self, ders: &[CertificateDer<'_>]) -> Option<Arc<Judged>> {
        let read = || self.0.read().unwrap_or_else(PoisonError::into_inner);
        if read().is_empty() {
            return None;
        }
        let of_size = ders.iter().filter(|der| der.len() <= crate::certificate::LARGEST);
        let shown: Vec<[u8; 32]> = of_size.map(|der| digest::sha256(der)).collect();
        // The whole path is shown again and nothing else: what is known changes what a chain costs, not what comes of it, and a
        // certificate beside the path may be that of a key for CRLs.
        let is_path = |judged: &&Arc<Judged>| {
            let belongs = |one: &[u8; 32]| {
                *one == judged.fingerprint || *one == judged.anchor || judged.above.contains(one)
            };
            judged.above.iter().all(|above| shown.contains(above)) && shown.iter().all(belongs)
        };
        let known = read();
        shown.iter().filter_map(|fingerprint| known.get(fingerprint)).find(is_path).cloned()
    }

    pub(super) fn keep(&self, judged: Judged) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_JUDGED && !known.contains_key(&judged.fingerprint) {
            // Filling it takes that many certified issuers; beginning anew costs one validation each.
            known.clear();
        }
        known.insert(judged.fingerprint, Arc::new(judged));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Judged {
    /// What to remember of the first of `issuers`, if it may be: name constraints of authorities above it, and what any of them
    /// requires of policies, would have to be checked for each leaf, which is for the whole path to do.
    pub(super) fn new(issuers: &[&Other], anchor: &Anchor, links: &[Link]) -> Option<Self> {
        let (first, above) = issuers.split_first()?;
        let constrained = |certificate: &Certificate| certificate.extensions().name_constraints.is_some();
        if constrained(&anchor.certificate) || above.iter().any(|other| constrained(&other.certificate)) {
            return None;
        }
        // Whose certificates were shown beside the path counts for it; the next chain may not show them.
        if links.iter().any(|link| !link.crl_signers.is_empty()) {
            return None;
        }
        if issuers.iter().any(|other| other.form().map_or(true, |form| form.constrains_policies())) {
            return None;
        }
        let trust = webpki::anchor_from_trusted_cert(first.certificate.certificate_der()).ok()?.to_owned();
        Some(Self {
            fingerprint: first.certificate.fingerprint(),
            above: above.iter().map(|other| other.certificate.fingerprint()).collect(),
            anchor: anchor.certificate.fingerprint(),
            trust,
            key: Arc::clone(&first.key),
            pin: first.pin,
            signs_crls: signs_crls(&first.certificate),
            form: Arc::clone(first.form().ok()?),
            links: links.get(1..)?.to_vec(),
            anchor_not_before: anchor.certificate.not_before(),
            anchor_not_after: anchor.certificate.not_after(),
            serves: Serves::of(issuers, anchor),
            vouches: Arc::clone(&anchor.vouches),
        })
    }

    fn is_valid_at(&self, now: UnixTime) -> bool {
        self.links.iter().all(|link| link.is_valid_at(now))
            && self.anchor_not_before.secs() <= now.secs()
            && now.secs() <= self.anchor_not_after.secs()
    }

    /// A leaf that this issuer signed.
    fn link_to(&self, leaf: &Certificate) -> Link {
        let issuer = (self.trust.subject.as_ref().into(), Arc::clone(&self.key), self.pin);
        Link::new(leaf, Role::Leaf, issuer, self.signs_crls)
    }
}

impl Serves {
    fn of(issuers: &[&Other], anchor: &Anchor) -> Self {
        let all = || issuers.iter().map(|other| &other.certificate).chain([&anchor.certificate]);
        // The interop profile reads anyExtendedKeyUsage as every purpose; here it only makes the whole path be judged.
        let passed = |purpose| {
            let usages = Usages { purpose, profile: Profile::Mesh };
            all().all(|authority| usages.pass_through(authority))
        };
        Self { server: passed(Purpose::Server), client: passed(Purpose::Client) }
    }

    fn purpose(self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Server => self.server,
            Purpose::Client => self.client,
            Purpose::Any => true,
        }
    }
}

/// Judges a chain whose leaf is under an issuer that was judged before. `None` says nothing about the chain: the whole path
/// is judged then, and has the last word.
pub(super) fn shortcut(
    store: &TrustStore,
    chain: &[CertificateDer<'_>],
    usages: Usages,
    rules: &Rules<'_>,
) -> Option<PeerIdentity> {
    let Usages { purpose, profile } = usages;
    let (first, after) = chain.split_first()?;
    if after.is_empty() || after.len() > MOST_AFTER_LEAF || rules.anchors != AnchorDates::Enforced {
        return None;
    }
    if !rules.evidence.is_empty() {
        // What a response is about are certificates, and of known issuers keys and names are kept.
        return None;
    }
    let judged = store.issuers.find(after)?;
    let leaf = Certificate::from_der(first).ok()?;
    let issuer = presented::name(leaf.raw().ok()?.issuer).ok()?;
    if *issuer != *judged.trust.subject || !judged.serves.purpose(purpose) || !judged.is_valid_at(rules.at) {
        return None;
    }
    let roots = [super::anchors::borrowed(&judged.trust)];
    let signed = EndEntityCert::try_from(first).ok()?;
    signed.verify_for_usage(ACCEPTED, &roots, &[], path::webpki_time(rules.at), usages, None, None).ok()?;
    let form = Form::read(&leaf).ok()?;
    // What is required of policies depends on the whole path.
    if form.constrains_policies()
        || form.has_unsound_policies()
        || *store.policies() != PolicyRequirements::default()
    {
        return None;
    }
    let warrant = store.domains.judge(&judged.vouches, path::spiffe_id(&leaf).as_ref()).ok()?;
    leaf::check(&leaf, &form, usages).ok()?;
    if profile == Profile::Mesh {
        profile::check_link(&form, &judged.form).ok()?;
    }
    let links: Vec<Link> =
        std::iter::once(judged.link_to(&leaf)).chain(judged.links.iter().cloned()).collect();
    let checked = revoked::check_revocation(store, &links, rules).ok()?;
    Some(path::identity(store, &leaf, &form, warrant, judged.anchor, links, checked))
}

impl fmt::Debug for IssuerCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerCache").finish_non_exhaustive()
    }
}

/// About 4 KiB each.
pub(super) const MOST_JUDGED: usize = 1024;
/// With no more, the bounds on what is presented can not be exceeded, so that they hold for a known issuer as for a new one.
const MOST_AFTER_LEAF: usize = 4;
