//! The written format: the test vector, and a check that shares no code with ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;
use dwcp_audit::{EventKind, read, verify};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::small_log;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

#[test]
fn the_test_vector_holds_and_says_what_the_page_says() {
    let verified = verify(&vectors()).unwrap();
    assert_eq!((verified.entries, verified.unconfirmed, verified.torn_bytes), (4, 0, 0));
    assert_eq!(
        verified.tip.1.to_string(),
        "cabcafc42e1960497f3fea5f56f4cf58a9f38cd6f19a1af4907eab48a426c59a"
    );
    let entries: Vec<_> = read(&vectors()).unwrap().map(Result::unwrap).collect();
    assert_eq!(entries[1].kind(), Some(EventKind::CertificateRevoked));
    assert_eq!(entries[2].peer().unwrap().as_str(), "x\"\\\n\u{1b}[2J\u{202e}é");
    assert_eq!(entries[3].count(), 3);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/audit-log.md");
    // Absent where the crate was unpacked by itself.
    if let Ok(page) = fs::read_to_string(page) {
        for file in ["head", "log-000000000001.jsonl"] {
            assert!(page.contains(&fs::read_to_string(vectors().join(file)).unwrap()), "{file}");
        }
    }
}

/// Whether the independent check lets `dir` pass.
fn passes(script: &Path, dir: &Path) -> bool {
    let output = Command::new("python3").arg(script).arg(dir).output().unwrap();
    match output.status.code() {
        Some(0) => true,
        Some(7) => false,
        _ => panic!("{output:?}"),
    }
}

#[test]
fn an_independent_check_comes_to_the_same_verdicts() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/audit_verify.py");
    let runs = Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success());
    if !script.is_file() || !runs {
        assert!(std::env::var_os("CI").is_none(), "python3 and {} are needed here", script.display());
        println!("skipped: the independent check needs python3 and docs/formats/audit_verify.py");
        return;
    }
    assert!(passes(&script, &vectors()));
    let dir = tempfile::tempdir().unwrap();
    small_log(dir.path(), 2);
    assert!(passes(&script, dir.path()));
    let segment = dir.path().join("log-000000000001.jsonl");
    for file in [&segment, &dir.path().join("head")] {
        let intact = fs::read(file).unwrap();
        for at in (0..intact.len()).step_by(intact.len() / 12).chain([intact.len() - 1]) {
            let mut bytes = intact.clone();
            bytes[at] ^= 1;
            fs::write(file, &bytes).unwrap();
            assert!(!passes(&script, dir.path()), "{} byte {at}", file.display());
            assert!(verify(dir.path()).is_err());
        }
        fs::write(file, &intact).unwrap();
    }
    // A half-written end that nobody was told of.
    let mut torn = fs::read(&segment).unwrap();
    torn.extend_from_slice(b"{\"seq\":");
    fs::write(&segment, torn).unwrap();
    assert!(passes(&script, dir.path()) && verify(dir.path()).is_ok());
}
