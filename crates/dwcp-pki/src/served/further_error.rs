//! Why a set of certificates is not served.

use crate::Serial;
use dwcp_base::{Blame, Coded};
use thiserror::Error;

/// Why a set of certificates was refused whole; what was served before still is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FurtherError {
    /// There are more than are kept.
    #[error("there are more than {limit} certificates to show")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// They bear more names than are kept.
    #[error("the certificates bear more than {limit} DNS names")]
    TooManyNames {
        /// The bound.
        limit: usize,
    },
    /// No client could ask for it.
    #[error("the certificate {serial} bears no DNS name to ask for")]
    Nameless {
        /// Its serial.
        serial: Serial,
    },
    /// It is not for servers.
    #[error("the certificate {serial} is not for servers")]
    NoServer {
        /// Its serial.
        serial: Serial,
    },
    /// A public certificate is no identity in the mesh.
    #[error("the public certificate {serial} bears a SPIFFE ID, which is for the mesh")]
    PublicSpiffe {
        /// Its serial.
        serial: Serial,
    },
    /// ALPN can not carry the protocols it is for.
    #[error("the certificate {serial} is for protocols that are not 1 to 16 names of 1 to 255 bytes")]
    Protocols {
        /// Its serial.
        serial: Serial,
    },
    /// It is no answer to a challenge: exactly one DNS name or address and a critical acmeIdentifier (RFC 8737 §3).
    #[error("the certificate {serial} answers no challenge: {why}")]
    NoChallenge {
        /// Its serial.
        serial: Serial,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Coded for FurtherError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } | Self::TooManyNames { .. } => "pki.served.too_many",
            Self::Nameless { .. } => "pki.served.nameless",
            Self::NoServer { .. } => "pki.served.purpose",
            Self::PublicSpiffe { .. } => "pki.served.mixed",
            Self::Protocols { .. } => "pki.served.protocols",
            Self::NoChallenge { .. } => "pki.served.challenge",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
