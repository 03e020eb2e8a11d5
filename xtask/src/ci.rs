//! All that CI runs, in the order that finds the cheapest mistake first, with the time of each step.

use crate::report::{Failed, failed};
use crate::{alone, events, layers, run, test, tidy, unpacked};
use std::time::{Duration, Instant};

/// The newest cargo-deny that the pinned compiler builds.
const DENY: &str = "0.20.2";

type Step = (&'static str, fn() -> Result<(), Failed>);

const STEPS: &[Step] = &[
    ("format", format),
    ("layers", layers::run),
    ("events", events::run),
    ("tidy", tidy::run),
    ("clippy", clippy),
    ("deny", deny),
    ("docs", docs),
    ("alone", alone::run),
    ("test", test::run),
    ("package", unpacked::build),
    ("demo", unpacked::demo),
];

/// Runs every step; the first that fails ends the run.
#[allow(clippy::disallowed_methods, reason = "a task runner times its steps by the wall")]
pub(crate) fn run() -> Result<(), Failed> {
    let begun = Instant::now();
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut outcome = Ok(());
    for (name, step) in STEPS {
        println!("\n== {name}");
        let start = Instant::now();
        outcome = step().map_err(|error| failed(format!("step {name}: {error}")));
        times.push((name, start.elapsed()));
        if outcome.is_err() {
            break;
        }
    }
    println!("\n== times");
    for (name, time) in &times {
        println!("{name:>8} {:>6.1} s", time.as_secs_f64());
    }
    println!("{:>8} {:>6.1} s", "all", begun.elapsed().as_secs_f64());
    println!(
        "ci: {} of {} steps ran, {}",
        times.len(),
        STEPS.len(),
        if outcome.is_ok() { "all passed" } else { "the last one failed" }
    );
    outcome
}

fn format() -> Result<(), Failed> {
    run::succeed(run::cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Result<(), Failed> {
    let arguments =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings"];
    run::succeed(run::cargo(&arguments))
}

fn docs() -> Result<(), Failed> {
    let mut command = run::cargo(&["doc", "--workspace", "--no-deps", "--all-features", "--locked"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    run::succeed(command)
}

fn deny() -> Result<(), Failed> {
    let place = run::tools();
    let program = place.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        // A debug build takes a fifth of the time of a release build, and its check a second longer.
        let arguments =
            ["install", "cargo-deny", "--version", DENY, "--locked", "--debug", "--quiet", "--root"];
        let mut install = run::cargo(&arguments);
        // Nobody debugs it: what a debugger needs would be a fifth of the work.
        install.arg(&place).env("CARGO_PROFILE_DEV_DEBUG", "0");
        run::succeed(install)?;
    }
    // The steps before fetched what this system needs; the graph is judged for all systems. Without a network what is there
    // has to do.
    if let Err(error) = run::succeed(run::cargo(&["fetch", "--locked", "--quiet"])) {
        println!("not every crate could be fetched: {error}");
    }
    run::succeed(run::command(
        program,
        &["--offline", "--locked", "--all-features", "check", "bans", "licenses", "sources"],
    ))
}
