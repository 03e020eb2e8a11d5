//! What becomes of a refused certificate: what the peer is told, and how the reason reaches our caller.

use dwcp_pki::{Certificate, ChainFault, Denial, ValidationError};
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::futures::TaskLocalFuture;

/// The one place where a refusal becomes what the peer is told: rustls turns its answer into the alert in the comment.
pub(crate) fn told(error: &ValidationError) -> CertificateError {
    match error.fault() {
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
        | ChainFault::CrlUntrusted
        | ChainFault::StatusResponse { .. } => CertificateError::UnknownRevocationStatus,
        // unsupported_certificate
        ChainFault::Purpose { .. } => CertificateError::InvalidPurpose,
        // bad_certificate
        ChainFault::Names { .. }
        | ChainFault::Name { .. }
        | ChainFault::NameConstraint
        | ChainFault::TrustDomain { .. } => CertificateError::NotValidForName,
        _ => CertificateError::BadEncoding,
    }
}

/// Why a verifier said no; stays on our side, since the peer is told no more than the alert.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The chain, or the name in it, was refused.
    Chain { error: ValidationError, claimed: String },
    /// The chain is good, but it is not one of the servers that were expected.
    Unexpected { denial: Denial, peer: String },
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

    #[test]
    fn what_is_no_certificate_claims_nothing() {
        assert_eq!(claimed(&CertificateDer::from(vec![0x30, 0x00])), "a malformed certificate");
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
