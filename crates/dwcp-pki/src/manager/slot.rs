//! A slot as the manager holds it: what it is made of, and where it stands.

use super::core::Core;
use super::files::Files;
use super::input::{Renews, Rules};
use super::life::Life;
use crate::{
    CertProvider, CertificateStore, Credential, Serial, SlotSpec, SlotState, Trial, Window, WindowUse,
};
use dwcp_base::{Disk, UnixTime};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// A slot to be managed: a certificate, where it is served, and who renews it.
pub struct ManagedSlot {
    pub(super) parts: Parts,
    pub(super) rules: Rules,
    pub(super) place: Place,
}

/// What of a slot never changes.
pub(super) struct Parts {
    pub(super) spec: SlotSpec,
    pub(super) provider: Option<Arc<dyn CertProvider>>,
    pub(super) files: Option<Files>,
    pub(super) trial: Option<Arc<dyn Trial>>,
}

/// Where a slot's certificate is served.
pub(super) enum Place {
    /// As the own certificate of a store.
    Store(Arc<CertificateStore>),
    /// Somewhere else: whoever replaces it there says so.
    Elsewhere(Arc<Credential>),
}

impl ManagedSlot {
    /// The slot of the own certificate of `store`. Without more, somebody else renews it: its dates are watched and alarms are given.
    pub fn new(spec: SlotSpec, store: Arc<CertificateStore>) -> Self {
        Self::at(spec, Place::Store(store))
    }

    /// A slot of a certificate that is served elsewhere and renewed by somebody else; see
    /// [`CertificateManager::replaced`](super::CertificateManager::replaced).
    pub fn watched(spec: SlotSpec, credential: Arc<Credential>) -> Self {
        Self::at(spec, Place::Elsewhere(credential))
    }

    fn at(spec: SlotSpec, place: Place) -> Self {
        let rules =
            Rules { renews: Renews::Elsewhere, renew_before: spec.renew_before, window: None, grace: GRACE };
        Self { parts: Parts { spec, provider: None, files: None, trial: None }, rules, place }
    }

    /// Renews it through `provider`, when it is time. Without effect for a certificate that is served elsewhere.
    #[must_use]
    pub fn with_provider(mut self, provider: Arc<dyn CertProvider>) -> Self {
        if let Place::Store(_) = self.place {
            self.parts.provider = Some(provider);
            self.rules.renews = Renews::Itself;
        }
        self
    }

    /// Keeps the pair as `PREFIX.key` and `PREFIX.crt`, the one that is to follow as `PREFIX.next.key` and `PREFIX.next.crt`, and the
    /// schedule as `PREFIX.renewal`. Default: nothing is kept.
    #[must_use]
    pub fn with_files(mut self, disk: Arc<dyn Disk>, prefix: impl Into<PathBuf>) -> Self {
        self.parts.files = Some(Files::new(disk, prefix.into()));
        self
    }

    /// Tries each certificate out before it is taken. Default: it is validated only.
    #[must_use]
    pub fn with_trial(mut self, trial: Arc<dyn Trial>) -> Self {
        self.parts.trial = Some(trial);
        self
    }

    /// Moves renewals into this window, see [`RenewalSchedule::renew_within`](crate::RenewalSchedule::renew_within). Default: none.
    #[must_use]
    pub fn with_window(mut self, window: Option<Window>) -> Self {
        self.rules.window = window;
        self
    }

    /// How long a new certificate is ready before it takes over; default 30 s, and at most a tenth of its life.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.rules.grace = grace;
        self
    }

    /// Renews on order alone where `false`. Default: also when it is time.
    #[must_use]
    pub fn with_automatic(mut self, automatic: bool) -> Self {
        if self.parts.provider.is_some() {
            self.rules.renews = if automatic { Renews::Itself } else { Renews::OnOrder };
        }
        self
    }
}

impl fmt::Debug for ManagedSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedSlot")
            .field("spec", &self.parts.spec)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// A slot that is managed.
pub(super) struct Slot {
    pub(super) parts: Arc<Parts>,
    pub(super) core: Core,
    /// The number of the generation that the core knows of.
    number: u64,
    /// What is in force.
    current: (Serial, Weak<Credential>),
    pub(super) place: Place,
    /// What was in force, for as long as somebody holds it; the newest [`MOST_DRAINING`].
    pub(super) draining: Vec<(Serial, Weak<Credential>)>,
    /// A pair that waits for its activation.
    pub(super) prepared: Option<Arc<Credential>>,
    /// What of the last renewal is not on disk.
    pub(super) unsaved: Option<String>,
}

impl Slot {
    pub(super) fn new(managed: ManagedSlot, now: UnixTime) -> Self {
        let ManagedSlot { parts, rules, place } = managed;
        let (credential, number) = place.in_force();
        let life = Life::of(&credential);
        Self {
            core: Core::new(parts.spec.name.as_str().into(), rules, life, now),
            parts: Arc::new(parts),
            number,
            current: (life.serial, Arc::downgrade(&credential)),
            place,
            draining: Vec::new(),
            prepared: None,
            unsaved: None,
        }
    }

    /// Whether something else is in force than what the core knows of: one atomic load.
    pub(super) fn has_moved(&self) -> bool {
        match &self.place {
            Place::Store(store) => store.number() != self.number,
            Place::Elsewhere(_) => false,
        }
    }

    /// Takes note of what is in force; what was is let go, and told once nobody holds it.
    pub(super) fn follow(&mut self) -> Life {
        let (credential, number) = self.place.in_force();
        let (life, fresh) = (Life::of(&credential), Arc::downgrade(&credential));
        self.number = number;
        if !self.current.1.ptr_eq(&fresh) {
            let before = std::mem::replace(&mut self.current, (life.serial, fresh));
            if self.draining.len() == MOST_DRAINING {
                self.draining.remove(0);
            }
            self.draining.push(before);
        }
        life
    }

    pub(super) fn state(&self, now: UnixTime) -> SlotState {
        let (credential, generation) = self.place.in_force();
        let (core, spec) = (&self.core, &self.parts.spec);
        let (renew_at, window_use) = core.plan();
        SlotState {
            name: spec.name.clone(),
            generation,
            serial: credential.chain().leaf().serial(),
            names: credential.names().to_vec(),
            not_before: credential.not_before(),
            not_after: credential.not_after(),
            provider: self.parts.provider.as_ref().map(|provider| provider.name().to_owned()),
            phase: core.phase(),
            draining: self.draining.len(),
            renew_at: core.ordered.map_or(renew_at, |ordered| ordered.at),
            ordered: core.ordered.map(|ordered| ordered.at),
            advised: core.advice.map(|advice| advice.at),
            lead: core.schedule().lead(),
            window: core.rules.window,
            window_use: if core.rules.window.is_none() { WindowUse::Unset } else { window_use },
            overdue: core.overdue(now),
            failures: core.failures,
            last_failure: core.last_failure.clone(),
            retry_at: core.retry_at(now),
            unsaved: self.unsaved.clone(),
        }
    }
}

impl Place {
    /// What is served, and the number of its generation; 0 for what is served elsewhere.
    fn in_force(&self) -> (Arc<Credential>, u64) {
        match self {
            Self::Store(store) => {
                let generation = store.current();
                (Arc::clone(generation.credential()), generation.number())
            }
            Self::Elsewhere(credential) => (Arc::clone(credential), 0),
        }
    }

    /// The store that a renewed certificate is put into.
    pub(super) fn store(&self) -> Option<&Arc<CertificateStore>> {
        match self {
            Self::Store(store) => Some(store),
            Self::Elsewhere(_) => None,
        }
    }
}

const GRACE: Duration = Duration::from_secs(30);
/// Connections that outlive this many renewals are not followed.
const MOST_DRAINING: usize = 16;
