//! zlint from a newer Debian release than a system may be, fetched from the system's own mirror and known by its sum.

use super::cache;
use crate::report::{Failed, failed};
use crate::run;
use std::fs;
use std::path::PathBuf;

/// What tests call; it stands on the search path they get.
pub(super) const PROGRAM: &str = "dwcp-peer-zlint";
/// As a stable release has it, so that it stays where it is.
const ARCHIVE: &str = "pool/main/g/golang-github-zmap-zlint/zlint_3.6.2-4";
/// Debian's name of an architecture, and the archive's SHA-256 sum. The program needs no other package than libc6.
const SUMS: &[(&str, &str)] = &[
    ("amd64", "d7a9e56c01760208b2a7270d912c01a01970fcec8a618930ff5e7d3cf109a5cb"),
    ("arm64", "bd76627f3274e3c6d6d74882c5829955a525094ebb9c60560060c87d7443509c"),
];
/// Fetches single files the way apt does, and checks their sums.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// Whether the program is there, and from just this archive.
pub(super) fn is_ready() -> bool {
    program().is_file()
        && fs::read_to_string(stamp()).is_ok_and(|text| SUMS.iter().any(|(_, sum)| *sum == text))
}

/// Fetches and unpacks it into the cache; the system stays as it is.
pub(super) fn install() -> Result<(), Failed> {
    if is_ready() {
        return Ok(());
    }
    let architecture = run::output(run::command("dpkg", &["--print-architecture"]))?;
    let architecture = architecture.trim();
    let (_, sum) = SUMS
        .iter()
        .find(|(name, _)| *name == architecture)
        .ok_or_else(|| failed(format!("there is no archive for {architecture}")))?;
    let place = directory();
    let io = |e: std::io::Error| failed(format!("peer cache {}: {e}", place.display()));
    fs::create_dir_all(&place).map_err(io)?;
    let archive = place.join("zlint.deb");
    let mut tried = Err(failed("apt knows no mirror"));
    for mirror in mirrors()? {
        let from = format!("{mirror}{ARCHIVE}_{architecture}.deb");
        let mut fetch = run::command(HELPER, &["download-file", &from]);
        fetch.arg(&archive).arg(format!("SHA256:{sum}"));
        tried = run::output(fetch);
        if tried.is_ok() {
            break;
        }
    }
    tried?;
    let mut dpkg = run::command("dpkg-deb", &["-x"]);
    dpkg.arg(&archive).arg(&place);
    run::succeed(dpkg)?;
    fs::create_dir_all(cache().join("bin")).map_err(io)?;
    fs::copy(place.join("usr/bin/zlint"), program()).map_err(io)?;
    // Last, since it says that all of the above is done.
    fs::write(stamp(), sum).map_err(io)
}

/// The places that this system takes its packages from, each with a slash at its end.
fn mirrors() -> Result<Vec<String>, Failed> {
    let arguments = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"];
    let listed = run::output(run::command("apt-get", &arguments))?;
    let mut mirrors: Vec<String> = Vec::new();
    for line in listed.lines().map(|line| format!("{}/", line.trim_end_matches('/'))) {
        if !mirrors.contains(&line) {
            mirrors.push(line);
        }
    }
    Ok(mirrors)
}

fn directory() -> PathBuf {
    cache().join("zlint")
}

fn stamp() -> PathBuf {
    directory().join("archive")
}

fn program() -> PathBuf {
    cache().join("bin").join(PROGRAM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_archive_is_pinned_by_sum() {
        assert!(SUMS.iter().all(|(_, sum)| sum.len() == 64 && sum.chars().all(|c| c.is_ascii_hexdigit())));
        assert_eq!(SUMS.len(), 2);
    }
}
