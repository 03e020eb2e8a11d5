//! The moment of an activation: what was reloaded, put in force by somebody else or breaks down since the preparation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod household;
mod lab;
mod scripted;

use dwcp_base::{Clock, Coded, LocalDisk};
use dwcp_pki::{
    Activation, CertificateManager, CertificateRequest, Credential, ManagedSlot, ManagerError, NextStep,
    SlotPhase, Trial, TrialFault, TrustStore, Usage,
};
use household::*;
use lab::*;
use scripted::*;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

type Verdict = Box<dyn Fn() -> Result<(), TrialFault> + Send>;

/// Says what it is told to.
struct Fickle(Mutex<Verdict>);

impl Fickle {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Box::new(|| Ok(())))))
    }

    fn says(&self, verdict: impl Fn() -> Result<(), TrialFault> + Send + 'static) {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Box::new(verdict);
    }
}

impl fmt::Debug for Fickle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fickle")
    }
}

impl Trial for Fickle {
    fn try_out(
        &self,
        _: &Credential,
        _: &TrustStore,
        _: Usage,
        _: dwcp_base::UnixTime,
    ) -> Result<(), TrialFault> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())()
    }
}

/// A slot an hour old whose certificates are tried out.
fn tried(home: &Home) -> (Process, Arc<Fickle>) {
    home.clock.advance(HOUR);
    let (process, trial) = (home.start(LocalDisk), Fickle::new());
    let manager = CertificateManager::new(Arc::clone(&home.clock) as _, Arc::clone(&process.events) as _);
    let slot = ManagedSlot::new(spec(), Arc::clone(&process.store))
        .with_provider(Arc::clone(&process.provider) as _)
        .with_trial(Arc::clone(&trial) as _);
    manager.manage(slot).unwrap();
    (Process { manager, ..process }, trial)
}

#[test]
fn what_a_policy_that_was_reloaded_within_the_grace_refuses_is_not_activated() {
    let home = Home::new();
    let (process, trial) = tried(&home);
    let before = process.serial();
    process.prepare();
    trial.says(|| Err(TrialFault("no scheme in common".into())));
    home.clock.advance(MINUTE);
    let error = process.manager.activate("node").unwrap_err();
    let state = process.manager.state("node").unwrap();
    assert_eq!((error.code(), state.phase, state.failures), ("pki.trial.failed", SlotPhase::Active, 1));
    assert_eq!(process.serial(), before);
}

#[test]
fn a_trial_that_panics_leaves_the_slot_free() {
    let home = Home::new();
    let (process, trial) = tried(&home);
    let before = process.serial();
    process.prepare();
    trial.says(|| panic!("broken"));
    assert!(catch_unwind(AssertUnwindSafe(|| process.manager.activate("node"))).is_err());
    process.manager.interrupted("node", "test.interrupted", "it panicked");
    let state = process.manager.state("node").unwrap();
    assert_eq!((state.phase, state.failures, process.serial()), (SlotPhase::Active, 1, before));
    trial.says(|| Ok(()));
    assert_ne!(renew(&process.manager).unwrap().serial, before);
}

#[test]
fn a_newer_certificate_that_a_reload_put_in_force_during_a_flight_stays() {
    let home = Arc::new(Home::new());
    let (process, _trial) = tried(&home);
    let (honest, world, store) = (home.provider(), Arc::clone(&home), Arc::clone(&process.store));
    process.provider.now_answers(move |request: &CertificateRequest| {
        let issued = run(dwcp_pki::CertProvider::issue(&*honest, request, DEADLINE));
        world.clock.advance(MINUTE);
        store.install_credential(world.issued()).unwrap();
        issued
    });
    let error = run(process.manager.renew("node", Activation::Now, DEADLINE)).unwrap_err();
    assert!(matches!(error, ManagerError::Superseded), "{error}");
    let state = process.manager.state("node").unwrap();
    assert_eq!((state.phase, state.failures, process.store.number()), (SlotPhase::Active, 0, 2));
    assert_eq!(state.not_before, home.clock.unix());
}

#[test]
fn a_newer_certificate_that_a_reload_put_in_force_within_the_grace_or_the_trial_stays() {
    let home = Arc::new(Home::new());
    let (process, trial) = tried(&home);
    process.prepare();
    home.clock.advance(MINUTE);
    process.store.install_credential(home.issued()).unwrap();
    let newer = process.serial();
    // Nobody asked what is next in between.
    assert!(matches!(process.manager.activate("node"), Err(ManagerError::NotPrepared)));
    assert_eq!((process.serial(), process.store.number()), (newer, 2));

    home.clock.advance(HOUR);
    process.prepare();
    let (world, store) = (Arc::clone(&home), Arc::clone(&process.store));
    trial.says(move || {
        world.clock.advance(MINUTE);
        let _ = store.install_credential(world.issued()).unwrap();
        Ok(())
    });
    assert!(matches!(process.manager.activate("node"), Err(ManagerError::Superseded)));
    let state = process.manager.state("node").unwrap();
    assert_eq!((state.phase, state.failures, process.store.number()), (SlotPhase::Active, 0, 3));
    assert_eq!(state.not_before, home.clock.unix());
    assert!(matches!(process.manager.next(home.clock.unix()), NextStep::Wait(_)));
}
