//! A histogram of durations: exact counts at the exported bounds, quantiles to within one per cent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts durations, without a lock and in fixed memory (19 KiB).
///
/// Quantiles come from 64 linear steps in each power of two: the value told is within 0.8 % of the true one, from 1 ns to
/// 73 minutes; anything longer counts as 73 minutes. What is exported are separate, exact counts at fixed bounds.
#[derive(Debug)]
pub struct Histogram {
    steps: Box<[AtomicU64]>,
    bounds: &'static [u64],
    /// One for each bound, and one for what is above all of them.
    exported: Box<[AtomicU64]>,
    sum_nanos: AtomicU64,
}

/// The exported counts at one instant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exported {
    pub(crate) sum: f64,
    pub(crate) count: u64,
    /// Upper bound in seconds (the last is infinite), and how many lie above the bound before it and up to this one.
    pub(crate) buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// For handshakes and round trips: exported bounds from 500 µs to 10 s.
    pub fn for_latencies() -> Self {
        Self::with_bounds(LATENCY_BOUNDS)
    }

    /// For single operations on data: exported bounds from 1 µs to 1 s.
    pub fn for_operations() -> Self {
        Self::with_bounds(OPERATION_BOUNDS)
    }

    fn with_bounds(bounds: &'static [u64]) -> Self {
        let zeros = |n| std::iter::repeat_with(AtomicU64::default).take(n).collect();
        Self { steps: zeros(STEPS), bounds, exported: zeros(bounds.len() + 1), sum_nanos: AtomicU64::new(0) }
    }

    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.steps[step_of(nanos)].fetch_add(1, Ordering::Relaxed);
        self.exported[self.bounds.partition_point(|bound| *bound < nanos)].fetch_add(1, Ordering::Relaxed);
        self.sum_nanos.fetch_add(nanos.min(LARGEST), Ordering::Relaxed);
    }

    /// The duration that a share `q` of all durations does not exceed: 0.5 for the median, 0.99 for the 99th percentile.
    /// `None` while nothing was recorded, and for a `q` that is not from 0 to 1.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let counts: Vec<u64> = self.steps.iter().map(|step| step.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        if total == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = rank(q, total);
        let mut seen = 0;
        let step = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_nanos(middle_of(step)))
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.exported.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// All durations together, each taken as at most 73 minutes.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed))
    }

    /// The count is the sum of the buckets, so that the two agree in every scrape.
    pub(crate) fn exported(&self) -> Exported {
        let sum = self.sum().as_secs_f64();
        let bounds = self.bounds.iter().map(|nanos| Duration::from_nanos(*nanos).as_secs_f64());
        let counts = self.exported.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        Exported { sum, count: buckets.iter().map(|(_, count)| count).sum(), buckets }
    }
}

/// The smallest whole number of values that is at least the share `q` of `total`, and at least one.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of durations is far below 2^53, and the product is not negative"
)]
fn rank(q: f64, total: u64) -> u64 {
    ((q * total as f64).ceil() as u64).clamp(1, total)
}

fn step_of(nanos: u64) -> usize {
    let nanos = nanos.min(LARGEST);
    let octave = nanos.checked_ilog2().unwrap_or(0).saturating_sub(LINEAR_BITS);
    // Below the first full octave a step is one nanosecond; above, the leading bits count on from there.
    usize::try_from(u64::from(octave) * LINEAR + (nanos >> octave)).unwrap_or(STEPS - 1)
}

fn middle_of(step: usize) -> u64 {
    let step = u64::try_from(step).unwrap_or(0);
    let octave = (step / LINEAR).saturating_sub(1);
    let first = (step - octave * LINEAR) << octave;
    first + (1 << octave) / 2
}

const LINEAR_BITS: u32 = 6;
const LINEAR: u64 = 1 << LINEAR_BITS;
const LARGEST_BITS: u32 = 42;
const LARGEST: u64 = (1 << LARGEST_BITS) - 1;
const STEPS: usize = ((LARGEST_BITS - LINEAR_BITS + 1) as usize) << LINEAR_BITS;

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

const LATENCY_BOUNDS: &[u64] = &[
    500 * MICRO,
    MILLI,
    2_500 * MICRO,
    5 * MILLI,
    10 * MILLI,
    25 * MILLI,
    50 * MILLI,
    100 * MILLI,
    250 * MILLI,
    500 * MILLI,
    SECOND,
    2_500 * MILLI,
    5 * SECOND,
    10 * SECOND,
];

const OPERATION_BOUNDS: &[u64] = &[
    MICRO,
    2_500,
    5 * MICRO,
    10 * MICRO,
    25 * MICRO,
    50 * MICRO,
    100 * MICRO,
    250 * MICRO,
    MILLI,
    10 * MILLI,
    100 * MILLI,
    SECOND,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_is_told_to_within_one_per_cent(nanos in 1u64..=LARGEST) {
            let told = middle_of(step_of(nanos));
            let error = told.abs_diff(nanos) as f64 / nanos as f64;
            prop_assert!(error <= 0.01, "{nanos} ns became {told} ns");
        }

        #[test]
        fn quantiles_are_those_of_the_sorted_values_to_within_one_per_cent(
            values in proptest::collection::vec(1u64..10_000_000_000, 1..500), q in 0.0f64..=1.0,
        ) {
            let histogram = Histogram::for_latencies();
            values.iter().for_each(|nanos| histogram.record(Duration::from_nanos(*nanos)));
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let reaches = |rank: &usize| *rank as f64 >= q * values.len() as f64;
            let exact = sorted[(1..=values.len()).find(reaches).unwrap() - 1] as f64;
            let told = histogram.quantile(q).unwrap().as_nanos() as f64;
            prop_assert!((told - exact).abs() <= 0.01 * exact, "{told} for {exact}");
        }

        #[test]
        fn exported_counts_are_exact_at_their_bounds(values in proptest::collection::vec(0u64..20_000_000_000, 0..300)) {
            let values: Vec<u64> = values.into_iter().chain(LATENCY_BOUNDS.iter().copied()).collect();
            let histogram = Histogram::for_latencies();
            values.iter().for_each(|nanos| histogram.record(Duration::from_nanos(*nanos)));
            let exported = histogram.exported();
            let mut up_to = 0;
            for (bound, (seconds, count)) in LATENCY_BOUNDS.iter().zip(&exported.buckets) {
                up_to += count;
                prop_assert_eq!(*seconds, *bound as f64 / 1e9);
                prop_assert_eq!(up_to, values.iter().filter(|nanos| *nanos <= bound).count() as u64);
            }
            prop_assert_eq!(exported.count, values.len() as u64);
            prop_assert_eq!(histogram.count(), values.len() as u64);
        }
    }

    #[test]
    fn steps_join_without_gap_or_overlap() {
        let borders = (0..LARGEST_BITS).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let mut last = 0;
        for nanos in borders.filter(|nanos| *nanos > 2) {
            let step = step_of(nanos);
            assert!(step >= last, "{nanos}");
            last = step;
        }
        assert!((0..2_000).all(|nanos| step_of(nanos + 1) - step_of(nanos) <= 1));
        assert_eq!(step_of(LARGEST), STEPS - 1);
        assert_eq!(step_of(u64::MAX), STEPS - 1);
    }

    #[test]
    fn an_empty_histogram_and_a_senseless_quantile_have_no_value() {
        let histogram = Histogram::for_operations();
        assert_eq!(histogram.quantile(0.5), None);
        histogram.record(Duration::MAX);
        assert_eq!(histogram.quantile(f64::NAN), None);
        assert_eq!(histogram.quantile(1.1), None);
        assert_eq!(histogram.quantile(0.0), histogram.quantile(1.0));
    }
}
