//! Choices that a seed brings back.

use dwcp_base::{Clock, SystemClock};

/// SplitMix64: good enough to spread choices, and six lines.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// `seed` decides everything that follows.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The dice of one run: of `DWCP_SEED` where that is set, else of a seed that the clock gives. The seed is printed under the name of the test.
    pub fn of_run(name: &str) -> Self {
        let set = std::env::var("DWCP_SEED").ok().and_then(|text| text.parse().ok());
        let seed = set.unwrap_or_else(|| {
            SystemClock::new().unix().secs().unsigned_abs() * 100_000
                + u64::from(std::process::id() % 100_000)
        });
        println!("{name}: DWCP_SEED={seed}");
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..limit`, zero where that is empty.
    pub fn below(&mut self, limit: u64) -> u64 {
        // The bias of a remainder is far below what a test can notice.
        self.any().checked_rem(limit).unwrap_or(0)
    }

    /// True `percent` times of a hundred.
    pub fn happens(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// When there is none.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let chosen = self.below(u64::try_from(choices.len()).unwrap_or(u64::MAX));
        choices.get(usize::try_from(chosen).unwrap_or(0)).expect("a choice")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_brings_the_same_choices_back_and_they_spread() {
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            (0..1000).map(|_| dice.happens(30)).collect::<Vec<bool>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let hits = draw(7).iter().filter(|hit| **hit).count();
        assert!((240..360).contains(&hits), "{hits}");
        assert_eq!(Dice::new(1).below(0), 0);
    }
}
