//! What is well and what is not: checks with a status, a reason, since when, and what to do.

use dwcp_base::UnixTime;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How a check, or a set of them, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Pass,
    /// It works, but somebody should look.
    Warn,
    /// It does not work, or is about to stop.
    Fail,
}

/// One finding, before the board adds since when it holds.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Stable name, `subject.aspect`.
    pub id: String,
    /// How it stands.
    pub status: Status,
    /// In one sentence.
    pub reason: String,
    /// What to do; empty where nothing is needed.
    pub fix: String,
}

impl Finding {
    /// All is well.
    pub fn pass(id: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { id: id.into(), status: Status::Pass, reason: reason.into(), fix: String::new() }
    }

    /// Somebody should look.
    pub fn warn(id: impl Into<String>, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id: id.into(), status: Status::Warn, reason: reason.into(), fix: fix.into() }
    }

    /// It does not work.
    pub fn fail(id: impl Into<String>, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id: id.into(), status: Status::Fail, reason: reason.into(), fix: fix.into() }
    }
}

/// A finding as it is served.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Stable name.
    pub id: String,
    /// How it stands.
    pub status: Status,
    /// In one sentence.
    pub reason: String,
    /// When it began to stand so, RFC 3339.
    pub since: String,
    /// What to do.
    pub fix: String,
}

/// A set of checks as it is served; its status is the worst of theirs.
#[derive(Clone, Debug, Serialize)]
pub struct HealthReport {
    /// The worst status among the checks.
    pub status: Status,
    /// The checks, in a fixed order.
    pub checks: Vec<Check>,
}

/// Remembers since when each check has stood as it stands. Its size is bounded by the ids the node itself uses.
#[derive(Debug, Default)]
pub struct HealthBoard {
    since: Mutex<BTreeMap<String, (Status, UnixTime)>>,
}

impl HealthBoard {
    /// Turns findings into a report.
    pub fn report(&self, findings: Vec<Finding>, now: UnixTime) -> HealthReport {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let checks: Vec<Check> = findings
            .into_iter()
            .map(|finding| {
                let entry = since.entry(finding.id.clone()).or_insert((finding.status, now));
                if entry.0 != finding.status {
                    *entry = (finding.status, now);
                }
                let since = entry.1.to_string();
                Check {
                    id: finding.id,
                    status: finding.status,
                    reason: finding.reason,
                    since,
                    fix: finding.fix,
                }
            })
            .collect();
        // A listener that a reload removed takes its past along.
        let subject = |id: &str| id.split('.').next().map(str::to_owned);
        let reported = checks.first().and_then(|check| subject(&check.id));
        since.retain(|id, _| subject(id) != reported || checks.iter().any(|check| check.id == *id));
        let status = checks.iter().map(|c| c.status).max().unwrap_or(Status::Pass);
        HealthReport { status, checks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_moves_only_when_the_status_does() {
        let board = HealthBoard::default();
        let at = |secs| UnixTime::from_secs(secs);
        let first = board.report(vec![Finding::pass("a.b", "fine")], at(10));
        let second = board.report(vec![Finding::pass("a.b", "still fine")], at(20));
        assert_eq!((first.status, second.checks[0].since.as_str()), (Status::Pass, "1970-01-01T00:00:10Z"));
        let third =
            board.report(vec![Finding::fail("a.b", "broken", "mend it"), Finding::pass("c.d", "")], at(30));
        assert_eq!((third.status, third.checks[0].since.as_str()), (Status::Fail, "1970-01-01T00:00:30Z"));
    }
}
