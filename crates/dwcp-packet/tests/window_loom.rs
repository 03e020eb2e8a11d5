//! Every interleaving of receivers that share a window, by loom: the file under test is the library's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

extern crate alloc;

#[path = "../src/window/tagged.rs"]
#[allow(dead_code, unreachable_pub, reason = "the library's own, of which this calls a part")]
mod tagged;

use dwcp_packet::Replay;
use loom::model::Builder;
use loom::thread;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tagged::Tagged;

/// loom's primitives.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

/// Two words of two bits: numbers 4 apart share a place, and the window spans 3.
type Narrow = Tagged<1>;
const SIZE: u32 = 3;

/// What was taken before, and what each receiver brings.
type Case = (&'static [u64], &'static [&'static [u64]]);

/// A number that was offered, and what was answered.
type Answer = (u64, Result<(), Replay>);

/// What a receiver alone would be told: RFC 4303 §3.4.3 on the set of what was taken.
fn alone(taken: &BTreeSet<u64>, number: u64) -> Result<(), Replay> {
    match taken.last() {
        Some(highest) if number <= *highest && highest - number >= u64::from(SIZE) => Err(Replay::TooOld),
        _ if taken.contains(&number) => Err(Replay::Seen),
        _ => Ok(()),
    }
}

/// Whether the answers of all queues, in some order that keeps that of each queue, and then the last ones are what calls one after
/// the other would get.
fn some_order(queues: &[&[Answer]], last: &[Answer], taken: &BTreeSet<u64>) -> bool {
    let next = |(number, answer): &Answer| {
        (alone(taken, *number) == *answer).then(|| {
            let mut taken = taken.clone();
            if answer.is_ok() {
                taken.insert(*number);
            }
            taken
        })
    };
    if queues.iter().all(|queue| queue.is_empty()) {
        return last
            .split_first()
            .is_none_or(|(first, rest)| next(first).is_some_and(|taken| some_order(&[], rest, &taken)));
    }
    queues.iter().enumerate().any(|(index, queue)| {
        let Some((first, rest)) = queue.split_first() else { return false };
        let mut left = queues.to_vec();
        left[index] = rest;
        next(first).is_some_and(|taken| some_order(&left, last, &taken))
    })
}

fn offer(window: &Narrow, numbers: &[u64]) -> Vec<Answer> {
    numbers.iter().map(|&number| (number, window.accept(number))).collect()
}

/// Tries the interleavings of receivers with these numbers, after `before` and followed by `after`: all of them, or those with at most
/// `switches` forced changes of thread. Gives back how many there were.
fn interleave(
    switches: Option<usize>,
    before: &'static [u64],
    queues: &'static [&'static [u64]],
    after: &'static [u64],
) -> usize {
    let tried = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tried);
    let mut builder = Builder::new();
    builder.preemption_bound = switches;
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let window = Arc::new(Narrow::new(SIZE));
        assert!(offer(&window, before).iter().all(|(_, answer)| answer.is_ok()));
        let (mine, others) = queues.split_first().unwrap();
        let threads = others.iter().map(|numbers| {
            let window = Arc::clone(&window);
            thread::spawn(move || offer(&window, numbers))
        });
        let threads: Vec<_> = threads.collect();
        let mut answers = vec![offer(&window, mine)];
        answers.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
        // All have ended: this comes last in every order, and shows what they left.
        let highest = window.highest();
        let last = offer(&window, after);
        let told = format!("{answers:?}, then {last:?}");
        let taken: BTreeSet<u64> = before.iter().copied().collect();
        let mut all = taken.clone();
        for (number, _) in answers.iter().flatten().filter(|(_, answer)| answer.is_ok()) {
            assert!(all.insert(*number), "{number} was taken twice: {told}");
        }
        assert_eq!(highest, all.last().copied(), "{told}");
        let queues: Vec<&[Answer]> = answers.iter().map(Vec::as_slice).collect();
        assert!(some_order(&queues, &last, &taken), "no order explains {told}");
    });
    tried.load(Ordering::Relaxed)
}

#[test]
fn of_several_that_bring_the_same_number_one_succeeds() {
    // The first of all, in the window, ahead of it, a lap ahead; 0, which is where the highest starts.
    for before in [&[] as &[u64], &[5], &[4], &[1]] {
        assert!(interleave(None, before, &[&[4], &[4]], &[4]) > 1);
        assert!(interleave(Some(3), before, &[&[5], &[5], &[5]], &[5, 4]) > 1);
    }
    assert!(interleave(None, &[], &[&[0], &[0]], &[0]) > 1);
    assert!(interleave(None, &[], &[&[0, 0], &[0, 1]], &[0, 1]) > 1);
}

#[test]
fn moving_and_setting_at_once_lose_and_double_nothing() {
    // 4 apart: the same place, one lap on. What is late is in the window when it sets out, and may not be when it arrives.
    let cases: [Case; 8] = [
        (&[], &[&[1], &[5]]),
        (&[2], &[&[1], &[5]]),
        (&[2, 1], &[&[1], &[5]]),
        (&[3], &[&[1, 2], &[4, 5]]),
        (&[3], &[&[2, 6], &[6, 2]]),
        (&[3], &[&[7, 1], &[1, 7]]),
        (&[3], &[&[11, 2], &[2, 7]]),
        (&[4], &[&[8, 3], &[3, 5]]),
    ];
    for (before, queues) in cases {
        assert!(interleave(None, before, queues, &[1, 2, 3, 4, 5, 6, 7]) > 1);
    }
}

#[test]
fn who_was_told_of_a_number_finds_it_taken_into_account() {
    // One takes a number that moves the window; another hears that it was seen, and asks for one that is then too old.
    let cases: [&[&[u64]]; 4] =
        [&[&[7], &[7, 4]], &[&[7], &[3, 4]], &[&[8], &[4, 3, 5]], &[&[9, 4], &[5, 4]]];
    for queues in cases {
        assert!(interleave(None, &[4], queues, &[4, 5, 6, 7, 8]) > 1);
    }
}

#[test]
fn three_receivers_get_answers_that_some_order_explains() {
    let cases: [Case; 4] = [
        (&[], &[&[1], &[2], &[5]]),
        (&[2], &[&[1], &[5], &[9]]),
        (&[3], &[&[7, 1], &[7], &[1]]),
        (&[3], &[&[2], &[6], &[2, 3]]),
    ];
    for (before, queues) in cases {
        assert!(interleave(Some(3), before, queues, &[1, 2, 5, 6, 9]) > 1);
    }
}

/// What would be without the word that bits and lap share: a bit is cleared for a lap ahead and set for the one before.
#[test]
fn a_ring_that_clears_and_sets_in_two_steps_would_be_found_out() {
    use loom::sync::atomic::{AtomicU64, Ordering};
    let broken = || {
        loom::model(|| {
            // The highest, and one bit for all numbers that are 4 apart.
            let ring = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
            let accept = |ring: &(AtomicU64, AtomicU64), number: u64| {
                let highest = ring.0.load(Ordering::SeqCst);
                if highest >= number + u64::from(SIZE) {
                    return Err(Replay::TooOld);
                }
                if number > highest {
                    ring.0.fetch_max(number, Ordering::SeqCst);
                    ring.1.store(0, Ordering::SeqCst);
                }
                if ring.1.fetch_or(1, Ordering::SeqCst) == 0 { Ok(()) } else { Err(Replay::Seen) }
            };
            let other = Arc::clone(&ring);
            let thread = thread::spawn(move || accept(&other, 4));
            let mine = accept(&ring, 4);
            let theirs = thread.join().unwrap();
            assert!(mine.is_ok() != theirs.is_ok(), "found out");
        });
    };
    let failure = catch_unwind(AssertUnwindSafe(broken)).expect_err("the model checker tries that order");
    assert_eq!(failure.downcast_ref::<&str>(), Some(&"found out"));
}
