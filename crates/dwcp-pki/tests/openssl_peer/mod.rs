//! OpenSSL's command line, and what it prints in the form that ours has.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by several test files, and a test fails by panicking"
)]

use dwcp_pki::inspect::Moment;
use std::path::Path;
use std::process::Command;

/// Whether the program is there; a test that goes on without it is counted aloud.
pub(crate) fn openssl_is_there(test: &str) -> bool {
    if Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "openssl is not installed");
    println!("skipped: 1 ({test}: openssl is not installed)");
    false
}

pub(crate) fn openssl(at: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(at).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// `2026-01-02T03:04:05Z` as OpenSSL writes it with `-dateopt iso_8601`.
pub(crate) fn iso(moment: &Moment) -> String {
    moment.at.unwrap().to_string().replace('T', " ")
}

pub(crate) fn plain(fingerprint: &str) -> String {
    fingerprint.rsplit('=').next().unwrap().replace(':', "").to_ascii_lowercase()
}
