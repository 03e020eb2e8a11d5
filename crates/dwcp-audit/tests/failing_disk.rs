//! Every write that can fail, once and for good: what was acknowledged is there, and the log holds afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;
use dwcp_audit::{AuditSettings, AuditState, EventKind, Filter, NotDurable, SecurityAuditor, read, verify};
use dwcp_base::{Disk, FaultyDisk, LocalDisk, SystemClock};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use support::{SOON, Switched, event, eventually, open, open_on, settings};

fn numbers(dir: &Path) -> BTreeSet<String> {
    let field =
        |e: dwcp_audit::Entry| e.fields().find(|(n, _)| n.as_str() == "n").map(|(_, v)| v.to_string());
    read(dir).unwrap().filter_map(|e| field(e.unwrap())).collect()
}

fn small_segments() -> AuditSettings {
    settings().with_segment_bytes(4096)
}

/// Twenty events, each waited for, over several segments; those that were acknowledged.
fn acknowledged(disk: impl Disk + 'static, dir: &Path, patience: Duration) -> Option<Vec<u64>> {
    let clock = Arc::new(SystemClock::new());
    let auditor = SecurityAuditor::open(Arc::new(disk), dir, small_segments(), clock).ok()?;
    let mut done = Vec::new();
    for n in 0..20 {
        if auditor.record(event(n)).wait(patience).is_ok() {
            done.push(n);
        }
    }
    let _ = auditor.close(SOON);
    Some(done)
}

/// Opens what is left with a disk that works, which must not lose what was acknowledged.
fn judge(dir: &Path, done: &[u64], what: &str) {
    let auditor = open(dir);
    auditor.record(event(99)).wait(SOON).unwrap();
    auditor.close(SOON).unwrap();
    let verified = verify(dir).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!((verified.unconfirmed, verified.torn_bytes), (0, 0), "{what}");
    let there = numbers(dir);
    assert!(done.iter().all(|n| there.contains(&n.to_string())), "{what}: {done:?} in {there:?}");
    assert_eq!(
        there.len() as u64,
        read(dir).unwrap().filter(|e| e.as_ref().unwrap().kind() == Some(EventKind::TlsConnection)).count()
            as u64,
        "{what}: none twice"
    );
}

#[test]
fn at_a4_each_write_failing_once_costs_no_event_at_all() {
    for n in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::failing_once(n, io::ErrorKind::Other);
        let done = acknowledged(disk.clone(), dir.path(), SOON);
        let reached = disk.operations() > n;
        match done {
            // It did not open, said so, and left nothing that the next one stumbles over.
            None => judge(dir.path(), &[], &format!("open, operation {n}")),
            Some(done) => {
                assert_eq!(done.len(), 20, "operation {n}");
                let failures = read(dir.path()).unwrap().filtered(Filter::new().kind(EventKind::AuditFailed));
                assert_eq!(
                    failures.count(),
                    usize::from(reached),
                    "operation {n}: the log says that it failed"
                );
                judge(dir.path(), &done, &format!("operation {n}"));
            }
        }
        if !reached {
            assert!(n > 40, "only {n} operations were tried");
            return;
        }
    }
}

#[test]
fn at_a4_a_disk_that_fills_up_at_any_write_acknowledges_nothing_that_is_not_there() {
    for n in 0..75 {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::failing_from(n, io::ErrorKind::StorageFull);
        let done = acknowledged(disk, dir.path(), Duration::from_millis(5)).unwrap_or_default();
        judge(dir.path(), &done, &format!("full from operation {n}"));
    }
}

#[test]
fn at_a4_an_fsync_error_is_not_cleared_by_a_later_success() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Switched::default();
    let auditor = open_on(disk.clone(), dir.path());
    auditor.record(event(0)).wait(SOON).unwrap();
    let before = auditor.checkpoint();
    disk.sync_fails.store(true, SeqCst);
    let receipt = auditor.record(event(1));
    assert_eq!(receipt.wait(Duration::from_millis(100)), Err(NotDurable::Elapsed));
    let AuditState::Failing { why, pending, .. } = auditor.state() else { panic!("{:?}", auditor.state()) };
    assert!(why.contains("syncing the segment") && why.contains("the switch says so"), "{why}");
    assert!(pending >= 2, "the event and the note of the failure: {pending}");
    assert_eq!(auditor.checkpoint(), before);

    disk.sync_fails.store(false, SeqCst);
    receipt.wait(SOON).unwrap();
    assert_eq!(auditor.state(), AuditState::Healthy);
    assert_eq!(auditor.checkpoint().segment(), before.segment() + 1, "a new file, not the one that failed");
    auditor.close(SOON).unwrap();
    let noted: Vec<_> =
        read(dir.path()).unwrap().filtered(Filter::new().kind(EventKind::AuditFailed)).collect();
    assert_eq!(noted.len(), 1);
    assert_eq!(noted[0].as_ref().unwrap().code().unwrap().as_str(), "audit.disk.failed");
    assert_eq!(verify(dir.path()).unwrap().entries, 4);
}

#[test]
fn at_a4_enospc_is_noticed_and_over_once_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Switched::default();
    let auditor = open_on(disk.clone(), dir.path());
    disk.full.store(true, SeqCst);
    let receipts: Vec<_> = (0..500).map(|n| auditor.record(event(n))).collect();
    eventually("the state says so", || matches!(auditor.state(), AuditState::Failing { .. }));
    // Half-written lines on a full disk are no tampering, seen from outside.
    let outside = verify(dir.path()).unwrap();
    assert_eq!(outside.checkpoint.sequence(), 1);
    assert!(receipts[0].wait(Duration::ZERO).is_err());
    disk.full.store(false, SeqCst);
    for receipt in receipts {
        receipt.wait(SOON).unwrap();
    }
    auditor.close(SOON).unwrap();
    assert_eq!(verify(dir.path()).unwrap().entries, 502);
}

#[test]
fn a_checkpoint_that_can_not_be_replaced_withholds_the_acknowledgement() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Switched::default();
    let auditor = open_on(disk.clone(), dir.path());
    disk.head_fails.store(true, SeqCst);
    let receipt = auditor.record(event(1));
    assert_eq!(receipt.wait(Duration::from_millis(200)), Err(NotDurable::Elapsed));
    assert!(!auditor.state().is_healthy());
    disk.head_fails.store(false, SeqCst);
    receipt.wait(SOON).unwrap();
    auditor.close(SOON).unwrap();
    verify(dir.path()).unwrap();
    assert_eq!(numbers(dir.path()).len(), 1);
}

#[test]
fn closing_on_a_full_disk_ends_and_tells_those_who_wait() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Switched::default();
    let auditor = open_on(disk.clone(), dir.path());
    disk.full.store(true, SeqCst);
    let receipt = auditor.record(event(1));
    assert_eq!(auditor.close(SOON), Err(NotDurable::Closed));
    assert_eq!(receipt.wait(SOON), Err(NotDurable::Closed));
    assert_eq!(support::block_on(receipt.durable()), Err(NotDurable::Closed));
    judge(dir.path(), &[], "closed while full");
}

#[cfg(unix)]
#[test]
fn at_a4_a_log_deleted_or_changed_while_open_is_noticed_and_stays_noticed() {
    type Meddle = fn(&Path);
    let ways: [(&str, Meddle); 3] = [
        ("deleted", |segment| std::fs::remove_file(segment).unwrap()),
        ("cut", |segment| {
            std::fs::OpenOptions::new().write(true).open(segment).unwrap().set_len(10).unwrap()
        }),
        ("replaced", |segment| {
            let other = segment.with_extension("other");
            std::fs::write(&other, "x").unwrap();
            std::fs::rename(other, segment).unwrap();
        }),
    ];
    for (way, meddle) in ways {
        let dir = tempfile::tempdir().unwrap();
        let auditor = open_on(LocalDisk, dir.path());
        auditor.record(event(0)).wait(SOON).unwrap();
        meddle(&dir.path().join("log-000000000001.jsonl"));
        // New events still reach the disk, in a new segment.
        let number = auditor.record(event(1)).wait(SOON).unwrap();
        assert!(auditor.checkpoint().sequence() >= number && auditor.checkpoint().segment() == 2, "{way}");
        assert!(matches!(auditor.state(), AuditState::Interfered { .. }), "{way}");
        auditor.close(SOON).unwrap();
        assert!(verify(dir.path()).is_err(), "{way}");
    }
}
