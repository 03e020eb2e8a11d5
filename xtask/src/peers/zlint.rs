//! zlint from a newer Debian release than a system may be, fetched from the system's own mirror and known by its sum.

use super::{cache, debian};
use crate::report::{Failed, failed};
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
    let place = directory();
    let io = |e: std::io::Error| failed(format!("peer cache {}: {e}", place.display()));
    fs::create_dir_all(&place).map_err(io)?;
    let archive = place.join("zlint.deb");
    let sum = debian::pinned(ARCHIVE, SUMS, &archive)?;
    debian::unpack(&archive, &place)?;
    fs::create_dir_all(cache().join("bin")).map_err(io)?;
    fs::copy(place.join("usr/bin/zlint"), program()).map_err(io)?;
    // Last, since it says that all of the above is done.
    fs::write(stamp(), sum).map_err(io)
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
