//! One attempt to renew, and the activation of what it brought.

use super::files::whole_text;
use super::input::Input;
use super::life::Life;
use super::slot::Parts;
use super::table::{Arrived, Job, ToActivate};
use super::{CertificateManager, ManagerError, Renewal, Renewed};
use crate::{Credential, CredentialError, Event, ProviderError, TrustStore, issued_check, obtain};
use dwcp_base::{Coded, UnixTime};
use std::sync::Arc;
use std::time::Duration;

/// Marks a renewal as under way until it is dropped, also when its future is dropped half-way.
pub(super) struct Flight<'a> {
    manager: &'a CertificateManager,
    job: Job,
    /// Whether what came of it was told to the core.
    over: bool,
}

impl CertificateManager {
    pub(super) fn take_off(&self, slot: &str) -> Result<Flight<'_>, ManagerError> {
        let job = self.table().begin(slot, self.clock.unix())?;
        let flight = Flight { manager: self, job, over: false };
        // Before the issuer is asked: who is killed in the middle of it does not ask again at once.
        self.keep_schedule(flight.job.id);
        Ok(flight)
    }
}

impl Flight<'_> {
    pub(super) async fn prepare(
        mut self,
        at_once: bool,
        deadline: Duration,
    ) -> Result<Renewal, ManagerError> {
        let attempted = self.attempt(deadline).await;
        self.over = true;
        let (manager, job) = (self.manager, &self.job);
        let pair = attempted.inspect_err(|error| failed(manager, job, error))?;
        let mut news = Vec::new();
        let arrived = manager.table().arrived(job.id, pair, at_once, manager.clock.unix(), &mut news);
        manager.tell(news);
        match arrived? {
            Arrived::Waits { serial, activate_at } => Ok(Renewal::Prepared { serial, activate_at }),
            Arrived::ToActivate(pair) => put_in_force(manager, job, &pair).map(Renewal::Active),
        }
    }

    async fn attempt(&self, deadline: Duration) -> Result<Arc<Credential>, ManagerError> {
        let Job { parts, store, .. } = &self.job;
        let provider = parts.provider.as_ref().ok_or(ManagerError::Elsewhere)?;
        let trust = |_: &[_]| Ok((**store.current().own_trust()).clone());
        let clock = &*self.manager.clock;
        let (credential, _roots) = obtain::request(&**provider, &parts.spec, trust, clock, deadline).await?;
        let (in_force, now) = (store.current(), clock.unix());
        issued_check::check_left(credential.chain().leaf(), in_force.credential().chain().leaf(), now)
            .map_err(ManagerError::Issued)?;
        try_out(parts, &credential, in_force.own_trust(), now)?;
        let credential = Arc::new(credential);
        if let Some(Err(error)) = parts.files.as_ref().map(|files| files.stage(&credential)) {
            unsaved(self.manager, &self.job, &error);
        }
        Ok(credential)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.manager.table().landed();
        if !self.over {
            self.manager.step(self.job.id, Input::Abandoned);
        }
    }
}

/// See [`CertificateManager::activate`].
pub(super) fn put_in_force(
    manager: &CertificateManager,
    job: &Job,
    taken: &ToActivate,
) -> Result<Renewed, ManagerError> {
    let (Job { id, parts, .. }, credential) = (job, &taken.pair);
    let now = manager.clock.unix();
    let mut activating = Activating { manager, job, over: false };
    let installed = install(job, taken, now);
    // That somebody else was faster is no failure.
    activating.over = !matches!(installed, Err(ManagerError::Superseded));
    let generation = installed.inspect_err(|error| {
        if activating.over {
            failed(manager, job, error)
        }
    })?;
    let mut news = Vec::new();
    manager.table().activated(*id, generation, now, &mut news);
    manager.tell(news);
    if let Some(files) = &parts.files {
        match files.commit(credential) {
            Ok(()) => manager.table().set_unsaved(*id, None),
            Err(error) => unsaved(manager, job, &error),
        }
    }
    manager.keep_schedule(*id);
    let Life { serial, not_after, .. } = Life::of(credential);
    Ok(Renewed { generation, serial, not_after })
}

/// Frees the slot when an activation ends early, also by a trial that panics.
struct Activating<'a> {
    manager: &'a CertificateManager,
    job: &'a Job,
    /// Whether what came of it is told to the core, or is about to be.
    over: bool,
}

impl Drop for Activating<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut news = Vec::new();
        self.manager.table().given_up(self.job.id, self.manager.clock.unix(), &mut news);
        self.manager.tell(news);
    }
}

/// Trust and the policy of handshakes may have changed since the pair was prepared, time has passed, and somebody else may have been faster.
fn install(job: &Job, taken: &ToActivate, now: UnixTime) -> Result<u64, ManagerError> {
    let (Job { parts, store, .. }, credential) = (job, &taken.pair);
    let trust = Arc::clone(store.current().own_trust());
    obtain::check_again(credential, &parts.spec, &trust, now)?;
    try_out(parts, credential, &trust, now)?;
    let in_force = Life::of(store.current().credential());
    if in_force.serial != taken.over && !Life::of(credential).is_newer_than(&in_force) {
        return Err(ManagerError::Superseded);
    }
    store.install_credential(Arc::clone(credential)).map_err(ManagerError::Install)
}

pub(super) fn try_out(
    parts: &Parts,
    credential: &Credential,
    trust: &TrustStore,
    now: UnixTime,
) -> Result<(), ManagerError> {
    let Some(trial) = &parts.trial else { return Ok(()) };
    trial.try_out(credential, trust, parts.spec.usage, now).map_err(ManagerError::Trial)
}

fn failed(manager: &CertificateManager, job: &Job, error: &ManagerError) {
    let retry_after = match error {
        ManagerError::Provider(ProviderError::Unavailable { retry_after, .. }) => *retry_after,
        _ => None,
    };
    let (code, message) = (error.code(), whole_text(error));
    manager.step(job.id, Input::Failed { code, message, retry_after });
    manager.keep_schedule(job.id);
}

/// A pair that is not safe on disk: told, and said until one is.
fn unsaved(manager: &CertificateManager, job: &Job, error: &CredentialError) {
    let message = whole_text(error);
    manager.table().set_unsaved(job.id, Some(message.clone()));
    let slot = job.parts.spec.name.clone();
    manager.tell(vec![Event::RenewalUnsaved { slot, what: "pair", message }]);
}
