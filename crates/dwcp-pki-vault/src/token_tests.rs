//! The life of a token in virtual time.

use super::*;
use proptest::prelude::*;

fn at(secs: f64) -> Tick {
    Tick::default().plus(Duration::from_secs_f64(secs))
}

fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

/// Lets the core act until `end`, over a server that answers by `answer`; what it asked, and when.
fn run(
    core: &mut TokenCore,
    end: Tick,
    mut answer: impl FnMut(&mut TokenCore, Tick, Step),
) -> Vec<(Duration, Step)> {
    let (mut now, mut asked) = (Tick::default(), Vec::new());
    while now < end {
        match core.next(now) {
            Step::Wait(None) => break,
            Step::Wait(Some(until)) => {
                assert!(until > now, "a wait that has passed");
                now = until;
            }
            step => {
                asked.push((now.since(Tick::default()), step));
                assert!(asked.len() < 10_000, "a storm");
                answer(core, now, step);
                // Every attempt takes a moment.
                now = now.plus(Duration::from_millis(1));
            }
        }
    }
    asked
}

#[test]
fn a_token_is_renewed_at_two_thirds_of_its_life() {
    let mut core = TokenCore::new(7, None);
    let asked = run(&mut core, at(100_000.0), |core, now, step| match step {
        Step::LogIn => core.logged_in(now, secs(3_600), true),
        _ => core.renewed(now, secs(3_600), true),
    });
    assert_eq!(asked.iter().filter(|(_, step)| *step == Step::LogIn).count(), 1);
    for pair in asked.windows(2) {
        let gap = (pair[1].0 - pair[0].0).as_secs();
        assert!((2_155..=2_400).contains(&gap), "{gap}");
    }
}

#[test]
fn at_p1_a_token_at_its_maximum_is_replaced_and_not_renewed_without_end() {
    let (life, maximum) = (60, 200);
    let (mut core, mut born) = (TokenCore::new(1, None), Tick::default());
    let asked = run(&mut core, at(2_000.0), |core, now, step| {
        if step == Step::LogIn {
            born = now;
            return core.logged_in(now, secs(life), true);
        }
        let left = maximum - now.since(born).as_secs();
        core.renewed(now, secs(life.min(left)), true);
    });
    let logins = asked.iter().filter(|(_, step)| *step == Step::LogIn).count();
    assert!((10..=14).contains(&logins), "{logins}");
    // A few renewals each time, and not ever more as the end comes near.
    assert!(asked.len() < logins * 6, "{} for {logins} logins", asked.len());
}

#[test]
fn a_life_that_was_asked_for_is_renewed_without_end() {
    // A token of an hour that is renewed by half an hour each time.
    for (first, asked) in [(3_600, 1_800), (3_600, 3_600), (3_600, 7_200), (60, 30)] {
        let mut core = TokenCore::new(5, secs(asked));
        let asked = run(&mut core, at(50_000.0), |core, now, step| match step {
            Step::LogIn => core.logged_in(now, secs(first), true),
            _ => core.renewed(now, secs(asked), true),
        });
        let logins = asked.iter().filter(|(_, step)| *step == Step::LogIn).count();
        assert!(logins == 1 && asked.len() > 10, "{logins} logins in {} steps", asked.len());
    }
    // And one that comes to its maximum is replaced all the same.
    let (mut core, mut born) = (TokenCore::new(5, secs(30)), Tick::default());
    let asked = run(&mut core, at(2_000.0), |core, now, step| {
        if step == Step::LogIn {
            born = now;
            return core.logged_in(now, secs(60), true);
        }
        core.renewed(now, secs(30.min(200 - now.since(born).as_secs())), true);
    });
    let logins = asked.iter().filter(|(_, step)| *step == Step::LogIn).count();
    assert!((10..=14).contains(&logins), "{logins}");
}

#[test]
fn a_file_that_changed_is_tried_until_a_login_takes_it_up_and_the_token_is_kept_alive_meanwhile() {
    let mut core = TokenCore::new(2, None);
    core.logged_in(at(0.0), secs(600), true);
    core.rotated();
    let mut end = at(600.0);
    let asked = run(&mut core, at(2_000.0), |core, now, step| {
        assert!(now < end, "the token died");
        match step {
            Step::Renew => {
                end = now.plus(Duration::from_secs(600));
                core.renewed(now, secs(600), true);
            }
            _ => drop(core.failed(now, None)),
        }
    });
    let tries = asked.iter().filter(|(_, step)| *step == Step::LogIn).count();
    assert!((30..=100).contains(&tries) && core.is_rotated(), "{tries}");
    core.logged_in(at(2_000.0), secs(600), true);
    assert!(!core.is_rotated() && matches!(core.next(at(2_000.0)), Step::Wait(Some(_))));
    // A token without an end as well.
    core.logged_in(at(2_000.0), None, false);
    core.rotated();
    assert_eq!(core.next(at(2_001.0)), Step::LogIn);
}

#[test]
fn a_token_whose_first_life_is_its_maximum_is_replaced_before_it_ends() {
    let (mut core, mut end) = (TokenCore::new(3, None), Tick::default());
    let mut gaps = 0;
    run(&mut core, at(1_000.0), |core, now, step| {
        if step == Step::LogIn {
            gaps += u32::from(now > end && end > Tick::default());
            end = now.plus(Duration::from_secs(30));
            core.logged_in(now, secs(30), true);
        } else {
            core.renewed(now, Some(end.since(now)), true);
        }
    });
    assert_eq!(gaps, 0, "there was a time without a token");
}

#[test]
fn a_token_that_can_not_be_renewed_is_replaced_in_time() {
    let mut core = TokenCore::new(9, None);
    let asked = run(&mut core, at(1_000.0), |core, now, step| {
        assert_eq!(step, Step::LogIn);
        assert!(now == Tick::default() || core.is_usable(now));
        core.logged_in(now, secs(90), false);
    });
    assert!((16..=19).contains(&asked.len()), "{}", asked.len());
}

#[test]
fn a_token_without_an_end_is_left_alone() {
    let mut core = TokenCore::new(1, None);
    core.logged_in(at(0.0), None, false);
    assert_eq!(core.next(at(1e9)), Step::Wait(None));
    assert!(core.is_usable(at(1e9)) && core.left(at(5.0)).is_none());
}

#[test]
fn an_outage_of_two_thirds_of_what_is_left_is_survived() {
    for life in [6, 60, 3_600, 86_400 * 30] {
        for seed in 0..40 {
            let (mut core, mut asked) = (TokenCore::new(seed, None), 0);
            core.logged_in(at(0.0), secs(life), true);
            let Step::Wait(Some(due)) = core.next(at(0.0)) else { panic!("nothing is due") };
            let end = at(0.0).plus(Duration::from_secs(life));
            let back = due.plus(end.since(due) / 3 * 2);
            let (mut now, mut renewed) = (due, None);
            while renewed.is_none() {
                match core.next(now) {
                    Step::Wait(Some(until)) => now = until,
                    Step::Renew if now >= back => {
                        core.renewed(now, secs(life), true);
                        renewed = Some(now);
                    }
                    Step::Renew => {
                        core.failed(now, None);
                        asked += 1;
                    }
                    other => panic!("{other:?} with life {life} and seed {seed}"),
                }
            }
            assert!(renewed.is_some_and(|at| at < end) && core.is_usable(end));
            // At most one a second at first, one a minute later, and a tenth of a second where lives are of seconds.
            assert!(asked <= 20 + life / 100, "{asked} in an outage with life {life}");
        }
    }
}

#[test]
fn at_p2_waits_double_are_bounded_and_differ_between_seeds() {
    let waits = |seed| {
        let (mut core, mut now) = (TokenCore::new(seed, None), at(0.0));
        (1..=12)
            .map(|attempt| {
                let (attempts, wait) = core.failed(now, None);
                assert_eq!(attempts, attempt);
                let full = Duration::from_secs(1 << (attempt - 1).min(10)).min(LONGEST_WAIT);
                assert!(wait >= full / 2 && wait <= full, "{wait:?} of {full:?}");
                assert_eq!(core.next(now), Step::Wait(Some(now.plus(wait))));
                now = now.plus(wait);
                wait
            })
            .collect::<Vec<_>>()
    };
    let fleet: std::collections::BTreeSet<_> = (0..50).map(waits).collect();
    assert!(fleet.len() > 45, "a fleet comes together");
}

#[test]
fn at_p5_the_servers_own_time_goes_before_ours() {
    let mut core = TokenCore::new(1, None);
    core.failed(at(0.0), secs(120));
    assert_eq!(core.next(at(119.0)), Step::Wait(Some(at(120.0))));
    assert_eq!(core.pause(at(10.0)), Duration::from_secs(110), "nobody asks before the server's own time");
    assert_eq!(core.next(at(120.0)), Step::LogIn);
    // Nothing, or next to nothing, is no wait.
    for asked in [Duration::ZERO, Duration::from_millis(1)] {
        assert!(TokenCore::new(1, None).failed(at(0.0), Some(asked)).1 >= FIRST_WAIT / 2);
    }
    core.failed(at(120.0), None);
    assert!(core.pause(at(120.0)) <= Duration::from_secs(1));
    assert!(core.pause(at(121.5)).is_zero());
    core.failed(at(130.0), None);
    core.hopeful();
    assert_eq!((core.next(at(130.0)), core.pause(at(130.0))), (Step::LogIn, Duration::ZERO));
}

#[test]
fn a_token_that_was_lost_is_replaced_at_once() {
    let mut core = TokenCore::new(1, None);
    core.logged_in(at(0.0), secs(600), true);
    core.lost();
    assert!(!core.is_usable(at(1.0)));
    assert_eq!(core.next(at(1.0)), Step::LogIn);
    core.logged_in(at(1.0), secs(600), true);
    core.not_renewable();
    assert_eq!(core.next(at(601.0)), Step::LogIn);
}

proptest! {
    #[test]
    fn no_order_of_events_makes_a_storm_or_a_panic(
        seed: u64,
        events in proptest::collection::vec((0u8..8, 0u64..100_000, 0u64..5_000), 0..60),
    ) {
        let (mut core, mut now) = (TokenCore::new(seed, None), Tick::default());
        for (kind, number, wait) in events {
            match kind {
                0 => core.logged_in(now, secs(number), number % 2 == 0),
                1 => core.renewed(now, secs(number), number % 2 == 0),
                2 => { core.failed(now, None); }
                3 => { core.failed(now, secs(number)); }
                4 => core.lost(),
                5 => core.not_renewable(),
                6 => core.rotated(),
                _ => core.logged_in(now, None, false),
            }
            if let Step::Wait(Some(until)) = core.next(now) {
                prop_assert!(until > now);
            }
            prop_assert!(!core.is_usable(now) || core.next(now) != Step::LogIn || core.left(now).is_some() || core.is_rotated());
            now = now.plus(Duration::from_millis(wait));
            let _ = (core.pause(now), core.next_try());
        }
    }
}
