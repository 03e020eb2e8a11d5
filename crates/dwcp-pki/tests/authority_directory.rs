//! The directory of an authority: who may read it, what belongs together in it, and several processes at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod workbench;

use dwcp_base::{Coded, Disk, LocalDisk};
use dwcp_pki::{IssuancePolicy, RevocationReason, Serial};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use workbench::*;

#[test]
fn an_existing_authority_is_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    create(Arc::new(LocalDisk), directory.path()).unwrap();
    let read = |name: &str| fs::read(directory.path().join(name)).unwrap();
    let before = [read("ca.crt"), read("ca.key"), read("index/log")];
    for missing in ["", "ca.crt", "ca.key", "index/log"] {
        let kept = (!missing.is_empty()).then(|| read(missing));
        if kept.is_some() {
            fs::remove_file(directory.path().join(missing)).unwrap();
        }
        let error = create(Arc::new(LocalDisk), directory.path()).unwrap_err();
        assert_eq!(error.code(), "pki.authority.exists", "{missing}");
        if let Some(bytes) = kept {
            LocalDisk.replace(&directory.path().join(missing), &bytes, true).unwrap();
        }
    }
    assert_eq!(before, [read("ca.crt"), read("ca.key"), read("index/log")]);
    open(directory.path()).unwrap();
}

#[test]
#[cfg(unix)]
fn at_p10_the_key_is_written_for_its_owner_alone_and_not_read_otherwise() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    create(Arc::new(LocalDisk), directory.path()).unwrap();
    let key = directory.path().join("ca.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
    for mode in [0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let error = open(directory.path()).unwrap_err();
        assert_eq!(error.code(), "base.secret.exposed", "{mode:o}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    open(directory.path()).unwrap();
    // A link in the key's place is no reason to write through it.
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(other.path().join("elsewhere"), other.path().join("ca.key")).unwrap();
    assert_eq!(create(Arc::new(LocalDisk), other.path()).unwrap_err().code(), "pki.authority.exists");
}

#[test]
#[cfg(unix)]
fn at_p10_a_directory_that_others_can_write_to_holds_no_authority() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let set = |mode| fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o777, 0o1777, 0o702] {
        set(mode);
        assert_eq!(
            create(Arc::new(LocalDisk), directory.path()).unwrap_err().code(),
            "pki.authority.exposed"
        );
        assert!(!directory.path().join("ca.key").exists());
    }
    set(0o755);
    create(Arc::new(LocalDisk), directory.path()).unwrap();
    set(0o757);
    assert_eq!(open_code(directory.path()), "pki.authority.exposed");
}

#[test]
fn files_that_do_not_belong_together_are_told_apart() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    create(Arc::new(LocalDisk), one.path()).unwrap();
    create(Arc::new(LocalDisk), two.path()).unwrap();
    let swap = |name: &str, with: &[u8]| LocalDisk.replace(&one.path().join(name), with, true).unwrap();
    for (name, code) in [
        ("ca.crt", "pki.authority.mismatched"),
        ("ca.key", "pki.authority.mismatched"),
        ("index/log", "pki.index.corrupt"),
    ] {
        let own = fs::read(one.path().join(name)).unwrap();
        swap(name, &fs::read(two.path().join(name)).unwrap());
        assert_eq!(open_code(one.path()), code, "{name}");
        swap(name, &own);
    }
    let leaf = {
        let ca = open(one.path()).unwrap();
        ca.issue(&request(&["DNS:a.example.org"]), &IssuancePolicy::default(), NOW).unwrap().to_pem()
    };
    let own = fs::read(one.path().join("ca.crt")).unwrap();
    swap("ca.crt", leaf.as_bytes());
    assert_eq!(open_code(one.path()), "pki.authority.certificate");
    swap("ca.crt", &own);
    fs::remove_file(one.path().join("index/log")).unwrap();
    assert_eq!(open_code(one.path()), "pki.index.missing");
}

#[test]
fn two_authorities_over_one_directory_see_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let one = create(Arc::new(LocalDisk), directory.path()).unwrap();
    let two = open(directory.path()).unwrap();
    let serial = issue(&one).unwrap();
    let revision = two.revision().unwrap();
    let _ = two.revoke(&serial, RevocationReason::Superseded, NOW).unwrap();
    assert_ne!(one.revision().unwrap(), revision);
    let first = one.crl(NOW).unwrap();
    assert!(first.contains(&serial));
    let from_two = issue(&two).unwrap();
    assert_eq!(serials(&one), [serial, from_two]);
    assert!(two.crl(NOW).unwrap().number() > first.number());
}

#[test]
fn processes_that_issue_at_once_lose_nothing() {
    const CHILD: &str = "DWCP_TEST_AUTHORITY";
    if let Ok(path) = std::env::var(CHILD) {
        let ca = open(Path::new(&path)).unwrap();
        for _ in 0..12 {
            println!("acknowledged {}", issue(&ca).unwrap());
        }
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    create(Arc::new(LocalDisk), directory.path()).unwrap();
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes_that_issue_at_once_lose_nothing", "--nocapture"])
            .env(CHILD, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..3).map(|_| start()).collect();
    let mut acknowledged: Vec<Serial> = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        acknowledged.extend(
            text.lines().filter_map(|line| line.split_once("acknowledged ")?.1.parse::<Serial>().ok()),
        );
    }
    assert_eq!(acknowledged.len(), 36);
    let mut recorded = serials(&open(directory.path()).unwrap());
    recorded.sort();
    acknowledged.sort();
    assert_eq!(recorded, acknowledged);
}
