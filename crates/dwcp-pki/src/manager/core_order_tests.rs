//! The state machine of one slot: orders, attempts that fail before their time, and those that are given up.

use super::*;

#[test]
fn a_failure_before_its_time_moves_no_renewal_forward_and_no_order() {
    let window: Window = "03:00+2h".parse().unwrap();
    // One that was asked for by hand, at a hundredth of the life.
    let early = START.plus(7 * HOUR);
    let mut slot = core(rules(), life(0, START, 30 * DAY));
    assert!(slot.begin(early));
    let told = slot.step(early, failed()).tell;
    let due = slot.plan().0;
    assert!(matches!(told[..], [Event::RenewalFailed { retry_in, .. }] if retry_in == early.until(due)));
    assert_eq!((slot.want(early.plus(DAY)), slot.retry_at(early)), (Want::Nothing(Some(due)), Some(due)));
    // And then it is ordered.
    let at = window.next_from(early).0;
    let _ = slot.step(early, Input::Ordered(window));
    assert_eq!(slot.want(early.plus(HOUR)), Want::Nothing(Some(at)));
    assert_eq!(slot.want(at), Want::Renew);
    // The same in the process that follows.
    let mut next = core(rules(), *slot.life());
    assert!(next.restore(&slot.record(), early.plus(HOUR)));
    assert_eq!((next.failures, next.want(early.plus(HOUR))), (1, Want::Nothing(Some(at))));
    // What fails when it is due waits for its pause alone, and one that is only ever ordered for an order.
    assert!(next.begin(at));
    let _ = next.step(at, failed());
    assert!(matches!(next.want(at), Want::Nothing(Some(next)) if at.until(next) <= 2 * MINUTE));
    let mut idle = core(Rules { renews: Renews::OnOrder, ..rules() }, life(0, START, 30 * DAY));
    assert!(idle.begin(early));
    let _ = idle.step(early, failed());
    assert_eq!((idle.want(early.plus(DAY)), idle.retry_at(early)), (Want::Nothing(None), None));
}

#[test]
fn an_order_while_a_renewal_is_under_way_or_prepared_outlives_its_activation() {
    let window: Window = "03:00+2h".parse().unwrap();
    let at = window.next_from(START).0;
    let next = life(1, START.plus(MINUTE), 30 * DAY);
    let activated = |slot: &mut Core| {
        assert!(slot.begin_activation());
        let _ = slot.step(START, Input::Activated { generation: 2 });
        assert_eq!(slot.life(), &next);
        slot.ordered.map(|ordered| ordered.at)
    };
    for prepared_before in [false, true] {
        let mut slot = core(rules(), life(0, START, 30 * DAY));
        assert!(slot.begin(START));
        let prepare = |slot: &mut Core| drop(slot.step(START, Input::Prepared { next, at_once: false }));
        if prepared_before {
            prepare(&mut slot);
            let _ = slot.step(START, Input::Ordered(window));
        } else {
            let _ = slot.step(START, Input::Ordered(window));
            prepare(&mut slot);
        }
        // The process that follows finds the pair, and the order in the record of the certificate in force.
        let mut other = core(rules(), *slot.life());
        assert!(other.restore(&slot.record(), START));
        prepare(&mut other);
        assert_eq!((activated(&mut slot), activated(&mut other)), (Some(at), Some(at)));
        assert!(matches!(slot.want(at), Want::Renew));
    }
    // What was ordered before is carried out by the renewal that begins then, and over with it.
    let mut slot = core(rules(), life(0, START, 30 * DAY));
    let _ = slot.step(START, Input::Ordered(window));
    assert!(slot.begin(START));
    let _ = slot.step(START, Input::Prepared { next, at_once: false });
    assert_eq!(activated(&mut slot), None);
}

#[test]
fn an_attempt_that_is_given_up_each_time_is_no_loop() {
    let mut slot = core(rules(), life(0, START, DAY));
    let mut now = slot.plan().0;
    let (end, mut attempts) = (now.plus(HOUR), 0);
    while now < end {
        if slot.want(now) == Want::Renew {
            assert!(slot.begin(now));
            let _ = slot.step(now, Input::Abandoned);
            attempts += 1;
        }
        now = now.plus(MINUTE / 600);
    }
    assert!((50..=70).contains(&attempts), "{attempts} in an hour");
    // Whoever asks by hand need not wait.
    assert!(slot.begin(now));
}

#[test]
fn an_order_is_carried_out_in_its_window_and_never_after_the_alarm() {
    let window: Window = "03:00+2h".parse().unwrap();
    let mut world = World::new(Rules { renews: Renews::OnOrder, ..rules() }, 30 * DAY);
    world.step(Input::Ordered(window));
    let at = world.core.ordered.unwrap().at;
    assert_eq!(at, window.next_from(START).0);
    world.run(at.plus(HOUR), |_| true);
    assert_eq!(world.renewals.len(), 1);
    assert!(at.until(world.renewals[0]) <= 30 * MINUTE / 60, "the grace");
    assert_eq!(world.core.ordered, None);
    // A life that is over before the window opens: the alarm comes first.
    let mut short = World::new(rules(), HOUR);
    short.step(Input::Ordered(window));
    assert_eq!(short.core.ordered.unwrap().at, short.core.schedule().alarm_at());
}
