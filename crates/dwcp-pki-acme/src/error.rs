//! Why an authority issued nothing.

use crate::{AcmeProblem, CacheError, ChallengeKind, Event, PauseCause, ResponderError, Said};
use dwcp_base::{Blame, Coded, Observer, SecretFileError, UnixTime};
use dwcp_https::HttpsError;
use dwcp_pki::SubjectName;
use std::time::Duration;
use thiserror::Error;

/// Why something that was asked of an ACME authority did not come about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AcmeError {
    /// No authority could issue this: it was not asked.
    #[error("{0}")]
    Names(NamesFault),
    /// It says no.
    #[error("the authority refused: {0}")]
    Refused(AcmeProblem),
    /// It could not make sure that a name is ours.
    #[error("the authority could not validate {name} by {}: {problem}", kind.map_or("any challenge", ChallengeKind::as_str))]
    Unproven {
        /// The name.
        name: Said,
        /// How it was to be validated, where that is known.
        kind: Option<ChallengeKind>,
        /// What the authority says.
        problem: AcmeProblem,
    },
    /// It offers no challenge that is answered here.
    #[error("for {name} the authority offers no challenge that is answered here; it offers: {offered}")]
    NoChallenge {
        /// The name.
        name: Said,
        /// What it offers.
        offered: Said,
    },
    /// It is asked too often.
    #[error("the authority limits our rate: {problem}")]
    Limited {
        /// How long it wants us to wait, from 1 minute to 24 hours.
        retry_after: Duration,
        /// What it says.
        problem: AcmeProblem,
    },
    /// It can not issue at the moment.
    #[error("the authority can not issue at the moment (status {status}): {said}")]
    Failing {
        /// The status of its answer.
        status: u16,
        /// How long it asked us to wait, from 1 minute to 24 hours.
        retry_after: Option<Duration>,
        /// What it says.
        said: Said,
    },
    /// It is not to be asked yet, and was not: it said so before, or failed.
    #[error("the authority is not asked again before {until}: {reason}")]
    Paused {
        /// When it may be asked.
        until: UnixTime,
        /// Who wants it.
        cause: PauseCause,
        /// Why.
        reason: Said,
    },
    /// The profile is not one that it offers.
    #[error("the authority does not offer the profile {asked}; it offers: {offered}")]
    Profile {
        /// What was asked for.
        asked: String,
        /// What there is.
        offered: Said,
    },
    /// It wants accounts that are bound to one outside of ACME, and none is configured.
    #[error("the authority wants accounts bound to one of its own (EAB), and none is configured")]
    ExternalAccountMissing,
    /// The file of the HMAC key is not to be had.
    #[error("the HMAC key of the external account can not be read")]
    ExternalAccountFile(#[source] SecretFileError),
    /// The file of the HMAC key does not hold one.
    #[error("the HMAC key of the external account is not 16 to 512 bytes in base64url")]
    ExternalAccountKey,
    /// The authority can not be talked to.
    #[error("the authority can not be talked to")]
    Https(#[source] HttpsError),
    /// It names an address of somebody else.
    #[error("the authority names {url}, which is on none of the origins of its directory")]
    ForeignUrl {
        /// The address.
        url: Said,
    },
    /// Its answer makes no sense.
    #[error("the authority's answer makes no sense: {what}")]
    Answer {
        /// What is wrong with it.
        what: Said,
    },
    /// Its certificate is for a key that is not ours. The order was given up; the next attempt makes a new one.
    #[error("the authority issued for a key that is not ours")]
    WrongKey,
    /// Its certificate is for our key, and whoever asked for it can not use it. The order was given up.
    #[error("the authority's certificate is of no use: {why}")]
    Unfit {
        /// What the judge says ([`AcmeProvider::with_judge`](crate::AcmeProvider::with_judge)).
        why: Said,
    },
    /// It took none of our nonces.
    #[error("the authority took none of {attempts} nonces of its own")]
    Nonces {
        /// How many were tried.
        attempts: u32,
    },
    /// There was not enough time.
    #[error("the authority was not done within {} s", deadline.as_secs())]
    TimedOut {
        /// The time there was.
        deadline: Duration,
    },
    /// It has no such service.
    #[error("the authority has no {what}")]
    Unsupported {
        /// What it does not have.
        what: &'static str,
    },
    /// The challenge could not be answered.
    #[error("a challenge can not be answered")]
    Responder(#[source] ResponderError),
    /// The records could not be read or written.
    #[error("the records of accounts and orders are not to be had")]
    Cache(#[source] CacheError),
    /// Arithmetic of keys failed: there is no randomness, or a record's key is none.
    #[error("an account key is not usable")]
    Key,
    /// None of several authorities issued.
    #[error("none of {} authorities issued: {}", .0.len(), told(.0))]
    All(Vec<(String, AcmeError)>),
}

/// What is wrong with a request for names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NamesFault {
    /// There are none, or too many.
    #[error("an order has 1 to {limit} names")]
    Count {
        /// The most there may be.
        limit: usize,
    },
    /// A name is neither a DNS name nor an IP address.
    #[error("{0} is neither a DNS name nor an IP address: no ACME authority issues for it")]
    Kind(SubjectName),
    /// A wildcard needs DNS-01, which is not spoken here.
    #[error("{0} is a wildcard, which is validated by DNS-01 alone: it is not spoken here")]
    Wildcard(SubjectName),
}

impl AcmeError {
    /// Whether another authority can not help: the fault is in what was asked, or on this machine.
    pub fn is_our_own(&self) -> bool {
        matches!(self, Self::Names(_) | Self::Responder(_) | Self::Cache(_) | Self::Key)
    }

    /// How long the authority said to wait, from 1 minute to 24 hours.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited { retry_after, .. } => Some(*retry_after),
            Self::Failing { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What an operator can do about it, as one sentence.
    pub fn fix(&self) -> String {
        match self {
            Self::Names(_) => "ask for DNS names without wildcards and for IP addresses".to_owned(),
            Self::Refused(problem) | Self::Unproven { problem, .. } | Self::Limited { problem, .. } => {
                problem.kind.fix().to_owned()
            }
            Self::NoChallenge { .. } => "use the challenge that the authority offers".to_owned(),
            Self::Paused { cause: PauseCause::Failures { .. }, .. } => {
                "put right what the reason names: it is asked again by itself, or by `dwcp cert renew` at once".to_owned()
            }
            Self::Failing { .. } | Self::Paused { .. } | Self::Nonces { .. } | Self::TimedOut { .. } => {
                "wait: it is asked again by itself".to_owned()
            }
            Self::Profile { .. } => "choose one of the profiles on offer".to_owned(),
            Self::ExternalAccountMissing | Self::ExternalAccountKey => {
                "configure `eab` with the key identifier and HMAC key that the authority gave".to_owned()
            }
            Self::ExternalAccountFile(error) => error.fix(),
            Self::Https(_) => {
                "check the directory's address, the way to it, and that its certificate is of `ca_file`"
                    .to_owned()
            }
            Self::ForeignUrl { .. } | Self::Answer { .. } | Self::WrongKey | Self::Unsupported { .. } => {
                "check that the directory's address is that of an ACME authority".to_owned()
            }
            Self::Unfit { .. } => {
                "configure the roots of what the authority issues, and ask for names as it certifies them"
                    .to_owned()
            }
            Self::Responder(error) => error.fix(),
            Self::Cache(error) => error.fix(),
            Self::Key => {
                "check `cache_dir`: its owner, its modes, and the space on its disk".to_owned()
            }
            Self::All(all) => all.first().map(|(_, one)| one.fix()).unwrap_or_default(),
        }
    }
}

/// A record of an order, a pause or the newest certificate that can not be read counts as none, and is news: nothing but a convenience is
/// lost with it.
pub(crate) fn unread<T>(
    what: &'static str,
    found: Result<Option<T>, CacheError>,
    observer: &dyn Observer<Event>,
) -> Option<T> {
    found.unwrap_or_else(|error| {
        observer.observe(&Event::unread(what, error));
        None
    })
}

fn told(all: &[(String, AcmeError)]) -> String {
    all.iter().map(|(name, error)| format!("{name}: {error}")).collect::<Vec<_>>().join("; ")
}

impl Coded for AcmeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Names(_) => "acme.names.unfit",
            Self::Refused(_) => "acme.order.refused",
            Self::Unproven { .. } => "acme.name.unproven",
            Self::NoChallenge { .. } => "acme.challenge.missing",
            Self::Limited { .. } => "acme.rate.limited",
            Self::Failing { .. } => "acme.authority.failing",
            Self::Paused { .. } => "acme.authority.paused",
            Self::Profile { .. } => "acme.profile.unknown",
            Self::ExternalAccountMissing | Self::ExternalAccountFile(_) | Self::ExternalAccountKey => {
                "acme.eab.missing"
            }
            Self::Https(error) => error.code(),
            Self::ForeignUrl { .. } => "acme.url.foreign",
            Self::Answer { .. } => "acme.answer.malformed",
            Self::WrongKey => "acme.certificate.foreign",
            Self::Unfit { .. } => "acme.certificate.unfit",
            Self::Nonces { .. } => "acme.nonce.rejected",
            Self::TimedOut { .. } => "acme.order.timed_out",
            Self::Unsupported { .. } => "acme.service.missing",
            Self::Responder(error) => error.code(),
            Self::Cache(error) => error.code(),
            Self::Key => "acme.key.unusable",
            Self::All(all) => all.first().map_or("acme.order.refused", |(_, one)| one.code()),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Https(error) => error.blame(),
            Self::Responder(error) => error.blame(),
            Self::Cache(error) => error.blame(),
            Self::Names(_)
            | Self::Refused(_)
            | Self::Profile { .. }
            | Self::ExternalAccountMissing
            | Self::ExternalAccountFile(_)
            | Self::ExternalAccountKey
            | Self::NoChallenge { .. }
            | Self::Unproven { .. }
            | Self::Key => Blame::Local,
            Self::Limited { .. } | Self::Failing { .. } | Self::Paused { .. } | Self::TimedOut { .. } => {
                Blame::Network
            }
            Self::ForeignUrl { .. }
            | Self::Answer { .. }
            | Self::WrongKey
            | Self::Unfit { .. }
            | Self::Nonces { .. }
            | Self::Unsupported { .. } => Blame::Peer,
            Self::All(all) => all.first().map_or(Blame::Peer, |(_, one)| one.blame()),
        }
    }
}
