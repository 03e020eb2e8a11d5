//! What becomes of a refused certificate: what the peer is told, and how the reason reaches our caller.

use crate::error::TlsError;
use crate::facts::Resumption;
use crate::rules::RuleRefusal;
use dwcp_pki::{Certificate, ChainFault, Denial, ValidationError};
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::futures::TaskLocalFuture;

/// The one place where a refusal becomes what the peer is told: rustls turns its answer into the alert in the comment.
pub(crate) fn told(refusal: &Refusal) -> CertificateError {
    match refusal {
        Refusal::Chain { error, .. } => told_of_chain(error.fault()),
        // access_denied: "a valid certificate [...] was received, but when access control was applied" it was not let in
        Refusal::Unexpected { .. } => CertificateError::ApplicationVerificationFailure,
        Refusal::Rule { rule, .. } => told_of_rule(rule),
    }
}

fn told_of_chain(fault: &ChainFault) -> CertificateError {
    match fault {
        // certificate_revoked
        ChainFault::Revoked { .. } | ChainFault::KeyRevoked { .. } => CertificateError::Revoked,
        // certificate_expired: "has expired or is not currently valid" (RFC 9846 §6.2)
        ChainFault::Expired { .. } => CertificateError::Expired,
        ChainFault::NotYetValid { .. } => CertificateError::NotValidYet,
        // unknown_ca
        ChainFault::UnknownIssuer | ChainFault::AnchorExpired => CertificateError::UnknownIssuer,
        ChainFault::CrlMissing { .. }
        | ChainFault::CrlStale { .. }
        | ChainFault::CrlEarly { .. }
        | ChainFault::CrlUntrusted => CertificateError::UnknownRevocationStatus,
        // bad_certificate_status_response
        ChainFault::StatusResponse { .. } => CertificateError::InvalidOcspResponse,
        // unsupported_certificate
        ChainFault::Purpose { .. } => CertificateError::InvalidPurpose,
        // bad_certificate
        ChainFault::Names { .. }
        | ChainFault::Name { .. }
        | ChainFault::NameConstraint
        | ChainFault::TrustDomain { .. } => CertificateError::NotValidForName,
        // bad_certificate, also where the signature is of a kind that is out of date (§4.4.2.4)
        _ => CertificateError::BadEncoding,
    }
}

fn told_of_rule(rule: &RuleRefusal) -> CertificateError {
    match rule {
        // unsupported_certificate
        RuleRefusal::Public { .. } => CertificateError::InvalidPurpose,
        // bad_certificate_status_response
        RuleRefusal::Unstapled => CertificateError::InvalidOcspResponse,
        // access_denied
        RuleRefusal::Unlisted { .. }
        | RuleRefusal::Unpinned { .. }
        | RuleRefusal::Classical { .. }
        | RuleRefusal::Check { .. } => CertificateError::ApplicationVerificationFailure,
    }
}

/// Why a verifier said no; stays on our side, since the peer is told no more than the alert.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The chain, or the name in it, was refused.
    Chain { error: ValidationError, claimed: String },
    /// The chain is good, but it is not one of the servers that were expected.
    Unexpected { denial: Denial, peer: String },
    /// The chain is good, and a rule refuses the peer all the same.
    Rule { rule: RuleRefusal, peer: String },
}

impl Refusal {
    /// What our caller is told.
    pub(crate) fn into_error(self, resumed: Resumption) -> TlsError {
        match (self, resumed) {
            (Self::Chain { error, claimed }, Resumption::Full) => TlsError::Certificate { error, claimed },
            (Self::Chain { error, claimed }, Resumption::Resumed) => {
                TlsError::ResumptionRefused { error, peer: claimed }
            }
            (Self::Unexpected { denial, peer }, _) => TlsError::Unexpected { denial, peer },
            (Self::Rule { rule, peer }, resumed) => TlsError::Refused { rule, peer, resumed },
        }
    }
}

/// Where a verifier leaves its reason for the handshake that called it.
///
/// rustls passes on an alert's worth of a verifier's error, and one verifier serves every connection of a generation; so the
/// slot travels with the task that polls the handshake. It carries evidence, never a decision: a verifier outside any
/// slot refuses just the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct RefusalSlot(Arc<Mutex<Option<Refusal>>>);

impl RefusalSlot {
    /// Polls `handshake` with this slot in reach of the verifiers it calls.
    pub(crate) fn watch<F: Future>(&self, handshake: F) -> TaskLocalFuture<Self, F> {
        SLOT.scope(self.clone(), handshake)
    }

    pub(crate) fn take(&self) -> Option<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Leaves `refusal` for the handshake that is being polled, if one is.
    pub(crate) fn leave(refusal: Refusal) {
        // Outside a slot there is nobody to tell.
        let _ = SLOT.try_with(|slot| {
            *slot.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        });
    }
}

/// Serial number and first name of a leaf as it claims them, for the record of a refusal: at most 256 bytes, and no proof
/// of anything.
pub(crate) fn claimed(leaf: &CertificateDer<'_>) -> String {
    let Ok(certificate) = Certificate::from_der(leaf) else {
        return "a malformed certificate".to_owned();
    };
    let mut text = format!("serial {}", certificate.serial());
    if let Some(name) = certificate.names().first() {
        text.push_str(&format!(", {name}"));
    }
    // It will be printed somewhere: a stranger's name moves no cursor.
    let visible = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().map(visible).take(LONGEST_CLAIM).collect()
}

tokio::task_local! {
    static SLOT: RefusalSlot;
}

const LONGEST_CLAIM: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{CheckRefusal, RuleCode};
    use crate::{Alert, Group};
    use dwcp_base::{Blame, Coded};
    use dwcp_pki::{
        AllowList, AnchorScope, KeyPin, Peer, ProfileRule, PublicMark, PurposeFault, WhyAnonymous,
    };
    use rustls::AlertDescription;

    #[test]
    fn what_is_no_certificate_claims_nothing() {
        assert_eq!(claimed(&CertificateDer::from(vec![0x30, 0x00])), "a malformed certificate");
    }

    /// Each fault of a chain once.
    fn faults() -> Vec<ChainFault> {
        use dwcp_base::UnixTime;
        let (at, serial, pin) = (UnixTime::from_secs(0), "0a".parse().unwrap(), KeyPin::from([0; 32]));
        let why = || "why".to_owned();
        vec![
            ChainFault::Revoked { serial },
            ChainFault::KeyRevoked { pin },
            ChainFault::Expired { not_after: at },
            ChainFault::NotYetValid { not_before: at },
            ChainFault::AnchorExpired,
            ChainFault::UnknownIssuer,
            ChainFault::Purpose { why: PurposeFault::Missing },
            ChainFault::Authority { why: "why" },
            ChainFault::Names { why: "why" },
            ChainFault::Name { expected: why() },
            ChainFault::NameConstraint,
            ChainFault::CrlMissing { issuer: why() },
            ChainFault::CrlStale { next_update: at },
            ChainFault::CrlEarly { this_update: at },
            ChainFault::CrlUntrusted,
            ChainFault::StatusResponse { why: why() },
            ChainFault::Empty,
            ChainFault::TooMany { presented: 17, limit: 16 },
            ChainFault::TooComplex,
            ChainFault::Malformed { what: why() },
            ChainFault::WeakAlgorithm,
            ChainFault::TooDeep { authorities: 2, limit: 1 },
            ChainFault::Profile { rule: ProfileRule::BasicConstraints },
            ChainFault::RulesChanged,
            ChainFault::TrustDomain { leaf: None, anchor: AnchorScope::Unbound },
        ]
    }

    /// The alert of a refusal, as rustls sends it.
    fn alert(refusal: &Refusal) -> &'static str {
        Alert::from(AlertDescription::from(told(refusal))).name()
    }

    #[test]
    fn every_fault_of_a_chain_has_the_alert_that_the_standard_has_for_it() {
        let mut left: Vec<&str> = ChainFault::CODES.to_vec();
        for fault in faults() {
            let code = fault.code();
            left.retain(|known| *known != code);
            let wanted = match code {
                "pki.chain.revoked" | "pki.chain.key_revoked" => "certificate_revoked",
                "pki.chain.expired" | "pki.chain.not_yet_valid" => "certificate_expired",
                "pki.chain.anchor_expired" | "pki.chain.unknown_issuer" => "unknown_ca",
                "pki.chain.crl_missing"
                | "pki.chain.crl_stale"
                | "pki.chain.crl_early"
                | "pki.chain.crl_untrusted" => "unknown_ca",
                "pki.chain.status_response" => "bad_certificate_status_response",
                "pki.chain.purpose" => "unsupported_certificate",
                _ => "bad_certificate",
            };
            let refusal = Refusal::Chain { error: fault.into(), claimed: String::new() };
            assert_eq!(alert(&refusal), wanted, "{code}");
            let error = refusal.into_error(Resumption::Full);
            assert!(TlsError::REASONS.contains(&error.reason()), "{code}");
            assert!(error.code().starts_with("tls.certificate."), "{code}");
        }
        assert_eq!(left, Vec::<&str>::new(), "faults that were not tried");
    }

    #[test]
    fn every_rule_has_an_alert_a_code_and_a_reason_of_its_own() {
        let own = CheckRefusal::new(RuleCode::new("inventory.peer.retired").unwrap(), "it was retired");
        let denial = AllowList::new(Vec::new()).judge(&Peer::Anonymous(WhyAnonymous::NoneSent)).unwrap_err();
        let denied = || denial.clone();
        for (rule, code, told) in [
            (
                RuleRefusal::Public { mark: PublicMark::Timestamps },
                "tls.certificate.public",
                "unsupported_certificate",
            ),
            (RuleRefusal::Unstapled, "tls.certificate.unstapled", "bad_certificate_status_response"),
            (RuleRefusal::Unlisted { denial: denied() }, "tls.certificate.unlisted", "access_denied"),
            (
                RuleRefusal::Unpinned { pin: KeyPin::from([0; 32]) },
                "tls.certificate.unpinned",
                "access_denied",
            ),
            (RuleRefusal::Classical { group: Group::X25519 }, "tls.group.classical", "access_denied"),
            (RuleRefusal::Check { refusal: own }, "inventory.peer.retired", "access_denied"),
        ] {
            let refusal = Refusal::Rule { rule, peer: "somebody".to_owned() };
            assert_eq!(alert(&refusal), told, "{code}");
            let error = refusal.into_error(Resumption::Resumed);
            assert_eq!((error.code(), error.blame()), (code, Blame::Peer));
            assert!(TlsError::REASONS.contains(&error.reason()), "{code}");
            assert!(error.is_verification_failure(), "{code}");
        }
        let unexpected = Refusal::Unexpected { denial: denied(), peer: String::new() };
        assert_eq!(alert(&unexpected), "access_denied");
    }

    #[tokio::test]
    async fn a_reason_reaches_the_handshake_that_was_polled_and_no_other() {
        let leave = |claimed: &str| {
            let error = ChainFault::UnknownIssuer.into();
            RefusalSlot::leave(Refusal::Chain { error, claimed: claimed.to_owned() });
        };
        let (ours, theirs) = (RefusalSlot::default(), RefusalSlot::default());
        leave("outside of any handshake");
        let inner = theirs.watch(async { leave("the inner one") });
        ours.watch(inner).await;
        assert!(ours.take().is_none());
        assert!(matches!(theirs.take(), Some(Refusal::Chain { claimed, .. }) if claimed == "the inner one"));
        assert!(theirs.take().is_none(), "it is taken once");
    }
}
