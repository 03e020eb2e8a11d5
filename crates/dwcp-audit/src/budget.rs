//! How many bytes an hour strangers may have written about them.

use dwcp_base::Tick;
use std::time::Duration;

/// A bucket of bytes that is full at first and fills again within an hour: in any span of time `t`, at most
/// `hourly * (1 + t / 1 h)` bytes are spent.
#[derive(Debug)]
pub(crate) struct Budget {
    hourly: u64,
    /// From when on nothing is owed any more.
    free_at: Tick,
}

impl Budget {
    pub(crate) fn new(hourly: u64) -> Self {
        Self { hourly: hourly.max(1), free_at: Tick(0) }
    }

    /// Spends `bytes`, or nothing when there are not so many left.
    pub(crate) fn spend(&mut self, bytes: u64, now: Tick) -> bool {
        // A clock that steps back gives nothing away and holds nobody up for longer than the hour.
        self.free_at = self.free_at.max(now).min(now.plus(HOUR));
        let cost = (u128::from(bytes) * HOUR.as_nanos()).div_ceil(u128::from(self.hourly));
        let Ok(cost) = u64::try_from(cost) else { return false };
        let after = self.free_at.plus(Duration::from_nanos(cost));
        let affordable = after.since(now) <= HOUR;
        if affordable {
            self.free_at = after;
        }
        affordable
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(secs: u64) -> Tick {
        Tick(secs * 1_000_000_000)
    }

    #[test]
    fn it_is_full_at_first_and_full_again_after_an_hour() {
        let mut budget = Budget::new(1_000);
        assert!(!budget.spend(1_001, at(0)));
        assert!(budget.spend(600, at(0)) && budget.spend(400, at(0)) && !budget.spend(1, at(0)));
        assert!(budget.spend(500, at(1_800)) && !budget.spend(1, at(1_800)));
        assert!(budget.spend(1_000, at(5_400)));
        assert!(!budget.spend(u64::MAX, at(99_999)));
    }

    #[test]
    fn at_g7_a_clock_that_steps_back_gives_nothing_away_and_is_forgotten_within_the_hour() {
        let mut budget = Budget::new(1_000);
        assert!(budget.spend(1_000, at(1_000_000)));
        assert!(!budget.spend(1, at(5)));
        assert!(budget.spend(1_000, at(3_605)));
    }

    proptest! {
        #[test]
        fn no_span_of_time_holds_more_than_its_share(
            steps in proptest::collection::vec((0u64..900, 1u64..4_000), 1..300),
        ) {
            let mut budget = Budget::new(10_000);
            let (mut now, mut spent) = (0, 0);
            for (pause, bytes) in steps {
                now += pause;
                spent += if budget.spend(bytes, at(now)) { bytes } else { 0 };
                prop_assert!(spent <= 10_000 + now * 10_000 / 3_600 + 1, "{spent} bytes in {now} s");
            }
        }
    }
}
