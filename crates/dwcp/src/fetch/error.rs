//! Why nothing was fetched.

use dwcp_base::{Blame, Coded};
use dwcp_tls::TlsError;
use std::io;
use std::time::Duration;
use thiserror::Error;

/// Why there is no answer, or none that is taken.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    /// Nobody could be reached: no such name, nothing listens, no way there.
    #[error("{place} can not be reached")]
    Unreachable {
        /// Who was asked.
        place: String,
        #[source]
        source: io::Error,
    },
    /// The server at the other end is not who it should be, or speaks no TLS that is taken here.
    #[error("no TLS session with {place}")]
    Tls {
        /// Who was asked.
        place: String,
        #[source]
        source: TlsError,
    },
    /// It took too long, all in all.
    #[error("{place} did not answer within {} s", deadline.as_secs())]
    TimedOut {
        /// Who was asked.
        place: String,
        /// The time it had.
        deadline: Duration,
    },
    /// It spoke no HTTP, broke off, or sent more headers than are read.
    #[error("{place} did not answer as HTTP/1.1 does")]
    Protocol {
        /// Who was asked.
        place: String,
        #[source]
        source: hyper::Error,
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
    /// It said something else than yes.
    #[error("{place} answers {status}")]
    Status {
        /// Who was asked.
        place: String,
        /// What it said.
        status: u16,
    },
}

impl FetchError {
    /// What to do about it.
    pub(crate) fn fix(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => {
                "see that it runs, that the address is right, and that nothing in between keeps it away"
            }
            Self::Tls { .. } => {
                "see that the address is right: another server answers there, or one that is not trusted"
            }
            Self::Redirected { .. } => "name the place itself that it redirects to, if that is trusted",
            Self::Encoded { .. } => "let the server, or the proxy before it, leave the document as it is",
            Self::Protocol { .. } | Self::TooLong { .. } | Self::Status { .. } => {
                "see that the address is right, and what the server says about it"
            }
        }
    }
}

impl Coded for FetchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "fetch.peer.unreachable",
            Self::Tls { source, .. } => source.code(),
            Self::TimedOut { .. } => "fetch.answer.late",
            Self::Protocol { .. } => "fetch.answer.malformed",
            Self::Redirected { .. } => "fetch.answer.redirected",
            Self::Encoded { .. } => "fetch.answer.encoded",
            Self::TooLong { .. } => "fetch.answer.too_long",
            Self::Status { .. } => "fetch.answer.refused",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => Blame::Network,
            Self::Tls { source, .. } => source.blame(),
            _ => Blame::Peer,
        }
    }
}

/// Text of a stranger, fit for a log line.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
