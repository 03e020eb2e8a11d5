//! What news of the crates below become in the audit log.

use super::*;
use dwcp_audit::{AuditSettings, SecurityAuditor};
use dwcp_base::{LocalDisk, SystemClock};
use std::time::Duration;

#[test]
fn a_record_of_an_authority_that_was_not_written_reaches_the_operator_as_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = SecurityAuditor::open(
        Arc::new(LocalDisk),
        dir.path(),
        AuditSettings::default(),
        Arc::new(SystemClock::new()),
    );
    let telemetry = Arc::new(TelemetryCollector::new(Default::default()));
    let ledger = Arc::new(Ledger::new(Some(auditor.unwrap()), Arc::clone(&telemetry)));
    let news = News { ledger: Arc::clone(&ledger), telemetry };
    let message = "no space left on device".to_owned();
    news.observe(&dwcp_pki_acme::Event::RecordUnsaved { what: "last", message });
    ledger.close(Duration::from_secs(10)).unwrap();
    let text: String = std::fs::read_dir(dir.path())
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
        .collect();
    for part in ["acme.record.unsaved", "provider_failed", "no space left on device", "last"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}
