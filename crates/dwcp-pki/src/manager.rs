//! Keeps one slot's certificate fresh: says when, renews, checks, activates, backs off.

use crate::{
    CertProvider, CertificateStore, Event, Failure, Generation, ManagerError, OverdueLevel, ProviderError,
    RenewalSchedule, Serial, SlotSpec, SlotState, obtain,
};
use dwcp_base::{Clock, Coded, Observer, UnixTime};
use dwcp_crypto::digest;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Renews the certificate of one slot of a [`CertificateStore`].
///
/// It has no thread and no timer: a caller asks [`next`](Self::next) when to come back, and calls [`renew`](Self::renew)
/// when it is time. Whatever goes wrong, the certificate that is there stays.
pub struct CertificateManager {
    store: Arc<CertificateStore>,
    provider: Arc<dyn CertProvider>,
    spec: SlotSpec,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer<Event>>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    renewing: bool,
    failures: u32,
    last_failure: Option<Failure>,
    /// No attempt before this time.
    not_before: Option<Pause>,
    /// The certificate and level that were last announced as overdue.
    announced: Option<(Serial, OverdueLevel)>,
}

#[derive(Clone, Copy)]
struct Pause {
    from: UnixTime,
    length: Duration,
}

/// What a slot's caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStep {
    /// Nothing; ask again after this time at the latest, and after the clock was set.
    Wait(Duration),
    /// Renew now.
    Renew {
        /// How late it is; `None` while all is well.
        overdue: Option<OverdueLevel>,
    },
}

/// A certificate that was renewed and is served from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The generation that serves it.
    pub generation: u64,
    /// Its serial number.
    pub serial: Serial,
    /// The end of its life.
    pub not_after: UnixTime,
}

impl CertificateManager {
    /// A manager of the one certificate that `store` serves.
    pub fn new(
        store: Arc<CertificateStore>,
        provider: Arc<dyn CertProvider>,
        spec: SlotSpec,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer<Event>>,
    ) -> Self {
        Self { store, provider, spec, clock, observer, progress: Mutex::default() }
    }

    /// Whether it is time to renew, and if not, how long that is off. Announces an overdue certificate once per level.
    pub fn next(&self, now: UnixTime) -> NextStep {
        let generation = self.store.current();
        let schedule = self.schedule(&generation);
        let overdue = schedule.overdue(now);
        self.announce(&generation, overdue);
        let progress = self.progress();
        if progress.renewing {
            return NextStep::Wait(WHILE_BUSY);
        }
        let pause = progress.not_before.map_or(Duration::ZERO, |pause| pause.left(now));
        let wait = if progress.failures > 0 { pause } else { pause.max(now.until(schedule.renew_at())) };
        if wait.is_zero() { NextStep::Renew { overdue } } else { NextStep::Wait(wait) }
    }

    /// Renews now, due or not: makes a key and a request, has the provider issue, checks the answer and activates it.
    ///
    /// Activated is only what is for the fresh key, has exactly the slot's names, validates now against the store's trust for
    /// each usage of the slot, and makes a pair with its key. There is one renewal at a time. Dropping the future abandons
    /// the attempt and counts as nothing.
    ///
    /// # Errors
    /// [`ManagerError`]; the old certificate is still served, and [`next`](Self::next) waits out a back-off of 1 min, doubling
    /// up to 1 h, scaled down for short lives. Where the provider asked for more time, it is given, up to 24 h and a quarter
    /// of the certificate's life.
    pub async fn renew(&self, deadline: Duration) -> Result<Renewed, ManagerError> {
        let _flight = self.take_off()?;
        match self.attempt(deadline).await {
            Ok(renewed) => {
                self.succeeded(&renewed);
                Ok(renewed)
            }
            Err(error) => {
                self.failed(&error);
                Err(error)
            }
        }
    }

    /// How the slot is doing.
    pub fn state(&self) -> SlotState {
        let generation = self.store.current();
        let schedule = self.schedule(&generation);
        let credential = generation.credential();
        let progress = self.progress();
        SlotState {
            name: self.spec.name.clone(),
            generation: generation.number(),
            serial: credential.chain().leaf().serial(),
            not_before: credential.not_before(),
            not_after: credential.not_after(),
            renew_at: schedule.renew_at(),
            lead: schedule.lead(),
            overdue: schedule.overdue(self.clock.unix()),
            failures: progress.failures,
            last_failure: progress.last_failure.clone(),
            retry_at: progress
                .not_before
                .filter(|_| progress.failures > 0)
                .map(|pause| pause.from.plus(pause.length)),
        }
    }

    /// What the slot's certificate must be.
    pub fn spec(&self) -> &SlotSpec {
        &self.spec
    }

    async fn attempt(&self, deadline: Duration) -> Result<Renewed, ManagerError> {
        let trust = |_: &[_]| Ok((**self.store.current().trust()).clone());
        let (credential, _roots) =
            obtain::request(&*self.provider, &self.spec, trust, &*self.clock, deadline).await?;
        let (serial, not_after) = (credential.chain().leaf().serial(), credential.not_after());
        let generation = self.store.install_credential(credential).map_err(ManagerError::Install)?;
        Ok(Renewed { generation, serial, not_after })
    }

    fn succeeded(&self, renewed: &Renewed) {
        let first = self.schedule(&self.store.current()).backoff(1);
        let mut progress = self.progress();
        progress.failures = 0;
        progress.last_failure = None;
        // A provider that hands out certificates which are due at once does not make us loop.
        progress.not_before = Some(Pause { from: self.clock.unix(), length: first });
        drop(progress);
        self.observer.observe(&Event::CertificateRenewed {
            slot: self.spec.name.clone(),
            generation: renewed.generation,
            serial: renewed.serial,
            not_after: renewed.not_after,
        });
    }

    fn failed(&self, error: &ManagerError) {
        let generation = self.store.current();
        let schedule = self.schedule(&generation);
        let life = generation.credential().not_before().until(generation.credential().not_after());
        let asked = match error {
            ManagerError::Provider(ProviderError::Unavailable { retry_after: Some(asked), .. }) => {
                (*asked).min(LONGEST_RETRY_AFTER).min(life / 4)
            }
            _ => Duration::ZERO,
        };
        let now = self.clock.unix();
        let mut progress = self.progress();
        progress.failures = progress.failures.saturating_add(1);
        let retry_in = schedule.backoff(progress.failures).max(asked);
        progress.not_before = Some(Pause { from: now, length: retry_in });
        progress.last_failure = Some(Failure { code: error.code(), message: error.whole_text(), at: now });
        let attempts = progress.failures;
        drop(progress);
        let (slot, code) = (self.spec.name.clone(), error.code());
        self.observer.observe(&Event::RenewalFailed { slot, code, attempts, retry_in });
    }

    fn announce(&self, generation: &Generation, overdue: Option<OverdueLevel>) {
        let Some(level) = overdue else { return };
        let current = Some((generation.credential().chain().leaf().serial(), level));
        // The lock is given back before the observer is called: it may ask for the state.
        let last = std::mem::replace(&mut self.progress().announced, current);
        if last == current {
            return;
        }
        self.observer.observe(&Event::RenewalOverdue {
            slot: self.spec.name.clone(),
            level,
            not_after: generation.credential().not_after(),
        });
    }

    fn schedule(&self, generation: &Generation) -> RenewalSchedule {
        let credential = generation.credential();
        let serial = credential.chain().leaf().serial();
        // One seed per slot and certificate: the same after a restart, another on each node.
        let hash = digest::sha256_of(&[self.spec.name.as_bytes(), serial.as_be_bytes()]);
        let seed = hash.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        let schedule = RenewalSchedule::new(credential.not_before(), credential.not_after(), seed);
        match self.spec.renew_before {
            Some(renew_before) => schedule.with_renew_before(renew_before),
            None => schedule,
        }
    }

    fn take_off(&self) -> Result<Flight<'_>, ManagerError> {
        let mut progress = self.progress();
        if progress.renewing {
            return Err(ManagerError::Busy);
        }
        progress.renewing = true;
        Ok(Flight(self))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CertificateManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateManager").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// Marks a renewal as under way until it is dropped, also when its future is dropped half-way.
struct Flight<'a>(&'a CertificateManager);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.progress().renewing = false;
    }
}

impl Pause {
    /// What is left of it; nothing when the clock was set back to before its start, or it would last for ever.
    fn left(self, now: UnixTime) -> Duration {
        if now < self.from { Duration::ZERO } else { now.until(self.from.plus(self.length)) }
    }
}

/// While a renewal is under way there is no better guess.
const WHILE_BUSY: Duration = Duration::from_secs(1);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);
