//! Packets: a thousand million steps of the replay window and numbers of keys, ten million forgeries, and every mutant of the window.

use super::Outcome;
use crate::report::{Failed, failed};
use crate::run;
use crate::scratch::Scratch;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What every commit has fewer of: steps of the window against a model, forged packets, and keys that follow each other.
const COUNTS: &[(&str, &str)] = &[
    ("DWCP_WINDOW_STEPS", "1000000000"),
    ("DWCP_PACKET_FORGED", "10000000"),
    ("DWCP_PACKET_REKEYS", "1000000"),
];
/// The newest cargo-mutants that the pinned compiler builds.
const MUTANTS: &str = "27.1.0";

/// Runs the crate's tests with the counts of a night, then its window's with one mistake after the other.
pub(super) fn run() -> Result<Vec<Outcome>, Failed> {
    Ok(vec![long().into(), mutants().into()])
}

fn long() -> Result<Outcome, Failed> {
    let mut command = run::cargo(&["test", "--package", "dwcp-packet", "--lib", "--tests"]);
    command.envs(COUNTS.iter().copied());
    run::succeed(command)?;
    let counts: Vec<String> = COUNTS.iter().map(|(name, count)| format!("{name}={count}")).collect();
    Ok(Outcome::Done(format!("packets: {}", counts.join(", "))))
}

/// Each is one operator, value or branch of the window made another; tests have to notice all of them.
fn mutants() -> Result<Outcome, Failed> {
    let scratch = Scratch::new("mutants")?;
    // Works on a copy of the tree. Which files: the window alone; how far: as far as the window's own tests find it.
    let window = ["--package", "dwcp-packet", "--file", "crates/dwcp-packet/src/window/*"];
    let tests = ["--no-default-features", "--timeout", "60", "--", "--lib", "--test", "window_*"];
    let mut command = run::command(program()?, &["mutants", "--colors", "never", "--output"]);
    command.arg(scratch.directory("out")?).args(window).args(tests);
    // Where it builds is its own, too.
    command.env_remove("CARGO_TARGET_DIR");
    let summary = Mutex::new(None);
    // One that no test notices is told by its line, and is a failure.
    run::watched(command, &|line| {
        if line.contains("mutants tested") {
            *summary.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.to_owned());
        }
    })?;
    let told = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    let told = told.ok_or_else(|| failed("packets: no mutant was tested"))?;
    Ok(Outcome::Done(format!("packets: {told}")))
}

/// cargo-mutants of that version, installed beside the other tools where it is missing.
fn program() -> Result<PathBuf, Failed> {
    let place = run::tools();
    let program = place.join("bin").join(format!("cargo-mutants{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        let arguments =
            ["install", "cargo-mutants", "--version", MUTANTS, "--locked", "--debug", "--quiet", "--root"];
        let mut install = run::cargo(&arguments);
        install.arg(&place);
        run::succeed(install)?;
    }
    Ok(program)
}
