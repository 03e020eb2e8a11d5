//! Pages name what is there: relative links, paths of the repository in backticks, and tests in them.

use crate::report::Violation;
use crate::tree::Tree;

/// A word in backticks that starts so is a path.
const TOPS: &[&str] = &["crates/", "xtask/", "docs/", ".ci/"];

pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let directory = file.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        for (number, line) in file.lines() {
            let linked = links(line).filter_map(|link| resolve(directory, link));
            let named = line.split('`').skip(1).step_by(2).filter_map(path);
            for target in linked.chain(named).filter(|target| !exists(tree, target)) {
                let what = format!("{target} does not exist");
                found.push(Violation::new(format!("{}:{number}", file.path), "link", what));
            }
            for word in line.split('`').skip(1).step_by(2).filter(|word| !has_test(tree, word)) {
                let what = format!("there is no {word}");
                found.push(Violation::new(format!("{}:{number}", file.path), "test", what));
            }
        }
    }
    found
}

/// Targets of `[text](target)` inside the repository.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let target = |(at, _): (usize, &'static str)| {
        let target = line.get(at + 2..)?.split(')').next()?.split('#').next()?;
        (!target.is_empty() && !target.contains(':')).then_some(target)
    };
    line.match_indices("](").map(|(at, _)| (at, "")).filter_map(target)
}

fn resolve(directory: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// A path without patterns; what follows `::` is an item in it.
fn path(word: &str) -> Option<String> {
    let plain = !word.contains([' ', '*', '…', '<', '{']) && TOPS.iter().any(|top| word.starts_with(top));
    plain.then(|| word.split("::").next().unwrap_or(word).trim_end_matches('/').to_owned())
}

/// False for `crates/x/tests/a.rs::scenario` where that file is there and has no such function.
fn has_test(tree: &Tree, word: &str) -> bool {
    let Some((file, test)) = word.split_once(".rs::").filter(|_| path(word).is_some()) else { return true };
    let names = |text: &str| text.contains(&format!("fn {test}("));
    tree.text(&format!("{file}.rs")).is_none_or(names)
}

fn exists(tree: &Tree, target: &str) -> bool {
    let below = format!("{target}/");
    tree.files.iter().any(|file| file.path == target || file.path.starts_with(&below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(page: &str) -> usize {
        violations(&Tree::of(&[
            ("docs/page.md", page),
            ("docs/adr/0001-a.md", ""),
            ("crates/a/src/b.rs", "fn scenario() {}"),
        ]))
        .len()
    }

    #[test]
    fn links_and_paths_that_lead_somewhere_pass() {
        assert_eq!(
            count(
                "[one](adr/0001-a.md), [two](adr/), [up](../crates/a/src/b.rs#L1), [web](https://a.example/)"
            ),
            0
        );
        assert_eq!(
            count(
                "`crates/a/src/b.rs`, `crates/a/`, `crates/*/tests`, `crates/a/src/b.rs::scenario`, `docs/page.md`"
            ),
            0
        );
    }

    #[test]
    fn links_and_paths_that_lead_nowhere_are_found() {
        assert_eq!(count("[one](adr/0002-b.md) and [two](../missing.md)"), 2);
        assert_eq!(count("`crates/a/src/c.rs` and `docs/formats/missing.md`"), 2);
        assert_eq!(count("`crates/a/src/b.rs::scenari`, `crates/a/src/c.rs::scenario`"), 2);
    }
}
