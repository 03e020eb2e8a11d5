//! What the health endpoints look at, but for certificates.

use super::health::Finding;
use super::shared::Shared;
use crate::config::ProviderPlan;
use dwcp_audit::AuditState;

/// Listeners, dialers, targets, revocation data.
pub(super) fn tls(shared: &Shared) -> Vec<Finding> {
    let plan = shared.plan.load();
    let mut findings = vec![Finding::pass("tls.protocol", "TLS 1.3 is the only version on offer")];
    if shared.secrets_written {
        let reason = "the secrets of all sessions are written to the file in SSLKEYLOGFILE";
        let fix = "remove security.tls.key_log, restart, and delete the file: who reads it reads all traffic";
        findings.push(Finding::warn("tls.key_log", reason, fix));
    }
    for listener in &plan.listeners {
        let id = format!("tls.target.{}", listener.name);
        findings.push(match shared.troubles.of(&format!("target.{}", listener.name)) {
            None => Finding::pass(id, format!("nothing is known against {}", listener.target)),
            Some(reason) => Finding::warn(id, reason, format!("start the service at {}", listener.target)),
        });
    }
    for dialer in &plan.dialers {
        let id = format!("tls.remote.{}", dialer.name);
        findings.push(match shared.troubles.of(&format!("remote.{}", dialer.name)) {
            None => Finding::pass(id, format!("nothing is known against {}", dialer.remote)),
            Some(reason) => {
                Finding::warn(id, reason, format!("dwcp tls handshake {} says more", dialer.remote))
            }
        });
    }
    findings
}

/// The log, the guard, secrets on disk.
pub(super) fn security(shared: &Shared) -> Vec<Finding> {
    let plan = shared.plan.load();
    let mut findings = Vec::new();
    findings.push(match shared.ledger.state() {
        None => {
            Finding::warn("security.audit", "auditing is switched off", "remove security.auditing.enabled")
        }
        Some(AuditState::Healthy) => {
            Finding::pass("security.audit", "every event is on disk within a second")
        }
        Some(AuditState::Failing { why, pending, .. }) => Finding::fail(
            "security.audit",
            format!("{why}; {pending} events wait"),
            "make room on the disk; the log goes on by itself",
        ),
        Some(state) => {
            Finding::fail("security.audit", format!("{state:?}"), "dwcp audit verify says what was changed")
        }
    });
    findings.push(match shared.guard.load().as_ref() {
        None => Finding::warn("security.guard", "the guard is switched off", "remove guard.enabled"),
        Some(guard) => {
            let stats = guard.stats();
            Finding::pass(
                "security.guard",
                format!("{} admitted, {} refused", stats.admitted, stats.refused_total()),
            )
        }
    });
    let key = match &plan.provider {
        ProviderPlan::Embedded { unseal: Some(_), .. } => {
            "the authority's key is sealed on disk; the node's is a plain file, readable by this user alone"
        }
        ProviderPlan::Embedded { .. } => {
            "the authority's and the node's keys are plain files, readable by this user alone"
        }
        ProviderPlan::SelfSigned => {
            "the root's key is in this process alone; the node's is a plain file, readable by this user alone"
        }
        ProviderPlan::Manual
        | ProviderPlan::Mesh { .. }
        | ProviderPlan::Vault { .. }
        | ProviderPlan::Acme { .. } => "the node's key is a plain file, readable by this user alone",
    };
    findings.push(Finding::pass("security.keys", key));
    findings
}
