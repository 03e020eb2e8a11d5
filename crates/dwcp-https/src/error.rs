//! Why there is no answer, or none that is taken.

use crate::{BadUrl, Detail, failure};
use dwcp_base::{Blame, Coded};
use std::error::Error as StdError;
use std::time::Duration;
use thiserror::Error;

/// Why a question has no answer. Places are origins, without path and query.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HttpsError {
    /// Nobody could be reached: no such name, nothing listens, no way there.
    #[error("{place} can not be reached")]
    Unreachable {
        /// Who was asked.
        place: String,
        /// What happened.
        source: Detail,
    },
    /// No session: the server is not who it should be or speaks no TLS 1.3, or it does not take who we are.
    #[error("no TLS session with {place}")]
    Tls {
        /// Who was asked.
        place: String,
        /// What was wrong.
        source: Detail,
    },
    /// It took too long, all in all.
    #[error("{place} did not answer within {} s", deadline.as_secs_f64())]
    TimedOut {
        /// Who was asked.
        place: String,
        /// The time it had.
        deadline: Duration,
    },
    /// The connection ended before the answer did.
    #[error("{place} broke off before its answer was complete")]
    BrokenOff {
        /// Who was asked.
        place: String,
        /// How it ended.
        source: Detail,
    },
    /// It spoke no HTTP/1.1, said two things about the length of its answer, or sent more headers than are read.
    #[error("{place} did not answer as HTTP/1.1 does")]
    Protocol {
        /// Who was asked.
        place: String,
        /// What was wrong.
        source: Detail,
    },
    /// It wants us to ask somebody else.
    #[error("{place} redirects to `{to}`, and redirects are not followed")]
    Redirected {
        /// Who was asked.
        place: String,
        /// Where to: 200 characters at most, those that control a terminal left out.
        to: String,
    },
    /// It sent its answer in an encoding that was not asked for.
    #[error("{place} answers in the encoding `{encoding}`, and none was asked for")]
    Encoded {
        /// Who was asked.
        place: String,
        /// Which: 200 characters at most.
        encoding: String,
    },
    /// It sent more than is taken.
    #[error("{place} sends more than {limit} bytes")]
    TooLong {
        /// Who was asked.
        place: String,
        /// The bound, bytes.
        limit: usize,
    },
    /// The address is none.
    #[error("the address is not usable")]
    Url(#[from] BadUrl),
    /// A header that was to be sent is none, or is not the asker's to set.
    #[error("the header `{name}` can not be sent")]
    Header {
        /// Its name: 200 characters at most.
        name: String,
    },
    /// Nobody was named that could vouch for a server.
    #[error("no root is trusted, so no server can be")]
    NoRoots,
    /// The client can not be made: a root that is none, a key that does not sign.
    #[error("the HTTPS client can not be made")]
    Setup {
        /// What was wrong.
        source: Detail,
    },
}

impl HttpsError {
    /// Whether the same question may be answered later with nothing changed on this side. What TLS refused is somebody's mistake and
    /// waits for them.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::BrokenOff { .. } | Self::Protocol { .. }
        )
    }

    /// Whether the server was refused because it shows the certificate of an authority as its own: one with `CA:TRUE`, as
    /// `openssl req -x509` makes them.
    pub fn shows_authority(&self) -> bool {
        matches!(self, Self::Tls { source, .. } if *source == Detail::authority())
    }

    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::BrokenOff { .. } => {
                "see that the server runs, that the address is right, and that nothing in between keeps it away"
            }
            Self::Tls { .. } if self.shows_authority() => {
                "issue a certificate for the server under its authority, one with CA:FALSE, and let the server show that"
            }
            Self::Tls { .. } => {
                "see that the address is right, that the roots named for it are those of its certificate, and that it speaks TLS 1.3"
            }
            Self::Redirected { .. } => "name the place itself that it redirects to, if that is trusted",
            Self::Encoded { .. } => "let the server, or the proxy before it, leave the answer as it is",
            Self::Protocol { .. } | Self::TooLong { .. } => {
                "see that the address is right, and what the server says about it"
            }
            Self::Url(_) => "write the address as https://HOST[:PORT]/PATH",
            Self::Header { .. } => {
                "take line ends and other control characters out of the setting that it comes from"
            }
            Self::NoRoots => "name the file of the roots that vouch for the server",
            Self::Setup { .. } => {
                "see that the roots are certificates of authorities, and that the key is of a kind that signs"
            }
        }
    }

    /// What a failure of [`HttpsClient::engine`](crate::HttpsClient::engine) means, where one lies under the error of the library that it
    /// was lent to; `None` where the library itself is at a loss. `place` is who was asked, `deadline` the time that was given.
    pub fn of_engine(error: &(dyn StdError + 'static), place: &str, deadline: Duration) -> Option<Self> {
        failure::under(error, place, deadline)
    }

    pub(crate) fn setup(error: impl StdError + 'static) -> Self {
        Self::Setup { source: Detail::of(&error) }
    }
}

impl Coded for HttpsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "https.server.unreachable",
            Self::Tls { .. } => "https.server.untrusted",
            Self::TimedOut { .. } => "https.answer.late",
            Self::BrokenOff { .. } => "https.answer.cut",
            Self::Protocol { .. } => "https.answer.malformed",
            Self::Redirected { .. } => "https.answer.redirected",
            Self::Encoded { .. } => "https.answer.encoded",
            Self::TooLong { .. } => "https.answer.too_long",
            Self::Url(source) => source.code(),
            Self::Header { .. } => "https.header.invalid",
            Self::NoRoots => "https.roots.missing",
            Self::Setup { .. } => "https.client.unusable",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::BrokenOff { .. } => Blame::Network,
            Self::Url(_) | Self::Header { .. } | Self::NoRoots | Self::Setup { .. } => Blame::Local,
            _ => Blame::Peer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_layers_below_said_is_kept_in_one_bounded_line() {
        let inner = std::io::Error::other(format!("a\r\nb\u{1b}[31m{}", "c".repeat(1_000)));
        let HttpsError::Setup { source } = HttpsError::setup(inner) else { panic!("another error") };
        let text = source.to_string();
        assert!(text.starts_with("ab[31mccc") && text.chars().count() == 400, "{text}");
        assert_eq!(Detail::default().to_string(), "nothing more is known");
    }

    #[test]
    fn only_what_may_pass_by_itself_is_worth_asking_again() {
        let place = || "https://a".to_owned();
        let source = Detail::default();
        for (error, blame, again) in [
            (HttpsError::Unreachable { place: place(), source: source.clone() }, Blame::Network, true),
            (HttpsError::TimedOut { place: place(), deadline: Duration::from_secs(1) }, Blame::Network, true),
            (HttpsError::BrokenOff { place: place(), source: source.clone() }, Blame::Network, true),
            (HttpsError::Protocol { place: place(), source: source.clone() }, Blame::Peer, true),
            (HttpsError::Tls { place: place(), source: source.clone() }, Blame::Peer, false),
            (HttpsError::Redirected { place: place(), to: String::new() }, Blame::Peer, false),
            (HttpsError::Encoded { place: place(), encoding: String::new() }, Blame::Peer, false),
            (HttpsError::TooLong { place: place(), limit: 1 }, Blame::Peer, false),
            (HttpsError::Url(BadUrl::Host), Blame::Local, false),
            (HttpsError::Header { name: String::new() }, Blame::Local, false),
            (HttpsError::NoRoots, Blame::Local, false),
            (HttpsError::Setup { source }, Blame::Local, false),
        ] {
            assert_eq!((error.blame(), error.is_retryable()), (blame, again), "{error}");
            assert!(error.code().starts_with("https.") && !error.fix().is_empty());
        }
    }
}
