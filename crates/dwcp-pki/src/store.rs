//! The certificate store: one generation of credential and trust at a time, swapped by one pointer.

use crate::trust::listed;
use crate::{Credential, Event, TrustStore, ValidationError};
use arc_swap::ArcSwap;
use dwcp_base::{Blame, Coded, Observer, Silent};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// Own certificate and trust as they belong together, under one number. Immutable.
#[derive(Clone, Debug)]
pub struct Generation {
    number: u64,
    credential: Arc<Credential>,
    trust: Arc<TrustStore>,
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
    current: ArcSwap<Generation>,
    number: AtomicU64,
    /// Taken by writers alone, so that no two build on the same generation.
    writing: Mutex<()>,
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
        Ok(Self::first(credential, trust))
    }

    /// A store for a client whose own certificate may lead to other anchors than the servers it judges, or is never shown.
    ///
    /// Installing into it later asks for a chain that leads to an anchor, as into any store.
    pub fn for_client(credential: Credential, trust: TrustStore) -> Self {
        Self::first(credential, trust)
    }

    fn first(credential: Credential, trust: TrustStore) -> Self {
        let trust = Arc::new(trust.with_generation(1));
        let first = Generation { number: 1, credential: Arc::new(credential), trust };
        Self {
            current: ArcSwap::from_pointee(first),
            number: AtomicU64::new(1),
            writing: Mutex::new(()),
            observer: Arc::new(Silent),
        }
    }

    /// Tells `observer` of each change of trust from now on.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer<Event>>) -> Self {
        self.observer = observer;
        self
    }

    /// The current generation. Costs a few nanoseconds and never blocks.
    pub fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// The number of the current generation: one atomic load.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Replaces the own certificate and returns the new generation's number.
    ///
    /// # Errors
    /// [`InstallError`] when its chain leads to none of the current anchors.
    pub fn install_credential(&self, credential: Credential) -> Result<u64, InstallError> {
        self.swap(Some(credential), None)
    }

    /// Replaces what is trusted and returns the new generation's number.
    ///
    /// # Errors
    /// [`InstallError`] when the current certificate's chain leads to none of the new anchors.
    pub fn install_trust(&self, trust: TrustStore) -> Result<u64, InstallError> {
        self.swap(None, Some(trust))
    }

    /// Replaces both at once, as a change of root needs, and returns the new generation's number.
    ///
    /// # Errors
    /// [`InstallError`] when the chain leads to none of the anchors.
    pub fn install(&self, credential: Credential, trust: TrustStore) -> Result<u64, InstallError> {
        self.swap(Some(credential), Some(trust))
    }

    fn swap(&self, credential: Option<Credential>, trust: Option<TrustStore>) -> Result<u64, InstallError> {
        let trust_changes = trust.is_some();
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load_full();
        let credential = credential.map_or_else(|| Arc::clone(&current.credential), Arc::new);
        let trust = match trust {
            Some(trust) => trust.adopting_newer_crls(&current.trust),
            None => (*current.trust).clone(),
        };
        trust.covers(credential.chain())?;
        let number = current.number + 1;
        let trust = Arc::new(trust.with_generation(number));
        let (anchors, crls) = (trust.anchors().count(), trust.crls().count());
        let lost = trust.contraction_since(&current.trust);
        self.current.store(Arc::new(Generation { number, credential, trust }));
        // After the pointer: whoever sees the number finds at least this generation behind it.
        self.number.store(number, Ordering::Release);
        drop(writing);
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

impl fmt::Debug for CertificateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CertificateStore").field(&self.current.load()).finish()
    }
}

/// Own certificate and trust do not belong together; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the own certificate does not lead to a trusted anchor")]
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
