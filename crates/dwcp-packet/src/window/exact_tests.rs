//! The window against a set, for every sequence there is: words so narrow that a few numbers cross the ring twice.

use super::ring::Ring;
use super::tagged::Tagged;
use super::verdict::Replay;
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

/// What both rings do.
trait Window: Clone {
    fn new(size: u32) -> Self;
    fn check(&self, number: u64) -> Result<(), Replay>;
    fn accept(&mut self, number: u64) -> Result<(), Replay>;
    fn highest(&self) -> Option<u64>;
    fn size(&self) -> u64;
    /// The words and the highest, so that states can be told apart.
    fn state(&self) -> (Box<[u64]>, u64);
}

impl<const SHIFT: u32> Window for Ring<SHIFT> {
    fn new(size: u32) -> Self {
        Self::new(size)
    }
    fn check(&self, number: u64) -> Result<(), Replay> {
        self.check(number)
    }
    fn accept(&mut self, number: u64) -> Result<(), Replay> {
        self.accept(number)
    }
    fn highest(&self) -> Option<u64> {
        self.highest()
    }
    fn size(&self) -> u64 {
        self.size()
    }
    fn state(&self) -> (Box<[u64]>, u64) {
        self.state()
    }
}

/// The shared ring, as one thread sees it.
#[derive(Clone)]
struct Alone<const SHIFT: u32>(Tagged<SHIFT>);

impl<const SHIFT: u32> Window for Alone<SHIFT> {
    fn new(size: u32) -> Self {
        Self(Tagged::new(size))
    }
    fn check(&self, number: u64) -> Result<(), Replay> {
        self.0.check(number)
    }
    fn accept(&mut self, number: u64) -> Result<(), Replay> {
        self.0.accept(number)
    }
    fn highest(&self) -> Option<u64> {
        self.0.highest()
    }
    fn size(&self) -> u64 {
        self.0.size()
    }
    fn state(&self) -> (Box<[u64]>, u64) {
        self.0.state()
    }
}

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
fn each_sequence<W: Window>(ring: &W, model: &mut Model, numbers: &[u64], left: u32) -> usize {
    let mut steps = 0;
    for &number in numbers {
        let expected = model.check(ring.size(), number);
        let mut next = ring.clone();
        assert_eq!(ring.check(number), expected);
        assert_eq!(next.accept(number), expected);
        if expected.is_ok() {
            model.taken.insert(number);
        } else {
            assert!(next.state() == ring.state(), "a number that is not taken changes nothing");
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
    assert_eq!(ring.state().0.len(), 4);
    assert_eq!(each_sequence(&ring, &mut Model::default(), &numbers, 7), ALL_OF_SEVEN);
}

#[test]
fn every_sequence_of_seven_in_words_of_two_bits() {
    let numbers: Vec<u64> = (0..10).collect();
    let ring = Ring::<1>::new(3);
    assert_eq!(ring.state().0.len(), 2);
    assert_eq!(each_sequence(&ring, &mut Model::default(), &numbers, 7), ALL_OF_SEVEN);
}

#[test]
fn every_sequence_of_seven_in_words_of_four_bits() {
    // Two words: 8 numbers. Edges of words and of the window, over the ring twice.
    let numbers = [0, 1, 3, 4, 5, 7, 8, 9, 12, 17];
    let ring = Ring::<2>::new(5);
    assert_eq!(ring.state().0.len(), 2);
    assert_eq!(each_sequence(&ring, &mut Model::default(), &numbers, 7), ALL_OF_SEVEN);
}

/// Every state that these numbers can lead to, whatever the length of the sequence; gives back how many there are.
fn each_state<W: Window>(size: u32, numbers: &[u64]) -> usize {
    let start = (W::new(size), Model::default());
    let mut known = BTreeSet::from([(start.0.state(), start.1.clone())]);
    let mut open = VecDeque::from([start]);
    while let Some((ring, model)) = open.pop_front() {
        for &number in numbers {
            let expected = model.check(u64::from(size), number);
            let mut next = (ring.clone(), model.clone());
            assert_eq!(ring.check(number), expected, "{size}: {number} after {:?}", model.taken);
            assert_eq!(next.0.accept(number), expected, "{size}: {number} after {:?}", model.taken);
            if expected.is_err() {
                assert!(next.0.state() == ring.state(), "a number that is not taken changes nothing");
                continue;
            }
            next.1.taken.insert(number);
            assert_eq!(next.0.highest(), next.1.taken.last().copied());
            if known.insert((next.0.state(), next.1.clone())) {
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
            assert_eq!(each_state::<Ring<0>>(size, &numbers), SETS, "{first} {size}");
            assert_eq!(each_state::<Ring<1>>(size, &numbers), SETS, "{first} {size}");
        }
    }
}

#[test]
fn every_state_of_windows_in_words_of_four_bits_whatever_the_length_of_the_sequence() {
    for first in STARTS {
        let numbers = [0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 16, 17].map(|ahead| first + ahead);
        for size in 4..=9 {
            assert_eq!(each_state::<Ring<2>>(size, &numbers), SETS, "{first} {size}");
        }
    }
}

#[test]
fn every_state_of_the_shared_ring_whatever_the_length_of_the_sequence() {
    for first in STARTS {
        let numbers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(|ahead| first + ahead);
        for size in 2..=4 {
            assert_eq!(each_state::<Alone<0>>(size, &numbers), SETS, "{first} {size}");
            assert_eq!(each_state::<Alone<1>>(size, &numbers), SETS, "{first} {size}");
        }
    }
    for first in [0, 1 << 32, u64::MAX - 600] {
        // Edges of words, windows and rings: those span 16 and 256 numbers.
        let numbers = [0, 1, 3, 4, 6, 12, 13, 15, 16, 19, 32, 33].map(|ahead| first + ahead);
        assert_eq!(each_state::<Alone<2>>(13, &numbers), SETS, "{first}");
        let numbers = [0, 7, 8, 63, 64, 65, 255, 256, 263, 264, 511, 600].map(|ahead| first + ahead);
        assert_eq!(each_state::<Alone<3>>(64, &numbers), SETS, "{first}");
        assert_eq!(each_state::<Alone<3>>(249, &numbers), SETS, "{first}");
    }
}

#[test]
fn every_sequence_of_seven_in_a_shared_ring() {
    let numbers: Vec<u64> = (0..10).collect();
    let ring: Alone<1> = Window::new(3);
    assert_eq!(ring.state().0.len(), 2);
    assert_eq!(each_sequence(&ring, &mut Model::default(), &numbers, 7), ALL_OF_SEVEN);
}

/// How many words a window of that size has.
fn words_of<W: Window>(size: u32) -> usize {
    W::new(size).state().0.len()
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
        assert_eq!(words_of::<Ring<6>>(size), words, "{size}");
    }
    assert_eq!([1, 2, 3, 4].map(words_of::<Ring<1>>), [1, 2, 2, 4]);
    // Shared: eight numbers a word, and at least so many words that a lap fits beside them.
    for (size, words) in [(1, 32), (64, 32), (249, 32), (250, 64), (8192, 2048), (65_536, 16_384)] {
        assert_eq!(words_of::<Alone<3>>(size), words, "{size}");
    }
}

/// The number that a word with its bit alone, and one with the bit of the number beside it too, tell of.
fn each_word_tells<const SHIFT: u32>() {
    let ring = Tagged::<SHIFT>::new(64);
    for power in 0..64 {
        for near in [(1u64 << power) - 1, 1 << power, (1 << power) + 1, u64::MAX - power, !0 << power] {
            let (place, word) = (ring.place(near), ring.with(0, near).unwrap());
            assert_eq!(ring.top(place, word), Some(near));
            assert_eq!(ring.with(word, near), Err(Replay::Seen));
            let beside = near ^ 1;
            if SHIFT > 0 {
                let both = ring.with(word, beside).unwrap();
                assert_eq!(ring.top(place, both), Some(near.max(beside)));
            }
        }
    }
    assert_eq!(ring.top(0, 0), None);
}

#[test]
fn a_word_of_the_shared_ring_tells_which_number_it_is_about() {
    each_word_tells::<0>();
    each_word_tells::<1>();
    each_word_tells::<2>();
    each_word_tells::<3>();
}
