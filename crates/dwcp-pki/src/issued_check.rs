//! The checks on what a provider answered: nothing of it is believed.

use crate::{
    Certificate, CertificateChain, CertificateRequest, Purpose, SubjectName, TrustStore, Usage,
    ValidationError,
};
use dwcp_base::{Blame, Coded, UnixTime};
use std::collections::BTreeSet;
use thiserror::Error;

/// What is wrong with a certificate that a provider answered. It is never used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IssuedFault {
    /// It is for another key than the one asked with.
    #[error("the issued certificate is for another key")]
    WrongKey,
    /// A name that was asked for is not in it.
    #[error("the issued certificate lacks {name}")]
    MissingName {
        /// The first such name.
        name: SubjectName,
    },
    /// It has a name that was not asked for.
    #[error("the issued certificate has a name that was not asked for: {}", crate::certificate::printable(&name.to_string()))]
    ExtraName {
        /// The first such name.
        name: SubjectName,
    },
    /// Its chain does not validate against what is trusted here: wrong issuer, dates, purpose, or revoked.
    #[error("the issued certificate does not validate")]
    Invalid(#[source] ValidationError),
    /// It ends before the one that it is to replace, and most of its life is over: it is worse than none.
    #[error("the issued certificate is almost over, at {not_after}, and the one in use lasts longer")]
    AlmostOver {
        /// The end of its life.
        not_after: UnixTime,
    },
}

impl Coded for IssuedFault {
    fn code(&self) -> &'static str {
        match self {
            Self::WrongKey => "pki.issued.wrong_key",
            Self::MissingName { .. } => "pki.issued.missing_name",
            Self::ExtraName { .. } => "pki.issued.extra_name",
            Self::Invalid(_) => "pki.issued.invalid",
            Self::AlmostOver { .. } => "pki.issued.almost_over",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Peer
    }
}

/// Checks an answer against the request it answers, as [`CertificateManager::renew`](crate::CertificateManager::renew) does: same key, exactly the
/// names, and a chain that validates at `now` for each purpose of `usage`, whatever CRLs are missing or stale. For a provider that has others to
/// ask where what one of them issued is of no use.
///
/// # Errors
/// [`IssuedFault`] with the first check that failed.
pub fn check_issued(
    chain: &CertificateChain,
    request: &CertificateRequest,
    usage: Usage,
    trust: &TrustStore,
    now: UnixTime,
) -> Result<(), IssuedFault> {
    let leaf = chain.leaf();
    if leaf.key_pin() != request.key_pin() {
        return Err(IssuedFault::WrongKey);
    }
    // What the request says, not the slot: it was normalised on the way.
    let asked: BTreeSet<&SubjectName> = request.names().iter().collect();
    let answered: BTreeSet<&SubjectName> = leaf.names().iter().collect();
    if let Some(name) = asked.difference(&answered).next() {
        return Err(IssuedFault::MissingName { name: (*name).clone() });
    }
    if let Some(name) = answered.difference(&asked).next() {
        return Err(IssuedFault::ExtraName { name: (*name).clone() });
    }
    let purposes: &[Purpose] = match usage {
        Usage::Server => &[Purpose::Server],
        Usage::Client => &[Purpose::Client],
        Usage::Both => &[Purpose::Server, Purpose::Client],
    };
    for purpose in purposes {
        trust.validate_own(chain, *purpose, now).map_err(IssuedFault::Invalid)?;
    }
    Ok(())
}

/// Checks that an answer does not shorten the time that is left: one that ends before `current` may do so where an issuer gives shorter lives now, and
/// has at least half of its life before it then.
pub(crate) fn check_left(
    issued: &Certificate,
    current: &Certificate,
    now: UnixTime,
) -> Result<(), IssuedFault> {
    let not_after = issued.not_after();
    let life = issued.not_before().until(not_after);
    if not_after < current.not_after() && now.until(not_after) < life / 2 {
        return Err(IssuedFault::AlmostOver { not_after });
    }
    Ok(())
}
