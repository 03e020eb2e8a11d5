//! OpenSSL as the other side.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared by several test files, and a test fails by panicking"
)]

use std::path::Path;
use std::process::{Command, Output};

/// Whether the program is there; a test that goes on without it is counted aloud, and fails with `CI=true`.
pub(crate) fn openssl_is_there(test: &str) -> bool {
    if Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "openssl is not installed");
    println!("skipped: 1 ({test}: openssl is not installed)");
    false
}

pub(crate) fn openssl(directory: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).current_dir(directory).output().unwrap()
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
pub(crate) fn succeeds(directory: &Path, arguments: &[&str]) -> String {
    let output = openssl(directory, arguments);
    assert!(output.status.success(), "openssl {arguments:?}: {}", text(&output));
    text(&output)
}
