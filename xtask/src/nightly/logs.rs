//! Logs: a million lines of what a client of Vault and everything below it say, searched for secrets.

use super::Outcome;
use crate::report::{Failed, failed};
use crate::run;

const LINES: &str = "1000000";

/// Runs the test that every commit has with fewer lines, and tells how many there were.
pub(super) fn run() -> Result<Vec<Outcome>, Failed> {
    let mut command =
        run::cargo(&["test", "--package", "dwcp-pki-vault", "--test", "log_hygiene", "--", "--nocapture"]);
    command.env("DWCP_LOG_LINES", LINES);
    let said = run::output(command)?;
    if let Some(line) = said.lines().find(|line| line.starts_with("skipped:")) {
        return Ok(vec![Outcome::Skipped(format!("logs: {}", line.trim_start_matches("skipped: ")))]);
    }
    let told = said.lines().find(|line| line.contains(" lines in "));
    let told = told.ok_or_else(|| failed("logs: nothing was told"))?;
    Ok(vec![Outcome::Done(format!("logs: {told}"))])
}
