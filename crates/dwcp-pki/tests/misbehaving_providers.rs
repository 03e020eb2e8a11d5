//! Providers that are slow, flaky, silent or dishonest: the manager outlives them all, and never serves what is false.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod waiting;

use dwcp_base::{Clock, Coded, ManualClock, Recorder, UnixTime};
use dwcp_pki::testing::{Conduct, Double, Forge, Lie};
use dwcp_pki::{
    Activation, CertificateManager, CertificateStore, Event, FirstTrust, ManagedSlot, ManagerError, NextStep,
    OverdueLevel, Purpose, Renewal, Serial, SlotSpec, SlotState, SubjectName, obtain,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;
use waiting::block_on;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const DEADLINE: Duration = Duration::from_millis(20);
const HOUR: Duration = Duration::from_secs(3_600);

struct Slot {
    clock: Arc<ManualClock>,
    double: Double,
    store: Arc<CertificateStore>,
    events: Arc<Recorder<Event>>,
    manager: CertificateManager,
}

fn names() -> Vec<SubjectName> {
    vec!["URI:spiffe://mesh.example/web".parse().unwrap(), "DNS:web.example".parse().unwrap()]
}

/// A slot whose first certificate an honest double issued.
fn slot() -> Slot {
    let clock = Arc::new(ManualClock::at(NOW));
    let forge = Arc::new(Forge::new(Arc::clone(&clock) as Arc<dyn Clock>).unwrap());
    let double = Double::new(Arc::clone(&forge));
    let trust = forge.trust().unwrap();
    let spec = SlotSpec::new("node", names());
    let known = FirstTrust::Known(&trust);
    let (credential, _) = block_on(obtain(&double, &spec, known, &*clock, DEADLINE)).unwrap();
    let store = Arc::new(CertificateStore::new(credential, trust).unwrap());
    let events = Arc::new(Recorder::with_capacity(10_000));
    let manager = CertificateManager::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&events) as _);
    let managed = ManagedSlot::new(spec, Arc::clone(&store)).with_provider(Arc::new(double.clone()));
    manager.manage(managed).unwrap();
    Slot { clock, double, store, events, manager }
}

impl Slot {
    fn serial(&self) -> Serial {
        self.store.current().credential().chain().leaf().serial()
    }

    /// What is served is for its key, has exactly the names, and was good when it was taken.
    fn serves_the_truth(&self) {
        let generation = self.store.current();
        let credential = generation.credential();
        let leaf = credential.chain().leaf();
        assert_eq!(leaf.key_pin(), dwcp_pki::KeyPin::of_key(credential.key()));
        let (ours, served): (BTreeSet<_>, BTreeSet<_>) =
            (names().into_iter().collect(), leaf.names().iter().cloned().collect());
        assert_eq!(ours, served);
        for purpose in [Purpose::Server, Purpose::Client] {
            let at = self.clock.unix().min(leaf.not_after());
            generation.trust().validate_own(credential.chain(), purpose, at).unwrap();
        }
        assert!(!leaf.is_authority());
    }

    fn state(&self) -> SlotState {
        self.manager.state("node").unwrap()
    }

    /// One attempt, given up at its first wait where the double never answers.
    fn renew(&self) -> Outcome {
        let mut renewing = pin!(self.manager.renew("node", Activation::Now, DEADLINE));
        let polled = catch_unwind(AssertUnwindSafe(|| {
            renewing.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        }));
        match polled {
            Err(_) => Outcome::Panicked,
            Ok(std::task::Poll::Pending) => Outcome::GivenUp,
            Ok(std::task::Poll::Ready(Ok(Renewal::Active(renewed)))) => Outcome::Renewed(renewed.serial),
            Ok(std::task::Poll::Ready(Ok(prepared))) => panic!("{prepared:?}"),
            Ok(std::task::Poll::Ready(Err(error))) => Outcome::Failed(error.code()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Renewed(Serial),
    Failed(&'static str),
    GivenUp,
    Panicked,
}

#[test]
fn at_p7_no_lie_is_activated_and_each_is_told_by_name() {
    let slot = slot();
    for (lie, code) in [
        (Lie::WrongKey, "pki.issued.wrong_key"),
        (Lie::AnothersChain, "pki.issued.wrong_key"),
        (Lie::Backwards, "pki.issued.wrong_key"),
        (Lie::MissingName, "pki.issued.missing_name"),
        (Lie::ExtraName, "pki.issued.extra_name"),
        (Lie::Expired, "pki.issued.invalid"),
        (Lie::AlmostOver, "pki.issued.almost_over"),
        (Lie::NotYetValid, "pki.issued.invalid"),
        (Lie::Untrusted, "pki.issued.invalid"),
        (Lie::Revoked, "pki.issued.invalid"),
        (Lie::Authority, "pki.issued.invalid"),
        (Lie::ServerOnly, "pki.issued.invalid"),
        (Lie::Gap, "pki.issued.invalid"),
        (Lie::TooMany, "pki.provider.bad_answer"),
    ] {
        let before = slot.serial();
        slot.double.turn(Conduct::Lies(lie));
        assert_eq!(slot.renew(), Outcome::Failed(code), "{lie:?}");
        assert_eq!(slot.serial(), before, "{lie:?}");
        assert_eq!(slot.state().last_failure.unwrap().code, code, "{lie:?}");
        slot.serves_the_truth();
        assert!(!lie.is_harmless(), "{lie:?}");
    }
    // Bad manners of an issuer, and no reason to go without a certificate.
    for lie in Lie::ALL.iter().filter(|lie| lie.is_harmless()) {
        slot.double.turn(Conduct::Lies(*lie));
        assert!(matches!(slot.renew(), Outcome::Renewed(_)), "{lie:?}");
        slot.serves_the_truth();
    }
}

#[test]
fn at_p8_the_answer_to_an_earlier_request_is_never_paired_with_the_key_of_this_one() {
    let slot = slot();
    slot.double.turn(Conduct::Repeats);
    for _ in 0..5 {
        assert_eq!(slot.renew(), Outcome::Failed("pki.issued.wrong_key"));
        slot.serves_the_truth();
    }
    slot.double.turn(Conduct::Honest);
    assert!(matches!(slot.renew(), Outcome::Renewed(_)));
}

#[test]
fn at_p5_a_provider_that_wants_thirty_years_of_rest_gets_a_quarter_of_the_life() {
    let slot = slot();
    slot.double.turn(Conduct::RetryAfter(Duration::from_secs(1_000_000_000)));
    let due = slot.state().renew_at;
    slot.clock.set_unix(due);
    assert_eq!(slot.renew(), Outcome::Failed("pki.provider.unavailable"));
    let credential = slot.store.current();
    let life = credential.credential().not_before().until(credential.credential().not_after());
    assert!(matches!(slot.manager.next(due), NextStep::Wait(_)), "no back-off");
    assert_eq!(slot.state().retry_at, Some(due.plus(life / 4)));
}

#[test]
fn a_provider_that_panics_or_never_answers_leaves_the_slot_free() {
    let slot = slot();
    let before = slot.serial();
    for (conduct, outcome) in [(Conduct::Panics, Outcome::Panicked), (Conduct::Hangs, Outcome::GivenUp)] {
        slot.double.turn(conduct);
        for _ in 0..3 {
            assert_eq!(slot.renew(), outcome);
            assert_eq!(slot.serial(), before);
        }
    }
    slot.double.turn(Conduct::Honest);
    assert!(matches!(slot.renew(), Outcome::Renewed(_)), "not busy");
}

#[test]
fn a_provider_that_panics_or_never_answers_is_asked_as_rarely_as_one_that_fails() {
    for conduct in [Conduct::Panics, Conduct::Hangs] {
        let slot = slot();
        slot.double.turn(conduct);
        slot.clock.set_unix(slot.state().renew_at);
        let (calls, end) = (slot.double.calls(), slot.clock.unix().plus(HOUR));
        while slot.clock.unix() < end {
            match slot.manager.next(slot.clock.unix()) {
                NextStep::Wait(wait) => slot.clock.advance(wait.min(Duration::from_millis(100))),
                NextStep::Renew { .. } => {
                    assert!(matches!(slot.renew(), Outcome::Panicked | Outcome::GivenUp));
                    slot.manager.interrupted("node", "test.interrupted", "it took\u{1b} too long");
                }
                other => panic!("{other:?}"),
            }
        }
        let asked = slot.double.calls() - calls;
        assert!((5..=8).contains(&asked), "{conduct:?}: {asked} in an hour");
        let state = slot.state();
        let failure = state.last_failure.unwrap();
        assert_eq!((state.failures, failure.code), (asked, "test.interrupted"));
        assert_eq!(failure.message, "it took too long");
        // Nothing to note while an attempt is under way, and none of a slot that nobody has.
        slot.manager.interrupted("nobody", "test.interrupted", "");
        slot.double.turn(Conduct::Hangs);
        let mut under_way = pin!(slot.manager.renew("node", Activation::Now, DEADLINE));
        assert!(under_way.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        slot.manager.interrupted("node", "test.interrupted", "another's");
        assert_eq!(slot.state().failures, state.failures);
    }
}

#[test]
fn an_answer_after_its_deadline_is_taken_if_somebody_still_waits_and_is_true() {
    let slot = slot();
    for conduct in [Conduct::Late, Conduct::Slow(Duration::from_millis(5))] {
        slot.double.turn(conduct);
        let before = slot.serial();
        block_on(slot.manager.renew("node", Activation::Now, DEADLINE)).unwrap();
        assert_ne!(slot.serial(), before);
        slot.serves_the_truth();
    }
}

#[test]
fn a_flaky_provider_costs_attempts_and_no_certificate() {
    for conduct in [Conduct::FailsEvery(2), Conduct::FailsEvery(3), Conduct::FailsFirst(6)] {
        let slot = slot();
        slot.double.turn(conduct);
        let end = NOW.plus(HOUR * 24 * 7);
        let mut renewed = 0;
        while slot.clock.unix() < end {
            match slot.manager.next(slot.clock.unix()) {
                NextStep::Wait(wait) => slot.clock.advance(wait),
                NextStep::Renew { overdue, .. } => {
                    assert_eq!(overdue, None, "{conduct:?}");
                    renewed += u32::from(matches!(slot.renew(), Outcome::Renewed(_)));
                }
                other => panic!("{other:?}"),
            }
            slot.serves_the_truth();
        }
        assert!((7..=20).contains(&renewed), "{conduct:?}: {renewed}");
    }
}

#[test]
fn a_provider_that_is_gone_for_days_is_an_alarm_at_each_level_and_no_storm() {
    let slot = slot();
    slot.double.turn(Conduct::FailsEvery(1));
    let (calls, end) = (slot.double.calls(), NOW.plus(HOUR * 48));
    while slot.clock.unix() < end {
        match slot.manager.next(slot.clock.unix()) {
            NextStep::Wait(wait) => slot.clock.advance(wait.max(Duration::from_secs(1))),
            NextStep::Renew { .. } => drop(slot.renew()),
            other => panic!("{other:?}"),
        }
    }
    let asked = slot.double.calls() - calls;
    assert!((30..=80).contains(&asked), "AT-P2: {asked} attempts in two days");
    let levels: Vec<_> = slot
        .events
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::RenewalOverdue { level, .. } => Some(*level),
            _ => None,
        })
        .collect();
    assert_eq!(
        levels,
        [OverdueLevel::Due, OverdueLevel::Alarm, OverdueLevel::Critical, OverdueLevel::Expired]
    );
    slot.double.turn(Conduct::Honest);
    assert!(matches!(slot.renew(), Outcome::Renewed(_)));
    assert_eq!(slot.state().overdue, None);
}

#[test]
fn a_first_certificate_is_checked_no_less() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let forge = Arc::new(Forge::new(Arc::clone(&clock)).unwrap());
    let (trust, spec) = (forge.trust().unwrap(), SlotSpec::new("node", names()));
    for lie in Lie::ALL {
        let double = Double::new(Arc::clone(&forge)).conducting(Conduct::Lies(*lie));
        let known = block_on(obtain(&double, &spec, FirstTrust::Known(&trust), &*clock, DEADLINE));
        // Where there is none yet, one for forty seconds is better than none.
        assert_eq!(known.is_ok(), lie.is_harmless() || *lie == Lie::AlmostOver, "{lie:?}");
        assert!(!matches!(known, Err(ManagerError::Busy)));
    }
}

fn conduct() -> impl Strategy<Value = Conduct> {
    prop_oneof![
        4 => Just(Conduct::Honest),
        2 => (0_u32..4).prop_map(Conduct::FailsEvery),
        1 => (0_u32..4).prop_map(Conduct::FailsFirst),
        1 => prop_oneof![Just(0), Just(90), Just(7_200), Just(1_000_000_000)]
            .prop_map(|secs| Conduct::RetryAfter(Duration::from_secs(secs))),
        1 => Just(Conduct::Refuses),
        1 => Just(Conduct::Repeats),
        1 => Just(Conduct::Hangs),
        1 => Just(Conduct::Panics),
        6 => proptest::sample::select(Lie::ALL).prop_map(Conduct::Lies),
    ]
}

/// By eight steps.
const MOST_SET_BACK: Duration = Duration::from_secs(800_000);

/// What happens between two attempts.
#[derive(Clone, Copy, Debug)]
enum Between {
    /// The manager is asked, and waited for as long as it says.
    Wait,
    /// Time passes.
    Pass(u64),
    /// The clock is set, forward or back.
    Set(i64),
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        6 => Just(Between::Wait),
        3 => (0_u64..200_000).prop_map(Between::Pass),
        1 => (-100_000_i64..100_000).prop_map(Between::Set),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn whatever_a_provider_does_what_is_served_is_true_and_there_is_a_next_step(
        steps in proptest::collection::vec((conduct(), between()), 1..8)
    ) {
        let slot = slot();
        let mut seen = BTreeSet::from([slot.serial()]);
        for (conduct, between) in steps {
            match between {
                Between::Wait => if let NextStep::Wait(wait) = slot.manager.next(slot.clock.unix()) {
                    let credential = slot.store.current();
                    let life = credential.credential().not_before().until(credential.credential().not_after());
                    prop_assert!(!wait.is_zero() && wait <= life + MOST_SET_BACK, "{wait:?}");
                    slot.clock.advance(wait);
                },
                Between::Pass(secs) => slot.clock.advance(Duration::from_secs(secs)),
                Between::Set(secs) => slot.clock.set_unix(UnixTime::from_secs(slot.clock.unix().secs() + secs)),
            }
            slot.double.turn(conduct);
            let until = slot.state().not_after;
            let (before, number, failures) = (slot.serial(), slot.store.number(), slot.state().failures);
            let outcome = slot.renew();
            let state = slot.state();
            match outcome {
                Outcome::Renewed(serial) => {
                    prop_assert_eq!(serial, slot.serial());
                    prop_assert_eq!((slot.store.number(), state.failures), (number + 1, 0));
                    let could = match conduct {
                        // What is over, or about to be, has nothing left to be shortened.
                        Conduct::Lies(Lie::AlmostOver) => slot.clock.unix().plus(Duration::from_secs(40)) >= until,
                        Conduct::Lies(lie) => lie.is_harmless(),
                        Conduct::Hangs | Conduct::Panics | Conduct::Refuses | Conduct::RetryAfter(_) => false,
                        _ => true,
                    };
                    prop_assert!(could, "{:?}", conduct);
                    // Never back to an older one, but for the issuer that has one serial for all.
                    prop_assert!(seen.insert(serial) || conduct == Conduct::Lies(Lie::SameSerial));
                    slot.serves_the_truth();
                }
                Outcome::Failed(code) => {
                    prop_assert_eq!((slot.serial(), slot.store.number()), (before, number));
                    prop_assert_eq!((state.failures, state.last_failure.unwrap().code), (failures + 1, code));
                    let next = slot.manager.next(slot.clock.unix());
                    prop_assert!(matches!(next, NextStep::Wait(wait) if !wait.is_zero()), "{:?}", next);
                }
                Outcome::GivenUp | Outcome::Panicked => {
                    prop_assert_eq!((slot.serial(), slot.store.number()), (before, number));
                    prop_assert_eq!(state.failures, failures, "it counts as nothing");
                }
            }
        }
    }
}
