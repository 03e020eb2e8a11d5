//! The search for a path from a leaf to an anchor, and the rules that webpki leaves to its caller.

use super::anchor::Anchor;
use super::blamed;
use super::crl_signers;
use super::evidence::Evidence;
use super::issuers::Judged;
use super::leaf::{self, Usages};
use super::lenient;
use super::link::Link;
use super::presented::Presented;
use super::profile::Form;
use super::revoked;
use super::sound::SoundPath;
use super::store::TrustStore;
use super::translate;
use super::vouching::Warrant;
use crate::identity::Facts;
use crate::signature::ACCEPTED;
use crate::{
    ChainFault, ChainMember, ChainPlace, PeerIdentity, Purpose, RevocationChecked, SpiffeId, SubjectName,
    ValidationError,
};
use dwcp_base::UnixTime;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use std::cell::RefCell;
use std::time::Duration;
use webpki::{EndEntityCert, VerifiedPath};

/// Which of the rules about time and revocation apply to one search.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) at: UnixTime,
    pub(super) anchors: AnchorDates,
    pub(super) crls: CrlRule,
    /// What the peer brought along.
    pub(super) evidence: Evidence<'a>,
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

/// Judges a chain; when another rule refuses it before revocation was looked at, looks whether a revoked certificate should
/// lead.
pub(super) fn judge(
    store: &TrustStore,
    chain: &[CertificateDer<'_>],
    purpose: Purpose,
    rules: &Rules<'_>,
) -> Result<PeerIdentity, ValidationError> {
    let usages = Usages { purpose, profile: store.profile() };
    if let Some(identity) = super::issuers::shortcut(store, chain, usages, rules) {
        return Ok(identity);
    }
    let presented = Presented::read(chain)?;
    let search = Search { store, presented: &presented, usages, rules: *rules };
    let refusal = match search.run() {
        Ok(identity) => return Ok(identity),
        Err(refusal) => refusal,
    };
    if !lenient::may_hide_revocation(refusal.fault()) {
        return Err(refusal);
    }
    Err(lenient::revocation(store, &presented, rules).unwrap_or(refusal))
}

struct Search<'a> {
    store: &'a TrustStore,
    presented: &'a Presented<'a>,
    usages: Usages,
    rules: Rules<'a>,
}

/// A path that was approved of, leaf first, and what CRLs said about it.
struct Approved {
    links: Vec<Link>,
    checked: RevocationChecked,
    /// Which of the leaf's names the anchor vouches for.
    warrant: Warrant,
    /// The fingerprint of the anchor's certificate.
    anchor: [u8; 32],
    /// What is to be remembered of the leaf's issuer.
    judged: Option<Judged>,
}

impl Search<'_> {
    fn run(&self) -> Result<PeerIdentity, ValidationError> {
        let found = self.find()?;
        let leaf = &self.presented.leaf;
        let form = self.presented.leaf_form().map_err(|fault| at_leaf(fault, leaf))?;
        leaf::check(leaf, form, self.usages).map_err(|fault| at_leaf(fault, leaf))?;
        if let Some(judged) = found.judged {
            self.store.issuers.keep(judged);
        }
        Ok(identity(self.store, leaf, form, found.warrant, found.anchor, found.links, found.checked))
    }

    /// Has webpki look for a path, without any CRL: it would verify the signature of each for each path it tries, before
    /// anything is known of the peer. Revocation is judged in [`approve`](Self::approve), once a path is sound.
    fn find(&self) -> Result<Approved, ValidationError> {
        let roots = self.store.anchors.roots(self.presented.issuers());
        if roots.is_empty() {
            return Err(blamed::no_anchor(self.presented));
        }
        let leaf = EndEntityCert::try_from(self.presented.leaf_der).map_err(|e| self.translate(&e))?;
        // webpki's own error can not carry ours, and it may try another path after a veto, so verdicts are kept beside it.
        let approved: RefCell<Option<Approved>> = RefCell::new(None);
        let vetoed: RefCell<Option<ValidationError>> = RefCell::new(None);
        let judge = |path: &VerifiedPath<'_>| match self.approve(path) {
            Ok(found) => {
                *approved.borrow_mut() = Some(found);
                Ok(())
            }
            Err(error) => {
                let mut worst = vetoed.borrow_mut();
                let weight = |error: &ValidationError| translate::weight(error.fault());
                if worst.as_ref().is_none_or(|worst| weight(&error) > weight(worst)) {
                    *worst = Some(error);
                }
                Err(VETO)
            }
        };
        let found = leaf.verify_for_usage(
            ACCEPTED,
            &roots,
            &self.presented.rest,
            webpki_time(self.rules.at),
            self.usages,
            None,
            Some(&judge),
        );
        if let (Ok(_), Some(approved)) = (&found, approved.take()) {
            return Ok(approved);
        }
        // What is wrong with a path that is sound says more than what is wrong with one that is not.
        Err(match (vetoed.into_inner(), found) {
            (Some(vetoed), _) => vetoed,
            (None, Err(error)) => self.translate(&error),
            (None, Ok(_)) => ChainFault::UnknownIssuer.into(),
        })
    }

    /// The rules on a whole path that webpki found sound: for whom the anchor vouches and its dates, what each authority must
    /// be, blocked keys and listed serials, what evidence says, a fresh CRL of each issuer.
    fn approve(&self, path: &VerifiedPath<'_>) -> Result<Approved, ValidationError> {
        let issuers = self.presented.issuers_of(path)?;
        let mut refusal = ValidationError::from(ChainFault::UnknownIssuer);
        for (anchor, warrant) in self.anchors(path.anchor())? {
            let sound = SoundPath { presented: self.presented, issuers: issuers.clone(), anchor };
            match sound.check(self.store, self.usages) {
                Ok(()) => return self.check_revocation(&sound, warrant),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// Blocked keys and listed serials, what evidence says, and a fresh CRL of each issuer.
    fn check_revocation(&self, sound: &SoundPath<'_>, warrant: Warrant) -> Result<Approved, ValidationError> {
        let mut links = self.presented.links(&sound.issuers, sound.anchor);
        if self.rules.crls != CrlRule::Ignored {
            crl_signers::find(self.store, sound, &mut links, self.rules.at);
        }
        let blame = |(at, fault)| sound.refusal(at, fault);
        // What a CRL lists leads over what a response says.
        revoked::check_listed(self.store, &links, &self.rules).map_err(blame)?;
        self.weigh_evidence(sound, &mut links)?;
        let checked = revoked::check_fresh(self.store, &links, &self.rules).map_err(blame)?;
        let judged =
            self.worth_keeping().then(|| Judged::new(&sound.issuers, sound.anchor, &links)).flatten();
        Ok(Approved { links, checked, warrant, anchor: sound.anchor.certificate.fingerprint(), judged })
    }

    fn weigh_evidence(&self, sound: &SoundPath<'_>, links: &mut [Link]) -> Result<(), ValidationError> {
        let Rules { evidence, crls, at, .. } = &self.rules;
        if evidence.is_empty() || *crls == CrlRule::Ignored {
            return Ok(());
        }
        match evidence.weigh(&sound.pairs(), links, self.store.revocation(), *at) {
            Err((at, fault)) if *crls == CrlRule::ByMode || fault.is_revocation() => {
                Err(at.map_or_else(|| fault.clone().into(), |at| sound.refusal(at, fault.clone())))
            }
            _ => Ok(()),
        }
    }

    /// What is found out by a lenient search is not for a strict one to rely on, nor what one peer brought along for others.
    fn worth_keeping(&self) -> bool {
        self.rules.evidence.is_empty() && self.rules.anchors == AnchorDates::Enforced
    }

    /// The anchors that webpki may have ended at, each with the names it vouches for: several certificates may carry one name
    /// and key, for instance a renewed root, and one that will do is enough.
    fn anchors(&self, found: &TrustAnchor<'_>) -> Result<Vec<(&Anchor, Warrant)>, ValidationError> {
        let same = || self.store.anchors.named(&found.subject).filter(|anchor| anchor.trust == *found);
        let any = same().next().ok_or(ChainFault::UnknownIssuer)?;
        let dates_matter = self.rules.anchors == AnchorDates::Enforced;
        let member = ChainMember::new(ChainPlace::Anchor, &any.certificate);
        let mut refusal = ValidationError::from(ChainFault::AnchorExpired).of(member);
        let (leaf, mut good) = (&self.presented.leaf, Vec::new());
        for anchor in same().filter(|anchor| !dates_matter || anchor.is_valid_at(self.rules.at)) {
            match self.store.domains.judge(&anchor.vouches, spiffe_id(leaf).as_ref()) {
                Ok(warrant) => good.push((anchor, warrant)),
                Err(fault) => refusal = at_leaf(fault, leaf),
            }
        }
        if good.is_empty() { Err(refusal) } else { Ok(good) }
    }

    fn translate(&self, error: &webpki::Error) -> ValidationError {
        let fault = translate::error(error, self.presented, self.usages);
        if fault == ChainFault::UnknownIssuer {
            return blamed::no_anchor(self.presented);
        }
        blamed::attribute(fault, self.presented, self.usages, self.rules.at)
    }
}

/// What a validated leaf gives its holder.
pub(super) fn identity(
    store: &TrustStore,
    leaf: &crate::Certificate,
    form: &Form,
    warrant: Warrant,
    anchor: [u8; 32],
    links: Vec<Link>,
    revocation: RevocationChecked,
) -> PeerIdentity {
    let vouched_for = |name: &&SubjectName| match warrant {
        Warrant::AllNames => true,
        Warrant::SpiffeIdAlone => name.spiffe_id().is_some(),
    };
    PeerIdentity::new(Facts {
        names: leaf.names().iter().filter(vouched_for).cloned().collect(),
        spiffe_id: spiffe_id(leaf),
        serial: leaf.serial(),
        key_pin: leaf.key_pin(),
        not_before: leaf.not_before(),
        not_after: leaf.not_after(),
        fingerprint: leaf.fingerprint(),
        trust_generation: store.generation(),
        revocation,
        marks: form.leaf_marks(),
        links,
        anchor,
        rules: store.rules().clone(),
    })
}

/// The SPIFFE ID of a leaf. That there is no second one beside it is checked with its names.
pub(super) fn spiffe_id(leaf: &crate::Certificate) -> Option<SpiffeId> {
    leaf.names().iter().find_map(SubjectName::spiffe_id)
}

pub(super) fn webpki_time(at: UnixTime) -> rustls_pki_types::UnixTime {
    let secs = u64::try_from(at.secs()).unwrap_or(0);
    rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(secs))
}

fn at_leaf(fault: ChainFault, leaf: &crate::Certificate) -> ValidationError {
    ValidationError::from(fault).of(ChainMember::new(ChainPlace::Leaf, leaf))
}

/// Stands for a refusal of ours inside webpki; it produces this one itself only for keys on a list that is empty.
const VETO: webpki::Error = webpki::Error::CertDistrusted;
