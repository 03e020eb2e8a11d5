//! One attempt to renew, and the activation of what it brought.

use super::files::whole_text;
use super::input::Input;
use super::life::Life;
use super::slot::Parts;
use super::table::{Arrived, Job};
use super::{CertificateManager, ManagerError, Renewal, Renewed};
use crate::{CertificateStore, Credential, CredentialError, Event, ProviderError, TrustStore, obtain};
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
        let trust = |_: &[_]| Ok((**store.current().trust()).clone());
        let clock = &*self.manager.clock;
        let (credential, _roots) = obtain::request(&**provider, &parts.spec, trust, clock, deadline).await?;
        try_out(parts, &credential, store.current().trust(), clock.unix())?;
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
    credential: &Arc<Credential>,
) -> Result<Renewed, ManagerError> {
    let Job { id, parts, store } = job;
    let now = manager.clock.unix();
    let generation =
        install(parts, store, credential, now).inspect_err(|error| failed(manager, job, error))?;
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

/// Trust may have changed since the pair was prepared, and time has passed.
fn install(
    parts: &Parts,
    store: &CertificateStore,
    credential: &Arc<Credential>,
    now: UnixTime,
) -> Result<u64, ManagerError> {
    obtain::check_again(credential, &parts.spec, store.current().trust(), now)?;
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
