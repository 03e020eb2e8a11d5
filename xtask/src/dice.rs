//! Random moments and choices that a printed seed brings back.

use std::time::Duration;

/// SplitMix64: good enough to spread moments, and six lines.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// `seed` decides everything that follows.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..limit`, zero where that is empty.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        // The bias of a remainder is far below what a test of moments can notice.
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// A moment before `limit`.
    pub(crate) fn moment(&mut self, limit: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// `length` bytes that no compression makes shorter.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_brings_the_same_again_and_another_something_else() {
        let of = |seed| Dice::new(seed).bytes(33);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        assert_eq!(of(7).len(), 33);
        // The published first output of SplitMix64 for the seed 1234567.
        assert_eq!(Dice::new(1_234_567).next(), 6_457_827_717_110_365_317);
    }

    #[test]
    fn choices_stay_below_their_limit_and_reach_all_of_it() {
        let mut dice = Dice::new(1);
        let mut seen = [false; 6];
        for _ in 0..200 {
            seen[usize::try_from(dice.below(6)).unwrap()] = true;
            assert!(dice.moment(Duration::from_micros(5)) < Duration::from_micros(5));
        }
        assert_eq!(seen, [true; 6]);
        assert_eq!(dice.below(0), 0);
    }
}
