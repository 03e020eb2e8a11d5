//! Counters that differ in one label, whose values are fixed when the family is made.

use std::sync::atomic::{AtomicU64, Ordering};

/// One counter for each known label value, and one for all others.
#[derive(Debug)]
pub(crate) struct CounterFamily {
    rows: Box<[(&'static str, AtomicU64)]>,
}

impl CounterFamily {
    /// Rows for `values` in their order, repetitions left out, with `other` as the last.
    pub(crate) fn open(values: &[&'static str]) -> Self {
        let mut known: Vec<&'static str> = Vec::new();
        for value in values {
            if known.len() < MAX_VALUES
                && value.len() <= MAX_VALUE_LENGTH
                && *value != OTHER
                && !known.contains(value)
            {
                known.push(value);
            }
        }
        known.push(OTHER);
        Self::closed(&known)
    }

    /// Rows for exactly these values, which the types of the callers keep to.
    pub(crate) fn closed(values: &[&'static str]) -> Self {
        Self { rows: values.iter().map(|value| (*value, AtomicU64::new(0))).collect() }
    }

    pub(crate) fn add(&self, value: &str, n: u64) {
        self.row(value).fetch_add(n, Ordering::Relaxed);
    }

    /// Adds one to the row of that index.
    pub(crate) fn add_at(&self, index: usize) {
        self.rows[index].1.fetch_add(1, Ordering::Relaxed);
    }

    /// Raises each counter to its total, if it is below; the totals of unknown values are added up.
    pub(crate) fn raise<'a>(&self, totals: impl IntoIterator<Item = (&'a str, u64)>) {
        let mut others = 0;
        for (value, total) in totals {
            match self.rows.iter().find(|(known, _)| *known == value) {
                Some((_, count)) => _ = count.fetch_max(total, Ordering::Relaxed),
                None => others += total,
            }
        }
        self.row(OTHER).fetch_max(others, Ordering::Relaxed);
    }

    pub(crate) fn samples(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.rows.iter().map(|(value, count)| (*value, count.load(Ordering::Relaxed)))
    }

    pub(crate) fn total(&self) -> u64 {
        self.samples().map(|(_, count)| count).sum()
    }

    fn row(&self, value: &str) -> &AtomicU64 {
        let last = self.rows.len() - 1;
        let index = self.rows.iter().position(|(known, _)| *known == value).unwrap_or(last);
        &self.rows[index].1
    }
}

pub(crate) const OTHER: &str = "other";
pub(crate) const MAX_VALUE_LENGTH: usize = 128;
const MAX_VALUES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_raise_and_never_lower() {
        let family = CounterFamily::open(&["a"]);
        family.raise([("a", 5), ("b", 3), ("c", 4)]);
        family.raise([("a", 4), ("b", 1)]);
        assert_eq!(family.samples().collect::<Vec<_>>(), [("a", 5), ("other", 7)]);
    }

    #[test]
    fn at_a7_values_that_nobody_announced_are_counted_as_other_and_make_no_series() {
        let family = CounterFamily::open(&["a", "b", "a", "other"]);
        for n in 0..100_000 {
            family.add(&format!("reason-{n}"), 1);
        }
        family.add("b", 2);
        assert_eq!(family.samples().collect::<Vec<_>>(), [("a", 0), ("b", 2), ("other", 100_000)]);
    }
}
