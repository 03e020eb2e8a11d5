//! What a responder says of a certificate, and what it says when it does not answer.

use super::asn1::{ResponseStatus, RevokedFields, StatusFields};
use crate::certificate::unix;
use crate::{Revocation, RevocationReason};
use der::asn1::{GeneralizedTime, Null};
use dwcp_base::UnixTime;
use std::fmt;
use x509_cert::ext::pkix::CrlReason;

/// The standing of a certificate (RFC 6960 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertStatus {
    /// It was issued and not revoked. Whether it has expired is for its dates to say.
    Good,
    /// It is revoked.
    Revoked {
        /// Since when, in whole seconds.
        at: UnixTime,
        /// Why; `None` where no reason is given, or one that no authority here gives (`certificateHold`).
        reason: Option<RevocationReason>,
    },
    /// The responder does not know it: it was never issued, or another authority issued it.
    Unknown,
}

impl CertStatus {
    pub(crate) fn of(revoked: Option<Revocation>) -> Self {
        match revoked {
            None => Self::Good,
            Some(Revocation { at, reason }) => Self::Revoked { at, reason: Some(reason) },
        }
    }

    pub(super) fn encode(self) -> der::Result<StatusFields> {
        Ok(match self {
            Self::Good => StatusFields::Good(Null),
            Self::Unknown => StatusFields::Unknown(Null),
            Self::Revoked { at, reason } => StatusFields::Revoked(RevokedFields {
                // Years before 1970 can not be written here; a revocation that old holds all the same.
                at: date(at.max(UnixTime::from_secs(0)))?,
                // RFC 5280 §5.3.1: no reason is better than "unspecified".
                reason: reason.and_then(RevocationReason::code),
            }),
        })
    }

    pub(super) fn read(fields: &StatusFields) -> Self {
        match fields {
            StatusFields::Good(_) => Self::Good,
            StatusFields::Unknown(_) => Self::Unknown,
            StatusFields::Revoked(RevokedFields { at, reason }) => {
                Self::Revoked { at: unix((*at).into()), reason: reason.and_then(name) }
            }
        }
    }
}

/// Why a responder gave no answer (RFC 6960 §2.3). Nobody signs it, so it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OcspRefusal {
    /// The request does not follow the standard.
    MalformedRequest,
    /// The responder is not well.
    InternalError,
    /// The responder is busy.
    TryLater,
    /// The responder answers signed requests alone.
    SignatureRequired,
    /// The responder does not speak for the issuer (RFC 5019 §2.2.3), or not to whoever asks.
    Unauthorized,
}

impl OcspRefusal {
    /// The whole response, which nobody signs.
    pub fn der(self) -> &'static [u8] {
        match self {
            Self::MalformedRequest => &[0x30, 3, 0x0a, 1, 1],
            Self::InternalError => &[0x30, 3, 0x0a, 1, 2],
            Self::TryLater => &[0x30, 3, 0x0a, 1, 3],
            Self::SignatureRequired => &[0x30, 3, 0x0a, 1, 5],
            Self::Unauthorized => &[0x30, 3, 0x0a, 1, 6],
        }
    }

    /// `None` for an answer.
    pub(super) fn read(status: ResponseStatus) -> Option<Self> {
        match status {
            ResponseStatus::Successful => None,
            ResponseStatus::MalformedRequest => Some(Self::MalformedRequest),
            ResponseStatus::InternalError => Some(Self::InternalError),
            ResponseStatus::TryLater => Some(Self::TryLater),
            ResponseStatus::SigRequired => Some(Self::SignatureRequired),
            ResponseStatus::Unauthorized => Some(Self::Unauthorized),
        }
    }
}

/// The name in RFC 6960, for example `tryLater`.
impl fmt::Display for OcspRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MalformedRequest => "malformedRequest",
            Self::InternalError => "internalError",
            Self::TryLater => "tryLater",
            Self::SignatureRequired => "sigRequired",
            Self::Unauthorized => "unauthorized",
        })
    }
}

/// Whole seconds from 1970 to 9999.
pub(super) fn date(at: UnixTime) -> der::Result<GeneralizedTime> {
    let seconds = u64::try_from(at.secs()).map_err(|_| der::ErrorKind::DateTime)?;
    GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(seconds))
}

fn name(code: CrlReason) -> Option<RevocationReason> {
    match code {
        CrlReason::CertificateHold | CrlReason::RemoveFromCRL => None,
        CrlReason::Unspecified => Some(RevocationReason::Unspecified),
        other => RevocationReason::ALL.into_iter().find(|reason| reason.code() == Some(other)),
    }
}
