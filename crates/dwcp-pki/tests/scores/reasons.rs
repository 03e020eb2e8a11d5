//! Why the validator differs from a suite, case by case.

use super::judge::PROFILES;
use super::table::Column;
use dwcp_pki::Profile;
use std::collections::{BTreeMap, BTreeSet};

/// `suite id profile: reason` on each line, or `suite id: reason` for every profile.
const REASONS: &str = include_str!("../vectors/reasons.txt");

/// Reasons by `suite id profile` or `suite id`.
pub(crate) type Reasons = BTreeMap<&'static str, &'static str>;

/// The reason for a difference, given as `suite id profile`.
pub(crate) fn of(reasons: &Reasons, case: &str) -> Option<&'static str> {
    let general = case.rsplit_once(' ').map_or(case, |(general, _)| general);
    reasons.get(case).or_else(|| reasons.get(general)).copied()
}

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
    differences(columns).filter(|case| of(reasons, case).is_none()).collect()
}

/// Reasons for what is no difference any more.
pub(crate) fn outdated(reasons: &Reasons, columns: &[Column]) -> Vec<&'static str> {
    let differ: BTreeSet<String> = differences(columns).collect();
    let stands = |case: &str| {
        let of_profile = |profile: &Profile| differ.contains(&format!("{case} {}", profile.name()));
        differ.contains(case) || PROFILES.iter().all(of_profile)
    };
    reasons.keys().filter(|case| !stands(case)).copied().collect()
}

fn differences(columns: &[Column]) -> impl Iterator<Item = String> {
    columns.iter().flat_map(|column| column.differences().map(|id| column.key(id)))
}
