//! Rotations: ten thousand good ones by renamed files, at a node under load, and how soon the new certificate is seen.

use super::Outcome;
use crate::report::{Failed, failed};
use crate::run;

const ROTATIONS: &str = "10000";

/// Runs the test that every commit has with some hundreds, and tells what it measured.
pub(super) fn run() -> Result<Vec<Outcome>, Failed> {
    let test = [
        "test",
        "--release",
        "--package",
        "dwcp",
        "--test",
        "rotations",
        "rotations_under_load",
        "--",
        "--nocapture",
    ];
    let mut command = run::cargo(&test);
    command.env("DWCP_ROTATIONS", ROTATIONS);
    let said = run::output(command)?;
    let figure = said.lines().find(|line| line.contains("rotations, ") && line.contains("(median)"));
    let figure = figure.ok_or_else(|| failed("rotations: nothing was measured"))?;
    Ok(vec![Outcome::Done(format!("rotations: {figure}"))])
}
