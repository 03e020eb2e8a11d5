//! Days: thirty of them pass for a node that joined, with nobody touching it.

use super::Outcome;
use crate::report::{Failed, failed};
use crate::run;

const DAYS: &str = "30";

/// Runs the test that every commit has with three days, and tells how many certificates there were.
pub(super) fn run() -> Result<Vec<Outcome>, Failed> {
    let mut command = run::cargo(&["test", "--package", "dwcp", "--test", "days", "--", "--nocapture"]);
    command.env("DWCP_DAYS", DAYS);
    let said = run::output(command)?;
    if let Some(line) = said.lines().find(|line| line.starts_with("skipped:")) {
        return Ok(vec![Outcome::Skipped(format!("days: {}", line.trim_start_matches("skipped: ")))]);
    }
    let told =
        said.lines().find(|line| line.starts_with(DAYS)).ok_or_else(|| failed("days: nothing was told"))?;
    Ok(vec![Outcome::Done(format!("days: {told}"))])
}
