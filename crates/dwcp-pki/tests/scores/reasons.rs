//! Why the validator differs from a suite, case by case.

use super::table::Column;
use std::collections::BTreeMap;

/// `suite id profile: reason` on each line; what is not understood yet is `unexplained`.
const REASONS: &str = include_str!("../vectors/reasons.txt");

/// Reasons by `suite id profile`.
pub(crate) type Reasons = BTreeMap<&'static str, &'static str>;

pub(crate) const UNEXPLAINED: &str = "unexplained";

pub(crate) fn read() -> Reasons {
    let mut reasons = Reasons::new();
    for line in REASONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        // Identifiers have colons, but none with a space behind it.
        let (case, reason) = line.split_once(": ").unwrap_or_else(|| panic!("no reason: {line}"));
        assert!(reasons.insert(case, reason).is_none(), "twice: {case}");
    }
    reasons
}

/// Differences that stand nowhere in the reasons.
pub(crate) fn missing(reasons: &Reasons, columns: &[Column]) -> Vec<String> {
    differences(columns).filter(|case| !reasons.contains_key(case.as_str())).collect()
}

/// Reasons for what is no difference any more.
pub(crate) fn outdated(reasons: &Reasons, columns: &[Column]) -> Vec<&'static str> {
    let differ: Vec<String> = differences(columns).collect();
    reasons.keys().filter(|case| !differ.iter().any(|differing| differing == *case)).copied().collect()
}

fn differences(columns: &[Column]) -> impl Iterator<Item = String> {
    columns.iter().flat_map(|column| column.differences().map(|id| column.key(id)))
}
