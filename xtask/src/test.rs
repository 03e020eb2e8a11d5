//! All tests: unit, property, documentation, live and example; passes without peers, and counts what it skipped.

mod suites;

use crate::metadata;
use crate::peers;
use crate::report::{Failed, failed};
use crate::run;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// An example that takes longer than this waits for something.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// What was run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    suites: usize,
    passed: usize,
    failed: usize,
    ignored: usize,
    skipped: usize,
    lacking: usize,
}

/// Runs all tests of this workspace.
pub(crate) fn run() -> Result<(), Failed> {
    if run::in_ci() {
        peers::install()?;
    } else if !peers::missing().is_empty() {
        println!("test: without {}: tests that need them skip", peers::missing().join(", "));
    }
    let suites = suites::build()?;
    let (count, at_a_time) = (suites.len(), suites::at_a_time());
    println!("test: {count} suites, {at_a_time} at a time");
    let counts = Mutex::new(Counts::default());
    let see = |line: &str| counts.lock().unwrap_or_else(PoisonError::into_inner).see(line);
    let failures = suites::run_all(suites, at_a_time, &see);
    let counts = counts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let examples = if failures.is_empty() { examples()? } else { 0 };
    println!(
        "test: {} suites, {} passed, {} failed, {} ignored, {} skipped for want of a peer, {} for want of a newer one, {examples} examples",
        counts.suites, counts.passed, counts.failed, counts.ignored, counts.skipped, counts.lacking,
    );
    if !failures.is_empty() {
        return Err(failed(format!("{} of {count} suites failed: {}", failures.len(), failures.join(", "))));
    }
    if run::in_ci() && counts.skipped > 0 {
        return Err(failed("in CI no test may skip"));
    }
    Ok(())
}

impl Counts {
    /// Adds what one line of output says.
    fn see(&mut self, line: &str) {
        if line.trim_start().starts_with("skipped: ") {
            self.skipped += 1;
        }
        // A peer that is here, in an older version that lacks what the test is about.
        if line.trim_start().starts_with("lacking: ") {
            self.lacking += 1;
        }
        let Some(result) = line.strip_prefix("test result: ") else { return };
        self.suites += 1;
        let number = |word: &str| {
            let before = result.split_once(&format!(" {word}"))?.0;
            before.rsplit([' ', ';']).next()?.parse::<usize>().ok()
        };
        self.passed += number("passed").unwrap_or(0);
        self.failed += number("failed").unwrap_or(0);
        self.ignored += number("ignored").unwrap_or(0);
    }
}

/// Runs every example as the tests left it built: same features, nothing compiled twice.
fn examples() -> Result<usize, Failed> {
    run::succeed(run::cargo(&["build", "--quiet", "--workspace", "--all-features", "--examples"]))?;
    let directory = PathBuf::from(metadata::target_directory()?).join("debug/examples");
    let mut done = 0;
    for package in metadata::read()? {
        for name in &package.examples {
            println!("$ example {name} ({})", package.name);
            example(&directory, name)?;
            done += 1;
        }
    }
    Ok(done)
}

fn example(directory: &Path, name: &str) -> Result<(), Failed> {
    let io = |e: std::io::Error| failed(format!("example {name}: {e}"));
    let program = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    // Its output goes to a file: a pipe that nobody drains would stop it.
    let log = directory.join(format!("{name}.output"));
    let output = std::fs::File::create(&log).map_err(io)?;
    let errors = output.try_clone().map_err(io)?;
    let mut command = Command::new(program);
    let mut child = command
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(io)?;
    let pause = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(io)? {
            break status;
        }
        if waited > EXAMPLE_LIMIT {
            child.kill().map_err(io)?;
            child.wait().map_err(io)?;
            return Err(failed(format!("example {name} ran longer than {} s", EXAMPLE_LIMIT.as_secs())));
        }
        std::thread::sleep(pause);
        waited += pause;
    };
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    if status.success() { Ok(()) } else { Err(failed(format!("example {name} ended with {status}\n{said}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_suites_are_added_up() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.04s",
            "skipped: promtool is not installed",
            "lacking: pebble has no profiles",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.04s",
        ] {
            counts.see(line);
        }
        assert_eq!(counts, Counts { suites: 2, passed: 15, failed: 2, ignored: 1, skipped: 1, lacking: 1 });
    }
}
