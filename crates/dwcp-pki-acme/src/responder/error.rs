//! Why a challenge is not answered.

use super::ChallengeKind;
use dwcp_base::{Blame, Coded};
use dwcp_pki::{AuthorityError, FurtherError, SubjectName};
use std::io;
use std::net::SocketAddr;
use thiserror::Error;

/// Why a responder does not answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResponderError {
    /// It answers other kinds.
    #[error("this responder does not answer {kind}")]
    Kind {
        /// The kind it was asked for.
        kind: ChallengeKind,
    },
    /// No authority validates such a name in this way.
    #[error("{name} is not validated by {kind}")]
    Name {
        /// The name.
        name: SubjectName,
        /// How it was to be validated.
        kind: ChallengeKind,
    },
    /// The authority's token is not one, or the key authorization is not made from it. It could be a path into something else, or a line of a
    /// header, so it is answered by nobody.
    #[error("the authority's token is not 1 to 256 characters of base64url with its key authorization")]
    Token,
    /// As many answers as are kept are there already.
    #[error("{limit} challenges are being answered already")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// The certificate to show could not be made.
    #[error("there is no certificate to answer the challenge with")]
    Certificate {
        /// Why.
        source: AuthorityError,
    },
    /// The store did not take the certificate.
    #[error("the answer to the challenge is not shown")]
    Unshown {
        /// Why.
        source: FurtherError,
    },
    /// The port is not to be had.
    #[error("can not listen at {address} for http-01")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no runtime to listen in.
    #[error("http-01 is answered within a Tokio runtime, and there is none")]
    Runtime,
}

impl ResponderError {
    /// What an operator can do about it, as one sentence.
    pub fn fix(&self) -> String {
        match self {
            Self::Kind { kind } => format!("configure a responder for {kind}"),
            Self::Name { .. } => "ask for DNS names and IP addresses alone".to_owned(),
            Self::Token => "ask the authority, which sent it".to_owned(),
            Self::Certificate { .. } | Self::Unshown { .. } => {
                "check that the system has randomness, and its clock a time of this century".to_owned()
            }
            Self::TooMany { .. } => "let orders finish before others begin".to_owned(),
            Self::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => format!(
                "end what listens at {address}, or have it hand /.well-known/acme-challenge/ on to another http_challenge_port"
            ),
            Self::Listen { address, source } if source.kind() == io::ErrorKind::PermissionDenied => format!(
                "allow the process to use port {}, or choose a port of 1024 or above that is reached through port 80",
                address.port()
            ),
            Self::Listen { address, .. } => {
                format!("check that {} is an address of this machine", address.ip())
            }
            Self::Runtime => "call it from within a Tokio runtime with input and output enabled".to_owned(),
        }
    }
}

impl Coded for ResponderError {
    fn code(&self) -> &'static str {
        match self {
            Self::Kind { .. } | Self::Name { .. } => "acme.responder.unfit",
            Self::Token => "acme.responder.token",
            Self::Certificate { source } => source.code(),
            Self::Unshown { source } => source.code(),
            Self::TooMany { .. } => "acme.responder.full",
            Self::Listen { .. } => "acme.responder.listen",
            Self::Runtime => "acme.responder.runtime",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Token => Blame::Peer,
            _ => Blame::Local,
        }
    }
}
