//! From webpki's errors to ours: the only place that knows both.

use super::leaf::{self, Usages};
use super::presented::Presented;
use crate::certificate::printable;
use crate::{PurposeFault, ValidationError};
use der::{Decode, Encode, Tag, asn1::AnyRef};
use dwcp_base::UnixTime;
use webpki::Error;
use x509_cert::name::Name;

/// What webpki's verdict on these certificates means here.
pub(super) fn error(error: &Error, presented: &Presented<'_>, usages: Usages) -> ValidationError {
    match error {
        Error::CertExpired { not_after, .. } => ValidationError::Expired { not_after: time(*not_after) },
        Error::CertNotValidYet { not_before, .. } => {
            ValidationError::NotYetValid { not_before: time(*not_before) }
        }
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
            let why = leaf::check_purpose(&presented.leaf, usages).err().unwrap_or(PurposeFault::Other);
            ValidationError::Purpose { why }
        }
        Error::CaUsedAsEndEntity => ValidationError::Purpose { why: PurposeFault::IsAuthority },
        Error::EndEntityUsedAsCa => ValidationError::Authority { why: "it is no authority" },
        Error::PathLenConstraintViolated => {
            ValidationError::Authority { why: "more authorities stand below it than it allows" }
        }
        Error::NameConstraintViolation => ValidationError::NameConstraint,
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey | Error::CertDistrusted => {
            ValidationError::UnknownIssuer
        }
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => ValidationError::WeakAlgorithm,
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => ValidationError::TooComplex,
        other => ValidationError::Malformed { what: other.to_string() },
    }
}

/// Which of several refusals to report: the one that says most about a certificate that an anchor did issue.
pub(super) fn weight(error: &ValidationError) -> u8 {
    match error {
        ValidationError::Revoked { .. } | ValidationError::KeyRevoked { .. } => 4,
        ValidationError::UnknownIssuer => 0,
        ValidationError::Malformed { .. } | ValidationError::WeakAlgorithm => 1,
        ValidationError::CrlMissing { .. } | ValidationError::CrlUntrusted => 2,
        _ => 3,
    }
}

/// The content of a DER `Name` as text for display.
pub(super) fn issuer_text(content: &[u8]) -> String {
    let whole = AnyRef::new(Tag::Sequence, content).and_then(|any| any.to_der());
    let name = whole.and_then(|der| Name::from_der(&der));
    name.map_or_else(|_| "an unreadable name".to_owned(), |name| printable(&name.to_string()))
}

fn time(at: rustls_pki_types::UnixTime) -> UnixTime {
    UnixTime::from_secs(i64::try_from(at.as_secs()).unwrap_or(i64::MAX))
}
