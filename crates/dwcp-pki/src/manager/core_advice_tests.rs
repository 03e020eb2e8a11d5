//! The state machine of one slot: what its issuer advises (RFC 9773), within what is safe.

use super::*;

impl World {
    /// What it wants at each hour, where each certificate is advised on as soon as it is in force.
    fn run_advised(&mut self, until: UnixTime, advice: impl Fn(&Life, UnixTime) -> Option<UnixTime>) {
        while self.now < until {
            let life = *self.core.life();
            assert!(self.core.advised(self.now, life.serial, advice(&life, self.now)));
            self.run(self.now.plus(HOUR), |_| true);
        }
    }
}

#[test]
fn at_p14_advice_in_the_past_gives_one_renewal_and_then_the_next_certificate_counts() {
    for length in [90 * DAY, 6 * DAY, 2 * HOUR] {
        let mut world = World::new(rules(), length);
        let first = world.core.life().serial;
        assert!(world.core.advised(START, first, Some(START.minus(DAY))));
        assert_eq!(world.core.want(START), Want::Renew);
        world.run(START.plus(length / 4), |_| true);
        assert_eq!((world.attempts, world.renewals.len()), (1, 1), "{length:?}");
        assert_eq!(world.core.plan(), world.core.own_plan());
        assert!(world.core.plan().0 > START.plus(length / 3), "as the dates of the second one have it");
        // An advice on the first one comes too late.
        assert!(!world.core.advised(world.now, first, Some(START)));
        assert_eq!((world.core.advice, world.alarms()), (None, vec![]));
    }
}

#[test]
fn at_p14_an_issuer_that_always_wants_it_earlier_than_now_makes_no_loop() {
    for (length, most) in [(90 * DAY, 30), (6 * DAY, 51), (DAY, 301)] {
        let mut world = World::new(rules(), length);
        world.run_advised(START.plus(30 * DAY), |_, now| Some(now.minus(DAY)));
        assert!((most / 2..=most).contains(&world.renewals.len()), "{length:?}: {}", world.renewals.len());
        assert_eq!(world.attempts as usize, world.renewals.len());
        assert_eq!(world.alarms(), [], "to be left alone is not to be late");
    }
}

#[test]
fn at_p14_a_process_that_starts_over_and_over_makes_no_loop_either() {
    let mut world = World::new(rules(), 90 * DAY);
    let mut renewals = 0;
    while world.now < START.plus(2 * DAY) {
        let serial = world.core.life().serial;
        assert!(world.core.advised(world.now, serial, Some(START.minus(DAY))));
        world.run(world.now.plus(10 * MINUTE), |_| true);
        renewals += std::mem::take(&mut world.renewals).len();
        let record = world.core.record();
        world.core = Core::new("node".into(), rules(), *world.core.life(), world.now);
        assert!(world.core.restore(&record, world.now));
        assert_eq!(world.core.advice, None, "whoever asks the issuer gives it again");
    }
    assert!((2..=3).contains(&renewals), "{renewals}");
}

#[test]
fn later_than_planned_is_followed_as_long_as_there_is_time_for_a_second_attempt() {
    let mut slot = core(rules(), life(0, START, 90 * DAY));
    let (serial, own) = (slot.life().serial, slot.own_plan().0);
    // A tenth of the life before the alarm, unless its own time is later still.
    let latest = START.plus(63 * DAY).max(own);
    for advised in [own.plus(HOUR), latest, latest.plus(HOUR), START.plus(5_000 * DAY)] {
        let planned = advised.min(latest);
        assert!(slot.advised(START, serial, Some(advised)));
        assert_eq!((slot.plan().0, slot.want(START)), (planned, Want::Nothing(Some(planned))));
    }
    assert!(slot.advised(START, serial, None));
    assert_eq!(slot.plan().0, own);
}

#[test]
fn a_preferred_window_that_opens_in_time_is_still_preferred() {
    let window: Window = "03:00+2h".parse().unwrap();
    let mut slot = core(Rules { window: Some(window), ..rules() }, life(0, START, 90 * DAY));
    let serial = slot.life().serial;
    let inside = |at: UnixTime| {
        let opens = window.last_opening(at);
        (opens..opens.plus(window.length())).contains(&at)
    };
    // In forty days, and later than planned.
    for days in [40_u32, 62] {
        let at = START.plus(days * DAY);
        assert!(slot.advised(START, serial, Some(at)));
        let (planned, used) = slot.plan();
        assert!(inside(planned) && planned <= at && planned.until(at) < DAY, "{planned} for {at}");
        assert_eq!(used, WindowUse::Honoured);
    }
    // Before it opens for the first time, and in the past: an issuer that revokes does not wait for it.
    let now = window.next_from(START.plus(40 * DAY)).0.plus(12 * HOUR);
    for at in [now.plus(HOUR), now.minus(DAY)] {
        assert!(slot.advised(now, serial, Some(at)));
        assert_eq!(slot.plan(), (at, WindowUse::Overruled));
    }
    assert_eq!(slot.want(now), Want::Renew);
}

#[test]
fn the_same_advice_once_more_moves_nothing() {
    let window: Window = "03:00+2h".parse().unwrap();
    let mut slot = core(Rules { window: Some(window), ..rules() }, life(0, START, 90 * DAY));
    let (serial, at) = (slot.life().serial, START.plus(40 * DAY));
    assert!(slot.advised(START, serial, Some(at)));
    let planned = slot.plan();
    assert!(planned.0 < at);
    let between = planned.0.plus(planned.0.until(at) / 2);
    assert!(slot.advised(between, serial, Some(at)));
    assert_eq!((slot.plan(), slot.want(between)), (planned, Want::Renew));
}

#[test]
fn an_order_stays_and_does_not_wait_for_the_rest_after_an_advice() {
    let window: Window = "03:00+2h".parse().unwrap();
    let mut world = World::new(rules(), 90 * DAY);
    let serial = world.core.life().serial;
    world.step(Input::Ordered(window));
    let at = world.core.ordered.unwrap().at;
    assert!(world.core.advised(START, serial, Some(START.plus(20 * DAY))));
    assert_eq!(world.core.want(START), Want::Nothing(Some(at)), "an order is somebody's will");
    // One renewal by advice, then an order within its rest.
    let mut world = World::new(rules(), 90 * DAY);
    assert!(world.core.advised(START, serial, Some(START)));
    world.run(START.plus(HOUR), |_| true);
    world.step(Input::Ordered(window));
    let at = world.core.ordered.unwrap().at;
    world.run(at.plus(HOUR), |_| true);
    assert_eq!(world.renewals.len(), 2);
    assert!(at.until(world.renewals[1]) <= MINUTE, "the grace");
}

#[test]
fn nobody_follows_advice_for_what_is_renewed_on_order_or_elsewhere() {
    for renews in [Renews::OnOrder, Renews::Elsewhere] {
        let mut slot = core(Rules { renews, ..rules() }, life(0, START, 90 * DAY));
        let serial = slot.life().serial;
        assert!(slot.advised(START, serial, Some(START)));
        assert_eq!(slot.want(START), Want::Nothing(None));
    }
}

#[test]
fn advice_that_is_followed_by_failures_backs_off_and_becomes_an_alarm() {
    let mut world = World::new(rules(), 90 * DAY);
    let serial = world.core.life().serial;
    let heard = START.plus(10 * DAY);
    world.run(heard, |_| true);
    assert!(world.core.advised(heard, serial, Some(START)));
    world.run(heard.plus(4 * DAY), |_| false);
    assert!((90..=110).contains(&world.attempts), "{}", world.attempts);
    assert_eq!(world.alarms(), [], "it was not late before it was heard of");
    world.run(heard.plus(5 * DAY), |_| false);
    assert_eq!(world.alarms(), [OverdueLevel::Due]);
}

#[test]
fn an_issuer_that_moves_its_window_along_does_not_hold_off_the_alarm() {
    for ahead in [-HOUR.as_secs().cast_signed(), 0, HOUR.as_secs().cast_signed()] {
        let mut world = World::new(rules(), 90 * DAY);
        let serial = world.core.life().serial;
        let asked = |now: UnixTime| UnixTime::from_secs(now.secs() + ahead);
        while world.now < START.plus(10 * DAY) {
            assert!(world.core.advised(world.now, serial, Some(asked(world.now))));
            world.run(world.now.plus(6 * HOUR), |_| false);
        }
        assert_eq!(world.alarms(), [OverdueLevel::Due], "{ahead}");
    }
    // One that thinks better of it is believed.
    let mut world = World::new(rules(), 90 * DAY);
    let serial = world.core.life().serial;
    assert!(world.core.advised(START, serial, Some(START)));
    world.run(START.plus(HOUR), |_| false);
    assert!(world.core.advised(world.now, serial, Some(START.plus(40 * DAY))));
    world.run(START.plus(30 * DAY), |_| false);
    assert_eq!(world.alarms(), []);
}

#[test]
fn a_clock_that_was_ahead_for_a_while_does_not_silence_an_issuer() {
    let years = 5 * 365 * DAY;
    // The process started while the clock was ahead, of a certificate that is good by either.
    let life = life(0, START, 20 * 365 * DAY);
    let mut slot = Core::new("node".into(), rules(), life, START.plus(years));
    assert!(slot.advised(START, life.serial, Some(START.minus(DAY))));
    assert_eq!(slot.want(START), Want::Renew);
    // It was renewed by advice while the clock was ahead.
    let mut world = World::new(rules(), 90 * DAY);
    let serial = world.core.life().serial;
    assert!(world.core.advised(START, serial, Some(START)));
    world.run(START.plus(HOUR), |_| true);
    assert_eq!(world.renewals.len(), 1);
    let back = START.minus(30 * DAY);
    let serial = world.core.life().serial;
    assert!(world.core.advised(back, serial, Some(back)));
    assert!(world.core.not_advised_before <= back.plus(DAY));
}

proptest! {
    #[test]
    fn no_advice_endangers_a_certificate(
        length in 10_i64..10_000_000,
        at in -20_000_000_i64..20_000_000,
        heard in 0_i64..10_000_000,
        lead in prop::option::of(0_u64..10_000_000),
    ) {
        let length = Duration::from_secs(length.unsigned_abs());
        let rules = Rules { renew_before: lead.map(Duration::from_secs), ..rules() };
        let mut slot = core(rules, life(0, START, length));
        let (serial, own) = (slot.life().serial, slot.plan().0);
        let shift = |by: i64| UnixTime::from_secs(START.secs() + by);
        prop_assert!(slot.advised(shift(heard), serial, Some(shift(at))));
        let (planned, latest) = (slot.plan().0, slot.schedule().alarm_at().minus(length / 10).max(own));
        prop_assert!(planned <= latest);
        if shift(at) <= own {
            prop_assert_eq!(planned, shift(at).max(START).min(own));
        }
    }
}
