//! How long `record` keeps its caller, while the writer thread commits to a real disk: quantiles over 200 000 events.
#![allow(clippy::unwrap_used, reason = "a bench ends where it can not go on")]

use dwcp_audit::{AuditSettings, EventKind, SecurityAuditor, SecurityEvent};
use dwcp_base::{Clock, LocalDisk, SystemClock};
use std::sync::Arc;
use std::time::Duration;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let clock = SystemClock::new();
    let auditor =
        SecurityAuditor::open(Arc::new(LocalDisk), dir.path(), AuditSettings::default(), Arc::new(clock))
            .unwrap();
    let mut took: Vec<Duration> = (0..EVENTS)
        .map(|n| {
            let event = SecurityEvent::peer(EventKind::TlsConnection, "spiffe://mesh/node/a").field("n", n);
            let start = clock.tick();
            auditor.note(event);
            let took = clock.tick().since(start);
            // 20 000 a second: far above what handshakes cause, below what fills the queue.
            while clock.tick().since(start) < Duration::from_micros(50) {
                std::hint::spin_loop();
            }
            took
        })
        .collect();
    auditor.close(Duration::from_secs(20)).unwrap();
    took.sort();
    for (name, share) in [("p50", 500), ("p99", 990), ("p99.9", 999), ("max", 1_000)] {
        println!("record {name:<6} {:?}", took[(took.len() - 1) * share / 1_000]);
    }
}

const EVENTS: u64 = 200_000;
