//! Attack ids: a test that tries one carries it in its name; ids without a test are counted.

use crate::report::Violation;
use crate::tree::Tree;
use std::collections::BTreeMap;

/// The catalogue: `- AT-X10: …`, one line each.
const PAGE: &str = "docs/threat-model.md";

/// Ids that no attack has.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let all = all(tree);
    let unknown = |(id, place): (String, String)| {
        (!all.contains(&id)).then(|| Violation::new(place, "attack-id", format!("there is no attack {id}")))
    };
    tried(tree).into_iter().filter_map(unknown).collect()
}

/// Which attacks have a test and how many have none, in two lines.
pub(super) fn summary(tree: &Tree) -> String {
    let mut tests: BTreeMap<String, usize> = BTreeMap::new();
    for (id, _) in tried(tree) {
        *tests.entry(id).or_default() += 1;
    }
    let all = all(tree);
    let covered: Vec<String> =
        all.iter().filter_map(|id| tests.get(id).map(|count| format!("{id}×{count}"))).collect();
    let open: Vec<&str> = all.iter().filter(|id| !tests.contains_key(*id)).map(String::as_str).collect();
    format!(
        "attacks: {} of {} have a test: {}\nattacks without a test yet, {}: {}",
        covered.len(),
        all.len(),
        covered.join(" "),
        open.len(),
        open.join(" ")
    )
}

fn all(tree: &Tree) -> Vec<String> {
    let id = |line: &str| {
        let (id, what) = line.strip_prefix("- AT-")?.split_once(": ")?;
        (!what.is_empty()).then(|| format!("AT-{id}"))
    };
    tree.text(PAGE).unwrap_or("").lines().filter_map(id).collect()
}

/// Ids in the names of functions (`fn at_x10_…`), with their places.
fn tried(tree: &Tree) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| !file.path.starts_with("xtask/")) {
        for (number, line) in file.lines() {
            let Some((_, name)) = line.split_once("fn at_") else { continue };
            let id = name.split(['_', '(']).next().unwrap_or("");
            // `at_least_…` is English, `at_x10_…` an id.
            let is_id =
                id.get(1..).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()));
            if is_id {
                found.push((format!("AT-{}", id.to_ascii_uppercase()), format!("{}:{number}", file.path)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_of_an_unknown_attack_is_found() {
        let tree = |name: &str| {
            Tree::of(&[
                (PAGE, "- AT-X9: lists\n- AT-X10: serials\n"),
                ("crates/a/tests/a.rs", format!("//! A.\n    fn {name}() {{}}\n").as_str()),
            ])
        };
        assert_eq!(violations(&tree("at_x10_a_serial_is_positive")), []);
        assert_eq!(violations(&tree("at_x16_nothing")).len(), 1);
        assert_eq!(violations(&tree("at_q1_nothing")).len(), 1);
        assert_eq!(violations(&tree("at_least_one")), []);
        assert!(summary(&tree("at_x10_a_serial")).contains("1 of 2 have a test: AT-X10×1"));
    }
}
