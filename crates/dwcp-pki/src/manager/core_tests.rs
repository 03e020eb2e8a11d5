//! The state machine of one slot: a year with outages and clocks that are set, lives of seconds, and any sequence of events.

use super::*;
use crate::{ScheduleRecord, WindowUse};
use proptest::prelude::*;

#[path = "core_advice_tests.rs"]
mod advice;
#[path = "core_order_tests.rs"]
mod orders;

const START: UnixTime = UnixTime::from_secs(1_700_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn life(number: u32, from: UnixTime, length: Duration) -> Life {
    let serial = Serial::from_be_bytes(&number.saturating_add(1).to_be_bytes()).unwrap();
    Life { serial, not_before: from, not_after: from.plus(length) }
}

fn rules() -> Rules {
    Rules { renews: Renews::Itself, renew_before: None, window: None, grace: 30 * (MINUTE / 60) }
}

fn core(rules: Rules, first: Life) -> Core {
    Core::new("node".into(), rules, first, first.not_before)
}

fn failed() -> Input {
    Input::Failed { code: "pki.provider.unavailable", message: "down".to_owned(), retry_after: None }
}

/// A slot and what a caller does with it: asks, obeys, and keeps the books.
struct World {
    core: Core,
    now: UnixTime,
    length: Duration,
    issued: u32,
    attempts: u32,
    renewals: Vec<UnixTime>,
    told: Vec<Event>,
}

impl World {
    fn new(rules: Rules, length: Duration) -> Self {
        let core = core(rules, life(0, START, length));
        Self { core, now: START, length, issued: 0, attempts: 0, renewals: Vec::new(), told: Vec::new() }
    }

    fn step(&mut self, input: Input) {
        let effects = self.core.step(self.now, input);
        self.told.extend(effects.tell);
    }

    /// Until the time comes, with a provider that is `up` or not.
    fn run(&mut self, until: UnixTime, up: impl Fn(UnixTime) -> bool) {
        while self.now < until {
            self.step(Input::Look);
            match self.core.want(self.now) {
                Want::Renew => {
                    assert!(self.core.begin(self.now));
                    self.attempts += 1;
                    if up(self.now) {
                        self.issued += 1;
                        let next = life(self.issued, self.now, self.length);
                        self.step(Input::Prepared { next, at_once: false });
                    } else {
                        self.step(failed());
                    }
                }
                Want::Activate => {
                    assert!(self.core.begin_activation());
                    self.step(Input::Activated { generation: 1 });
                    self.renewals.push(self.now);
                }
                Want::Nothing(_) => {
                    let next = self.core.next_look(self.now);
                    assert!(next > self.now, "no progress");
                    self.now = next.min(until);
                }
            }
        }
    }

    fn alarms(&self) -> Vec<OverdueLevel> {
        let level = |event: &Event| match event {
            Event::RenewalOverdue { level, .. } => Some(*level),
            _ => None,
        };
        self.told.iter().filter_map(level).collect()
    }
}

#[test]
fn a_prepared_pair_that_ended_over_a_long_sleep_costs_no_back_off() {
    let mut slot = core(rules(), life(0, START, DAY));
    let due = slot.plan().0;
    assert!(slot.begin(due));
    let _ = slot.step(due, Input::Prepared { next: life(1, due, DAY), at_once: false });
    let woken = due.plus(DAY * 30);
    assert_eq!(slot.want(woken), Want::Activate);
    assert!(slot.begin_activation());
    let effects = slot.step(woken, failed());
    assert!(matches!(effects.tell[..], [Event::RenewalFailed { retry_in: Duration::ZERO, .. }]));
    assert_eq!((slot.want(woken), slot.failures), (Want::Renew, 0));
}

#[test]
fn an_order_under_a_clock_that_was_ahead_does_not_wait_for_that_time() {
    let mut slot = core(rules(), life(0, START, DAY));
    let ahead = START.plus(DAY * 40);
    let _ = slot.step(ahead, Input::Ordered("03:00+2h".parse().unwrap()));
    assert!(matches!(slot.want(START), Want::Nothing(Some(at)) if at <= START.plus(DAY)));
}

#[test]
fn a_clock_that_was_set_back_to_before_the_life_has_it_renewed_and_no_loop() {
    let first = life(0, START, DAY);
    let before = START.minus(HOUR);
    let mut slot = core(rules(), first);
    assert_eq!(slot.want(before), Want::Renew);
    assert!(slot.begin(before));
    // What an issuer of the same clock makes is older by its dates, and the one that peers accept.
    let _ = slot.step(before, Input::Prepared { next: life(1, before.minus(MINUTE), DAY), at_once: false });
    assert_eq!(slot.want(before), Want::Activate, "no grace for what nobody accepts");
    assert!(slot.begin_activation());
    let _ = slot.step(before, Input::Activated { generation: 2 });
    assert!(matches!(slot.want(before), Want::Nothing(Some(at)) if before.until(at) > HOUR));
    // An issuer whose clock is right is asked again after a pause alone.
    let mut slot = core(rules(), first);
    assert!(slot.begin(before));
    let _ = slot.step(before, failed());
    assert!(matches!(slot.want(before), Want::Nothing(Some(at)) if before.until(at) >= MINUTE * 9 / 10));
    for renews in [Renews::Elsewhere, Renews::OnOrder] {
        let slot = core(Rules { renews, ..rules() }, first);
        assert_eq!(slot.want(before), Want::Nothing(None));
    }
}

#[test]
fn a_year_with_a_window_failures_an_outage_of_days_and_clocks_that_are_set() {
    let window: Window = "03:00+2h".parse().unwrap();
    let mut world = World::new(Rules { window: Some(window), ..rules() }, 30 * DAY);
    let day = |days: u32| START.plus(days * DAY);
    // Every third attempt fails, but for an outage from day 100 on that lasts five days.
    let outage = day(100)..day(105);
    let up = |now: UnixTime| !outage.contains(&now) && now.secs() % 3 != 0;
    world.run(day(200), up);
    assert!((9..=12).contains(&world.renewals.len()), "{:?}", world.renewals);
    let in_window = |at: &UnixTime| {
        let (opens, closes) = window.next_from(*at);
        (opens..closes.plus(MINUTE)).contains(at)
    };
    let inside = world.renewals.iter().filter(|at| in_window(at)).count();
    assert!(inside + 2 >= world.renewals.len(), "{inside} of {}", world.renewals.len());
    // The clock is set back by two days, then forward by three: nothing runs wild, nothing stops.
    let (attempts, renewals) = (world.attempts, world.renewals.len());
    world.now = world.now.minus(2 * DAY);
    world.run(day(230), up);
    world.now = world.now.plus(3 * DAY);
    world.run(day(365), up);
    assert!((6..=11).contains(&(world.renewals.len() - renewals)), "{:?}", world.renewals);
    assert!(world.attempts - attempts < 60, "{}", world.attempts - attempts);
    assert!(!world.alarms().iter().any(|level| *level > OverdueLevel::Alarm), "{:?}", world.alarms());
}

#[test]
fn an_outage_over_the_end_of_a_life_alarms_at_each_level_once_and_is_over_at_once() {
    let mut world = World::new(rules(), DAY);
    let back = START.plus(2 * DAY);
    world.run(START.plus(3 * DAY), |now| now >= back);
    assert_eq!(
        world.alarms(),
        [OverdueLevel::Due, OverdueLevel::Alarm, OverdueLevel::Critical, OverdueLevel::Expired]
    );
    // The next attempt after the provider was back, and not an hour later than it; nobody waits for a grace then.
    let first = world.renewals.first().unwrap();
    assert!((back..=back.plus(HOUR + MINUTE)).contains(first), "{first}");
    assert!(world.attempts < 60, "{}", world.attempts);
}

#[test]
fn lives_of_seconds_scale_everything_down() {
    let mut world = World::new(rules(), Duration::from_secs(20));
    world.run(START.plus(Duration::from_secs(600)), |now| now.secs() % 5 != 0);
    // Half of the life, give or take a tenth, and a grace of a tenth.
    assert!((40..=70).contains(&world.renewals.len()), "{}", world.renewals.len());
    assert!(!world.alarms().contains(&OverdueLevel::Critical), "{:?}", world.alarms());
    let prepared = world.told.iter().filter(|event| matches!(event, Event::RenewalPrepared { .. })).count();
    assert!(prepared >= world.renewals.len());
}

#[test]
fn acme_six_day_under_30_day_rule_does_not_loop() {
    let mut world = World::new(Rules { renew_before: Some(30 * DAY), ..rules() }, 6 * DAY);
    world.run(START.plus(60 * DAY), |_| true);
    assert!((15..=24).contains(&world.renewals.len()), "{}", world.renewals.len());
    assert_eq!(world.attempts as usize, world.renewals.len());
}

#[test]
fn a_renewal_that_is_due_and_did_not_happen_is_an_alarm_long_before_the_certificate_is_old() {
    let mut world = World::new(rules(), 10 * DAY);
    let due = world.core.plan().0;
    world.run(due.plus(11 * HOUR), |_| false);
    assert_eq!(world.alarms(), []);
    world.run(due.plus(13 * HOUR), |_| false);
    assert_eq!(world.alarms(), [OverdueLevel::Due]);
    assert!(world.core.schedule().overdue(world.now).is_none(), "not even 80 %");
    // It is no alarm where nobody here renews, or nobody has ordered it.
    for renews in [Renews::Elsewhere, Renews::OnOrder] {
        let mut idle = World::new(Rules { renews, ..rules() }, 10 * DAY);
        idle.run(START.plus(8 * DAY - HOUR), |_| true);
        assert_eq!((idle.alarms(), idle.attempts), (vec![], 0));
        idle.run(START.plus(8 * DAY + HOUR), |_| true);
        assert_eq!(idle.alarms(), [OverdueLevel::Alarm]);
    }
}

#[test]
fn a_record_is_gone_on_with_and_clamped_and_that_of_another_certificate_is_not() {
    let first = life(1, START, 10 * DAY);
    let far = Pause { from: START, length: 1_000 * DAY };
    let window: Window = "03:00+2h".parse().unwrap();
    let ordered = Some(Ordered { at: START.plus(1_000 * DAY), window });
    let record = ScheduleRecord { serial: first.serial, failures: 4, pause: Some(far), ordered };
    let mut restored = core(rules(), first);
    assert!(restored.restore(&record, START));
    assert_eq!((restored.failures, restored.ordered.unwrap().at), (4, restored.schedule().alarm_at()));
    assert_eq!(restored.want(START), Want::Nothing(restored.ordered.map(|ordered| ordered.at)));
    let due = restored.plan().0;
    let far = Pause { from: due, ..far };
    assert!(restored.restore(&ScheduleRecord { pause: Some(far), ordered: None, ..record }, due));
    let Want::Nothing(Some(next)) = restored.want(due) else { panic!("no pause") };
    assert_eq!(next, due.plus(DAY), "what a provider may ask for, and no more");
    // A pause that begins in the future is that of a clock that was wrong.
    let future = Pause { from: START.plus(900 * DAY), length: DAY };
    assert!(restored.restore(&ScheduleRecord { pause: Some(future), ordered: None, ..record }, due));
    assert_eq!(restored.want(due), Want::Renew);
    // An order whose span has passed is moved to the next one.
    let missed = Some(Ordered { at: START, window });
    let later = START.plus(DAY);
    assert!(restored.restore(&ScheduleRecord { ordered: missed, ..record }, later));
    assert_eq!(restored.ordered.unwrap().at, window.next_from(later).0);
    let before = restored.record();
    assert!(!restored.restore(&ScheduleRecord { serial: life(2, START, DAY).serial, ..record }, START));
    assert_eq!(restored.record(), before);
}

#[test]
fn a_killed_attempt_is_not_repeated_at_once_by_the_next_process() {
    let first = life(1, START, DAY);
    let mut one = core(rules(), first);
    let due = one.plan().0;
    assert!(one.begin(due));
    let mut other = Core::new("node".into(), rules(), first, due);
    assert!(other.restore(&one.record(), due.plus(MINUTE / 60)));
    assert!(matches!(other.want(due.plus(MINUTE / 60)), Want::Nothing(Some(_))));
    assert_eq!(other.want(due.plus(MINUTE)), Want::Renew);
}

#[test]
fn what_somebody_else_put_in_force_meanwhile_is_not_replaced_by_something_older() {
    let first = life(1, START, 10 * DAY);
    let (older, newer) = (life(2, START.plus(DAY), 10 * DAY), life(3, START.plus(2 * DAY), 10 * DAY));
    let mut slot = core(rules(), first);
    assert!(slot.begin(START));
    let _ = slot.step(START, Input::Prepared { next: older, at_once: false });
    assert!(slot.step(START, Input::Seen(newer)).drop_prepared);
    assert_eq!(slot.phase(), SlotPhase::Active);
    assert!(slot.begin(START));
    let fresh = life(4, START.plus(3 * DAY), 10 * DAY);
    let _ = slot.step(START, Input::Seen(fresh));
    assert!(slot.step(START, Input::Prepared { next: older, at_once: false }).drop_prepared);
    assert_eq!((slot.phase(), *slot.life()), (SlotPhase::Active, fresh));
}

/// What a random caller, provider and operator do to a slot.
fn moves() -> impl Strategy<Value = Vec<(u8, u64)>> {
    prop::collection::vec((0_u8..12, 0_u64..200_000), 1..120)
}

proptest! {
    #[test]
    fn no_sequence_of_events_breaks_a_slot(moves in moves(), secs in 10_u64..10_000_000, windowed: bool) {
        let length = Duration::from_secs(secs);
        let window = windowed.then(|| "22:00+4h".parse().unwrap());
        let mut slot = core(Rules { window, ..rules() }, life(0, START, length));
        let (mut now, mut count, mut flights) = (START, 0_u32, 0_u32);
        let mut validated: Vec<Serial> = vec![slot.life().serial];
        let mut set_back = false;
        for (what, number) in moves {
            let before = *slot.life();
            match what {
                0..=2 => now = now.plus(Duration::from_secs(number)),
                3 => {
                    now = now.minus(Duration::from_secs(number / 4));
                    set_back = true;
                }
                4 | 5 => {
                    if slot.begin(now) {
                        flights += 1;
                    }
                    prop_assert!(flights <= 1, "two attempts at a time");
                }
                6 if flights == 1 => {
                    flights = 0;
                    let _ = slot.step(now, failed());
                }
                7 if flights == 1 => {
                    flights = 0;
                    let _ = slot.step(now, Input::Abandoned);
                }
                8 if flights == 1 => {
                    flights = 0;
                    count += 1;
                    let next = life(count, now, length);
                    validated.push(next.serial);
                    let _ = slot.step(now, Input::Prepared { next, at_once: number % 2 == 0 });
                }
                9 => {
                    let waits = matches!(slot.phase(), SlotPhase::Prepared { .. });
                    prop_assert_eq!(slot.begin_activation(), waits, "active without a preparation");
                    let _ = slot.step(now, Input::Activated { generation: 1 });
                }
                10 => {
                    count += 1;
                    let other = life(count, now, length);
                    validated.push(other.serial);
                    let _ = slot.step(now, Input::Seen(other));
                }
                11 => {
                    let _ = slot.step(now, Input::Ordered("03:00+2h".parse().unwrap()));
                }
                _ => {}
            }
            let _ = slot.step(now, Input::Look);
            prop_assert!(validated.contains(&slot.life().serial), "active without validation");
            if what == 9 && slot.life().serial != before.serial {
                // What is issued under a clock that was set back is dated earlier, and no step back.
                prop_assert!(set_back || !before.is_newer_than(slot.life()), "a step back");
            }
            let next = slot.next_look(now);
            prop_assert!(next > now && next <= now.plus(LONGEST_WAIT), "no next step in bounded time");
            if let (Want::Nothing(Some(at)), 0) = (slot.want(now), flights) {
                prop_assert!(at > now && next <= at);
                // Whatever happened, an attempt is made before the certificate is in danger, or within the longest pause.
                let latest = slot.schedule().alarm_at().max(now.plus(slot.longest_pause())).max(slot.plan().0);
                prop_assert!(at <= latest.plus(MINUTE), "{at} {latest}");
            }
        }
    }

    #[test]
    fn a_window_never_endangers_validity(secs in 2_u64..40_000_000, opens in 0_u32..1_440, lasts in 1_u32..1_440, seed: u64, since in 0_u64..40_000_000) {
        let window: Window = format!("{:02}:{:02}+{}h{}m", opens / 60, opens % 60, lasts / 60, lasts % 60)
            .replace("+0h", "+").replace("h0m", "h").parse().unwrap();
        let length = Duration::from_secs(secs);
        let schedule = RenewalSchedule::new(START, START.plus(length), seed);
        let since = START.plus(Duration::from_secs(since));
        let (at, used) = schedule.renew_within(window, since);
        match used {
            WindowUse::Honoured => {
                let (from, to) = window.next_from(at);
                prop_assert!((from..to).contains(&at), "{at} is not in {window}");
                prop_assert!(at >= START.plus(length / 3) && at >= since.min(at));
                prop_assert!(at <= schedule.alarm_at().minus(length / 10));
            }
            WindowUse::Overruled => prop_assert_eq!(at, schedule.renew_at()),
            WindowUse::Unset => prop_assert!(false),
        }
        prop_assert!(at < schedule.alarm_at());
    }
}
