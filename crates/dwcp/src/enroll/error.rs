//! Why somebody does not join, or does not get the next certificate.

use super::names::NameFault;
use dwcp_base::{Blame, Coded, UnixTime};
use dwcp_pki::{AuthorityError, ParseError, Refusal};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// What was refused, or what failed. No secret is in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnrollError {
    /// There is no such token, or its secret is another, or it was taken back.
    #[error("no such token")]
    TokenUnknown,
    /// Its time is over.
    #[error("the token was good until {expired}")]
    TokenExpired {
        /// Until when it was good.
        expired: UnixTime,
    },
    /// Its time has not come: it was made under a clock that ran ahead, or this one was set back.
    #[error("the token is good from {from} on, so a clock is wrong")]
    TokenEarly {
        /// When it was made.
        from: UnixTime,
    },
    /// Somebody joined with it.
    #[error("the token was spent at {spent}")]
    TokenSpent {
        /// When.
        spent: UnixTime,
    },
    /// A name is not granted.
    #[error("the names are refused")]
    Name(#[source] NameFault),
    /// The authority does not grant a name.
    #[error("the names are refused")]
    NameRule(#[source] Refusal),
    /// The request is none, or nobody's proof that its key is held.
    #[error("the signing request can not be used")]
    Request(#[source] ParseError),
    /// The request asks for what nobody gets.
    #[error("the request asks for what is never granted")]
    Wish(#[source] Refusal),
    /// The body of the request is not what it should be.
    #[error("{rule}")]
    Body {
        /// Which rule it breaks.
        rule: &'static str,
    },
    /// No certificate was shown.
    #[error("this needs the certificate that was granted")]
    IdentityMissing,
    /// The certificate that was shown is that of no member.
    #[error("nobody joined under this identity")]
    IdentityUnknown,
    /// The certificate that was shown is older than the last but one of its line.
    #[error("the certificate was superseded")]
    IdentitySuperseded,
    /// The certificate that was shown was revoked meanwhile.
    #[error("the certificate was revoked")]
    IdentityRevoked,
    /// The member renewed many times lately.
    #[error("it renewed many times lately: the next time in {} s", wait.as_secs() + 1)]
    Often {
        /// How long it is to wait.
        wait: Duration,
    },
    /// As many have joined as there is room for.
    #[error("there is no room for more members than {limit}")]
    Full {
        /// How many.
        limit: usize,
    },
    /// As many tokens are open as there may be.
    #[error("{limit} tokens are open, and more there may not be")]
    ManyTokens {
        /// How many.
        limit: usize,
    },
    /// The grant of a token is none.
    #[error("nothing can be granted by this name and these patterns")]
    Grant,
    /// The authority can not sign, or not write its index.
    #[error("the authority can not be used")]
    Authority(#[source] AuthorityError),
    /// A record can not be read or written.
    #[error("can not {action} {path}")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A record is not what its writer wrote.
    #[error("{path} is damaged")]
    Record {
        /// The file.
        path: PathBuf,
    },
    /// Another process or request holds the records.
    #[error("{path} is held by somebody else")]
    Busy {
        /// The lock.
        path: PathBuf,
    },
}

impl EnrollError {
    /// What each outcome is called in the metric `dwcp_enrollments_total{result}`, with those that are no error.
    pub const RESULTS: [&'static str; 15] = [
        "joined",
        "renewed",
        "bundle",
        "token_unknown",
        "token_expired",
        "token_spent",
        "name_refused",
        "request_bad",
        "identity_missing",
        "identity_unknown",
        "identity_superseded",
        "identity_revoked",
        "throttled",
        "unavailable",
        "late",
    ];

    /// One of [`RESULTS`](Self::RESULTS).
    pub fn result(&self) -> &'static str {
        match self {
            Self::TokenUnknown => "token_unknown",
            Self::TokenExpired { .. } | Self::TokenEarly { .. } => "token_expired",
            Self::TokenSpent { .. } => "token_spent",
            Self::Name(_) | Self::NameRule(_) => "name_refused",
            Self::Request(_) | Self::Wish(_) | Self::Body { .. } | Self::Grant => "request_bad",
            Self::IdentityMissing => "identity_missing",
            Self::IdentityUnknown => "identity_unknown",
            Self::IdentitySuperseded => "identity_superseded",
            Self::IdentityRevoked => "identity_revoked",
            Self::Often { .. } => "throttled",
            _ => "unavailable",
        }
    }

    pub(super) fn storage(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Storage { action, path: path.to_owned(), source }
    }

    /// What the authority's answer is to whoever asked.
    pub(super) fn of_authority(error: AuthorityError) -> Self {
        match error {
            AuthorityError::UnknownSerial { .. } => Self::IdentityUnknown,
            AuthorityError::Refused { source } => match source {
                Refusal::Revoked => Self::IdentityRevoked,
                Refusal::Expired { .. } => Self::IdentityUnknown,
                Refusal::OtherNames => Self::Name(NameFault::Others),
                Refusal::NoNames
                | Refusal::BadName { .. }
                | Refusal::NameNotAllowed { .. }
                | Refusal::ManyIdentities
                | Refusal::NameKind
                | Refusal::Constrained { .. } => Self::NameRule(source),
                _ => Self::Wish(source),
            },
            other => Self::Authority(other),
        }
    }
}

impl Coded for EnrollError {
    fn code(&self) -> &'static str {
        match self {
            Self::TokenUnknown => "enroll.token.unknown",
            Self::TokenExpired { .. } | Self::TokenEarly { .. } => "enroll.token.expired",
            Self::TokenSpent { .. } => "enroll.token.spent",
            Self::Name(_) | Self::NameRule(_) => "enroll.name.refused",
            Self::Request(_) | Self::Wish(_) | Self::Body { .. } | Self::Grant => "enroll.request.bad",
            Self::IdentityMissing => "enroll.identity.missing",
            Self::IdentityUnknown => "enroll.identity.unknown",
            Self::IdentitySuperseded => "enroll.identity.superseded",
            Self::IdentityRevoked => "enroll.identity.revoked",
            Self::Often { .. } => "enroll.request.throttled",
            Self::ManyTokens { .. } => "enroll.token.many",
            _ => "enroll.authority.unavailable",
        }
    }

    fn blame(&self) -> Blame {
        if self.result() == "unavailable" { Blame::Local } else { Blame::Peer }
    }
}
