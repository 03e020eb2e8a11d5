//! OpenSSL's command line, and what it prints in the form that ours has.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by several test files, and a test fails by panicking"
)]

#[path = "../foreign/mod.rs"]
mod foreign;

pub(crate) use foreign::openssl_is_there;

use dwcp_pki::inspect::Moment;
use std::path::Path;

pub(crate) fn openssl(at: &Path, arguments: &[&str]) -> String {
    let output = foreign::openssl(at, arguments);
    assert!(output.status.success(), "openssl {arguments:?}: {}", foreign::text(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// `2026-01-02T03:04:05Z` as OpenSSL writes it with `-dateopt iso_8601`.
pub(crate) fn iso(moment: &Moment) -> String {
    moment.at.unwrap().to_string().replace('T', " ")
}

pub(crate) fn plain(fingerprint: &str) -> String {
    fingerprint.rsplit('=').next().unwrap().replace(':', "").to_ascii_lowercase()
}
