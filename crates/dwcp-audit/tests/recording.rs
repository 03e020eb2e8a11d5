//! Recording: receipts, latency, a full queue, floods, counts, closing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;
use dwcp_audit::{
    AuditSettings, EventKind, Filter, NotDurable, SecurityAuditor, SecurityEvent, Severity, read, tail,
    verify,
};
use dwcp_base::{Clock, LocalDisk, ManualClock, SystemClock, UnixTime};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use support::{SOON, Stuck, Switched, block_on, event, eventually, open, open_on, settings};

#[test]
fn a_receipt_resolves_when_the_entry_is_on_disk_and_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    let first = auditor.record(event(1));
    let second = auditor.record(event(2));
    let waited = first.wait(SOON).unwrap();
    assert_eq!(Ok(waited), first.sequence());
    let awaited = block_on(second.durable()).unwrap();
    assert_eq!(awaited, waited + 1);
    // Not closed, not flushed: it is there because the receipt said so.
    let entries: Vec<_> = read(dir.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(entries.last().unwrap().sequence(), awaited);
    assert!(verify(dir.path()).unwrap().checkpoint.sequence() >= awaited);
}

#[test]
fn whoever_waits_does_not_wait_for_the_interval() {
    let dir = tempfile::tempdir().unwrap();
    let slow = AuditSettings::default().with_commit_interval(Duration::from_secs(10)).with_commit_events(10);
    let clock = Arc::new(SystemClock::new());
    let auditor =
        SecurityAuditor::open(Arc::new(LocalDisk), dir.path(), slow, Arc::<SystemClock>::clone(&clock))
            .unwrap();
    for n in 0..95 {
        auditor.note(event(n));
    }
    let start = clock.tick();
    auditor.record(event(95)).wait(SOON).unwrap();
    assert!(clock.tick().since(start) < Duration::from_secs(9));
}

/// How long it takes is measured by `cargo bench -p dwcp-audit`; here the disk stands still, so waiting for it would never end.
#[test]
fn recording_does_not_wait_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let stuck = Stuck::default();
    let auditor = open_on(stuck.clone(), dir.path());
    let held = stuck.hold();
    for n in 0..20_000 {
        auditor.note(event(n));
    }
    assert_eq!(auditor.stats().accepted, 20_001, "the log's own first entry included");
    drop(held);
    auditor.close(SOON).unwrap();
    assert_eq!(verify(dir.path()).unwrap().entries, 20_001);
}

#[test]
fn many_threads_recording_at_once_lose_nothing_and_share_commits() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 0..50 {
                    auditor.record(event(n)).wait(SOON).unwrap();
                }
            });
        }
    });
    let stats = auditor.stats();
    assert_eq!(stats.of_kind(EventKind::TlsConnection), 400);
    assert!(stats.commits < 400, "{}", stats.commits);
    auditor.close(SOON).unwrap();
    let verified = verify(dir.path()).unwrap();
    assert_eq!((verified.entries, verified.unconfirmed, verified.clock_steps_back), (401, 0, 0));
}

#[test]
fn at_a6_a_full_queue_drops_and_counts_strangers_first_and_the_gap_is_a_record() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Switched::default();
    let small = settings().with_queue(16).with_commit_events(4);
    let clock = Arc::new(SystemClock::new());
    let auditor = SecurityAuditor::open(Arc::new(disk.clone()), dir.path(), small, clock).unwrap();
    disk.full.store(true, SeqCst);
    auditor.note(event(0));
    eventually("the full disk is noticed", || !auditor.state().is_healthy());

    let stranger = || SecurityEvent::stranger(EventKind::HandshakeFailure);
    let mut receipts = Vec::new();
    while auditor.stats().dropped == 0 {
        receipts.push(auditor.record(stranger()));
    }
    assert_eq!(receipts.last().unwrap().sequence(), Err(NotDurable::Dropped));
    assert_eq!(block_on(receipts.pop().unwrap().durable()), Err(NotDurable::Dropped));
    // What strangers can not have is left for those with a name.
    let named = auditor.record(event(1));
    assert!(named.sequence().is_ok());
    while auditor.record(event(2)).sequence().is_ok() {}
    let lost = auditor.stats().dropped;
    assert_eq!(named.wait(Duration::ZERO), Err(NotDurable::Elapsed));

    disk.full.store(false, SeqCst);
    named.wait(SOON).unwrap();
    eventually("the gap is noted", || auditor.stats().of_kind(EventKind::AuditGap) > 0);
    auditor.close(SOON).unwrap();
    let gaps = read(dir.path()).unwrap().filtered(Filter::new().kind(EventKind::AuditGap));
    assert_eq!(gaps.map(|e| e.unwrap().count()).sum::<u64>(), lost);
    verify(dir.path()).unwrap();
}

#[test]
fn a_full_queue_makes_a_named_peer_wait_no_longer_than_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let bound = Duration::from_millis(40);
    let small = AuditSettings::default()
        .with_queue(16)
        .with_commit_events(10_000)
        .with_commit_interval(Duration::from_secs(10))
        .with_block_bound(bound);
    let clock = Arc::new(SystemClock::new());
    let auditor =
        SecurityAuditor::open(Arc::new(LocalDisk), dir.path(), small, Arc::<SystemClock>::clone(&clock))
            .unwrap();
    for n in 0..16 {
        auditor.note(event(n));
    }
    let start = clock.tick();
    assert_eq!(auditor.record(event(16)).sequence(), Err(NotDurable::Dropped));
    let waited = clock.tick().since(start);
    assert!(waited >= bound && waited < Duration::from_secs(5), "{waited:?}");
}

#[test]
fn what_unauthenticated_sources_repeat_is_one_record_per_second() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(UnixTime::from_secs(1_700_000_000)));
    let auditor =
        SecurityAuditor::open(Arc::new(LocalDisk), dir.path(), settings(), Arc::<ManualClock>::clone(&clock))
            .unwrap();
    let source: IpAddr = "2001:db8::7".parse().unwrap();
    let failure = || SecurityEvent::stranger(EventKind::HandshakeFailure).code("tls.protocol.weak");
    for _ in 0..1_000 {
        auditor.record_aggregated(failure(), source);
    }
    clock.advance(Duration::from_secs(1));
    for _ in 0..5 {
        auditor.record_aggregated(failure(), source);
    }
    auditor.flush(SOON).unwrap();
    let records: Vec<_> = tail(dir.path(), 2).unwrap();
    assert_eq!(records.iter().map(dwcp_audit::Entry::count).collect::<Vec<_>>(), [1_000, 5]);
    assert_eq!(records[0].source().unwrap().as_str(), "2001:db8::/64");
    assert_eq!(records[0].first(), UnixTime::from_secs(1_700_000_000));
    let stats = auditor.stats();
    assert_eq!((stats.aggregated, stats.of_kind(EventKind::HandshakeFailure)), (1_005, 1_005));
    assert_eq!(stats.accepted, 3);
}

#[test]
fn a_group_is_written_once_its_second_is_over_without_anybody_asking() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    let source: IpAddr = "192.0.2.1".parse().unwrap();
    auditor.record_aggregated(SecurityEvent::stranger(EventKind::Throttled), source);
    eventually("the group is on disk", || auditor.checkpoint().sequence() == 2);
}

#[test]
fn every_kind_and_severity_is_counted_from_zero() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    let stats = auditor.stats();
    assert_eq!(stats.by_kind().count(), EventKind::ALL.len());
    assert_eq!(stats.by_severity().count(), 4);
    assert_eq!(stats.of_kind(EventKind::CertificateRevoked), 0);
    auditor.note(SecurityEvent::local(EventKind::CertificateRevoked).severity(Severity::Critical));
    let stats = auditor.stats();
    assert_eq!(stats.of_kind(EventKind::CertificateRevoked), 1);
    assert_eq!(stats.of_severity(Severity::Critical), 1);
}

#[test]
fn closing_writes_what_is_queued_and_refuses_what_comes_later() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    let receipts: Vec<_> = (0..2_500).map(|n| auditor.record(event(n))).collect();
    let last = auditor.close(SOON).unwrap();
    assert_eq!(last.sequence(), 2_501);
    assert!(receipts.iter().all(|r| r.wait(Duration::ZERO).is_ok()));
    assert_eq!(auditor.record(event(0)).sequence(), Err(NotDurable::Closed));
    assert_eq!(auditor.close(SOON), Ok(last));
    // The lock went with the writer.
    drop(open(dir.path()));
}

#[test]
fn at_a1_hostile_text_stays_one_inert_line_and_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let hostile = "x\n{\"seq\":9}\r\u{1b}[2J\u{202e}|\\=\"\u{2028}\u{9b}";
    let auditor = open_on(LocalDisk, dir.path());
    let flood = "A".repeat(64 * 1024);
    let event =
        SecurityEvent::stranger(EventKind::AuthFailure).named(hostile).message(&flood).field("sni", hostile);
    auditor.record(event).wait(SOON).unwrap();
    let entry = tail(dir.path(), 1).unwrap().remove(0);
    assert_eq!(entry.peer().unwrap().as_str(), hostile);
    assert_eq!(entry.message().unwrap().as_str().len(), 256);
    for shown in [entry.to_string(), entry.line().to_owned()] {
        assert!(!shown.chars().any(|c| c.is_control() || "\u{202e}\u{2028}".contains(c)), "{shown}");
    }
}

#[test]
fn filters_combine() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(UnixTime::from_secs(1_000)));
    let auditor =
        SecurityAuditor::open(Arc::new(LocalDisk), dir.path(), settings(), Arc::<ManualClock>::clone(&clock))
            .unwrap();
    for n in 0..10 {
        auditor.note(event(n));
        auditor.note(SecurityEvent::peer(EventKind::CertificateRevoked, "mallory").code("pki.chain.revoked"));
        clock.advance(Duration::from_secs(1));
    }
    auditor.flush(SOON).unwrap();
    let count = |filter| read(dir.path()).unwrap().filtered(filter).count();
    assert_eq!(count(Filter::new()), 21);
    assert_eq!(count(Filter::new().at_least(Severity::Error)), 10);
    assert_eq!(count(Filter::new().kind(EventKind::TlsConnection).since(UnixTime::from_secs(1_007))), 3);
    assert_eq!(count(Filter::new().containing("mallory").until(UnixTime::from_secs(1_002))), 2);
    assert_eq!(count(Filter::new().containing("nobody")), 0);
    assert_eq!(tail(dir.path(), 0).unwrap(), []);
    assert_eq!(tail(dir.path(), 1_000).unwrap().len(), 21);
}
