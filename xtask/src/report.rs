//! Violations are collected, printed and counted: all of them, not the first.

use std::fmt;

/// One broken rule at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    place: String,
    rule: &'static str,
    what: String,
}

impl Violation {
    /// `place` is a path with or without a line, or a package.
    pub(crate) fn new(place: impl Into<String>, rule: &'static str, what: impl Into<String>) -> Self {
        Self { place: place.into(), rule, what: what.into() }
    }

    #[cfg(test)]
    pub(crate) fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.place, self.what, self.rule)
    }
}

/// Why a task did not succeed, in one sentence.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shorthand for the format-and-wrap that every failing step needs.
pub(crate) fn failed(why: impl Into<String>) -> Failed {
    Failed(why.into())
}

/// Prints every violation and their number; an error when there is one.
pub(crate) fn conclude(task: &str, looked_at: &str, mut violations: Vec<Violation>) -> Result<(), Failed> {
    violations.sort();
    for violation in &violations {
        println!("{violation}");
    }
    println!("{task}: {looked_at}, {} violations", violations.len());
    if violations.is_empty() {
        Ok(())
    } else {
        Err(failed(format!("{task} found {} violations", violations.len())))
    }
}
