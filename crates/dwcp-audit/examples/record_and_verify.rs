//! Records events, waits until they are on disk, checks the log, and shows that a changed byte is found.
//!
//! `cargo run -p dwcp-audit --example record_and_verify`

use dwcp_audit::{AuditSettings, EventKind, Filter, SecurityAuditor, SecurityEvent, Severity, read, verify};
use dwcp_base::{LocalDisk, SystemClock};
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let auditor = SecurityAuditor::open(
        Arc::new(LocalDisk),
        dir.path(),
        AuditSettings::default(),
        Arc::new(SystemClock::new()),
    )?;

    let issued = auditor.record(
        SecurityEvent::local(EventKind::CertificateIssued)
            .named("spiffe://example.org/node/a")
            .field("serial", "4f3a"),
    );
    println!("entry {} is on disk", issued.wait(Duration::from_secs(5))?);

    // A flood is one record.
    let source: IpAddr = "192.0.2.7".parse()?;
    for _ in 0..10_000 {
        let failure = SecurityEvent::stranger(EventKind::HandshakeFailure).code("tls.protocol.weak");
        auditor.record_aggregated(failure, source);
    }
    let checkpoint = auditor.close(Duration::from_secs(5))?;
    println!("checkpoint to keep elsewhere: {checkpoint}");

    for entry in read(dir.path())?.filtered(Filter::new().at_least(Severity::Warning)) {
        println!("{}", entry?);
    }
    println!("intact: {} entries", verify(dir.path())?.entries);

    let segment = dir.path().join("log-000000000001.jsonl");
    let changed = std::fs::read_to_string(&segment)?.replace("node/a", "node/b");
    std::fs::write(&segment, changed)?;
    match verify(dir.path()) {
        Ok(_) => Err("a changed entry went unnoticed".into()),
        Err(tampered) => {
            println!("changed: {tampered}");
            Ok(())
        }
    }
}
