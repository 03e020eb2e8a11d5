//! Which label values every counter starts with, so that each is there at zero.

use super::listener::TARGET_UNREACHABLE;
use crate::config::NodePlan;
use crate::enroll::EnrollError;
use dwcp_audit::EventKind;
use dwcp_channel::{CloseReason, Ended, Refused};
use dwcp_guard::RefusalReason;
use dwcp_telemetry::LabelSets;
use dwcp_tls::inspect::WeakOffer;
use dwcp_tls::{CipherSuite, Group, TlsError};

/// The values of a plan's node.
pub(super) fn of(plan: &NodePlan) -> LabelSets {
    let mut failures = TlsError::REASONS.to_vec();
    failures.extend(Refused::REASONS.iter().filter(|reason| !TlsError::REASONS.contains(reason)));
    failures.push("refused_by_peer");
    let mut cuts = CloseReason::LABELS.to_vec();
    cuts.push(TARGET_UNREACHABLE);
    cuts.extend(Ended::LABELS.iter().filter(|label| !["clean", "cut"].contains(label)));
    LabelSets {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        handshake_failure_reasons: failures,
        security_event_types: EventKind::ALL.iter().map(|kind| kind.as_str()).collect(),
        guard_refusal_reasons: RefusalReason::LABELS.to_vec(),
        connection_cut_reasons: cuts,
        tls_groups: Group::ALL.iter().map(|group| group.name()).collect(),
        tls_suites: CipherSuite::ALL.iter().map(|suite| suite.name()).collect(),
        enrollment_results: EnrollError::RESULTS.to_vec(),
        tls_weaknesses: WeakOffer::ALL.iter().map(|weakness| weakness.label()).collect(),
        certificates: plan
            .name
            .iter()
            .chain(plan.certificates.iter().map(|further| &further.name))
            .cloned()
            .collect(),
    }
}
