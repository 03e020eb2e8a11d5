//! Programs that nobody here wrote: found, or skipped aloud.

use std::io::Write;
use std::path::PathBuf;

/// Where a program is, on the search path or in the cache that `cargo xtask peers install` fills. Where it is not, the test that asks says
/// so on standard error (`cargo xtask test` counts the line) and returns.
///
/// # Panics
/// In CI (`CI=true`), where a missing peer is a mistake and not a reason to skip.
pub fn peer(program: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("PEERS")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/dwcp-peers")))
        .map(|cache| cache.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let found = std::env::split_paths(&path)
        .chain(cache)
        .map(|directory| directory.join(&name))
        .find(|p| p.is_file());
    if found.is_none() {
        assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "{program} is missing in CI");
        skipped(&format!("{program} is not installed"));
    }
    found
}

/// Says that a test did not run, past the capture of the test harness.
pub fn skipped(why: &str) {
    // Nothing depends on whether the line could be written.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {why}");
}

/// Says that a peer is here, yet an older one that lacks what a test is about. `cargo xtask test` counts the line, and CI lives with it: the
/// installation named the older version aloud already.
pub fn lacking(why: &str) {
    // Nothing depends on whether the line could be written.
    let _ = writeln!(std::io::stderr().lock(), "lacking: {why}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_on_the_search_path_is_found() {
        let cargo = peer("cargo").unwrap();
        assert!(cargo.is_file());
    }
}
