//! The scores as a page, and as lines for whoever runs the test.

use super::reasons::{self, Reasons};
use super::score::Outcome;
use dwcp_pki::Profile;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// One suite on one profile.
pub(crate) struct Column {
    suite: &'static str,
    profile: Profile,
    outcomes: Vec<(String, Outcome)>,
    slowest: (Duration, String),
}

impl Column {
    pub(crate) fn new(suite: &'static str, profile: Profile) -> Self {
        Self { suite, profile, outcomes: Vec::new(), slowest: (Duration::ZERO, String::new()) }
    }

    pub(crate) fn add(&mut self, id: &str, outcome: Outcome, took: Duration) {
        if took > self.slowest.0 {
            self.slowest = (took, id.to_owned());
        }
        self.outcomes.push((id.to_owned(), outcome));
    }

    /// What a case is called among the reasons.
    pub(crate) fn key(&self, id: &str) -> String {
        format!("{} {id} {}", self.suite, self.profile.name())
    }

    pub(crate) fn panicked(&self) -> Vec<String> {
        self.cases(|outcome| matches!(outcome, Outcome::Panicked)).map(|id| self.key(id)).collect()
    }

    pub(crate) fn differences(&self) -> impl Iterator<Item = &str> {
        self.cases(|outcome| matches!(outcome, Outcome::FalseAccept | Outcome::FalseReject(_)))
    }

    fn false_accepts(&self) -> impl Iterator<Item = &str> {
        self.cases(|outcome| matches!(outcome, Outcome::FalseAccept))
    }

    fn false_rejects(&self) -> impl Iterator<Item = (&str, &str)> {
        self.outcomes.iter().filter_map(|(id, outcome)| match outcome {
            Outcome::FalseReject(refused) => Some((id.as_str(), refused.code.as_str())),
            _ => None,
        })
    }

    fn inexpressible(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.outcomes.iter().filter_map(|(id, outcome)| match outcome {
            Outcome::Inexpressible(what) => Some((id.as_str(), *what)),
            _ => None,
        })
    }

    fn cases(&self, wanted: impl Fn(&Outcome) -> bool) -> impl Iterator<Item = &str> {
        let found = self.outcomes.iter().filter(move |(_, outcome)| wanted(outcome));
        found.map(|(id, _)| id.as_str())
    }

    fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.cases(wanted).count()
    }

    /// By which rules the cases were refused that should be, the most frequent first.
    fn refusals(&self) -> Vec<(&str, usize)> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, outcome) in &self.outcomes {
            if let Outcome::Refused(refused) = outcome {
                *counts.entry(&refused.code).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
    }
}

/// The page in Markdown.
pub(crate) fn page(columns: &[Column], reasons: &Reasons) -> String {
    let mut page = String::from(HEAD);
    for column in columns {
        let accepts = column.false_accepts().count();
        let rejects = column.false_rejects().count();
        let agree = column.count(|outcome| matches!(outcome, Outcome::Accepted | Outcome::Refused(_)));
        let (suite, profile, cases) = (column.suite, column.profile.name(), column.outcomes.len());
        let outside = column.inexpressible().count();
        writeln!(page, "| {suite} | {profile} | {cases} | {agree} | {accepts} | {rejects} | {outside} |")
            .unwrap();
    }
    for column in columns {
        details(&mut page, column, reasons);
    }
    page
}

fn details(page: &mut String, column: &Column, reasons: &Reasons) {
    let reason = |id: &str| reasons::of(reasons, &column.key(id)).unwrap_or("none yet");
    writeln!(page, "\n## {}, {}\n", column.suite, column.profile.name()).unwrap();
    let rules = column.refusals().into_iter().map(|(code, count)| format!("{count} `{code}`"));
    writeln!(page, "Rightly refused: {}.", rules.collect::<Vec<_>>().join(", ")).unwrap();
    if column.differences().next().is_some() {
        page.push_str("\n| case | verdict | reason |\n|---|---|---|\n");
    }
    for id in column.false_accepts() {
        writeln!(page, "| {id} | **accepted** | {} |", reason(id)).unwrap();
    }
    for (id, code) in column.false_rejects() {
        writeln!(page, "| {id} | `{code}` | {} |", reason(id)).unwrap();
    }
    let mut outside: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, what) in column.inexpressible() {
        outside.entry(what).or_default().push(id);
    }
    for (what, ids) in outside {
        writeln!(page, "\nNot expressible, {what}: {}.", ids.join(", ")).unwrap();
    }
}

/// The words of each refusal that should not be, and the slowest case.
pub(crate) fn told(column: &Column) -> String {
    let mut text = format!("{}, {}:\n", column.suite, column.profile.name());
    for id in column.false_accepts() {
        writeln!(text, "  accepted {id}").unwrap();
    }
    for (id, outcome) in &column.outcomes {
        match outcome {
            Outcome::FalseReject(refused) => {
                writeln!(text, "  refused {id}: {} ({})", refused.code, refused.text).unwrap();
            }
            Outcome::Refused(refused) => {
                writeln!(text, "  agreed {id}: {} ({})", refused.code, refused.text).unwrap();
            }
            _ => {}
        }
    }
    writeln!(text, "  slowest: {} took {:?}", column.slowest.1, column.slowest.0).unwrap();
    text
}

const HEAD: &str = "\
# Validation, scored on the suites of others

Each case is a chain, and the suite says whether it is to be accepted. `crates/dwcp-pki/tests/scores.rs` asks the validator, and
fails where this page says something else or a difference has no reason; `DWCP_WRITE_SCORES=1 cargo test -p dwcp-pki --test scores`
writes the page. The cases and where they come from: `crates/dwcp-pki/tests/vectors/README.md`. The reasons:
`crates/dwcp-pki/tests/vectors/reasons.txt`.

A case is not expressible when it asks for something that the validator has no word for; it is counted and not judged.
What is rightly refused is listed by the rule that refused it, since a suite does not say which rule it means.
In boringssl-crls every issuer has a key of 1024 bits and no CRL a number, so nothing of it can be accepted here: what it shows is by
which rule each CRL is refused.

| suite | profile | cases | agree | accepted and should not be | refused and should not be | not expressible |
|---|---|---|---|---|---|---|
";
