//! Random steps of both windows against the plainest there is: a row of marks that is shifted. `DWCP_WINDOW_STEPS` says how many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_packet::{Replay, ReplayWindow, SharedReplayWindow};
use std::collections::{BTreeSet, VecDeque};

/// What a sliding window is without any ring: the first mark is the highest's, the others follow downwards.
struct Row {
    highest: Option<u64>,
    marks: VecDeque<bool>,
}

impl Row {
    fn new(size: u32) -> Self {
        Self { highest: None, marks: vec![false; size as usize].into() }
    }

    fn accept(&mut self, number: u64) -> Result<(), Replay> {
        // Before the first number every number is ahead.
        let ahead = match self.highest {
            None => u64::MAX,
            Some(highest) if number <= highest => {
                let behind = usize::try_from(highest - number).unwrap();
                let mark = self.marks.get_mut(behind).ok_or(Replay::TooOld)?;
                return if std::mem::replace(mark, true) { Err(Replay::Seen) } else { Ok(()) };
            }
            Some(highest) => number - highest,
        };
        for _ in 0..ahead.min(self.marks.len() as u64) {
            self.marks.pop_back();
            self.marks.push_front(false);
        }
        self.marks[0] = true;
        self.highest = Some(number);
        Ok(())
    }
}

/// xorshift64*: a sequence that a failure can be found again by.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// The number of a next packet: mostly near the highest, at times anywhere in the window, at its edge, or far ahead.
    fn number(&mut self, highest: u64, size: u64) -> u64 {
        match self.below(64) {
            0..=31 => highest.saturating_add(1 + self.below(3)),
            32..=47 => highest.saturating_sub(self.below(32)),
            48..=57 => highest.saturating_sub(self.below(size)),
            58..=61 => highest.saturating_sub((size + 2).saturating_sub(self.below(5))),
            62 => highest.saturating_add(self.below(100)),
            _ => match self.below(2_000) {
                0 => highest.saturating_add(self.below(4 * size)),
                1 => highest.saturating_add(self.roll() >> (8 + self.below(50))),
                2 => highest.saturating_sub(self.roll() >> self.below(64)),
                _ => highest,
            },
        }
    }
}

/// How many steps are asked for.
fn steps() -> u64 {
    std::env::var("DWCP_WINDOW_STEPS").ok().map_or(10_000_000, |steps| steps.parse().unwrap())
}

#[test]
fn random_steps_are_answered_as_a_row_of_marks_says() {
    let sizes = [64, 65, 127, 1000, 8192, 65_536];
    let each = steps() / sizes.len() as u64;
    let (mut done, mut refused) = (0, [0u64; 2]);
    for (index, size) in sizes.into_iter().enumerate() {
        let seed = 0x9E37_79B9_7F4A_7C15 + index as u64;
        let mut dice = Dice(seed);
        let start = |dice: &mut Dice| {
            // 0, the edge of 32 bits, anywhere, the end of all numbers.
            let first = [0, (1 << 32) - dice.below(10_000), dice.roll(), u64::MAX - dice.below(200_000)];
            let first = first[usize::try_from(dice.below(4)).unwrap()];
            (ReplayWindow::new(size).unwrap(), SharedReplayWindow::new(size).unwrap(), Row::new(size), first)
        };
        let (mut window, mut shared, mut row, mut first) = start(&mut dice);
        for step in 0..each {
            // Another window now and then, so that many begin and some reach the end.
            if step % 500_000 == 499_999 {
                (window, shared, row, first) = start(&mut dice);
            }
            let number = dice.number(row.highest.unwrap_or(first), u64::from(size));
            let checked = (window.check(number), shared.check(number));
            let expected = row.accept(number);
            let told = (window.accept(number), shared.accept(number));
            assert_eq!(told, (expected, expected), "size {size}, seed {seed}, step {step}: {number}");
            assert_eq!(checked, (expected, expected), "size {size}, seed {seed}, step {step}: {number}");
            match expected {
                Ok(()) => done += 1,
                Err(Replay::Seen) => refused[0] += 1,
                Err(Replay::TooOld) => refused[1] += 1,
            }
        }
        assert_eq!((window.highest(), shared.highest()), (row.highest, row.highest));
    }
    println!("{done} taken, {} seen before, {} too old", refused[0], refused[1]);
    // Each answer was given often.
    assert!(done > steps() / 4 && refused.iter().all(|refused| *refused > steps() / 50));
}

#[test]
fn the_row_of_marks_is_what_the_set_of_all_taken_says() {
    let mut dice = Dice(7);
    for size in [64u32, 65, 1000] {
        let (mut row, mut taken) = (Row::new(size), BTreeSet::new());
        for _ in 0..100_000 {
            let number = dice.number(row.highest.unwrap_or(0), u64::from(size));
            let expected = match taken.last().copied() {
                Some(highest) if number <= highest && highest - number >= u64::from(size) => {
                    Err(Replay::TooOld)
                }
                _ if !taken.insert(number) => Err(Replay::Seen),
                _ => Ok(()),
            };
            assert_eq!(row.accept(number), expected);
        }
    }
}
