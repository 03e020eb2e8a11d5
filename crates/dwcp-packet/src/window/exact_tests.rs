//! The window against a set, for every sequence there is: words so narrow that a few numbers cross the ring twice.

use super::ring::Ring;
use super::verdict::Replay;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

/// RFC 4303 §3.4.3 in its own words: the set of what was taken.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Model {
    taken: BTreeSet<u64>,
}

impl Model {
    fn check(&self, size: u64, number: u64) -> Result<(), Replay> {
        match self.taken.last() {
            Some(highest) if number <= *highest && highest - number >= size => Err(Replay::TooOld),
            _ if self.taken.contains(&number) => Err(Replay::Seen),
            _ => Ok(()),
        }
    }
}

/// Every sequence of `left` more numbers; gives back how many steps were compared.
fn each_sequence<const SHIFT: u32>(
    ring: &Ring<SHIFT>,
    model: &mut Model,
    numbers: &[u64],
    left: u32,
) -> usize {
    let mut steps = 0;
    for &number in numbers {
        let expected = model.check(ring.size(), number);
        let mut next = ring.clone();
        assert_eq!(ring.check(number), expected);
        assert_eq!(next.accept(number), expected);
        if expected.is_ok() {
            model.taken.insert(number);
        } else {
            assert!(next == *ring, "a number that is not taken changes nothing");
        }
        assert_eq!(next.highest(), model.taken.last().copied());
        steps += 1;
        if left > 1 {
            steps += each_sequence(&next, model, numbers, left - 1);
        }
        if expected.is_ok() {
            model.taken.remove(&number);
        }
    }
    steps
}

/// 10 numbers, 7 long: 10^7 sequences, 11 111 110 steps.
const ALL_OF_SEVEN: usize = 11_111_110;

#[test]
fn every_sequence_of_seven_in_words_of_one_bit() {
    // Four words: the ring spans 4 numbers, ten cross it twice.
    let numbers: Vec<u64> = (0..10).collect();
    let ring = Ring::<0>::new(4);
    assert_eq!(ring.words(), 4);
    assert_eq!(each_sequence(&ring, &mut Model::default(), &numbers, 7), ALL_OF_SEVEN);
}

#[test]
fn every_sequence_of_seven_in_words_of_two_bits() {
    let numbers: Vec<u64> = (0..10).collect();
    let ring = Ring::<1>::new(3);
    assert_eq!(ring.words(), 2);
    assert_eq!(each_sequence(&ring, &mut Model::default(), &numbers, 7), ALL_OF_SEVEN);
}

#[test]
fn every_sequence_of_seven_in_words_of_four_bits() {
    // Two words: 8 numbers. Edges of words and of the window, over the ring twice.
    let numbers = [0, 1, 3, 4, 5, 7, 8, 9, 12, 17];
    let ring = Ring::<2>::new(5);
    assert_eq!(ring.words(), 2);
    assert_eq!(each_sequence(&ring, &mut Model::default(), &numbers, 7), ALL_OF_SEVEN);
}

/// Every state that these numbers can lead to, whatever the length of the sequence; gives back how many there are.
fn each_state<const SHIFT: u32>(size: u32, numbers: &[u64]) -> usize {
    let start = (Ring::<SHIFT>::new(size), Model::default());
    let mut known = BTreeSet::from([start.clone()]);
    let mut open = VecDeque::from([start]);
    while let Some((ring, model)) = open.pop_front() {
        for &number in numbers {
            let expected = model.check(u64::from(size), number);
            let mut next = (ring.clone(), model.clone());
            assert_eq!(ring.check(number), expected, "{size}: {number} after {:?}", model.taken);
            assert_eq!(next.0.accept(number), expected, "{size}: {number} after {:?}", model.taken);
            if expected.is_err() {
                assert!(next.0 == ring, "a number that is not taken changes nothing");
                continue;
            }
            next.1.taken.insert(number);
            assert_eq!(next.0.highest(), next.1.taken.last().copied());
            if known.insert(next.clone()) {
                open.push_back(next);
            }
        }
    }
    known.len()
}

/// Twelve numbers have 2^12 sets, and the ring is the same however a set came about: as many states.
const SETS: usize = 1 << 12;
/// Where the numbers start: at 0, so that they cross 2^32, and so that they end with the last there is.
const STARTS: [u64; 3] = [0, (1 << 32) - 5, u64::MAX - 17];

#[test]
fn every_state_of_narrow_windows_whatever_the_length_of_the_sequence() {
    for first in STARTS {
        let numbers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(|ahead| first + ahead);
        for size in 1..=5 {
            assert_eq!(each_state::<0>(size, &numbers), SETS, "{first} {size}");
            assert_eq!(each_state::<1>(size, &numbers), SETS, "{first} {size}");
        }
    }
}

#[test]
fn every_state_of_windows_in_words_of_four_bits_whatever_the_length_of_the_sequence() {
    for first in STARTS {
        let numbers = [0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 16, 17].map(|ahead| first + ahead);
        for size in 4..=9 {
            assert_eq!(each_state::<2>(size, &numbers), SETS, "{first} {size}");
        }
    }
}

#[test]
fn the_ring_is_no_larger_than_it_has_to_be() {
    for (size, words) in [
        (1, 1),
        (2, 2),
        (64, 2),
        (65, 2),
        (66, 4),
        (193, 4),
        (194, 8),
        (8192, 256),
        (8193, 256),
        (65_536, 2048),
    ] {
        assert_eq!(Ring::<6>::new(size).words(), words, "{size}");
    }
    assert_eq!([1, 2, 3, 4].map(|size| Ring::<1>::new(size).words()), [1, 2, 2, 4]);
}
