//! What news of the crates below become in the audit log.

use super::*;
use dwcp_audit::{AuditSettings, SecurityAuditor};
use dwcp_base::{LocalDisk, SystemClock};
use std::time::Duration;

#[test]
fn records_of_authorities_that_were_not_written_or_read_reach_the_operator_as_failures() {
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
    let (what, message) = ("last", "no space left on device".to_owned());
    news.observe(&dwcp_pki_acme::Event::RecordUnsaved { what, message });
    let (what, message) = ("pause", "line 3 is not as it was written".to_owned());
    news.observe(&dwcp_pki_acme::Event::RecordUnread { what, message });
    let (issuer, message) = ("ca.example".to_owned(), "invalidContact".to_owned());
    news.observe(&dwcp_pki_acme::Event::ContactsRefused { issuer, message });
    ledger.close(Duration::from_secs(10)).unwrap();
    let text: String = std::fs::read_dir(dir.path())
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
        .collect();
    for part in [
        "acme.record.unsaved",
        "no space left on device",
        "acme.record.unread",
        "line 3 is not",
        "acme.contacts.refused",
        "invalidContact",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(text.matches("provider_failed").count(), 3, "{text}");
}
