//! One place where a security event becomes a record and a number, so that no event is one without the other.

use dwcp_audit::{AuditState, AuditStats, EventKind, SecurityAuditor, SecurityEvent, Severity};
use dwcp_pki::Peer;
use dwcp_telemetry::{AlertSeverity, TelemetryCollector};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Audit and telemetry, joined.
pub(crate) struct Ledger {
    auditor: Option<SecurityAuditor>,
    telemetry: Arc<TelemetryCollector>,
}

impl Ledger {
    /// A ledger; without an auditor events are counted and not kept.
    pub(crate) fn new(auditor: Option<SecurityAuditor>, telemetry: Arc<TelemetryCollector>) -> Self {
        Self { auditor, telemetry }
    }

    /// Takes note of an event of this node or of an authenticated peer.
    pub(crate) fn note(&self, event: SecurityEvent) {
        self.count(&event);
        if let Some(auditor) = &self.auditor {
            auditor.note(event);
        }
    }

    /// Takes note of what an unauthenticated source caused: one record a kind, prefix and second, however much it is.
    pub(crate) fn note_stranger(&self, event: SecurityEvent, source: IpAddr) {
        self.count(&event);
        if let Some(auditor) = &self.auditor {
            auditor.record_aggregated(event, source);
        }
    }

    /// Takes note of what a connection of `peer` came to; `details` adds to the event. An anonymous peer has proved nothing,
    /// however good its handshake was, and is a stranger here too.
    pub(crate) fn note_about(
        &self,
        peer: &Peer,
        source: SocketAddr,
        kind: EventKind,
        details: impl FnOnce(SecurityEvent) -> SecurityEvent,
    ) {
        match peer {
            Peer::Identified(identity) => {
                self.note(details(SecurityEvent::peer(kind, &identity.label()).source(source)));
            }
            Peer::Anonymous(_) => {
                let event = SecurityEvent::stranger(kind).named(&peer.label()).source(source);
                self.note_stranger(details(event), source.ip());
            }
        }
    }

    /// How the log on disk stands; `None` where auditing is off.
    pub(crate) fn state(&self) -> Option<AuditState> {
        self.auditor.as_ref().map(SecurityAuditor::state)
    }

    /// What the log has taken so far; `None` where auditing is off.
    pub(crate) fn stats(&self) -> Option<AuditStats> {
        self.auditor.as_ref().map(SecurityAuditor::stats)
    }

    /// Waits until everything recorded so far is on disk. Blocks: call it off the event loop.
    pub(crate) fn flush(&self, within: Duration) -> Result<(), dwcp_audit::NotDurable> {
        self.auditor.as_ref().map_or(Ok(()), |auditor| auditor.flush(within).map(|_| ()))
    }

    /// Ends the log. Blocks: call it off the event loop.
    pub(crate) fn close(&self, within: Duration) -> Result<(), dwcp_audit::NotDurable> {
        self.auditor.as_ref().map_or(Ok(()), |auditor| auditor.close(within).map(|_| ()))
    }

    fn count(&self, event: &SecurityEvent) {
        self.telemetry.security_event(event.kind().as_str());
        self.telemetry.security_alert(match event.level() {
            Severity::Info => return,
            Severity::Warning => AlertSeverity::Warning,
            Severity::Error => AlertSeverity::Error,
            Severity::Critical => AlertSeverity::Critical,
        });
    }
}
