//! The machine-checked argument for the replay window, and that it fails where the window is made wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

/// Python with Z3, as `cargo xtask peers install` makes it.
const PYTHON: &str = "dwcp-peer-python";

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/replay_window_proof.py")
}

fn python(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(PYTHON).arg("-B").args(arguments).output()
}

fn proof(arguments: &[&str]) -> (Option<i32>, String) {
    let output = python(&[&[script().to_str().unwrap()], arguments].concat()).unwrap();
    let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), told)
}

/// Whether the proof can run; under CI it has to, elsewhere a counted line says that it did not.
fn proves() -> bool {
    let lacking = if !script().is_file() {
        // Absent where the crate was unpacked by itself.
        "docs/replay_window_proof.py"
    } else if !python(&["-c", "import z3"]).is_ok_and(|output| output.status.success()) {
        "dwcp-peer-python with Z3"
    } else {
        return true;
    };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{lacking} is missing, and CI must have it");
    println!("skipped: {lacking} is not installed");
    false
}

#[test]
fn every_lemma_is_proven_and_every_mistake_is_refuted() {
    if !proves() {
        return;
    }
    let whole = thread::spawn(|| proof(&[]));
    let (status, list) = proof(&["--broken", "list"]);
    let mistakes: Vec<&str> = list.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    assert!(status == Some(0) && mistakes.len() == 8, "{list}");
    for mistake in mistakes {
        let (status, told) = proof(&["--broken", mistake]);
        assert!(status == Some(1) && told.contains("refuted  "), "{mistake}: {told}");
    }
    let (status, told) = whole.join().unwrap();
    assert_eq!(status, Some(0), "{told}");
    assert!(told.ends_with("the window: every lemma is proven\n"), "{told}");
    assert!(told.lines().filter(|line| line.starts_with("proven   ")).count() >= 20, "{told}");
}
