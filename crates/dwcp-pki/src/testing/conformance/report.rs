//! What a run of the suite found.

use super::Rule;
use std::collections::BTreeSet;
use std::fmt;

/// A breach of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// What happened.
    pub what: String,
}

/// What became of each rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
    tried: BTreeSet<Rule>,
    waived: Vec<(Rule, &'static str)>,
}

/// A provider that breaks at least one rule; shows each, with what to mend.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(Box<Report>);

impl Report {
    /// The first breach of each rule, in the order they were found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The rules that were broken.
    pub fn broken(&self) -> BTreeSet<Rule> {
        self.findings.iter().map(|finding| finding.rule).collect()
    }

    /// The rules that were tried and hold.
    pub fn held(&self) -> BTreeSet<Rule> {
        &self.tried - &self.broken()
    }

    /// The rules that were not tried, with the reason that the means give, or that nothing was given to try them with.
    pub fn untried(&self) -> Vec<(Rule, &'static str)> {
        let reason = |rule: Rule| {
            self.waived.iter().find(|(waived, _)| *waived == rule).map_or(NO_MEANS, |(_, why)| *why)
        };
        Rule::ALL
            .iter()
            .filter(|rule| !self.tried.contains(rule))
            .map(|rule| (*rule, reason(*rule)))
            .collect()
    }

    /// The report, if no rule was broken and each was tried or waived.
    ///
    /// # Errors
    /// [`Broken`] with all of it.
    pub fn verdict(mut self) -> Result<Self, Broken> {
        let untried: Vec<_> = self
            .untried()
            .into_iter()
            .filter(|(rule, _)| !self.waived.iter().any(|(waived, _)| waived == rule))
            .collect();
        for (rule, why) in untried {
            self.findings.push(Finding { rule, what: format!("it was not tried: {why}") });
        }
        if self.findings.is_empty() { Ok(self) } else { Err(Broken(Box::new(self))) }
    }

    pub(super) fn waiving(waived: &[(Rule, &'static str)]) -> Self {
        Self { waived: waived.to_vec(), ..Self::default() }
    }

    pub(super) fn waives(&self, rule: Rule) -> bool {
        self.waived.iter().any(|(waived, _)| *waived == rule)
    }

    pub(super) fn tried(&mut self, rule: Rule) {
        self.tried.insert(rule);
    }

    pub(super) fn breach(&mut self, rule: Rule, what: impl Into<String>) {
        if !self.waives(rule) && !self.findings.iter().any(|known| known.rule == rule) {
            self.tried.insert(rule);
            self.findings.push(Finding { rule, what: what.into() });
        }
    }
}

impl Broken {
    /// All that was found.
    pub fn report(&self) -> &Report {
        &self.0
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. To mend it: {}.", self.rule, self.what, self.rule.mend())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rules hold, {} are broken", self.held().len(), self.broken().len())?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "  broken   {finding}"))?;
        self.waived.iter().try_for_each(|(rule, why)| writeln!(f, "  waived   {rule}: {why}"))
    }
}

/// So that a test that unwraps shows what is to be mended.
impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

const NO_MEANS: &str = "the means give nothing to try it with";
