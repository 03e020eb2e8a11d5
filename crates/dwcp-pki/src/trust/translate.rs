//! From webpki's errors to ours: the only place that knows both.

use super::leaf::{self, Usages};
use super::presented::Presented;
use crate::certificate::printable;
use crate::{ChainFault, PurposeFault};
use der::{Decode, Encode, Tag, asn1::AnyRef};
use dwcp_base::UnixTime;
use webpki::Error;
use x509_cert::name::Name;

/// What webpki's verdict on these certificates means here.
pub(super) fn error(error: &Error, presented: &Presented<'_>, usages: Usages) -> ChainFault {
    match error {
        Error::CertExpired { not_after, .. } => ChainFault::Expired { not_after: time(*not_after) },
        Error::CertNotValidYet { not_before, .. } => {
            ChainFault::NotYetValid { not_before: time(*not_before) }
        }
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
            let why = leaf::check_purpose(&presented.leaf, usages).err().unwrap_or(PurposeFault::Other);
            ChainFault::Purpose { why }
        }
        Error::CaUsedAsEndEntity => ChainFault::Purpose { why: PurposeFault::IsAuthority },
        Error::EndEntityUsedAsCa => ChainFault::Authority { why: "it is no authority" },
        Error::PathLenConstraintViolated => {
            ChainFault::Authority { why: "more authorities stand below it than it allows" }
        }
        Error::NameConstraintViolation => ChainFault::NameConstraint,
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey | Error::CertDistrusted => {
            ChainFault::UnknownIssuer
        }
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => ChainFault::WeakAlgorithm,
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => ChainFault::TooComplex,
        Error::UnsupportedCriticalExtension => {
            ChainFault::Malformed { what: "it has a critical extension that is not known here".to_owned() }
        }
        Error::UnsupportedCertVersion => ChainFault::Malformed { what: "it is not version 3".to_owned() },
        other => ChainFault::Malformed { what: other.to_string() },
    }
}

/// Which of several refusals to report: the one that says most about a certificate that an anchor did issue.
pub(super) fn weight(error: &ChainFault) -> u8 {
    match error {
        ChainFault::Revoked { .. } | ChainFault::KeyRevoked { .. } => 4,
        ChainFault::UnknownIssuer => 0,
        ChainFault::Malformed { .. } | ChainFault::WeakAlgorithm => 1,
        ChainFault::CrlMissing { .. } | ChainFault::CrlUntrusted | ChainFault::Profile { .. } => 2,
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
