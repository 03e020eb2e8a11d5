//! Schedules: fractions, jitter, configured leads, back-off, and a year of renewals.

use super::*;
use dwcp_base::{Clock, ManualClock};
use proptest::prelude::*;

const START: UnixTime = UnixTime::from_secs(1_700_000_000);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn schedule(life: Duration, seed: u64) -> RenewalSchedule {
    RenewalSchedule::new(START, START.plus(life), seed)
}

#[test]
fn long_lives_renew_at_two_thirds_and_short_ones_at_half() {
    for seed in 0..200 {
        let long = START.until(schedule(90 * DAY, seed).renew_at());
        assert!((54 * DAY..=66 * DAY).contains(&long), "{long:?}");
        let short = START.until(schedule(DAY, seed).renew_at());
        assert!((HOUR * 54 / 5..=HOUR * 66 / 5).contains(&short), "{short:?}");
    }
}

#[test]
fn at_p2_a_fleet_started_together_does_not_renew_together() {
    let mut moments: Vec<i64> = (0..1_000).map(|seed| schedule(DAY, seed).renew_at().secs()).collect();
    moments.sort_unstable();
    // 1000 nodes over 2 h 24 min: no minute takes more than a small part of them.
    let busiest =
        moments.iter().map(|at| moments.iter().filter(|other| (*at..*at + 60).contains(other)).count());
    assert!(busiest.max().unwrap() < 40);
}

#[test]
fn a_configured_lead_is_honoured_while_it_leaves_a_third_of_the_life() {
    let honoured = schedule(90 * DAY, 7).with_renew_before(30 * DAY);
    assert_eq!(honoured.lead(), Lead::Honoured);
    let span = START.until(honoured.renew_at());
    assert!((54 * DAY..=60 * DAY).contains(&span), "{span:?}");
}

#[test]
fn a_six_day_certificate_does_not_loop_under_a_thirty_day_rule() {
    let plain = schedule(6 * DAY, 7);
    let overruled = plain.with_renew_before(30 * DAY);
    assert_eq!(overruled.lead(), Lead::Overruled);
    assert_eq!(overruled.renew_at(), plain.renew_at());
    assert!(START.until(overruled.renew_at()) > 2 * DAY);
}

#[test]
fn alarms_scale_with_the_life() {
    let short = schedule(Duration::from_secs(100), 1);
    for (second, level) in [
        (79, None),
        (80, Some(OverdueLevel::Alarm)),
        (89, Some(OverdueLevel::Alarm)),
        (90, Some(OverdueLevel::Critical)),
        (100, Some(OverdueLevel::Critical)),
        (101, Some(OverdueLevel::Expired)),
    ] {
        assert_eq!(short.overdue(START.plus(Duration::from_secs(second))), level, "{second}");
    }
}

#[test]
fn back_off_doubles_from_a_minute_to_an_hour_and_scales_with_short_lives() {
    let day = schedule(DAY, 3);
    for (attempts, minutes) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60), (u32::MAX, 60)] {
        let delay = day.backoff(attempts);
        let nominal = Duration::from_secs(minutes * 60);
        assert!(delay <= nominal && delay >= nominal * 9 / 10, "{attempts}: {delay:?}");
    }
    let ten_minutes = schedule(Duration::from_secs(600), 3);
    assert!(ten_minutes.backoff(1) <= Duration::from_secs(30));
    assert!(ten_minutes.backoff(9) <= Duration::from_secs(30));
    assert!(schedule(Duration::ZERO, 3).backoff(1) >= Duration::from_millis(900));
}

#[test]
fn a_year_of_daily_certificates_passes_without_a_gap_or_a_storm() {
    let clock = ManualClock::at(START);
    let mut seed = 0;
    let mut current = schedule(DAY, seed);
    let end = START.plus(365 * DAY);
    while clock.unix() < end {
        clock.advance(clock.unix().until(current.renew_at()));
        assert_eq!(clock.unix(), current.renew_at());
        assert_eq!(current.overdue(clock.unix()), None);
        seed += 1;
        // Certificates are dated back a minute, as the authority does.
        let from = clock.unix().minus(Duration::from_secs(60));
        current = RenewalSchedule::new(from, from.plus(DAY), seed);
    }
    // Half of 24 h, give or take a tenth, and a minute: between 660 and 820 renewals.
    assert!((660..=820).contains(&seed), "{seed}");
}

proptest! {
    #[test]
    fn any_life_renews_inside_itself_and_before_the_alarm(seconds in 20_u64..400_000_000, seed: u64, before in 0_u64..400_000_000) {
        let life = Duration::from_secs(seconds);
        for schedule in [schedule(life, seed), schedule(life, seed).with_renew_before(Duration::from_secs(before))] {
            let span = START.until(schedule.renew_at());
            prop_assert!(span >= life / 3 - Duration::from_millis(1));
            if schedule.lead() != Lead::Honoured {
                prop_assert!(schedule.renew_at() < schedule.alarm_at());
            }
            prop_assert!(schedule.renew_at() <= START.plus(life));
        }
        prop_assert_eq!(schedule(life, seed), schedule(life, seed), "the seed decides alone");
    }

    #[test]
    fn no_time_makes_it_panic(from: i64, to: i64, seed: u64, now: i64, attempts: u32) {
        let schedule = RenewalSchedule::new(UnixTime::from_millis(from), UnixTime::from_millis(to), seed);
        let _ = schedule.overdue(UnixTime::from_millis(now));
        prop_assert!(schedule.backoff(attempts) <= Duration::from_secs(3_600));
    }
}
