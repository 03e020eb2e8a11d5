//! Everything that can be done to the files of a log, and what the offline check says to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;
use dwcp_audit::{
    AuditSettings, OpenError, SecurityAuditor, Tampered, VerifyError, Violation, read, verify, verify_against,
};
use dwcp_base::{Coded, LocalDisk, ManualClock, SystemClock, UnixTime};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{SOON, event, open, settings, small_log};

fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("log-{number:012}.jsonl"))
}

fn tampered(dir: &Path) -> Tampered {
    match verify(dir) {
        Err(VerifyError::Tampered(tampered)) => tampered,
        other => panic!("{other:?}"),
    }
}

fn lines(dir: &Path) -> Vec<String> {
    fs::read_to_string(segment(dir, 1)).unwrap().split_inclusive('\n').map(str::to_owned).collect()
}

fn write_lines(dir: &Path, lines: &[String]) {
    fs::write(segment(dir, 1), lines.concat()).unwrap();
}

fn refuses_to_open(dir: &Path) -> OpenError {
    let clock = Arc::new(SystemClock::new());
    SecurityAuditor::open(Arc::new(LocalDisk), dir, AuditSettings::default(), clock).unwrap_err()
}

/// `line` with `from` in it replaced by `to`, and its own hash made right again by the formula of the format's page.
fn forged(line: &str, from: &str, to: &str) -> String {
    let (body, _) = line.rsplit_once(",\"hash\":").unwrap();
    let body = body.replace(from, to);
    assert!(!line.starts_with(&body), "nothing was changed: {line}");
    let value: serde_json::Value = serde_json::from_str(&format!("{body}}}")).unwrap();
    let previous = value["prev"].as_str().unwrap();
    let previous: Vec<u8> =
        (0..64).step_by(2).map(|i| u8::from_str_radix(&previous[i..i + 2], 16).unwrap()).collect();
    let sequence = value["seq"].as_u64().unwrap().to_be_bytes();
    let mut state = Sha256::new();
    for part in [b"dwcp-audit entry v1", &sequence[..], &previous, body.as_bytes()] {
        state.update((part.len() as u64).to_be_bytes());
        state.update(part);
    }
    let hash: String = state.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{body},\"hash\":\"{hash}\"}}\n")
}

/// A log of several segments.
fn long_log(dir: &Path) {
    let clock = Arc::new(SystemClock::new());
    let small = settings().with_segment_bytes(4096).with_commit_events(5);
    let auditor = SecurityAuditor::open(Arc::new(LocalDisk), dir, small, clock).unwrap();
    for n in 0..100 {
        auditor.note(event(n));
    }
    auditor.close(SOON).unwrap();
}

#[test]
fn at_a5_every_flipped_bit_of_log_and_checkpoint_is_found() {
    let dir = tempfile::tempdir().unwrap();
    small_log(dir.path(), 3);
    verify(dir.path()).unwrap();
    for file in [segment(dir.path(), 1), dir.path().join("head")] {
        let intact = fs::read(&file).unwrap();
        for at in 0..intact.len() {
            for bit in 0..8 {
                let mut bytes = intact.clone();
                bytes[at] ^= 1 << bit;
                fs::write(&file, &bytes).unwrap();
                assert!(verify(dir.path()).is_err(), "{} byte {at} bit {bit}", file.display());
            }
        }
        // And every file that was cut short.
        for length in 0..intact.len() {
            fs::write(&file, &intact[..length]).unwrap();
            assert!(verify(dir.path()).is_err(), "{} cut to {length}", file.display());
        }
        fs::write(&file, &intact).unwrap();
        verify(dir.path()).unwrap();
    }
}

#[test]
fn the_first_place_that_does_not_hold_is_named() {
    let dir = tempfile::tempdir().unwrap();
    small_log(dir.path(), 5);
    let mut all = lines(dir.path());
    let byte = all[..3].iter().map(|l| l.len() as u64).sum::<u64>();
    all[3] = all[3].replace("tls_connection", "tls_connectioo");
    write_lines(dir.path(), &all);
    let found = tampered(dir.path());
    assert_eq!(found.segment, "log-000000000001.jsonl");
    assert_eq!((found.line, found.byte, found.sequence, found.what), (4, byte, 4, Violation::WrongHash));
    assert_eq!(found.code(), "audit.chain.broken");
    assert!(found.to_string().contains("log-000000000001.jsonl, line 4"), "{found}");
    // The reader stops at the same place, with the same words.
    let results: Vec<_> = read(dir.path()).unwrap().collect();
    assert_eq!(results.len(), 4);
    assert!(results[..3].iter().all(Result::is_ok));
    assert!(matches!(&results[3], Err(VerifyError::Tampered(t)) if *t == found));
    assert!(matches!(refuses_to_open(dir.path()), OpenError::Broken(VerifyError::Tampered(t)) if t == found));
}

#[test]
fn at_a5_a_forged_line_whose_own_hash_is_right_is_found_at_the_line_after_it_or_by_the_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    small_log(dir.path(), 5);
    let intact = lines(dir.path());
    for at in 0..intact.len() {
        let last = at == intact.len() - 1;
        let mut all = intact.clone();
        all[at] = forged(&intact[at], "\"severity\":\"info\"", "\"severity\":\"error\"");
        write_lines(dir.path(), &all);
        let found = tampered(dir.path());
        let expected = if last {
            (at, Violation::CheckpointMismatch)
        } else {
            // The forged line holds by itself: only what follows it knows better.
            (at + 1, Violation::WrongPrevious)
        };
        assert_eq!((found.line - 1, found.what), (expected.0 as u64, expected.1), "line {}", at + 1);
        assert!(
            matches!(refuses_to_open(dir.path()), OpenError::Broken(VerifyError::Tampered(t)) if t == found)
        );
    }
    // A forged `prev` is no better than forged content.
    let mut all = intact.clone();
    let zeros = "0".repeat(64);
    let previous = serde_json::from_str::<serde_json::Value>(&intact[3]).unwrap();
    all[3] = forged(&intact[3], previous["prev"].as_str().unwrap(), &zeros);
    write_lines(dir.path(), &all);
    let found = tampered(dir.path());
    assert_eq!((found.line, found.what), (4, Violation::WrongPrevious));
}

#[test]
fn at_a4_lines_removed_repeated_moved_or_put_in_are_found() {
    let dir = tempfile::tempdir().unwrap();
    small_log(dir.path(), 6);
    let intact = lines(dir.path());
    for at in 0..intact.len() {
        let mut removed = intact.clone();
        removed.remove(at);
        write_lines(dir.path(), &removed);
        let what = tampered(dir.path()).what;
        let last = at == intact.len() - 1;
        assert_eq!(matches!(what, Violation::Truncated { acknowledged: 7 }), last, "{what:?}");
        assert_eq!(matches!(what, Violation::WrongSequence { .. }), !last, "{what:?}");

        let mut repeated = intact.clone();
        repeated.insert(at, intact[at].clone());
        write_lines(dir.path(), &repeated);
        assert!(matches!(tampered(dir.path()).what, Violation::WrongSequence { .. }));

        for other in at + 1..intact.len() {
            let mut moved = intact.clone();
            moved.swap(at, other);
            write_lines(dir.path(), &moved);
            assert!(matches!(tampered(dir.path()).what, Violation::WrongSequence { .. }));
        }
    }
    for put_in in ["\n", " ", "{}\n", "\u{0}\n"] {
        let mut all = intact.clone();
        all.insert(3, put_in.to_owned());
        write_lines(dir.path(), &all);
        assert_eq!(tampered(dir.path()).what, Violation::Malformed);
    }
}

#[test]
fn a_line_that_never_ends_is_refused_without_being_held() {
    let dir = tempfile::tempdir().unwrap();
    small_log(dir.path(), 2);
    let mut all = lines(dir.path());
    all.insert(1, "x".repeat(200_000));
    write_lines(dir.path(), &all);
    let found = tampered(dir.path());
    assert_eq!((found.what, found.line), (Violation::TooLong, 2));
}

#[test]
fn at_a4_a_missing_or_exchanged_segment_is_found() {
    let dir = tempfile::tempdir().unwrap();
    long_log(dir.path());
    let verified = verify(dir.path()).unwrap();
    assert!(verified.segments > 4, "{}", verified.segments);
    assert_eq!((verified.entries, verified.unconfirmed), (101, 0));
    for number in 1..=verified.segments {
        let aside = dir.path().join("aside");
        fs::rename(segment(dir.path(), number), &aside).unwrap();
        let found = tampered(dir.path());
        if number == verified.segments {
            assert!(matches!(found.what, Violation::Truncated { acknowledged: 101 }), "{found}");
        } else {
            assert_eq!(found.what, Violation::MissingSegment, "{found}");
            assert_eq!(found.segment, segment(dir.path(), number).file_name().unwrap().to_str().unwrap());
        }
        assert!(matches!(refuses_to_open(dir.path()), OpenError::Broken(_)));
        fs::rename(&aside, segment(dir.path(), number)).unwrap();
    }
    fs::copy(segment(dir.path(), 1), segment(dir.path(), 3)).unwrap();
    assert!(matches!(tampered(dir.path()).what, Violation::WrongSequence { found: 1 }));
}

#[test]
fn at_a4_a_checkpoint_that_is_gone_old_or_of_another_log_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    small_log(dir.path(), 3);
    small_log(other.path(), 3);
    let head = dir.path().join("head");
    let own = fs::read(&head).unwrap();

    fs::copy(other.path().join("head"), &head).unwrap();
    assert_eq!(tampered(dir.path()).what, Violation::CheckpointMismatch);
    fs::remove_file(&head).unwrap();
    assert_eq!(tampered(dir.path()).what, Violation::CheckpointMissing);
    assert!(matches!(refuses_to_open(dir.path()), OpenError::Broken(_)));
    fs::write(&head, b"{}\n").unwrap();
    assert_eq!(tampered(dir.path()).what, Violation::CheckpointMalformed);
    fs::write(&head, vec![b'x'; 100_000]).unwrap();
    assert_eq!(tampered(dir.path()).what, Violation::CheckpointMalformed);

    fs::write(&head, own).unwrap();
    verify(dir.path()).unwrap();
    fs::remove_dir_all(dir.path()).unwrap();
    assert!(matches!(verify(dir.path()), Err(VerifyError::Missing { .. })));
    fs::create_dir(dir.path()).unwrap();
    assert!(matches!(verify(dir.path()), Err(VerifyError::Missing { .. })));
}

#[test]
fn at_a5_rollback_and_replacement_hold_by_themselves_and_fail_against_a_kept_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = tempfile::tempdir().unwrap();
    let replacement = tempfile::tempdir().unwrap();
    small_log(dir.path(), 3);
    support::copy_log(dir.path(), snapshot.path());
    let auditor = open(dir.path());
    auditor.note(event(9));
    let kept = auditor.close(SOON).unwrap();
    assert_eq!(verify_against(dir.path(), &kept).unwrap().entries, 6);
    // Later entries do not disturb it.
    small_log(dir.path(), 4);
    verify_against(dir.path(), &kept.to_string().parse().unwrap()).unwrap();

    small_log(replacement.path(), 30);
    for (forged, sequence) in [(snapshot.path(), 4), (replacement.path(), 6)] {
        verify(forged).expect("an unkeyed chain that was rewritten as a whole holds");
        match verify_against(forged, &kept) {
            Err(VerifyError::Tampered(t)) => {
                assert_eq!((t.what, t.sequence), (Violation::NotTheKnownLog, sequence));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn at_a4_a_clock_set_back_is_noted() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(UnixTime::from_secs(2_000)));
    let auditor =
        SecurityAuditor::open(Arc::new(LocalDisk), dir.path(), settings(), Arc::<ManualClock>::clone(&clock))
            .unwrap();
    auditor.note(event(1));
    clock.set_unix(UnixTime::from_secs(1_000));
    auditor.note(event(2));
    clock.set_unix(UnixTime::from_millis(i64::MIN));
    auditor.note(event(3));
    clock.set_unix(UnixTime::from_millis(i64::MAX));
    auditor.note(event(4));
    auditor.close(SOON).unwrap();
    let verified = verify(dir.path()).unwrap();
    assert_eq!((verified.clock_steps_back, verified.first_step_back), (2, Some(3)));
}

#[cfg(unix)]
#[test]
fn a_directory_in_place_of_a_segment_is_an_error_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    small_log(dir.path(), 1);
    fs::create_dir(segment(dir.path(), 2)).unwrap();
    assert!(matches!(verify(dir.path()), Err(VerifyError::Unreadable { .. })));
}
