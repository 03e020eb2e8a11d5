//! Every fuzz target for a while, from the seeds that earlier nights have gathered.

use super::{Outcome, Settings};
use crate::peers;
use crate::report::{Failed, failed};
use crate::run;
use crate::tree;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The newest cargo-fuzz that the pinned compiler builds.
const ENGINE: &str = "0.13.2";

/// Builds all targets, then runs one after the other; each finding is a failure, and told after the others have run too.
pub(super) fn run(settings: &Settings) -> Result<Vec<Outcome>, Failed> {
    let program = engine()?;
    run::succeed(fuzz(&program, &["build"]))?;
    let seconds = settings.seconds;
    let mut outcomes = Vec::new();
    for target in targets()? {
        let place = |what: &str| peers::cache().join("fuzz").join(what).join(&target);
        let (seeds, artifacts) = (place("seeds"), place("findings"));
        for directory in [&seeds, &artifacts] {
            fs::create_dir_all(directory).map_err(|e| failed(format!("{}: {e}", directory.display())))?;
        }
        let mut command = fuzz(&program, &["run", &target]);
        // The first is written to, the others are read.
        command.arg(&seeds).args(committed(&target)).arg("--").arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        command.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        outcomes.push(match run::succeed(command) {
            Ok(()) => {
                let count = fs::read_dir(&seeds).map_or(0, Iterator::count);
                Outcome::Done(format!("fuzz: {target}, {seconds} s, {count} seeds now"))
            }
            Err(_) => Outcome::Failed(format!("fuzz: {target}, see {}", artifacts.display())),
        });
    }
    Ok(outcomes)
}

/// The seeds that lie in the tree: those of the target, and of those that read the same kind of document.
fn committed(target: &str) -> Vec<PathBuf> {
    let more: &[&str] = match target {
        "inspect" => &["certificate", "crl", "delta_crl", "request"],
        "crl" => &["delta_crl"],
        "delta_crl" => &["crl"],
        _ => &[],
    };
    let place = |name: &&str| tree::root().join("fuzz/seeds").join(name);
    std::iter::once(&target).chain(more).map(place).filter(|directory| directory.is_dir()).collect()
}

/// One file, one target.
fn targets() -> Result<Vec<String>, Failed> {
    let directory = tree::root().join("fuzz/fuzz_targets");
    let files = fs::read_dir(&directory).map_err(|e| failed(format!("{}: {e}", directory.display())))?;
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let rust =
        files.flatten().map(|file| file.path()).filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let mut targets: Vec<String> = rust.filter_map(stem).collect();
    targets.sort_unstable();
    Ok(targets)
}

fn fuzz(program: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = run::command(program, &["fuzz"]);
    command.args(arguments);
    // The pinned compiler builds with the sanitizer.
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}

/// cargo-fuzz of that version, installed beside the other tools where it is missing.
fn engine() -> Result<PathBuf, Failed> {
    let place = run::tools();
    let program = place.join("bin").join(format!("cargo-fuzz{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        let arguments =
            ["install", "cargo-fuzz", "--version", ENGINE, "--locked", "--debug", "--quiet", "--root"];
        let mut install = run::cargo(&arguments);
        install.arg(&place);
        run::succeed(install)?;
    }
    Ok(program)
}
