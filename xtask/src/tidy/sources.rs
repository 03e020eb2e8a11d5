//! Rust files: a first line that says what the file is, a bounded length, nothing unfinished.

use crate::report::Violation;
use crate::tree::{SourceFile, Tree};

/// Longer files get a note.
const LONG: usize = 300;
/// Longer files fail.
const TOO_LONG: usize = 400;
/// The README is the crate's documentation.
const README_LINE: &str = "#![doc = include_str!(\"../README.md\")]";
/// Written in two halves, so that this file does not find itself.
const UNFINISHED: &[&str] = &[concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[", "ignore")];

pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.rust() {
        let first = file.text.lines().next().unwrap_or("");
        let is_root = file.path.ends_with("src/lib.rs");
        if !(first.starts_with("//! ") || is_root && first == README_LINE) {
            let what = "the first line is no `//!` that says what the file is for";
            found.push(Violation::new(&file.path, "file-header", what));
        }
        let lines = length(file);
        if lines > TOO_LONG {
            let what = format!("{lines} lines: more than {TOO_LONG} is more than one idea");
            found.push(Violation::new(&file.path, "file-length", what));
        }
        for (number, line) in file.lines() {
            if let Some(mark) = UNFINISHED.iter().find(|mark| line.contains(**mark))
                && !run_by_another(line, &file.text)
            {
                let what = format!("`{mark}…`: finish it or take it out");
                found.push(Violation::new(format!("{}:{number}", file.path), "unfinished", what));
            }
        }
        if file.path.starts_with("crates/")
            && is_library_source(&file.path)
            && file.text.contains("dwcp_testkit")
        {
            let what = "dwcp-testkit is for `tests/`: a published crate builds without it";
            found.push(Violation::new(&file.path, "testkit-place", what));
        }
    }
    found
}

/// Files that are allowed, yet long.
pub(super) fn long(tree: &Tree) -> Vec<String> {
    let long = |file: &&SourceFile| (LONG + 1..=TOO_LONG).contains(&length(file));
    tree.rust().filter(long).map(|file| format!("{} has {} lines", file.path, length(file))).collect()
}

/// A test that only another test runs, as a process of its own, says so: `= "run by NAME…"`, and NAME is there.
fn run_by_another(line: &str, text: &str) -> bool {
    let Some((_, reason)) = line.split_once("= \"run by ") else { return false };
    let name = reason.split([' ', '"']).next().unwrap_or("");
    !name.is_empty() && text.contains(&format!("fn {name}("))
}

fn is_library_source(path: &str) -> bool {
    !path.starts_with("crates/dwcp-testkit/") && (path.contains("/src/") || path.contains("/examples/"))
}

fn length(file: &SourceFile) -> usize {
    let generated = file.text.lines().take(5).any(|line| line.contains("@generated"));
    if generated { 0 } else { file.text.lines().count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        violations(&Tree::of(&[(path, text)])).iter().map(Violation::rule).collect()
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        assert_eq!(rules("crates/a/src/x.rs", "use std::fmt;\n"), ["file-header"]);
        assert_eq!(rules("crates/a/src/x.rs", ""), ["file-header"]);
        assert_eq!(rules("crates/a/src/x.rs", README_LINE), ["file-header"]);
        assert_eq!(rules("crates/a/src/lib.rs", README_LINE), [""; 0]);
        assert_eq!(rules("crates/a/tests/x.rs", "//! Scenarios.\n"), [""; 0]);
    }

    #[test]
    fn length_warns_then_fails_and_spares_what_is_generated() {
        let of = |lines: usize| format!("//! Long.\n{}", "//\n".repeat(lines - 1));
        let tree = |text: &str| Tree::of(&[("crates/a/src/x.rs", text)]);
        assert_eq!(long(&tree(&of(300))).len(), 0);
        assert_eq!(long(&tree(&of(301))).len(), 1);
        assert_eq!(violations(&tree(&of(400))), []);
        assert_eq!(rules("crates/a/src/x.rs", &of(401)), ["file-length"]);
        assert_eq!(rules("crates/a/src/x.rs", &format!("//! A table, @generated.\n{}", of(500))), [""; 0]);
    }

    #[test]
    fn nothing_unfinished_is_left() {
        for mark in UNFINISHED {
            assert_eq!(rules("crates/a/src/x.rs", &format!("//! X.\n    {mark}\n")), ["unfinished"]);
        }
        let child = |parent: &str| {
            format!("//! X.\n{} = \"run by {parent} alone\"]\nfn a_parent() {{}}\n", UNFINISHED[2])
        };
        assert_eq!(rules("crates/a/tests/x.rs", &child("a_parent")), [""; 0]);
        assert_eq!(rules("crates/a/tests/x.rs", &child("another")), ["unfinished"]);
    }

    #[test]
    fn the_testkit_stays_in_tests() {
        let text = "//! X.\nuse dwcp_testkit::Lab;\n";
        assert_eq!(rules("crates/a/src/x.rs", text), ["testkit-place"]);
        assert_eq!(rules("crates/a/examples/x.rs", text), ["testkit-place"]);
        assert_eq!(rules("crates/a/tests/x.rs", text), [""; 0]);
    }
}
