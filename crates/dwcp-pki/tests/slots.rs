//! Many slots under one manager: prepared and activated, let go, watched, ordered, and never a stampede.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod scripted;

use dwcp_base::{Clock, Coded, ManualClock, Recorder, UnixTime};
use dwcp_pki::{
    Activation, BoxFuture, CertProvider, CertificateManager, CertificateRequest, CertificateStore,
    Credential, Event, FirstTrust, Issued, ManagedSlot, ManagerError, NextStep, OverdueLevel, ProviderError,
    Renewal, RevocationMode, SlotError, SlotPhase, SlotSpec, Trial, TrialFault, TrustStore, Usage, Window,
    WindowUse, obtain,
};
use lab::*;
use scripted::*;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

const GRACE: Duration = Duration::from_secs(30);

fn codes(events: &Recorder<Event>) -> Vec<&'static str> {
    events.events().iter().map(Event::code).collect()
}

#[test]
fn a_renewed_certificate_takes_over_after_its_grace_and_the_old_one_is_let_go() {
    let root = Party::root("root");
    let slot = slot(&root, Scripted::new(sign_all(&root)));
    let connection = Arc::clone(slot.store.current().credential());
    let old = connection.chain().leaf().serial();
    let prepared = run(slot.manager.renew("node", Activation::AfterGrace, DEADLINE)).unwrap();
    let at = NOW.plus(GRACE);
    let Renewal::Prepared { serial, activate_at } = prepared else { panic!("{prepared:?}") };
    assert_eq!(activate_at, at);
    assert_eq!(slot.state().phase, SlotPhase::Prepared { serial, activate_at });
    assert_eq!((slot.store.number(), slot.state().serial), (1, old));
    assert_eq!(slot.manager.next(NOW), NextStep::Wait(GRACE));
    slot.clock.advance(GRACE);
    assert_eq!(slot.manager.next(at), NextStep::Activate { slot: "node".into() });
    assert_eq!(slot.manager.activate("node").unwrap().serial, serial);
    assert_eq!((slot.store.number(), slot.state().serial, slot.state().draining), (2, serial, 1));
    let told = ["pki.renewal.prepared", "pki.certificate.renewed"];
    assert_eq!(codes(&slot.events), told);
    // A connection holds the old one: it goes on, and its key is not gone.
    assert!(matches!(slot.manager.next(at), NextStep::Wait(wait) if wait <= Duration::from_secs(1)));
    assert_eq!(codes(&slot.events), told);
    drop(connection);
    let _ = slot.manager.next(at);
    assert_eq!(
        slot.events.events().last(),
        Some(&Event::CredentialRetired { slot: "node".into(), serial: old })
    );
    assert_eq!(slot.state().draining, 0);
    assert!(matches!(slot.manager.activate("node"), Err(ManagerError::NotPrepared)));
}

#[test]
fn an_operator_does_not_wait_for_the_grace_and_gets_what_is_prepared() {
    let root = Party::root("root");
    let provider = Scripted::new(sign_all(&root));
    let slot = slot(&root, Arc::clone(&provider) as _);
    let Renewal::Prepared { serial, .. } =
        run(slot.manager.renew("node", Activation::AfterGrace, DEADLINE)).unwrap()
    else {
        panic!("no grace")
    };
    assert!(matches!(
        run(slot.manager.renew("node", Activation::AfterGrace, DEADLINE)),
        Err(ManagerError::Busy)
    ));
    assert_eq!(slot.renew().unwrap().serial, serial);
    assert_eq!(provider.calls.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[test]
fn what_is_not_trusted_any_more_when_its_grace_is_over_is_not_activated() {
    let root = Party::root("root");
    let slot = slot(&root, Scripted::new(sign_all(&root)));
    let serving = slot.state().serial;
    run(slot.manager.renew("node", Activation::AfterGrace, DEADLINE)).unwrap();
    // The list that comes meanwhile names the serial of what was prepared.
    let listed = root.leaf_with(&[WEB], |p| p.serial_number = Some(vec![0x44].into()));
    let SlotPhase::Prepared { serial, .. } = slot.state().phase else { panic!("not prepared") };
    assert_eq!(serial.to_string(), "44");
    let _ = &listed;
    slot.store.install_trust(strict(&[&root], vec![root.crl_with(1, &[&listed], |_| {})])).unwrap();
    slot.clock.advance(GRACE);
    let error = slot.manager.activate("node").unwrap_err();
    assert_eq!(error.code(), "pki.issued.invalid");
    let state = slot.state();
    assert_eq!((state.phase, state.serial, state.failures), (SlotPhase::Active, serving, 1));
}

#[derive(Debug)]
struct Picky;

impl Trial for Picky {
    fn try_out(&self, _: &Credential, _: &TrustStore, usage: Usage, _: UnixTime) -> Result<(), TrialFault> {
        assert_eq!(usage, Usage::Both);
        Err(TrialFault("no scheme in common".into()))
    }
}

#[test]
fn what_does_not_pass_its_trial_is_neither_prepared_nor_activated() {
    let root = Party::root("root");
    let (store, clock, events, manager) = bare(&root);
    let honest = Scripted::new(sign_all(&root));
    let managed =
        ManagedSlot::new(spec(), Arc::clone(&store)).with_provider(honest).with_trial(Arc::new(Picky));
    manager.manage(managed).unwrap();
    for activation in [Activation::Now, Activation::AfterGrace] {
        let error = run(manager.renew("node", activation, DEADLINE)).unwrap_err();
        assert_eq!(error.code(), "pki.trial.failed");
    }
    assert_eq!((store.number(), manager.state("node").unwrap().failures), (1, 2));
    assert!(manager.state("node").unwrap().last_failure.unwrap().message.ends_with("no scheme in common"));
    assert_eq!(codes(&events), ["pki.renewal.failed", "pki.renewal.failed"]);
    assert_eq!(clock.unix(), NOW);
}

type Bare = (Arc<CertificateStore>, Arc<ManualClock>, Arc<Recorder<Event>>, CertificateManager);

/// A manager of nothing, and a store that serves a first certificate of `root`.
fn bare(root: &Party) -> Bare {
    let clock = Arc::new(ManualClock::at(NOW));
    let events = Arc::new(Recorder::with_capacity(100_000));
    let manager = CertificateManager::new(Arc::clone(&clock) as _, Arc::clone(&events) as _);
    (store(root), clock, events, manager)
}

fn store(root: &Party) -> Arc<CertificateStore> {
    let known = trust(&[root], Vec::new(), RevocationMode::Off);
    let clock = ManualClock::at(NOW);
    let first = Scripted::new(sign_all(root));
    let (credential, _) = run(obtain(&*first, &spec(), FirstTrust::Known(&known), &clock, DEADLINE)).unwrap();
    Arc::new(CertificateStore::new(credential, known).unwrap())
}

/// Answers once it is told to, and counts who waits.
#[derive(Default)]
struct Slow {
    waiting: Mutex<(usize, usize)>,
}

impl CertProvider for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn issue<'a>(
        &'a self,
        _: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move {
            {
                let mut waiting = self.waiting.lock().unwrap();
                waiting.0 += 1;
                waiting.1 = waiting.1.max(waiting.0);
            }
            let mut asked = false;
            std::future::poll_fn(|_| {
                if std::mem::replace(&mut asked, true) {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await;
            self.waiting.lock().unwrap().0 -= 1;
            Err(ProviderError::TimedOut { deadline })
        })
    }
}

#[test]
fn at_p2_many_certificates_due_at_once_do_not_stampede_their_issuer_vault_26367() {
    const SLOTS: usize = 200;
    let root = Party::root("root");
    let (store, clock, _, manager) = bare(&root);
    let provider = Arc::new(Slow::default());
    for number in 0..SLOTS {
        let spec = SlotSpec { name: format!("slot-{number}"), ..spec() };
        let slot = ManagedSlot::new(spec, Arc::clone(&store)).with_provider(Arc::clone(&provider) as _);
        manager.manage(slot).unwrap();
    }
    // All of them are due: the clock was wrong, or nothing ran for a while.
    clock.advance(16 * HOUR);
    let now = clock.unix();
    let mut context = Context::from_waker(Waker::noop());
    let mut flights: Vec<Pin<Box<dyn Future<Output = _>>>> = Vec::new();
    let mut begun = std::collections::BTreeSet::new();
    while begun.len() < SLOTS {
        while let NextStep::Renew { slot, .. } = manager.next(now) {
            let (manager, name) = (&manager, slot.to_string());
            begun.insert(name.clone());
            let mut flight: Pin<Box<dyn Future<Output = _>>> =
                Box::pin(async move { manager.renew(&name, Activation::AfterGrace, DEADLINE).await });
            assert!(flight.as_mut().poll(&mut context).is_pending());
            flights.push(flight);
            assert!(flights.len() <= 4);
        }
        assert_eq!(manager.next(now), NextStep::Wait(Duration::from_secs(1)));
        assert!(matches!(
            run(manager.renew("slot-199", Activation::Now, DEADLINE)),
            Err(ManagerError::Crowded | ManagerError::Busy)
        ));
        assert_eq!(flights.len(), 4.min(SLOTS - begun.len() + flights.len()));
        let mut oldest = flights.remove(0);
        assert!(oldest.as_mut().poll(&mut context).is_ready());
    }
    assert_eq!(provider.waiting.lock().unwrap().1, 4);
    assert!(manager.states().iter().filter(|state| state.failures == 1).count() >= SLOTS - 4);
}

#[test]
fn a_slot_without_a_provider_is_watched_and_alarms() {
    let root = Party::root("root");
    let (store, clock, events, manager) = bare(&root);
    manager.manage(ManagedSlot::new(spec(), Arc::clone(&store))).unwrap();
    let shown = Arc::clone(store.current().credential());
    let further = SlotSpec { name: "further".to_owned(), ..spec() };
    manager.manage(ManagedSlot::watched(further, shown)).unwrap();
    assert!(matches!(run(manager.renew("node", Activation::Now, DEADLINE)), Err(ManagerError::Elsewhere)));
    assert!(matches!(run(manager.renew("further", Activation::Now, DEADLINE)), Err(ManagerError::Elsewhere)));
    assert!(matches!(manager.order("node", window()), Err(ManagerError::Elsewhere)));
    let end = NOW.plus(26 * HOUR);
    while clock.unix() < end {
        let NextStep::Wait(wait) = manager.next(clock.unix()) else { panic!("nobody renews here") };
        clock.advance(wait.clamp(Duration::from_millis(1), HOUR));
    }
    let of = |slot: &str| -> Vec<OverdueLevel> {
        let level = |event: &Event| match event {
            Event::RenewalOverdue { slot: whose, level, .. } if whose == slot => Some(*level),
            _ => None,
        };
        events.events().iter().filter_map(level).collect()
    };
    let all = [OverdueLevel::Alarm, OverdueLevel::Critical, OverdueLevel::Expired];
    assert_eq!((of("node"), of("further")), (all.to_vec(), all.to_vec()));
    // Another tool did its work: the alarm is over, and nobody renewed anything here.
    let clock_then = Arc::clone(&clock);
    let signer = root.reissued(|_| {});
    let fresh = Scripted::new(move |request: &CertificateRequest| {
        Ok(sign(&signer, request, |p| {
            p.not_before = date(clock_then.unix());
            p.not_after = date(clock_then.unix().plus(DAY));
            p.serial_number = Some(vec![0x55].into());
        }))
    });
    let known = trust(&[&root], Vec::new(), RevocationMode::Off);
    let (credential, _) =
        run(obtain(&*fresh, &spec(), FirstTrust::Known(&known), &*clock, DEADLINE)).unwrap();
    let credential = Arc::new(credential);
    store.install_credential(Arc::clone(&credential)).unwrap();
    manager.replaced("further", credential);
    let _ = manager.next(clock.unix());
    for state in manager.states() {
        assert_eq!((state.overdue, state.serial.to_string().as_str()), (None, "55"), "{}", state.name);
    }
    assert!(!codes(&events).contains(&"pki.certificate.renewed"));
    assert!(manager.release("further") && !manager.release("further"));
    assert_eq!(manager.states().len(), 1);
}

fn window() -> Window {
    "03:00+2h".parse().unwrap()
}

#[test]
fn a_window_and_an_order_show_in_the_state_and_are_kept_to() {
    let root = Party::root("root");
    let (store, clock, events, manager) = bare(&root);
    let managed = ManagedSlot::new(spec(), store)
        .with_provider(Scripted::new(sign_all(&root)))
        .with_automatic(false)
        .with_window(Some("00:00+24h".parse().unwrap()));
    manager.manage(managed).unwrap();
    let state = manager.state("node").unwrap();
    assert_eq!(
        (state.window_use, state.ordered, state.provider.as_deref()),
        (WindowUse::Honoured, None, Some("scripted"))
    );
    clock.advance(18 * HOUR);
    assert!(matches!(manager.next(clock.unix()), NextStep::Wait(_)), "on order alone");
    clock.set_unix(NOW);
    let at = manager.order("node", window()).unwrap();
    assert_eq!(manager.state("node").unwrap().ordered, Some(at));
    assert_eq!(events.events(), [Event::RenewalOrdered { slot: "node".into(), at }]);
    assert_eq!(manager.next(NOW), NextStep::Wait(NOW.until(at)));
    clock.set_unix(at);
    assert_eq!(manager.next(at), due(None));
    assert!(matches!(manager.order("nobody", window()), Err(ManagerError::UnknownSlot)));
    // Switched to automatic, with no window, it is renewed when it is time.
    manager.set_rules("node", true, None);
    assert_eq!(manager.state("node").unwrap().window_use, WindowUse::Unset);
}

#[test]
fn names_of_slots_are_bounded_and_each_is_given_once() {
    let root = Party::root("root");
    let (store, _, _, manager) = bare(&root);
    let manage =
        |name: &str| manager.manage(ManagedSlot::new(SlotSpec::new(name, Vec::new()), Arc::clone(&store)));
    assert_eq!(manage("a"), Ok(()));
    assert_eq!(manage("a"), Err(SlotError::Taken));
    for bad in [String::new(), "a\nb".to_owned(), "x".repeat(254)] {
        assert_eq!(manage(&bad), Err(SlotError::BadName));
    }
    let shown = format!("{manager:?}{:?}", ManagedSlot::new(spec(), store));
    assert!(shown.contains("slots: 1") && !shown.to_lowercase().contains("private"), "{shown}");
    assert_eq!(manager.state("b"), None);
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(manager.renew("b", Activation::Now, DEADLINE)).poll(&mut context).is_ready());
}
