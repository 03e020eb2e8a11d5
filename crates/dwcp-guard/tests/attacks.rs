//! Attacks on the guard: floods, forged sources, rotation, and clocks, in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::{Coded, Tick};
use dwcp_guard::{Guard, GuardPermit, GuardSettings, RateLimit, RateLimiter, RefusalReason, RefusedSource};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

fn v4(n: u32) -> IpAddr {
    Ipv4Addr::from_bits(n).into()
}

/// Host `host` of subnet `subnet` in 2001:db8:SITE::/48.
fn v6(site: u16, subnet: u16, host: u64) -> IpAddr {
    let high = 0x2001_0db8_0000_0000 | u64::from(site) << 16 | u64::from(subnet);
    Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(host)).into()
}

/// Arrivals that end at once, so that only rates count.
fn let_in(guard: &Guard, sources: impl Iterator<Item = IpAddr>, now: Tick) -> usize {
    sources.filter(|source| guard.admit(*source, now).is_ok()).count()
}

fn guard() -> Guard {
    Guard::new(GuardSettings::default()).unwrap()
}

#[test]
fn a_flood_from_one_loopback_address_leaves_another_alone() {
    let guard = guard();
    let (bad, good) = ("127.0.0.66".parse().unwrap(), "127.0.0.1".parse().unwrap());
    let mut passed = 0;
    for millisecond in 0..10_000u64 {
        let now = Tick(millisecond * 1_000_000);
        passed += let_in(&guard, std::iter::repeat_n(bad, 20), now);
        if millisecond % 50 == 0 {
            assert!(guard.admit(good, now).is_ok(), "at {millisecond} ms");
        }
    }
    assert_eq!(passed, 40 + 199, "a burst, and twenty a second for just under ten seconds");
}

#[test]
fn threads_that_come_at_once_share_one_burst() {
    let guard = Guard::new(GuardSettings { global_burst: 90, ..GuardSettings::default() }).unwrap();
    let passed = |source: u32| -> usize {
        std::thread::scope(|scope| {
            let one = || scope.spawn(|| let_in(&guard, std::iter::repeat_n(v4(source), 1_000), Tick(0)));
            let threads: Vec<_> = (0..8).map(|_| one()).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        })
    };
    assert_eq!((passed(1), passed(2)), (40, 40));
    assert_eq!(passed(3), 10, "what is left of all sources' burst");
}

#[test]
fn at_g3_a_million_forged_sources_grow_nothing_and_known_peers_still_come_in() {
    let guard = guard();
    let capacity = guard.settings().table_capacity;
    let known = v6(7, 7, 7);
    drop(guard.admit(known, Tick(0)).unwrap());
    guard.vouch(known, Tick(0));

    let (mut now, mut strangers) = (Tick(0), 0);
    for n in 0..1_000_000u32 {
        now = Tick(u64::from(n) * 1_000); // a million a second
        strangers += usize::from(guard.admit(v4(n), now).is_ok());
        if n % 100_000 == 0 {
            assert!(guard.admit(known, now).is_ok(), "after {n} forged sources");
        }
    }
    assert!(guard.stats().sources <= capacity);
    assert!(guard.stats().evictions > 0, "the table was under pressure");
    assert_eq!(
        strangers,
        1_999 + 999,
        "what the known peer left of the burst, and a thousand in just under a second"
    );
    assert_eq!(guard.stats().refused(RefusalReason::GlobalRate), 1_000_000 - 2_998);

    let rows = guard.drain_refusals(now.plus(Duration::from_secs(1)));
    assert!(rows.len() <= 1_025, "{} rows", rows.len());
    assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 1_000_000 - 2_998);
}

#[test]
fn at_g3_a_limited_source_gains_nothing_by_flooding_the_table() {
    let guard = Guard::new(GuardSettings {
        table_capacity: 64,
        global_per_second: 1_000_000,
        ..GuardSettings::default()
    });
    let guard = guard.unwrap();
    let bad = v4(0xCB00_7107);
    assert_eq!(let_in(&guard, std::iter::repeat_n(bad, 100), Tick(0)), 40);
    for round in 1..=10u64 {
        let now = Tick(round * SECOND / 10);
        let_in(&guard, (0..10_000).map(v4), now);
        assert!(let_in(&guard, std::iter::repeat_n(bad, 100), now) <= 2, "two refill in 100 ms");
    }
}

#[test]
fn at_g3_refused_sources_that_fill_the_table_do_not_keep_a_peer_from_being_vouched_for() {
    let settings = GuardSettings { table_capacity: 8, global_burst: 1_000, ..GuardSettings::default() };
    let guard = Guard::new(settings).unwrap();
    let full = (0..8).map(|n| let_in(&guard, std::iter::repeat_n(v4(n), 50), Tick(0)));
    assert_eq!(full.sum::<usize>(), 320, "each was refused in the end");
    let peer = v4(1_000);
    guard.vouch(peer, Tick(0));
    assert_eq!(let_in(&guard, std::iter::repeat_n(peer, 500), Tick(0)), 500);
    let forgiven = (0..8).map(|n| let_in(&guard, std::iter::repeat_n(v4(n), 50), Tick(0))).filter(|n| *n > 0);
    assert!(forgiven.count() <= 1, "at most the one that made room");
}

#[test]
fn at_g4_all_addresses_of_a_64_share_one_allowance() {
    let guard = guard();
    assert_eq!(let_in(&guard, (0..10_000).map(|host| v6(1, 1, host)), Tick(0)), 40);
    assert_eq!(let_in(&guard, (0..100).map(|host| v6(2, 1, host)), Tick(0)), 40, "others have their own");
}

#[test]
fn at_g4_all_subnets_of_a_48_share_eight_allowances_even_when_the_table_is_too_small() {
    for table_capacity in [65_536, 64] {
        let guard = Guard::new(GuardSettings { table_capacity, ..GuardSettings::default() }).unwrap();
        let rotation = || (0..60_000).map(|subnet| v6(1, subnet, 1));
        assert_eq!(let_in(&guard, rotation(), Tick(0)), 320);
        assert_eq!(let_in(&guard, rotation(), Tick(SECOND)), 160);
        assert!(guard.stats().refused(RefusalReason::AggregateRate) > 100_000);
    }
}

#[test]
fn at_g4_a_mapped_address_has_no_second_allowance() {
    let guard = guard();
    let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
    assert_eq!(let_in(&guard, std::iter::repeat_n("192.0.2.7".parse().unwrap(), 100), Tick(0)), 40);
    assert_eq!(let_in(&guard, std::iter::repeat_n(mapped, 100), Tick(0)), 0);
}

#[test]
fn at_g5_forging_a_peers_address_costs_it_new_handshakes_for_two_seconds_and_nothing_that_is_open() {
    let guard = guard();
    let victim = v4(0xC000_0207);
    let open = guard.admit(victim, Tick(0)).unwrap();
    open.established();
    guard.vouch(victim, Tick(0));
    let_in(&guard, std::iter::repeat_n(victim, 10_000), Tick(1));
    assert_eq!(guard.stats().connections, 1, "what is open stays open");
    let refusal = guard.admit(victim, Tick(2)).unwrap_err();
    assert!(
        refusal.retry_after() <= Duration::from_millis(50),
        "there is no ban: {:?}",
        refusal.retry_after()
    );
    assert_eq!(
        let_in(&guard, std::iter::repeat_n(victim, 100), Tick(3 * SECOND)),
        100,
        "a known peer is let in again"
    );
}

#[test]
fn at_g5_noisy_neighbours_in_the_48_do_not_shut_out_a_vouched_peer() {
    let guard = guard();
    let peer = v6(1, 0xFFFF, 1);
    guard.vouch(peer, Tick(0));
    let_in(&guard, (0..10_000).map(|subnet| v6(1, subnet, 1)), Tick(0));
    assert_eq!(guard.admit(v6(1, 0xFFFE, 1), Tick(0)).unwrap_err().reason(), RefusalReason::AggregateRate);
    assert!(guard.admit(peer, Tick(0)).is_ok());
}

/// Without a keyed hash, sources of a regular pattern would meet in few buckets and evict each other.
#[test]
fn at_g6_sources_of_any_regular_pattern_spread_over_the_table() {
    let limit = RateLimit::new(20, 40).unwrap();
    for stride in [1, 8, 256, 8_192, 65_536] {
        let limiter = RateLimiter::new(limit, 65_536).unwrap();
        for n in 0..16_384u32 {
            limiter.check(v4(n.wrapping_mul(stride)), Tick(0)).unwrap();
        }
        // A quarter full, of buckets of eight: a full bucket is a rarity (about 0.02 % of sources), not the rule.
        assert!(limiter.evictions() < 100, "stride {stride}: {} evictions", limiter.evictions());
        assert_eq!(limiter.capacity(), 65_536);
    }
}

#[test]
fn at_g1_slow_handshakes_of_one_source_stop_at_its_own_limit() {
    let guard = Guard::new(GuardSettings { burst: 1_000, ..GuardSettings::default() }).unwrap();
    let held: Vec<GuardPermit> = (0..64).map(|_| guard.admit(v4(1), Tick(0)).unwrap()).collect();
    let refusal = guard.admit(v4(1), Tick(0)).unwrap_err();
    assert_eq!((refusal.code(), refusal.reason()), ("guard.pending.exceeded", RefusalReason::SourcePending));
    assert!(guard.admit(v4(2), Tick(0)).is_ok());
    held[0].established();
    held[0].established();
    assert_eq!(guard.stats().pending, 63, "a second call changes nothing");
    let again = guard.admit(v4(1), Tick(0)).unwrap();
    drop((held, again));
    assert_eq!((guard.stats().pending, guard.stats().connections), (0, 0));
}

#[test]
fn at_g1_slow_handshakes_of_many_sources_do_not_shut_out_a_vouched_peer() {
    let guard = Guard::new(GuardSettings { max_pending: 50, ..GuardSettings::default() }).unwrap();
    let known = v4(9_999);
    guard.vouch(known, Tick(0));
    let held: Vec<GuardPermit> = (0..50).map(|n| guard.admit(v4(n), Tick(0)).unwrap()).collect();
    let refusal = guard.admit(v4(100), Tick(0)).unwrap_err();
    assert_eq!((refusal.code(), refusal.reason()), ("guard.capacity.exceeded", RefusalReason::TotalPending));
    assert!(guard.admit(known, Tick(0)).is_ok());
    drop(held);
}

#[test]
fn at_g8_a_flood_becomes_one_row_for_each_source_and_second() {
    let guard = guard();
    let bad = v4(0xCB00_7107);
    let mut rows = Vec::new();
    for millisecond in 0..3_000u64 {
        let now = Tick(millisecond * 1_000_000);
        let_in(&guard, std::iter::repeat_n(bad, 50), now);
        rows.extend(guard.drain_refusals(now));
    }
    assert_eq!(rows.len(), 2, "two seconds are over: {rows:?}");
    let last = guard.drain_all_refusals();
    assert_eq!(last.len(), 1);
    rows.extend(last);
    assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), guard.stats().refused_total());
    for row in &rows {
        assert!(matches!(row.source, RefusedSource::One(_)));
        assert_eq!(
            (row.source.to_string().as_str(), row.reason),
            ("203.0.113.7/32", RefusalReason::SourceRate)
        );
        assert!(row.last.since(row.first) <= Duration::from_secs(1));
    }
}
