//! The certificate store: one generation of credential and trust at a time, swapped by one pointer.

use crate::served::Staples;
use crate::swap::{Swap, Turn};
use crate::trust::listed;
use crate::{
    CertificateChain, ChainFault, Challenges, Credential, Event, FurtherCertificates, IdentityKind, Purpose,
    ServedCertificates, Staple, StapleError, SubjectName, TrustStore, ValidationError,
};
use dwcp_base::{Blame, Coded, Observer, Silent, UnixTime};
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// Own certificates and trust as they belong together, under one number. Immutable.
#[derive(Clone, Debug)]
pub struct Generation {
    number: u64,
    credential: Arc<Credential>,
    trust: Arc<TrustStore>,
    /// What the own certificate is judged by, where that is not what peers are judged by: it is a public one.
    issuers: Option<Arc<TrustStore>>,
    served: Arc<ServedCertificates>,
    challenges: Arc<Challenges>,
    staples: Arc<Staples>,
}

impl Generation {
    /// Its number; later generations have higher ones.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The own certificate and key.
    pub fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// What is trusted; it carries the same number.
    pub fn trust(&self) -> &Arc<TrustStore> {
        &self.trust
    }

    /// What the own certificate is: of the mesh, or a public one.
    pub fn kind(&self) -> IdentityKind {
        if self.issuers.is_some() { IdentityKind::Public } else { IdentityKind::Mesh }
    }

    /// What the own certificate and its successors are judged by: the same as peers in the mesh, and the authorities that may issue it for a public
    /// one.
    pub fn own_trust(&self) -> &Arc<TrustStore> {
        self.issuers.as_ref().unwrap_or(&self.trust)
    }

    /// What a server side shows: the own certificate and further ones. As long as none of them changes this is one allocation, whatever the
    /// number.
    pub fn served(&self) -> &Arc<ServedCertificates> {
        &self.served
    }

    /// What `acme-tls/1` is answered with, and nothing else.
    pub fn challenges(&self) -> &Arc<Challenges> {
        &self.challenges
    }

    /// The same under the next number.
    fn successor(&self) -> Self {
        let mut next = self.clone();
        next.number += 1;
        next.trust = Arc::new((*next.trust).clone().with_generation(next.number));
        next
    }

    /// The response to serve beside a certificate of this side, until it lapses.
    pub fn staple_for(&self, credential: &Credential) -> Option<&Staple> {
        self.staples.of(credential.chain().leaf())
    }
}

/// Holds the current [`Generation`]. Readers take no lock; a reader that keeps something derived from a generation
/// compares [`number`](Self::number) with the one it was derived from.
///
/// Installing is all or nothing: what does not fit together is refused whole, and the current generation stays. CRLs
/// never go back: one that the new trust replaces by an older one or leaves out is kept, see
/// [`TrustStore::adopting_newer_crls`]. Anchors and trust domains do go when the new trust lacks them, and
/// [`Event::TrustContracted`] says so. A generation that was replaced, and the private key in it, lives no longer than the
/// last reader that holds it.
pub struct CertificateStore {
    generations: Swap<Generation>,
    observer: Arc<dyn Observer<Event>>,
}

impl CertificateStore {
    /// A store whose first generation has the number 1.
    ///
    /// # Errors
    /// [`InstallError`] when the credential's chain leads to none of the anchors. Dates and revocation are not looked at: a
    /// node whose certificate has expired must still start, say so and renew.
    pub fn new(credential: Credential, trust: TrustStore) -> Result<Self, InstallError> {
        trust.covers(credential.chain())?;
        Ok(Self::first(Arc::new(credential), trust, None))
    }

    /// A store for a server whose own certificate is a public one (ACME): strangers judge it by anchors of theirs, so it leads to one of
    /// `issuers`, while peers are judged by `trust`, which may be [of nobody](TrustStore::of_nobody).
    ///
    /// It stays such a store: whatever is installed later as its own certificate is judged by `issuers` too, and so are renewals.
    ///
    /// # Errors
    /// [`InstallError`] when the chain leads to none of the issuers, when its leaf is not for servers, and when it bears a SPIFFE ID, which is for
    /// the mesh. Dates and revocation are not looked at.
    ///
    /// # Security
    /// Such a certificate proves control of a web site and is no identity in the mesh: no client side shows it.
    pub fn new_public(
        credential: Credential,
        trust: TrustStore,
        issuers: TrustStore,
    ) -> Result<Self, InstallError> {
        is_public(credential.chain(), &issuers)?;
        Ok(Self::first(Arc::new(credential), trust, Some(Arc::new(issuers))))
    }

    /// A store for a client whose own certificate may lead to other anchors than the servers it judges, or is never shown.
    ///
    /// Installing into it later asks for a chain that leads to an anchor, as into any store.
    pub fn for_client(credential: impl Into<Arc<Credential>>, trust: TrustStore) -> Self {
        Self::first(credential.into(), trust, None)
    }

    fn first(credential: Arc<Credential>, trust: TrustStore, issuers: Option<Arc<TrustStore>>) -> Self {
        let trust = Arc::new(trust.with_generation(1));
        let kind = if issuers.is_some() { IdentityKind::Public } else { IdentityKind::Mesh };
        let served = Arc::new(ServedCertificates::new(&credential, kind, &FurtherCertificates::default()));
        let (challenges, staples) = (Arc::default(), Arc::default());
        let first = Generation { number: 1, credential, trust, issuers, served, challenges, staples };
        Self { generations: Swap::new(first), observer: Arc::new(Silent) }
    }

    /// Tells `observer` of each change of trust from now on.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer<Event>>) -> Self {
        self.observer = observer;
        self
    }

    /// The current generation. Takes no lock: one atomic load and a count, whoever installs meanwhile (the bench `manager` has the figures).
    pub fn current(&self) -> Arc<Generation> {
        self.generations.load()
    }

    /// The number of the current generation: one atomic load.
    pub fn number(&self) -> u64 {
        self.generations.number()
    }

    /// Replaces the own certificate and returns the new generation's number.
    ///
    /// # Errors
    /// [`InstallError`] when its chain leads to none of the current anchors, or of the issuers of a [public](Self::new_public) one.
    pub fn install_credential(&self, credential: impl Into<Arc<Credential>>) -> Result<u64, InstallError> {
        self.swap(Change { credential: Some(credential.into()), ..Change::default() })
    }

    /// Replaces what is trusted and returns the new generation's number.
    ///
    /// # Errors
    /// [`InstallError`] when the chain of the current certificate, or of a further one of the mesh, leads to none of the new anchors.
    pub fn install_trust(&self, trust: TrustStore) -> Result<u64, InstallError> {
        self.swap(Change { trust: Some(trust), ..Change::default() })
    }

    /// Replaces both at once, as a change of root needs, and returns the new generation's number.
    ///
    /// # Errors
    /// As [`install_trust`](Self::install_trust), for the new certificate.
    pub fn install(&self, credential: Credential, trust: TrustStore) -> Result<u64, InstallError> {
        self.swap(Change { credential: Some(Arc::new(credential)), trust: Some(trust), ..Change::default() })
    }

    /// Replaces what is given together with something of a layer above, and returns the new generation's number. `along` is told the number
    /// before any reader can see it, and is not called when the generation is refused: what it puts in place under that number is in force
    /// with the rest, or not at all. It is called under the lock of writers and must not install anything itself.
    ///
    /// # Errors
    /// As [`install_trust`](Self::install_trust).
    pub fn install_along(
        &self,
        credential: Option<Credential>,
        trust: Option<TrustStore>,
        along: impl FnOnce(u64),
    ) -> Result<u64, InstallError> {
        self.swap_along(Change { credential: credential.map(Arc::new), trust, ..Change::default() }, along)
    }

    /// Replaces the further certificates, all of them at once, and returns the new generation's number.
    ///
    /// # Errors
    /// [`InstallError`] when the chain of one of the mesh leads to none of the current anchors; public ones need not.
    pub fn install_further(&self, further: FurtherCertificates) -> Result<u64, InstallError> {
        self.swap(Change { further: Some(further), ..Change::default() })
    }

    /// Replaces further certificates and trust at once, leaves the own certificate as it is, whoever renews it meanwhile, and returns the
    /// new generation's number.
    ///
    /// # Errors
    /// As [`install_trust`](Self::install_trust), for the new further certificates.
    pub fn install_around(
        &self,
        further: FurtherCertificates,
        trust: TrustStore,
    ) -> Result<u64, InstallError> {
        self.swap(Change { further: Some(further), trust: Some(trust), ..Change::default() })
    }

    /// Replaces own certificate, further ones and trust at once, and returns the new generation's number.
    ///
    /// # Errors
    /// As [`install_further`](Self::install_further), for all that is of the mesh.
    pub fn install_served(
        &self,
        credential: Credential,
        further: FurtherCertificates,
        trust: TrustStore,
    ) -> Result<u64, InstallError> {
        let (credential, further, trust) = (Some(Arc::new(credential)), Some(further), Some(trust));
        self.swap(Change { credential, further, trust })
    }

    /// Replaces the answers to challenges, all of them at once, and returns the new generation's number. What else is served is untouched.
    pub fn install_challenges(&self, challenges: Challenges) -> u64 {
        let turn = self.generations.turn();
        let mut next = turn.current().successor();
        next.challenges = Arc::new(challenges);
        publish(turn, next)
    }

    /// Replaces the answers to challenges by what `change` makes of them, with nobody in between, and returns the new generation's number: for
    /// one of several that have answers here. It is called under the lock of writers and must not install anything itself.
    ///
    /// # Errors
    /// What `change` says; nothing was changed.
    pub fn change_challenges<E>(
        &self,
        change: impl FnOnce(&Challenges) -> Result<Challenges, E>,
    ) -> Result<u64, E> {
        let turn = self.generations.turn();
        let mut next = turn.current().successor();
        next.challenges = Arc::new(change(&next.challenges)?);
        Ok(publish(turn, next))
    }

    /// Serves an OCSP response of at most 16 KiB beside the certificates it is about, in place of an older one, and returns the new
    /// generation's number. It stays for as long as its certificate is shown, and is served until it lapses.
    ///
    /// # Errors
    /// [`StapleError`] for a response that is about no certificate shown here, that peers would not believe at `now`, that does not call
    /// the certificate good, or that is older than the one served.
    pub fn install_staple(&self, der: &[u8], now: UnixTime) -> Result<u64, StapleError> {
        let turn = self.generations.turn();
        let mut next = turn.current().successor();
        let anchors: Vec<_> = next.trust.anchors().chain(next.own_trust().anchors()).collect();
        let staples = next.staples.with(der, &next.served, &anchors, now)?;
        next.staples = Arc::new(staples);
        Ok(publish(turn, next))
    }

    fn swap(&self, change: Change) -> Result<u64, InstallError> {
        self.swap_along(change, |_| ())
    }

    fn swap_along(&self, change: Change, along: impl FnOnce(u64)) -> Result<u64, InstallError> {
        let Change { credential, trust, further } = change;
        let trust_changes = trust.is_some();
        let turn = self.generations.turn();
        let current = turn.current();
        let mut next = current.successor();
        let number = next.number;
        if let Some(trust) = trust {
            next.trust = Arc::new(trust.adopting_newer_crls(&current.trust).with_generation(number));
        }
        if credential.is_some() || further.is_some() {
            next.credential = credential.unwrap_or(next.credential);
            let kind = next.kind();
            next.served = Arc::new(match further {
                Some(further) => ServedCertificates::new(&next.credential, kind, &further),
                None => current.served.with_own(&next.credential, kind),
            });
            next.staples = Arc::new(current.staples.kept_for(&next.served));
        }
        let of_mesh = next.served.iter().filter(|shown| shown.kind() == IdentityKind::Mesh);
        of_mesh.map(|shown| shown.credential().chain()).try_for_each(|chain| next.trust.covers(chain))?;
        if let Some(issuers) = &next.issuers {
            is_public(next.credential.chain(), issuers)?;
        }
        let (anchors, crls) = (next.trust.anchors().count(), next.trust.crls().count());
        let lost = next.trust.contraction_since(&current.trust);
        along(number);
        publish(turn, next);
        if trust_changes {
            self.observer.observe(&Event::TrustChanged { generation: number, anchors, crls });
        }
        if let Some(lost) = lost {
            self.observer.observe(&Event::TrustContracted {
                generation: number,
                anchors: lost.anchors,
                trust_domains: listed(&lost.domains),
            });
        }
        Ok(number)
    }
}

/// Whether a chain is that of a public server: the two kinds of identity are never mixed.
fn is_public(chain: &CertificateChain, issuers: &TrustStore) -> Result<(), ValidationError> {
    issuers.covers_for(chain, Purpose::Server)?;
    let is_spiffe = |name: &SubjectName| matches!(name, SubjectName::Uri(uri) if uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:")));
    if chain.leaf().names().iter().any(is_spiffe) {
        return Err(ChainFault::Names {
            why: "a public certificate bears a SPIFFE ID, which is for the mesh",
        }
        .into());
    }
    Ok(())
}

/// Called in the writer's turn, which ends with it.
fn publish(turn: Turn<'_, Generation>, next: Generation) -> u64 {
    let number = next.number;
    turn.publish(next, number)
}

/// What a writer replaces; the rest stays.
#[derive(Default)]
struct Change {
    credential: Option<Arc<Credential>>,
    trust: Option<TrustStore>,
    further: Option<FurtherCertificates>,
}

impl fmt::Debug for CertificateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CertificateStore").field(&self.current()).finish()
    }
}

/// A certificate of this side and its trust do not belong together; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a certificate of this side does not lead to a trusted anchor")]
pub struct InstallError {
    #[from]
    source: ValidationError,
}

impl InstallError {
    /// What the validation said.
    pub fn verdict(&self) -> &ValidationError {
        &self.source
    }
}

impl Coded for InstallError {
    fn code(&self) -> &'static str {
        "pki.generation.refused"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
