//! Eviction, standing and clocks in one bucket.

use super::*;
use std::net::Ipv4Addr;

fn source(n: u32) -> SourcePrefix {
    SourcePrefix::of(Ipv4Addr::from_bits(n).into())
}

/// One bucket, so that every source competes with every other.
fn one_bucket() -> Table {
    let limit = RateLimit::new(20, 40).unwrap();
    Table::new(limit, limit, WAYS).unwrap()
}

fn exhaust(table: &Table, key: SourcePrefix, now: Tick) {
    while table.charge(key, now).is_ok() {}
}

#[test]
fn at_g3_a_limited_source_is_not_evicted_into_forgiveness() {
    let table = one_bucket();
    exhaust(&table, source(1), Tick(0));
    for n in 2..100_000 {
        let _ = table.charge(source(n), Tick(1));
    }
    // Refilled a little, and still remembered: 60 ms are worth one event, not forty.
    let later = Tick(60_000_000);
    for n in 100_000..200_000 {
        let _ = table.charge(source(n), later);
    }
    assert!(table.charge(source(1), later).is_ok());
    assert!(table.charge(source(1), later).is_err());
    assert!(table.evictions() > 0, "others were");
}

#[test]
fn at_g3_a_limited_source_is_not_evicted_by_others_that_owe_more_than_it_still_does() {
    let table = one_bucket();
    exhaust(&table, source(1), Tick(0));
    let later = Tick(1_000_000_000);
    for n in 2..=8 {
        (0..39).for_each(|_| assert!(table.charge(source(n), later).is_ok()));
    }
    table.charge(source(9), later).unwrap();
    let passed = (0..100).filter(|_| table.charge(source(1), later).is_ok()).count();
    assert_eq!(passed, 20, "what a second refilled");
}

#[test]
fn at_g3_a_vouched_source_is_not_evicted_and_keeps_its_standing() {
    let table = one_bucket();
    table.charge(source(1), Tick(0)).unwrap();
    table.vouch(source(1), Tick(0));
    let later = Tick(0).plus(Duration::from_secs(599));
    for n in 2..100_000 {
        let _ = table.charge(source(n), later);
    }
    assert_eq!(table.charge(source(1), later), Ok(Standing::Vouched));
    assert_eq!(table.charge(source(1), Tick(0).plus(VOUCHED_FOR)), Ok(Standing::Unknown));
}

#[test]
fn at_g3_a_vouched_source_finds_room_in_a_bucket_full_of_refused_ones() {
    let table = one_bucket().with_vouched(RateLimit::new(1_000, 2_000).unwrap());
    // They owe more the higher their number, and all were refused.
    let refused = |n: u64| Tick(n * 1_000_000);
    (0..8).for_each(|n| exhaust(&table, source(n), refused(u64::from(n))));
    let now = refused(8);
    table.vouch(source(100), now);
    assert_eq!(table.charge(source(100), now), Ok(Standing::Vouched));
    assert_eq!(table.evictions(), 1);
    let passed = (0..100).filter(|_| table.charge(source(100), now).is_ok()).count();
    assert_eq!(passed, 100, "the allowance of a vouched source");
    assert!((1..8).all(|n| table.charge(source(n), now).is_err()), "who owed more is not forgiven");
}

#[test]
fn at_g3_vouched_sources_take_no_more_than_half_of_a_bucket_full_of_refused_ones() {
    let table = one_bucket();
    (0..8).for_each(|n| exhaust(&table, source(n), Tick(0)));
    (100..200).for_each(|n| table.vouch(source(n), Tick(u64::from(n))));
    let standing = |n| table.charge(source(n), Tick(200));
    assert_eq!((196..200).filter(|n| standing(*n) == Ok(Standing::Vouched)).count(), 4);
    let still_refused = (0..8).filter(|n| table.charge(source(*n), Tick(200)).is_err()).count();
    assert!(still_refused >= 3, "{still_refused} of the refused ones are remembered");
}

#[test]
fn a_vouched_source_has_the_larger_allowance_until_the_vouching_lapses() {
    let table = one_bucket().with_vouched(RateLimit::new(1_000, 2_000).unwrap());
    exhaust(&table, source(1), Tick(0));
    table.vouch(source(1), Tick(0));
    let passed = (0..10_000).take_while(|_| table.charge(source(1), Tick(0)).is_ok()).count();
    assert!((1_900..=2_000).contains(&passed), "{passed}");
    let lapsed = Tick(0).plus(VOUCHED_FOR);
    let passed = (0..10_000).take_while(|_| table.charge(source(1), lapsed).is_ok()).count();
    assert_eq!(passed, 40);
}

#[test]
fn vouched_sources_fill_no_more_than_half_of_a_bucket() {
    let table = one_bucket();
    for n in 0..100 {
        table.vouch(source(n), Tick(u64::from(n)));
    }
    let standing = |n| table.charge(source(n), Tick(200));
    assert_eq!((96..100).filter(|n| standing(*n) == Ok(Standing::Vouched)).count(), 4);
    assert_eq!((90..96).filter(|n| standing(*n) == Ok(Standing::Vouched)).count(), 0);
}

#[test]
fn those_who_find_no_room_share_one_allowance() {
    let table = one_bucket();
    (0..8).for_each(|n| exhaust(&table, source(n), Tick(0)));
    let passed = (100..1_000).filter(|n| table.charge(source(*n), Tick(0)).is_ok()).count();
    assert_eq!(passed, 40);
    // Once the limited ones have paid, there is room again.
    let later = Tick(3_000_000_000);
    assert!((100..108).all(|n| table.charge(source(n), later).is_ok()));
}

#[test]
fn at_g7_after_a_step_back_of_the_clock_no_entry_is_stuck() {
    let table = one_bucket();
    let late = Tick(3_600_000_000_000);
    (0..8).for_each(|n| exhaust(&table, source(n), late));
    table.vouch(source(0), late);
    let passed = |now| (0..8).filter(|n| table.charge(source(*n), now).is_ok()).count();
    assert_eq!(passed(Tick(0)), 0, "nothing is forgiven");
    assert_eq!(passed(Tick(2_000_000_000)), 8, "two seconds refill the burst by the new clock");
    let newcomers = (100..108).filter(|n| table.charge(source(*n), Tick(5_000_000_000)).is_ok()).count();
    assert_eq!(newcomers, 8);
}

#[test]
fn at_g7_after_a_step_back_of_the_clock_entries_that_do_not_return_make_room() {
    let table = one_bucket();
    let late = Tick(3_600_000_000_000);
    (0..8).for_each(|n| exhaust(&table, source(n), late));
    assert!(table.charge(source(100), Tick(0)).is_ok(), "from the common allowance");
    let now = Tick(2_000_000_000);
    for n in 200..208 {
        (0..40).for_each(|_| assert!(table.charge(source(n), now).is_ok(), "an entry of its own"));
    }
}
