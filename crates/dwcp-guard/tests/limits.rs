//! Connection limits, exemptions and settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::{Blame, Coded, Tick};
use dwcp_guard::{ConnectionLimiter, ConnectionLimits, Guard, GuardSettings, RefusalReason};
use std::net::IpAddr;
use std::time::Duration;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn small() -> GuardSettings {
    GuardSettings { max_connections: 6, max_connections_per_source: 4, ..GuardSettings::default() }
}

#[test]
fn permits_bound_a_source_and_the_total_and_come_back_when_dropped() {
    let guard = Guard::new(small()).unwrap();
    let mut open: Vec<_> = (0..4).map(|_| guard.admit(ip("192.0.2.1"), Tick(0)).unwrap()).collect();
    let refusal = guard.admit(ip("192.0.2.1"), Tick(0)).unwrap_err();
    assert_eq!((refusal.code(), refusal.blame()), ("guard.connections.exceeded", Blame::Peer));
    assert_eq!(refusal.retry_after(), Duration::ZERO);

    open.extend((2..4).map(|n| guard.admit(ip(&format!("192.0.2.{n}")), Tick(0)).unwrap()));
    let refusal = guard.admit(ip("192.0.2.9"), Tick(0)).unwrap_err();
    assert_eq!((refusal.code(), refusal.blame()), ("guard.capacity.exceeded", Blame::Network));

    drop(open.remove(0));
    open.push(guard.admit(ip("192.0.2.1"), Tick(0)).unwrap());
    assert_eq!(guard.stats().connections, 6);
    drop(open);
    assert_eq!((guard.stats().connections, guard.stats().pending), (0, 0));
    assert_eq!((guard.stats().admitted, guard.stats().refused_total()), (7, 2));
}

#[test]
fn an_ipv6_site_has_a_limit_of_its_own() {
    let limits = ConnectionLimits {
        total: 100,
        per_source: 4,
        per_aggregate: 6,
        pending: 100,
        pending_per_source: 100,
    };
    let limiter = ConnectionLimiter::new(limits).unwrap();
    let permits: Vec<_> =
        (0..6).map(|n| limiter.acquire(ip(&format!("2001:db8:1:{n}::1"))).unwrap()).collect();
    let crowded = limiter.acquire(ip("2001:db8:1:9::1")).unwrap_err();
    assert_eq!(crowded.reason, RefusalReason::AggregateConnections);
    assert!(limiter.acquire(ip("2001:db8:2:9::1")).is_ok());
    drop(permits);
    assert!(limiter.acquire(ip("2001:db8:1:9::1")).is_ok());
    assert_eq!(limiter.connections(), 0);
}

#[test]
fn permits_taken_and_dropped_by_many_threads_leave_nothing_behind() {
    let guard = Guard::new(GuardSettings {
        handshakes_per_second: 1_000_000,
        burst: 1_000_000,
        global_per_second: 1_000_000,
        global_burst: 1_000_000,
        max_connections: 64,
        ..GuardSettings::default()
    })
    .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let guard = guard.clone();
            scope.spawn(move || {
                let mut open = std::collections::VecDeque::new();
                for n in 0..5_000u64 {
                    let source = ip(&format!("2001:db8:{}:{}::1", n % 3, (n + thread) % 7));
                    match guard.admit(source, Tick(n * 1_000)) {
                        Ok(permit) => {
                            if n % 2 == 0 {
                                permit.established();
                            }
                            open.push_back(permit);
                        }
                        Err(_) => drop(open.pop_front()),
                    }
                    assert!(guard.stats().connections <= 64);
                }
            });
        }
    });
    let stats = guard.stats();
    assert_eq!((stats.connections, stats.pending), (0, 0));
    assert_eq!(stats.admitted + stats.refused_total(), 40_000);
    assert!(stats.refused(RefusalReason::TotalConnections) > 0, "the limit was reached");
}

#[test]
fn exempt_networks_pass_rates_and_limits_by_source_but_not_the_total() {
    let exempt = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:5::/48".parse().unwrap()];
    let guard =
        Guard::new(GuardSettings { exempt, max_connections: 200, max_pending: 1, burst: 1, ..small() })
            .unwrap();
    let open: Vec<_> = (0..200)
        .map(|n| guard.admit(ip(if n % 2 == 0 { "10.1.2.3" } else { "2001:db8:5::1" }), Tick(0)).unwrap())
        .collect();
    assert_eq!(guard.admit(ip("10.1.2.3"), Tick(0)).unwrap_err().reason(), RefusalReason::TotalConnections);
    assert_eq!(guard.stats().exempted, 200);
    drop(open);
    assert!(guard.admit(ip("11.1.2.3"), Tick(0)).is_ok());
    assert_eq!(guard.admit(ip("11.1.2.3"), Tick(0)).unwrap_err().reason(), RefusalReason::SourceRate);
}

#[test]
fn the_global_rate_follows_what_was_measured() {
    let guard = Guard::new(GuardSettings::default()).unwrap();
    guard.set_global_rate(10).unwrap();
    let passed = (1..=50).filter(|n| guard.admit(ip(&format!("192.0.2.{n}")), Tick(0)).is_ok()).count();
    assert_eq!(passed, 10);
    let refusal = guard.admit(ip("192.0.2.77"), Tick(0)).unwrap_err();
    assert_eq!((refusal.code(), refusal.blame()), ("guard.global.exceeded", Blame::Network));
    assert_eq!(refusal.to_string(), "192.0.2.77/32 was refused: all sources together came too often");
    assert!(guard.set_global_rate(0).is_err());
}

#[test]
fn a_vouched_source_has_a_multiple_of_the_allowance_for_ten_minutes_and_uses_up_nobody_elses() {
    let few =
        GuardSettings { handshakes_per_second: 2, burst: 4, global_burst: 5, ..GuardSettings::default() };
    let guard = Guard::new(GuardSettings { vouched_factor: 5, ..few.clone() }).unwrap();
    let peer = ip("2001:db8:1:1::1");
    let passed = |guard: &Guard, source: IpAddr, now: Tick| {
        (0..100).filter(|_| guard.admit(source, now).is_ok()).count()
    };
    assert_eq!(passed(&guard, peer, Tick(0)), 4);
    guard.vouch(peer, Tick(0));
    assert_eq!(passed(&guard, peer, Tick(0)), 20, "the whole burst, whatever it owed as a stranger");
    assert_eq!(
        passed(&guard, ip("2001:db8:1:2::1"), Tick(0)),
        1,
        "what is left of all sources' burst of five"
    );
    assert_eq!(passed(&guard, peer, Tick(1_000_000_000)), 10);
    let lapsed = Tick(0).plus(Duration::from_secs(600));
    assert_eq!(passed(&guard, peer, lapsed), 4);

    let alike = Guard::new(GuardSettings { vouched_factor: 1, ..few.clone() }).unwrap();
    alike.vouch(peer, Tick(0));
    assert_eq!(passed(&alike, peer, Tick(0)), 4);
    let largest = GuardSettings { vouched_factor: 65_536, handshakes_per_second: 1_000_000_000, ..few };
    assert!(Guard::new(largest).is_ok(), "the product stays within the bounds of a rate");
}

#[test]
fn zero_is_never_unlimited_and_the_error_names_the_setting() {
    let default = GuardSettings::default;
    let cases = [
        ("handshakes_per_second", GuardSettings { handshakes_per_second: 0, ..default() }),
        ("burst", GuardSettings { burst: 0, ..default() }),
        ("aggregate_factor", GuardSettings { aggregate_factor: 0, ..default() }),
        ("vouched_factor", GuardSettings { vouched_factor: 0, ..default() }),
        ("vouched_factor", GuardSettings { vouched_factor: 65_537, ..default() }),
        ("global_per_second", GuardSettings { global_per_second: 0, ..default() }),
        ("global_burst", GuardSettings { global_burst: 0, ..default() }),
        ("max_connections", GuardSettings { max_connections: 0, ..default() }),
        ("max_connections_per_source", GuardSettings { max_connections_per_source: 0, ..default() }),
        ("max_pending", GuardSettings { max_pending: 0, ..default() }),
        ("max_pending_per_source", GuardSettings { max_pending_per_source: 0, ..default() }),
        ("table_capacity", GuardSettings { table_capacity: 0, ..default() }),
        ("table_capacity", GuardSettings { table_capacity: usize::MAX, ..default() }),
        ("max_connections", GuardSettings { max_connections: usize::MAX, ..default() }),
        ("exempt", GuardSettings { exempt: vec!["10.0.0.0/8".parse().unwrap(); 1_025], ..default() }),
    ];
    for (setting, settings) in cases {
        let error = Guard::new(settings).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{setting} is ")), "{error}");
        assert_eq!((error.code(), error.blame()), ("guard.settings.invalid", Blame::Local));
    }
}
