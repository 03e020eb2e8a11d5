//! The trust store: an immutable snapshot of anchors, CRLs and block list that chains are judged against.

use super::anchor::Anchor;
use super::anchors::Anchors;
use super::asked::Asked;
use super::bundle::{MAX_BUNDLES, TrustBundle};
use super::combined::View;
use super::crl_entry::{CrlEntry, Duty};
use super::evidence::Evidence;
use super::issuers::IssuerCache;
use super::lenient;
use super::path::{self, AnchorDates, CrlRule, Rules};
use super::presented::Presented;
use super::revocation::{RevocationIndex, RevocationMode};
use super::trust_error::TrustError;
use super::vouching::Domains;
use crate::{
    Certificate, CertificateChain, ChainFault, Crl, DeltaCrl, KeyPin, PeerIdentity, Purpose, TrustDomain,
    ValidationError,
};
use dwcp_base::UnixTime;
use rustls_pki_types::CertificateDer;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What this side trusts: anchors, CRLs, blocked keys, and how strictly revocation is taken. Immutable; a clone is a
/// handful of pointers.
///
/// # Security
/// Nothing is trusted that is not listed: there is no system store behind it. With [`RevocationMode::Required`] an
/// issuer without a fresh CRL has all its chains refused, and so has every issuer when there is no CRL at all.
///
/// Who may vouch for whom:
///
/// - The store's own anchors are those given to [`new`](Self::new). Once [`with_trust_domain`](Self::with_trust_domain) has
///   bound them they vouch for SPIFFE IDs of that trust domain alone. Before that they vouch for those of every trust
///   domain that has no bundle. Either way they vouch for leaves without a SPIFFE ID, and for all names of a leaf.
/// - An anchor of a [`TrustBundle`] vouches for SPIFFE IDs of the bundle's trust domain and for nothing else. The leaf must
///   carry one, and the identity has that one name: a partner's authority can put no DNS name into effect that a pattern or
///   a server name of yours could meet.
/// - A trust domain that has a bundle is vouched for by the bundle's anchors alone. A bundle of the own trust domain adds to
///   the own anchors.
///
/// Each authority below an anchor has what the anchor has, so own anchors can issue every DNS name and address, save where
/// name constraints forbid it (RFC 5280 §4.2.1.10; a constraint on URIs refuses every URI). CRLs are bound to the key that
/// signed them and to nothing else.
#[derive(Clone)]
pub struct TrustStore {
    pub(super) anchors: Arc<Anchors>,
    pub(super) domains: Arc<Domains>,
    pub(super) index: Arc<RevocationIndex>,
    pub(super) mode: RevocationMode,
    pub(super) asked: Asked,
    /// Verdicts on issuers under exactly these anchors, CRLs and rules: a store that differs in one of them has its own.
    pub(super) issuers: Arc<IssuerCache>,
    generation: u64,
}

impl TrustStore {
    /// A store of these anchors and CRLs, generation 0. At most 4096 anchors and 1024 CRLs; duplicates are dropped.
    ///
    /// An anchor outside its validity is taken in and refused when a chain leads to it, since time passes.
    ///
    /// # Errors
    /// [`TrustError`] when there is no anchor, when one is no certificate of an authority, and when a CRL is of a kind
    /// that can not be looked up (version 1, delta, indirect, without number or nextUpdate).
    pub fn new(
        anchors: Vec<CertificateDer<'static>>,
        crls: Vec<Crl>,
        mode: RevocationMode,
    ) -> Result<Self, TrustError> {
        if anchors.len() > MAX_ANCHORS || crls.len() > MAX_CRLS {
            return Err(TrustError::TooMany);
        }
        Self::of(Anchors::new(&anchors)?, crls, mode)
    }

    /// A store that trusts nobody, whatever is shown to it: for a server that asks no client who it is, or whose peers are vouched for by
    /// [bundles](Self::with_bundles) alone. To say so takes a call of its own, since a list of anchors that is empty by mistake is refused.
    pub fn of_nobody() -> Self {
        let (index, anchors) = (Arc::new(RevocationIndex::new(Vec::new())), Arc::default());
        Self {
            anchors,
            domains: Arc::default(),
            index,
            mode: RevocationMode::Off,
            asked: Asked::default(),
            issuers: Arc::default(),
            generation: 0,
        }
    }

    fn of(anchors: Anchors, crls: Vec<Crl>, mode: RevocationMode) -> Result<Self, TrustError> {
        let entries: Vec<_> =
            crls.into_iter().map(|crl| CrlEntry::new(crl).map(Arc::new)).collect::<Result<_, _>>()?;
        let index = RevocationIndex::new(entries);
        confirm(&anchors, &index);
        Ok(Self {
            anchors: Arc::new(anchors),
            domains: Arc::default(),
            index: Arc::new(index),
            mode,
            asked: Asked::default(),
            issuers: Arc::default(),
            generation: 0,
        })
    }

    /// The same store with its own anchors bound to a trust domain: a chain to them whose leaf has a SPIFFE ID of another is
    /// refused. Leaves without a SPIFFE ID stay acceptable.
    #[must_use]
    pub fn with_trust_domain(mut self, domain: TrustDomain) -> Self {
        Arc::make_mut(&mut self.domains).own = Some(domain);
        self.forget_issuers()
    }

    /// The same store with the anchors of these trust domains besides, at most 256 trust domains and 4096 anchors in all.
    ///
    /// Bundles of one trust domain are put together. One certificate may be in several bundles and among the own anchors: it
    /// vouches for each.
    ///
    /// # Errors
    /// [`TrustError::TooMany`] and [`TrustError::TooManyBundles`].
    pub fn with_bundles(mut self, bundles: Vec<TrustBundle>) -> Result<Self, TrustError> {
        let anchors = Arc::make_mut(&mut self.anchors);
        let domains = Arc::make_mut(&mut self.domains);
        for bundle in &bundles {
            anchors.add_bundle(bundle);
            domains.bundled.insert(bundle.trust_domain().clone());
            if anchors.len() > MAX_ANCHORS {
                return Err(TrustError::TooMany);
            }
            if domains.bundled.len() > MAX_BUNDLES {
                return Err(TrustError::TooManyBundles);
            }
        }
        confirm(&self.anchors, &self.index);
        Ok(self.forget_issuers())
    }

    pub(super) fn forget_issuers(mut self) -> Self {
        self.issuers = Arc::default();
        self
    }

    /// The same store under another generation number.
    #[must_use]
    pub fn with_generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// The same store that refuses these keys besides, whoever certified them.
    #[must_use]
    pub fn with_blocked_keys(mut self, keys: impl IntoIterator<Item = KeyPin>) -> Self {
        let mut index = (*self.index).clone();
        index.block(keys);
        self.index = Arc::new(index);
        self.forget_issuers()
    }

    /// The same store with these delta CRLs besides (RFC 5280 §5.2.4); at most 1024 with the complete CRLs.
    ///
    /// A delta counts where a complete CRL of the same issuer key and scope is here whose number is not below the delta's
    /// [`base`](DeltaCrl::base) and below its [`number`](DeltaCrl::number); the newest such delta does. What it lists is revoked, what
    /// it takes off hold is not, and both together are as fresh as the fresher of the two. Where no such CRL is here, what a delta lists is
    /// refused all the same, and nothing else of it counts.
    ///
    /// # Errors
    /// [`TrustError::TooMany`].
    pub fn with_deltas(mut self, deltas: Vec<DeltaCrl>) -> Result<Self, TrustError> {
        let mut index = (*self.index).clone();
        if deltas.len() > MAX_CRLS.saturating_sub(index.len()) {
            return Err(TrustError::TooMany);
        }
        let entries: Vec<_> = deltas
            .into_iter()
            .map(|delta| CrlEntry::of_delta(delta).map(Arc::new))
            .collect::<Result<_, _>>()?;
        index.extend(entries);
        confirm(&self.anchors, &index);
        self.index = Arc::new(index);
        Ok(self.forget_issuers())
    }

    /// The same store with what `earlier` knew of revocation besides: an old CRL put back in place, or one that is missing
    /// now, does not bring revoked certificates back.
    ///
    /// A CRL of `earlier` is kept until this store has one as new of the same issuer key and scope, a delta until there is such a
    /// complete CRL or a delta as new that reaches as far back. Where no path has shown the signer of either yet, both are kept until
    /// one does, or until 30 days after it lapsed, by the newest list of a trusted key. Of more than 1024 CRLs in all, new ones of unknown
    /// signers go first, then those of `earlier` that lapse first. Blocked keys are not taken over: the list is the caller's.
    #[must_use]
    pub fn adopting_newer_crls(mut self, earlier: &Self) -> Self {
        let mut index = (*self.index).clone();
        index.adopt(&earlier.index, MAX_CRLS);
        confirm(&self.anchors, &index);
        self.index = Arc::new(index);
        self.forget_issuers()
    }

    /// The generation number; identities made here carry it.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// How strictly revocation is taken.
    pub fn mode(&self) -> RevocationMode {
        self.mode
    }

    /// The trust domain that the own anchors are bound to; `None` while they are not.
    pub fn trust_domain(&self) -> Option<&TrustDomain> {
        self.domains.own.as_ref()
    }

    /// The other trust domains that have a bundle, in order.
    pub fn federated(&self) -> impl Iterator<Item = &TrustDomain> {
        self.domains.federated()
    }

    /// The anchors of another trust domain's bundle.
    pub fn anchors_of(&self, domain: &TrustDomain) -> impl Iterator<Item = &Certificate> {
        self.bundled_for(domain).map(|anchor| &anchor.certificate)
    }

    fn bundled_for(&self, domain: &TrustDomain) -> impl Iterator<Item = &Anchor> {
        self.anchors.iter().filter(move |anchor| anchor.vouches.bundles.contains(domain))
    }

    /// Whether both have the same anchors, bound to the same trust domains.
    pub fn has_anchors_of(&self, other: &Self) -> bool {
        let all = |store: &Self| -> BTreeMap<_, _> {
            let bound = |anchor: &Anchor| (anchor.certificate.fingerprint(), Arc::clone(&anchor.vouches));
            store.anchors.iter().map(bound).collect()
        };
        self.domains == other.domains && all(self) == all(other)
    }

    /// The anchors' certificates, those of bundles included.
    pub fn anchors(&self) -> impl Iterator<Item = &Certificate> {
        self.anchors.iter().map(|anchor| &anchor.certificate)
    }

    /// The own anchors' certificates: what is trusted for the own trust domain, and nothing that is in bundles of others alone.
    pub fn own_anchors(&self) -> impl Iterator<Item = &Certificate> {
        let own = self.anchors.iter().filter(|anchor| self.domains.is_own(&anchor.vouches));
        own.map(|anchor| &anchor.certificate)
    }

    /// The complete CRLs, superseded ones included.
    pub fn crls(&self) -> impl Iterator<Item = &Crl> {
        self.index.crls()
    }

    /// What is revoked.
    pub fn revocation(&self) -> &RevocationIndex {
        &self.index
    }

    /// The earliest nextUpdate among the CRLs that own anchors signed and that are not superseded, where a delta lasts longer than its
    /// CRL the delta's; `None` without any.
    pub fn crl_expiry(&self) -> Option<UnixTime> {
        self.earliest_end(self.anchors.iter().filter(|anchor| self.domains.is_own(&anchor.vouches)))
    }

    /// The same of the anchors of another trust domain's bundle.
    pub fn crl_expiry_of(&self, domain: &TrustDomain) -> Option<UnixTime> {
        self.earliest_end(self.bundled_for(domain))
    }

    /// The own anchors of which no list is known: where one is required, nobody below them is accepted.
    pub fn unlisted_anchors(&self) -> impl Iterator<Item = &Certificate> {
        let own = self.anchors.iter().filter(|anchor| self.domains.is_own(&anchor.vouches));
        let unlisted = own
            .filter(|anchor| !self.index.named(anchor.name()).any(|entry| entry.is_signed_by(&anchor.pin)));
        unlisted.map(|anchor| &anchor.certificate)
    }

    fn earliest_end<'a>(&'a self, anchors: impl Iterator<Item = &'a Anchor>) -> Option<UnixTime> {
        anchors
            .flat_map(|anchor| self.index.current(anchor.name(), &anchor.pin, View::All))
            .map(|combined| combined.expiry())
            .min()
    }

    /// Judges a presented chain, leaf first, for a purpose at a time.
    ///
    /// The other certificates may come in any order, with or without the anchor; those that lead nowhere are ignored.
    /// RFC 5280 §6 with these rules on top: at most [`MAX_PRESENTED`](crate::MAX_PRESENTED) certificates, and
    /// after the leaf at most four of one subject; the leaf is no authority, names its
    /// purpose in its extended key usage and does not claim any usage; an issuer whose key usage leaves out
    /// keyCertSign (or cRLSign, for its CRL) is none; the anchor is within its validity; a SPIFFE certificate has one
    /// URI; a client certificate has no wildcard.
    ///
    /// # Errors
    /// [`ValidationError`], one variant a rule. When a revoked certificate is on the path, that is the verdict, also
    /// when it has expired since or the CRL is stale.
    pub fn validate(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<PeerIdentity, ValidationError> {
        self.validate_with(chain, purpose, now, &Evidence::default())
    }

    /// Judges a chain as [`validate`](Self::validate) does, with what the peer brought along: a good and fresh OCSP response of the issuer
    /// of a certificate, or of a responder that the issuer appointed, covers the certificate where no CRL does, until it lapses.
    ///
    /// # Errors
    /// As [`validate`](Self::validate); a response that says revoked refuses whatever its age, one that leaves the status open, is not
    /// fresh or can not be read or verified refuses as [`ChainFault::StatusResponse`](crate::ChainFault::StatusResponse), in every
    /// mode.
    pub fn validate_with(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
        now: UnixTime,
        evidence: &Evidence<'_>,
    ) -> Result<PeerIdentity, ValidationError> {
        let rules =
            Rules { at: now, anchors: AnchorDates::Enforced, crls: CrlRule::ByMode, evidence: *evidence };
        path::judge(self, chain, purpose, &rules)
    }

    /// Judges a chain as [`validate`](Self::validate) does, except that CRLs may be missing or stale: for this side's own
    /// fresh certificate, whose renewal must not wait for a CRL.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), without the variants about CRLs: what is listed is refused, however old
    /// the list.
    pub fn validate_own(
        &self,
        chain: &CertificateChain,
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<PeerIdentity, ValidationError> {
        let (anchors, evidence) = (AnchorDates::Enforced, Evidence::default());
        let rules = Rules { at: now, anchors, crls: CrlRule::KnownOnly, evidence };
        path::judge(self, &chain.ders(), purpose, &rules)
    }

    /// Whether a chain leads to an anchor at all, whatever the time and whatever was revoked: the test that own
    /// certificate and trust belong together.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), without dates and revocation.
    pub fn covers(&self, chain: &CertificateChain) -> Result<(), ValidationError> {
        self.covers_for(chain, Purpose::Any)
    }

    /// The same for a purpose: what a certificate that may have ended is, or was, good for. Where no moment suits all of the chain, the purpose
    /// is not looked at.
    ///
    /// # Errors
    /// As [`covers`](Self::covers), and a leaf that does not serve `purpose`.
    pub fn covers_for(&self, chain: &CertificateChain, purpose: Purpose) -> Result<(), ValidationError> {
        let ders = chain.ders();
        let presented = Presented::read(&ders)?;
        let (anchors, evidence) = (AnchorDates::Ignored, Evidence::default());
        let rules = Rules { at: presented.common_moment(), anchors, crls: CrlRule::Ignored, evidence };
        match path::judge(self, &ders, purpose, &rules) {
            // No moment suits all of them, as with an expired leaf beside the renewed certificate of its issuer.
            Err(refusal)
                if matches!(refusal.fault(), ChainFault::Expired { .. } | ChainFault::NotYetValid { .. })
                    && lenient::leads_to_an_anchor(self, &presented) =>
            {
                Ok(())
            }
            verdict => verdict.map(|_| ()),
        }
    }
}

impl fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustStore")
            .field("generation", &self.generation)
            .field("anchors", &self.anchors.len())
            .field("domains", &self.domains)
            .field("mode", &self.mode)
            .field("revocation", &self.index)
            .finish_non_exhaustive()
    }
}

/// Which CRLs the anchors signed is found out once, so that no handshake has to.
pub(super) fn confirm(anchors: &Anchors, index: &RevocationIndex) {
    for anchor in anchors.iter() {
        for entry in index.named(anchor.name()) {
            entry.confirm_signer(&anchor.key, &anchor.pin, Duty::Certificates);
        }
    }
}

pub(super) const MAX_ANCHORS: usize = 4096;
pub(super) const MAX_CRLS: usize = 1024;
