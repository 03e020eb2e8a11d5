//! Tests of the bounds and of the order in which tickets leave.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const SMALL: Size = Size { batch: 1000, each: 500 };

fn at(secs: i64) -> UnixTime {
    UnixTime::from_secs(1_800_000_000 + secs)
}

fn kept(value: u32) -> Kept<u32> {
    Kept { value, received: at(0) }
}

fn bytes(vault: &Vault<u32>) -> (usize, usize) {
    let state = vault.state();
    let sum: usize = state.batches.values().map(|batch| batch.bytes).sum();
    assert_eq!(sum, state.bytes);
    let tickets: usize = state.batches.values().map(|batch| batch.tickets.len()).sum();
    assert_eq!(tickets, state.tickets);
    assert_eq!(state.shelves.values().map(|shelf| shelf.tickets).sum::<usize>(), tickets);
    (tickets, state.bytes)
}

#[test]
fn each_ticket_leaves_once_newest_first() {
    let vault = Vault::default();
    let shelf = vault.open(4);
    let mut batch = None;
    for value in 0..4 {
        batch = vault.keep(shelf, batch.filter(|_| value != 2), kept(value), SMALL);
    }
    assert_eq!(bytes(&vault), (4, 2 * 1000 + 4 * 500));
    let taken: Vec<_> = std::iter::from_fn(|| vault.take(shelf, at(1))).map(|kept| kept.value).collect();
    assert_eq!(taken, [3, 2, 1, 0]);
    assert_eq!(bytes(&vault), (0, 0));
}

#[test]
fn a_shelf_keeps_what_its_streams_need_and_never_less_than_eight() {
    for (streams, most) in [(1, 8), (9, 9), (256, 256)] {
        let vault = Vault::default();
        let shelf = vault.open(streams);
        let mut batch = None;
        for value in 0..300 {
            batch = vault.keep(shelf, batch, kept(value), SMALL);
        }
        assert_eq!(bytes(&vault).0, most);
        assert_eq!(vault.take(shelf, at(1)).unwrap().value, 299, "the oldest ones went");
    }
}

#[test]
fn all_shelves_together_stay_within_number_and_bytes() {
    let vault = Vault::default();
    let first = vault.open(1);
    vault.keep(first, None, kept(0), SMALL);
    for value in 0..1024 {
        let shelf = vault.open(1);
        vault.keep(shelf, None, kept(value), Size { batch: 64 * 1024, each: 0 });
        assert!(bytes(&vault).1 <= MOST_BYTES);
    }
    assert!(vault.take(first, at(1)).is_none(), "the oldest of all went first");
    assert_eq!(bytes(&vault).0, 512);

    let vault = Vault::default();
    for value in 0..20_000 {
        let shelf = vault.open(1);
        vault.keep(shelf, None, kept(value), Size { batch: 0, each: 1 });
    }
    assert_eq!(bytes(&vault).0, MOST_TICKETS);
    // One that is larger than everything may take is not kept, and neither is what was there.
    let shelf = vault.open(1);
    vault.keep(shelf, None, kept(0), Size { batch: MOST_BYTES, each: 1 });
    assert_eq!(bytes(&vault), (0, 0));
}

#[test]
fn what_expired_is_not_handed_out() {
    let vault = Vault::default();
    let shelf = vault.open(4);
    vault.keep(shelf, None, kept(0), SMALL);
    let week = i64::try_from(LONGEST_LIFE.as_secs()).unwrap();
    assert_eq!(vault.each(shelf, at(week), |kept| kept.value), [0]);
    assert!(vault.each(shelf, at(week + 1), |kept| kept.value).is_empty());
    assert!(vault.take(shelf, at(week + 1)).is_none());
    assert_eq!(bytes(&vault), (0, 0), "and it is gone");
}

#[test]
fn a_closed_shelf_takes_nothing_in() {
    let vault = Vault::default();
    let (shelf, other) = (vault.open(4), vault.open(4));
    let batch = vault.keep(shelf, None, kept(0), SMALL);
    vault.keep(other, None, kept(1), SMALL);
    vault.close(shelf);
    assert_eq!(vault.keep(shelf, batch, kept(2), SMALL), None);
    assert!(vault.take(shelf, at(1)).is_none());
    assert_eq!(bytes(&vault).0, 1);
    vault.clear();
    assert!(vault.take(other, at(1)).is_none());
    assert_eq!(vault.keep(other, None, kept(3), SMALL), None);
}

#[test]
fn as_many_tickets_are_asked_for_as_are_missing() {
    let vault: Vault<u32> = Vault::default();
    let shelf = vault.open(256);
    let first = vault.request(shelf, at(0));
    assert_eq!((first.new_session_count, first.resumption_count), (255, 255));
    // Those are on their way: others that dial meanwhile ask for what is missing still.
    assert_eq!(vault.request(shelf, at(1)).new_session_count, 2);
    let mut batch = None;
    for value in 0..255 {
        batch = vault.keep(shelf, batch, kept(value), SMALL);
    }
    // One short, one to be spent.
    assert_eq!(vault.request(shelf, at(30)).resumption_count, 2);
    vault.keep(shelf, batch, kept(255), SMALL);
    vault.take(shelf, at(31));
    assert_eq!(vault.request(shelf, at(60)).resumption_count, 2);
    for _ in 0..300 {
        assert!(
            vault.request(shelf, at(61)).resumption_count >= 1,
            "a session that is resumed brings a ticket"
        );
    }
}

#[test]
fn a_server_that_gives_less_is_asked_again() {
    let vault: Vault<u32> = Vault::default();
    let shelf = vault.open(100);
    assert_eq!(vault.request(shelf, at(0)).new_session_count, 100);
    vault.keep(shelf, None, kept(0), SMALL);
    assert_eq!(vault.request(shelf, at(5)).resumption_count, 1);
    assert_eq!(vault.request(shelf, at(11)).resumption_count, 100);
}

#[test]
fn an_emptied_shelf_takes_what_arrives_later() {
    let vault = Vault::default();
    let (one, other) = (vault.open(4), vault.open(4));
    let batch = vault.keep(one, None, kept(1), SMALL);
    let _ = vault.keep(other, None, kept(2), SMALL);
    vault.empty(one);
    assert_eq!(bytes(&vault), (1, 1500));
    assert!(vault.take(one, at(1)).is_none());
    let _ = vault.keep(one, batch, kept(3), SMALL);
    assert_eq!(bytes(&vault), (2, 3000));
    assert_eq!(vault.take(one, at(1)).unwrap().value, 3);
    vault.close(one);
    vault.empty(one);
    assert_eq!(bytes(&vault), (1, 1500));
}
