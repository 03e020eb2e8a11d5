//! The generic cell rate algorithm: a whole token bucket in one time stamp.

use crate::settings::SettingsError;
use dwcp_base::Tick;
use std::time::Duration;

/// How often something may happen: `per_second` in the long run, up to `burst` at once.
///
/// Within any span of time `t`, at most `burst + t * per_second` events pass (ITU-T I.371, virtual scheduling).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    per_second: u32,
    burst: u32,
    interval: u64,
    span: u64,
}

impl RateLimit {
    /// A limit of `per_second` events per second (1 to 1 000 000 000) after a burst of `burst` (1 to 1 000 000 000).
    ///
    /// # Errors
    /// [`SettingsError::OutOfRange`] for zero and for what is above the bound.
    pub fn new(per_second: u32, burst: u32) -> Result<Self, SettingsError> {
        let per_second = SettingsError::in_range("per_second", per_second, 1, MAX_EVENTS)?;
        let burst = SettingsError::in_range("burst", burst, 1, MAX_EVENTS)?;
        // Rounded up, so that the true rate is never above the one asked for.
        let interval = NANOS_PER_SECOND.div_ceil(u64::from(per_second));
        Ok(Self { per_second, burst, interval, span: interval * u64::from(burst) })
    }

    /// Events per second in the long run.
    pub fn per_second(self) -> u32 {
        self.per_second
    }

    /// Events at once after a rest.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Judges one event, and moves `free_at`, the time from which the source will owe nothing any more, if it passes.
    /// `Err` says how long to wait.
    ///
    /// A clock that steps back makes the stored time look further away than any debt can reach. The debt is then taken
    /// as the largest there is, and stored so: nobody gains an event by it, and nobody is locked out for longer than a
    /// burst takes to refill.
    pub(crate) fn judge(self, free_at: &mut Tick, now: Tick) -> Result<(), Duration> {
        *free_at = self.within_reach(*free_at, now);
        let debt = free_at.0.saturating_sub(now.0);
        let owed = debt.saturating_add(self.interval);
        if owed > self.span {
            return Err(Duration::from_nanos(owed - self.span));
        }
        // At the very end of the range of ticks there is no time left to store: refuse rather than forgive.
        *free_at = now.0.checked_add(owed).map(Tick).ok_or(Duration::MAX)?;
        Ok(())
    }

    /// `free_at`, but no later than a source that has just used up its burst would have it.
    pub(crate) fn within_reach(self, free_at: Tick, now: Tick) -> Tick {
        free_at.min(Tick(now.0.saturating_add(self.span)))
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// 10^9 events of at most 10^9 ns each stay within 64 bits.
pub(crate) const MAX_EVENTS: u32 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A token bucket in the plainest form, with tokens counted in billionths.
    struct Bucket {
        level: u128,
        last: u64,
    }

    impl Bucket {
        fn take(&mut self, limit: RateLimit, now: u64) -> bool {
            let elapsed = u128::from(now - self.last);
            self.level = (self.level + elapsed).min(u128::from(limit.span));
            self.last = now;
            let enough = self.level >= u128::from(limit.interval);
            if enough {
                self.level -= u128::from(limit.interval);
            }
            enough
        }
    }

    proptest! {
        #[test]
        fn it_decides_as_a_token_bucket_does(
            per_second in 1u32..100_000, burst in 1u32..200,
            steps in proptest::collection::vec(0u64..100_000_000, 1..400),
        ) {
            let limit = RateLimit::new(per_second, burst).unwrap();
            let mut model = Bucket { level: u128::from(limit.span), last: 0 };
            let (mut now, mut free_at) = (0, Tick(0));
            for step in steps {
                now += step;
                match limit.judge(&mut free_at, Tick(now)) {
                    Ok(()) => prop_assert!(model.take(limit, now)),
                    Err(wait) => {
                        prop_assert!(!model.take(limit, now));
                        let wait = u64::try_from(wait.as_nanos()).unwrap();
                        let (mut then, mut before) = (free_at, free_at);
                        prop_assert!(limit.judge(&mut then, Tick(now + wait)).is_ok(), "what it says is when it opens");
                        prop_assert!(limit.judge(&mut before, Tick(now + wait - 1)).is_err(), "and not earlier");
                    }
                }
            }
        }

        #[test]
        fn at_g7_a_clock_that_jumps_anywhere_neither_panics_nor_gives_events_away(
            per_second in 1u32..=MAX_EVENTS, burst in 1u32..=1000, nows in proptest::collection::vec(any::<u64>(), 1..50),
        ) {
            let limit = RateLimit::new(per_second, burst).unwrap();
            let mut free_at = Tick(0);
            for now in nows {
                // At one instant, however it was reached, no more than one burst passes.
                let mut passed = 0;
                while limit.judge(&mut free_at, Tick(now)).is_ok() {
                    passed += 1;
                    prop_assert!(passed <= burst);
                }
            }
        }
    }

    #[test]
    fn at_g7_a_clock_that_steps_back_gives_nothing_and_locks_nobody_out() {
        let limit = RateLimit::new(20, 40).unwrap();
        let late = Tick(3_600_000_000_000);
        let mut free_at = Tick(0);
        for _ in 0..40 {
            limit.judge(&mut free_at, late).unwrap();
        }
        let early = Tick(1_000);
        assert_eq!(
            limit.judge(&mut free_at, early),
            Err(Duration::from_millis(50)),
            "an hour back, still used up"
        );
        assert_eq!(
            limit.judge(&mut free_at, early.plus(Duration::from_millis(49))),
            Err(Duration::from_millis(1))
        );
        assert_eq!(
            limit.judge(&mut free_at, early.plus(Duration::from_millis(50))),
            Ok(()),
            "not an hour later"
        );
    }

    #[test]
    fn at_g7_the_last_tick_refuses_and_the_largest_burst_does_not_overflow() {
        let limit = RateLimit::new(1, MAX_EVENTS).unwrap();
        assert_eq!(limit.judge(&mut Tick(0), Tick(u64::MAX)), Err(Duration::MAX));
        assert!(limit.judge(&mut Tick(u64::MAX), Tick(0)).is_err());
        assert!(limit.judge(&mut Tick(0), Tick(0)).is_ok());
    }

    #[test]
    fn zero_and_absurd_limits_are_refused() {
        assert!(RateLimit::new(0, 1).is_err());
        assert!(RateLimit::new(1, 0).is_err());
        assert!(RateLimit::new(MAX_EVENTS + 1, 1).is_err());
    }
}
