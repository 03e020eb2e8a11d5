//! What a power loss or a kill leaves behind, and who may open a log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;
use dwcp_audit::{AuditSettings, EventKind, OpenError, SecurityAuditor, VerifyError, tail, verify};
use dwcp_base::{Coded, LocalDisk, SystemClock};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use support::{SOON, copy_log, event, open, settings, small_log};

const FIRST: &str = "log-000000000001.jsonl";

fn add(dir: &Path, bytes: &[u8]) {
    fs::OpenOptions::new().append(true).open(dir.join(FIRST)).unwrap().write_all(bytes).unwrap();
}

fn try_open(dir: &Path) -> Result<SecurityAuditor, OpenError> {
    let clock = Arc::new(SystemClock::new());
    SecurityAuditor::open(Arc::new(LocalDisk), dir, AuditSettings::default(), clock)
}

#[test]
fn a_last_line_cut_short_at_any_byte_is_cut_back_and_recorded() {
    let source = tempfile::tempdir().unwrap();
    small_log(source.path(), 2);
    let whole = fs::read(source.path().join(FIRST)).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    let line = whole[last..].to_vec();
    for length in (1..line.len()).step_by(7).chain([line.len() - 1]) {
        let dir = tempfile::tempdir().unwrap();
        copy_log(source.path(), dir.path());
        add(dir.path(), &line[..length]);
        let torn = verify(dir.path()).unwrap();
        assert_eq!((torn.torn_bytes, torn.entries), (length as u64, 3));
        let auditor = open(dir.path());
        assert_eq!(auditor.stats().of_kind(EventKind::AuditRecovered), 1);
        auditor.close(SOON).unwrap();
        let recovered = tail(dir.path(), 2).unwrap().remove(0);
        assert_eq!(recovered.kind(), Some(EventKind::AuditRecovered));
        assert!(recovered.fields().any(|(n, v)| n.as_str() == "bytes" && v.as_str() == length.to_string()));
        let verified = verify(dir.path()).unwrap();
        assert_eq!((verified.torn_bytes, verified.entries), (0, 5));
    }
}

#[test]
fn zeros_where_data_never_arrived_are_cut_back_too() {
    let dir = tempfile::tempdir().unwrap();
    small_log(dir.path(), 2);
    let mut hole = vec![0; 100_000];
    hole.extend_from_slice(b"tail of a line that did arrive\"}\n{\"seq\":\n");
    add(dir.path(), &hole);
    assert_eq!(verify(dir.path()).unwrap().torn_bytes, hole.len() as u64);
    small_log(dir.path(), 1);
    assert_eq!(verify(dir.path()).unwrap().torn_bytes, 0);
}

#[test]
fn whole_lines_after_the_checkpoint_are_kept_and_broken_ones_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    small_log(dir.path(), 2);
    let head = fs::read(dir.path().join("head")).unwrap();
    small_log(dir.path(), 2);
    // The kill came between the sync of the entries and the checkpoint.
    fs::write(dir.path().join("head"), head).unwrap();
    assert_eq!(verify(dir.path()).unwrap().unconfirmed, 3);
    small_log(dir.path(), 0);
    let verified = verify(dir.path()).unwrap();
    assert_eq!((verified.entries, verified.unconfirmed), (7, 0));

    add(dir.path(), b"{\"seq\":8}\n");
    match try_open(dir.path()) {
        Err(error @ OpenError::Broken(VerifyError::Tampered(_))) => {
            assert_eq!(error.code(), "audit.chain.broken");
            assert!(error.to_string().contains("dwcp audit verify"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn at_a4_a_second_writer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    match try_open(dir.path()) {
        Err(error @ OpenError::Locked { .. }) => assert_eq!(error.code(), "audit.log.locked"),
        other => panic!("{other:?}"),
    }
    // Readers are not: they take no lock.
    verify(dir.path()).unwrap();
    first.record(event(1)).wait(SOON).unwrap();
    drop(first);
    drop(try_open(dir.path()).unwrap());
    verify(dir.path()).unwrap();
}

#[test]
fn a_copy_taken_at_any_moment_holds_up_to_what_was_acknowledged_and_opens() {
    let dir = tempfile::tempdir().unwrap();
    let small = settings().with_segment_bytes(16 * 1024).with_commit_events(20);
    let clock = Arc::new(SystemClock::new());
    let auditor = SecurityAuditor::open(Arc::new(LocalDisk), dir.path(), small, clock).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !stop.load(SeqCst) {
                n += 1;
                let receipt = auditor.record(event(n));
                if n % 3 == 0 {
                    receipt.wait(SOON).unwrap();
                }
            }
        });
        for _ in 0..20 {
            let copy = tempfile::tempdir().unwrap();
            let before = auditor.checkpoint();
            copy_log(dir.path(), copy.path());
            let verified = verify(copy.path()).unwrap();
            assert!(verified.checkpoint.sequence() >= before.sequence());
            drop(try_open(copy.path()).unwrap());
            let after = verify(copy.path()).unwrap();
            assert!(after.entries > verified.entries);
            // The original may be checked while it is written.
            verify(dir.path()).unwrap();
        }
        stop.store(true, SeqCst);
    });
    auditor.close(SOON).unwrap();
    assert_eq!(verify(dir.path()).unwrap().unconfirmed, 0);
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    const DIR: &str = "DWCP_AUDIT_KILLED_DIR";
    if let Some(dir) = std::env::var_os(DIR) {
        // The child: says each number it had acknowledged, until it is killed.
        let auditor = open(Path::new(&dir));
        for n in 0..u64::MAX {
            let number = auditor.record(event(n)).wait(SOON).unwrap();
            println!("acknowledged {number}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_loses_nothing_that_was_acknowledged", "--nocapture"])
        .env(DIR, dir.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut last = 0;
    while last < 30 {
        let mut line = String::new();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0, "the child ended early");
        last = line.trim().strip_prefix("acknowledged ").map_or(last, |n| n.parse().unwrap());
    }
    // SIGKILL: no destructor runs.
    child.kill().unwrap();
    child.wait().unwrap();
    let verified = verify(dir.path()).unwrap();
    assert!(verified.checkpoint.sequence() >= last);
    drop(try_open(dir.path()).unwrap());
    assert!(verify(dir.path()).unwrap().entries > last);
}

#[test]
fn leftovers_of_a_cut_short_replacement_are_removed_and_other_files_are_not() {
    let dir = tempfile::tempdir().unwrap();
    small_log(dir.path(), 1);
    for name in [".head.1.2.tmp", ".log-000000000002.jsonl.1.2.tmp", "notes.txt", ".other.tmp"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    small_log(dir.path(), 1);
    let there = |name: &str| dir.path().join(name).exists();
    assert!(!there(".head.1.2.tmp") && !there(".log-000000000002.jsonl.1.2.tmp"));
    assert!(there("notes.txt") && there(".other.tmp"));
}

#[cfg(unix)]
#[test]
fn the_files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit");
    small_log(&log, 1);
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o700);
    for name in ["head", "lock", FIRST] {
        assert_eq!(fs::metadata(log.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}
