//! An sslyze of the peers' own: it rates listeners as auditors do. Apart from the other Python, since it pins older packages.

use super::{cache, python};
use crate::report::{Failed, failed};
use crate::run;
use std::fs;
use std::path::PathBuf;

/// What tests call; it stands on the search path they get.
pub(super) const PROGRAM: &str = "dwcp-peer-sslyze";
/// Each package with its version and its archives' sums.
const REQUIREMENTS: &str = include_str!("sslyze.txt");
/// What comes as source, and is built with the pinned tools rather than with whatever pip would fetch.
const FROM_SOURCE: &str = "sslyze";
/// What builds it.
const BUILDERS: &[&str] = &["setuptools", "wheel", "packaging"];

/// Whether the environment is there, with just these packages.
pub(super) fn is_ready() -> bool {
    interpreter().is_file() && fs::read_to_string(program()).is_ok_and(|text| text == launcher())
}

/// Makes the environment anew unless it is ready.
pub(super) fn install() -> Result<(), Failed> {
    if is_ready() {
        return Ok(());
    }
    let directory = directory();
    let made = python::BASES.iter().any(|base| {
        let mut command = run::command(base, &["-m", "venv", "--clear"]);
        command.arg(&directory);
        run::output(command).is_ok()
    });
    if !made {
        return Err(failed("no Python here makes environments"));
    }
    let io = |e: std::io::Error| failed(format!("peer cache {}: {e}", cache().display()));
    let builds = |package: &str| BUILDERS.iter().any(|builder| package.starts_with(&format!("{builder}==")));
    for (name, wanted) in [("sslyze-build.txt", true), ("sslyze.txt", false)] {
        let file = cache().join(name);
        let chosen: String = packages().filter(|package| builds(package) == wanted).collect();
        fs::write(&file, chosen).map_err(io)?;
        let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
        let pinned = ["--no-deps", "--require-hashes", "--no-build-isolation", "--only-binary", ":all:"];
        let source = ["--no-binary", FROM_SOURCE, "--requirement"];
        let mut pip = run::command(interpreter(), &[&quiet[..], &pinned, &source].concat());
        pip.arg(&file);
        run::succeed(pip)?;
    }
    run::output(run::command(interpreter(), &["-c", "import sslyze"]))?;
    // Last, since it says that all of the above is done.
    let program = program();
    fs::create_dir_all(cache().join("bin")).map_err(io)?;
    fs::write(&program, launcher()).map_err(io)?;
    python::executable(&program).map_err(io)
}

/// Each package's lines: its pin and its sums.
fn packages() -> impl Iterator<Item = String> {
    let mut all: Vec<String> = Vec::new();
    for line in REQUIREMENTS.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match all.last_mut().filter(|_| line.starts_with(' ')) {
            Some(package) => package.push_str(line),
            None => all.push(line.to_owned()),
        }
        if let Some(package) = all.last_mut() {
            package.push('\n');
        }
    }
    all.into_iter()
}

fn directory() -> PathBuf {
    cache().join("sslyze")
}

fn interpreter() -> PathBuf {
    directory().join("bin/python")
}

fn program() -> PathBuf {
    cache().join("bin").join(PROGRAM)
}

fn launcher() -> String {
    let pins = packages().filter_map(|package| package.split_once(" \\").map(|(pin, _)| pin.to_owned()));
    let quoted = interpreter().to_string_lossy().replace('\'', r"'\''");
    format!("#!/bin/sh\n# {}\nexec '{quoted}' -m sslyze \"$@\"\n", pins.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_by_version_and_sum_and_the_builders_are_among_them() {
        let packages: Vec<String> = packages().collect();
        assert!(packages.len() > 8, "{packages:?}");
        for package in &packages {
            let mut lines = package.lines();
            let pin = lines.next().unwrap();
            assert!(pin.contains("==") && pin.ends_with(" \\"), "{pin}");
            let sums: Vec<&str> = lines.map(|line| line.trim().trim_end_matches(" \\")).collect();
            assert!(!sums.is_empty(), "{pin}");
            for sum in sums {
                let digits = sum.strip_prefix("--hash=sha256:").unwrap();
                assert!(digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit()), "{sum}");
            }
        }
        for builder in [FROM_SOURCE].iter().chain(BUILDERS) {
            let has = |package: &String| package.starts_with(&format!("{builder}=="));
            assert!(packages.iter().any(has), "{builder}");
        }
    }

    #[test]
    fn the_launcher_names_every_pin_so_that_another_version_makes_it_anew() {
        let text = launcher();
        for pin in ["sslyze==", "nassl==", "cryptography==", "setuptools=="] {
            assert!(text.contains(pin), "{text}");
        }
        assert_eq!(text.lines().count(), 3);
    }
}
