//! `dwcp init --join` where this machine is at fault: the token stays good.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::net::TcpListener;
use std::path::Path;
use support::issuer::Issuer;
use support::{command, dwcp, text};

/// Joins into `dir`; gives exit code and standard error.
fn joining(dir: &Path, token: &str, more: &[&str]) -> (i32, String) {
    let dir = text(dir);
    let mut arguments = vec!["init", &dir, "--join", token, "--name", "b"];
    arguments.extend(more);
    let output = dwcp(&arguments);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_directory_that_can_not_be_written_to_does_not_spend_the_token() {
    let issuer = Issuer::start();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let (code, said) = joining(&file.join("node"), &issuer.token(), &[]);
    assert_eq!(code, 1, "{said}");
    assert!(!issuer.heard_the_secret());
}

#[test]
fn a_clock_that_is_wrong_is_named_and_does_not_spend_the_token() {
    let issuer = Issuer::start();
    for (ahead, part) in
        [(120, "s behind that of"), (90_000, "s behind that of"), (-7_200, "s ahead of that of")]
    {
        issuer.set(|state| state.ahead = Some(ahead));
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("node");
        let (code, said) = joining(&dir, &issuer.token(), &[]);
        assert!(code == 1 && said.contains(part), "{said}");
        assert!(!issuer.heard_the_secret() && !dir.exists(), "{said}");
    }
    for ahead in [0, 20, -600] {
        issuer.set(|state| state.ahead = Some(ahead));
        let home = tempfile::tempdir().unwrap();
        assert_eq!(joining(&home.path().join("node"), &issuer.token(), &[]).0, 0, "{ahead}");
    }
}

#[test]
fn a_configuration_that_can_not_be_used_does_not_spend_the_token() {
    let issuer = Issuer::start();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("node");
    // Where the admin listener will be: the first of these that is free. Other tests may take it in between.
    for _ in 0..5 {
        let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let admin = (9_443..9_463).find(is_free).unwrap();
        let (code, said) = joining(&dir, &issuer.token(), &["--listen", &format!("127.0.0.1:{admin}")]);
        if code == 0 {
            std::fs::remove_dir_all(&dir).unwrap();
            issuer.set(|state| state.heard.clear());
            continue;
        }
        assert_eq!(code, 3, "{said}");
        assert!(!issuer.heard_the_secret() && !dir.exists(), "{said}");
        return;
    }
    panic!("the admin listener was never where it was expected");
}

#[test]
fn a_disk_that_is_full_costs_no_token_to_whoever_joins_again() {
    let issuer = Issuer::start();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("node");
    assert_eq!(joining(&dir, &issuer.token(), &[]).0, 0);
    issuer.set(|state| state.heard.clear());
    let roots = std::fs::read(dir.join("mesh-ca.crt")).unwrap();
    // No file may grow, for this process.
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"])
        .arg(command().get_program())
        .args(["init", &text(&dir), "--join", &issuer.token(), "--rejoin"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("can not be written") && !issuer.heard_the_secret(), "{said}");
    assert_eq!(std::fs::read(dir.join("mesh-ca.crt")).unwrap(), roots);
}
