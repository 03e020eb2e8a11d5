//! Pebble, the authority that ACME is tried against, and the name server it asks: from Debian's newest suite, since older ones know neither
//! renewal information nor profiles.

use super::{cache, debian};
use crate::report::{Failed, failed};
use crate::run;
use std::fs;
use std::path::{Path, PathBuf};

/// What tests call; they stand on the search path they get.
pub(super) const PROGRAM: &str = "pebble";
/// The programs of the package.
const PROGRAMS: &[&str] = &[PROGRAM, "pebble-challtestsrv"];
const PACKAGE: &str = "pebble";
/// Where the archive is until Debian has a newer one.
const ARCHIVE: &str = "pool/main/p/pebble/pebble_2.10.0+ds1-2";
/// Debian's name of an architecture, and the archive's SHA-256 sum. The programs need no other package than libc6.
const SUMS: &[(&str, &str)] = &[
    ("amd64", "b9a3a3920143f1a6fc568dfa88247be22cafa96c845fe62938c08982a15df315"),
    ("arm64", "0364a75c5a47a963b88125ce1ec69869d1af0aacd1062926476b8d2929289364"),
];
/// The suite that has the newest one.
const NEWEST: &str = "sid";
/// From this version on it is known to have renewal information (RFC 9773) and profiles.
const COMPLETE: (u32, u32) = (2, 10);

/// Whether the programs are there.
pub(super) fn is_ready() -> bool {
    PROGRAMS.iter().all(|program| cache().join("bin").join(program).is_file()) && version().is_some()
}

/// What an older version lacks, when that is the one that could be had.
pub(super) fn note() -> Option<String> {
    let version = version()?;
    (!is_complete(&version)).then(|| {
        format!("pebble is {version}, WITHOUT renewal information and profiles: tests of those say that they lack it")
    })
}

/// Fetches and unpacks them into the cache; the system stays as it is. By its sum, else as the newest suite signs it, else as the
/// system's own suite has it.
pub(super) fn install() -> Result<(), Failed> {
    if is_ready() {
        return Ok(());
    }
    let place = directory();
    let io = |e: std::io::Error| failed(format!("peer cache {}: {e}", place.display()));
    if place.is_dir() {
        fs::remove_dir_all(&place).map_err(io)?;
    }
    fs::create_dir_all(&place).map_err(io)?;
    let by_sum = place.join("pebble.deb");
    let ways: [&dyn Fn() -> Result<PathBuf, Failed>; 3] = [
        &|| debian::pinned(ARCHIVE, SUMS, &by_sum).map(|_| by_sum.clone()),
        &|| debian::of_suite(NEWEST, PACKAGE, &place),
        &|| debian::of_system(PACKAGE, &place),
    ];
    let mut told = String::new();
    for way in ways {
        match way().and_then(|archive| unpacked(&archive, &place)) {
            Ok(version) => {
                fs::create_dir_all(cache().join("bin")).map_err(io)?;
                for program in PROGRAMS {
                    fs::copy(place.join("usr/bin").join(program), cache().join("bin").join(program))
                        .map_err(io)?;
                }
                // Last, since it says that all of the above is done.
                return fs::write(stamp(), version).map_err(io);
            }
            Err(error) => told = format!("{told}\n{error}"),
        }
    }
    Err(failed(format!("no archive of pebble could be had:{told}")))
}

/// Unpacks, and gives the version that the archive says it has, once its programs run here.
fn unpacked(archive: &Path, place: &Path) -> Result<String, Failed> {
    let mut field = run::command("dpkg-deb", &["-f"]);
    field.arg(archive).arg("Version");
    let version = run::output(field)?.trim().to_owned();
    debian::unpack(archive, place)?;
    for program in PROGRAMS {
        // A newer suite may want a newer libc. What is said goes to standard error, with a status that is none of success.
        let started = run::command(place.join("usr/bin").join(program), &["-h"]).output();
        let said = started.map(|out| String::from_utf8_lossy(&out.stderr).into_owned()).unwrap_or_default();
        if !said.contains("Usage") {
            return Err(failed(format!("{program} {version} does not run here: {said}")));
        }
    }
    Ok(version)
}

/// As Debian writes it: `2.10.0+ds1-2`.
fn version() -> Option<String> {
    fs::read_to_string(stamp()).ok()
}

fn is_complete(version: &str) -> bool {
    let mut numbers = version.split(['.', '+', '-']).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= COMPLETE
}

fn directory() -> PathBuf {
    cache().join("pebble")
}

fn stamp() -> PathBuf {
    directory().join("version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_archive_is_pinned_by_sum() {
        assert!(SUMS.iter().all(|(_, sum)| sum.len() == 64 && sum.chars().all(|c| c.is_ascii_hexdigit())));
        assert_eq!(SUMS.len(), 2);
    }

    #[test]
    fn an_older_version_is_known_by_its_number() {
        for complete in ["2.10.0+ds1-2", "2.11.1", "3.0-1"] {
            assert!(is_complete(complete), "{complete}");
        }
        for older in ["2.4.0+ds1-2+b4", "2.6.0+ds1-1+b7", "", "1.99"] {
            assert!(!is_complete(older), "{older}");
        }
    }
}
