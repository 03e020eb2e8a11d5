//! Strangers: ten thousand clients of each hostile kind at a server side at once, and what each of them is held in.

use super::Outcome;
use crate::report::{Failed, failed};
use crate::run;
use std::fs;

/// Of each kind, at once. The transports are in the process, so that no limit on descriptors stands in the way.
const CONNECTIONS: &str = "10000";

/// Runs the test that every commit has with some hundreds, and tells what it measured.
pub(super) fn run() -> Result<Vec<Outcome>, Failed> {
    if fs::metadata("/proc/self/statm").is_err() {
        return Ok(vec![Outcome::Skipped("strangers: there is no /proc to read memory from".to_owned())]);
    }
    let test =
        ["test", "--release", "--package", "dwcp-tls", "--test", "hostile_memory", "--", "--nocapture"];
    let mut command = run::cargo(&test);
    command.env("DWCP_HOSTILE_CONNECTIONS", CONNECTIONS);
    let said = run::output(command)?;
    let figures: Vec<&str> = said.lines().filter(|line| line.contains("bytes resident")).collect();
    if figures.is_empty() {
        return Err(failed("strangers: nothing was measured"));
    }
    Ok(figures.iter().map(|line| Outcome::Done(format!("strangers: {CONNECTIONS} times {line}"))).collect())
}
