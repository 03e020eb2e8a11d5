//! What strangers can make the log write: a bounded number of bytes, whatever they do, and nothing uncounted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;
use dwcp_audit::{AuditSettings, EventKind, NotDurable, SecurityAuditor, SecurityEvent, read, verify};
use dwcp_base::{LocalDisk, ManualClock, UnixTime};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::{SOON, event, eventually, settings};

/// The smallest budget there is.
const HOURLY: u64 = 64 << 10;

fn open(dir: &Path, settings: AuditSettings) -> (SecurityAuditor, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(UnixTime::from_secs(1_800_000_000)));
    let of_the_log = Arc::<ManualClock>::clone(&clock);
    (SecurityAuditor::open(Arc::new(LocalDisk), dir, settings, of_the_log).unwrap(), clock)
}

/// As long as a stranger can make it: control characters are six bytes each in the log.
fn hostile() -> SecurityEvent {
    SecurityEvent::stranger(EventKind::HandshakeFailure)
        .code("tls.certificate.unknown_issuer")
        .named(&"\u{1}".repeat(256))
        .message("the peer's certificate was refused")
}

fn strangers_bytes(dir: &Path) -> u64 {
    let entries = read(dir).unwrap().map(Result::unwrap);
    entries.filter(|e| e.origin() == dwcp_audit::Origin::Stranger).map(|e| e.line().len() as u64 + 1).sum()
}

#[test]
fn at_g8_a_flood_of_hostile_names_writes_no_more_than_the_budget_and_a_record_per_kind_and_minute() {
    let dir = tempfile::tempdir().unwrap();
    let (auditor, clock) = open(dir.path(), settings().with_stranger_bytes_per_hour(1));
    const SECONDS: u64 = 3 * 3_600;
    const A_SECOND: u32 = 5;
    for second in 0..SECONDS {
        for n in 0..A_SECOND {
            let source = Ipv4Addr::from_bits(u32::try_from(second).unwrap() * A_SECOND + n);
            auditor.record_aggregated(hostile(), source.into());
        }
        clock.advance(Duration::from_secs(1));
    }
    auditor.flush(SOON).unwrap();
    let stats = auditor.stats();
    auditor.close(SOON).unwrap();
    let bytes = strangers_bytes(dir.path());
    assert!(bytes > 3 * HOURLY, "the budget is there to be used: {bytes}");
    assert!(bytes <= 4 * HOURLY + 181 * 512, "four hours' worth and a record a minute: {bytes}");

    let flood = u64::from(A_SECOND) * SECONDS;
    let entries: Vec<_> = read(dir.path()).unwrap().map(Result::unwrap).collect();
    let counted: u64 =
        entries.iter().filter(|e| e.kind() == Some(EventKind::HandshakeFailure)).map(|e| e.count()).sum();
    assert_eq!((counted, stats.dropped), (flood, 0), "every occurrence is in the log");
    let summaries: Vec<_> =
        entries.iter().filter(|e| e.source().is_some_and(|s| s.as_str() == "others")).collect();
    assert_eq!(summaries.iter().map(|e| e.count()).sum::<u64>(), stats.summarised);
    assert!(summaries.len() <= 181, "{}", summaries.len());
    assert!(summaries.iter().all(|e| e.peer().is_none() && e.code().is_none()));
    verify(dir.path()).unwrap();
}

#[test]
fn strangers_recorded_one_by_one_share_the_budget_and_peers_do_not_need_it() {
    let dir = tempfile::tempdir().unwrap();
    let (auditor, clock) = open(dir.path(), settings().with_stranger_bytes_per_hour(HOURLY));
    let refused =
        (0..1_000).map(|_| auditor.record(hostile())).filter(|r| r.sequence() == Err(NotDurable::Summarised));
    let refused = refused.count() as u64;
    assert!((900..1_000).contains(&refused), "{refused}");
    assert_eq!(auditor.stats().summarised, refused);
    auditor.record(event(1)).wait(SOON).unwrap();
    auditor.record(SecurityEvent::local(EventKind::AdminAction)).wait(SOON).unwrap();
    // The minute's record is written once it is over, without anybody asking.
    clock.advance(Duration::from_secs(60));
    eventually("the summary is on disk", || {
        let summary =
            |e: dwcp_audit::Entry| e.source().is_some_and(|s| s.as_str() == "others") && e.count() == refused;
        read(dir.path()).unwrap().any(|e| e.is_ok_and(summary))
    });
    // An hour later there is room for details again.
    clock.advance(Duration::from_secs(3_600));
    assert!(auditor.record(hostile()).wait(SOON).is_ok());
    auditor.close(SOON).unwrap();
    assert!(strangers_bytes(dir.path()) <= HOURLY + 512 + 3_000);
    verify(dir.path()).unwrap();
}

#[test]
fn at_a6_what_comes_when_the_log_is_closed_is_counted_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (auditor, _clock) = open(dir.path(), settings());
    auditor.record_aggregated(hostile(), Ipv4Addr::LOCALHOST.into());
    auditor.close(SOON).unwrap();
    assert_eq!(auditor.stats().dropped, 0);
    for _ in 0..7 {
        auditor.record_aggregated(hostile(), Ipv4Addr::LOCALHOST.into());
    }
    auditor.note(event(1));
    let stats = auditor.stats();
    assert_eq!((stats.dropped, stats.aggregated, stats.of_kind(EventKind::HandshakeFailure)), (8, 8, 8));
}
