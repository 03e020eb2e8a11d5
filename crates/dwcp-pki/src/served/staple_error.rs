//! Why a response is not served beside a certificate.

use crate::{OcspError, ParseError, Serial};
use dwcp_base::{Blame, Coded, UnixTime};
use thiserror::Error;

/// Why a staple was refused; the one before it is still served until it lapses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StapleError {
    /// It has more bytes than are served.
    #[error("the response is larger than {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// It can not be read.
    #[error("the response can not be read")]
    Malformed(#[source] ParseError),
    /// It names no certificate that is shown.
    #[error("the response is about no certificate of this side")]
    OfNobody,
    /// Peers would not believe it, now.
    #[error("the response does not count")]
    Unusable(#[source] OcspError),
    /// It says that the certificate is revoked, or unknown.
    #[error("the response does not call the certificate {serial} good")]
    NotGood {
        /// The serial of the certificate it is about.
        serial: Serial,
    },
    /// A newer one is served already.
    #[error("the response of {this_update} is older than the one that is served")]
    Older {
        /// Its thisUpdate.
        this_update: UnixTime,
    },
}

impl Coded for StapleError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "pki.staple.too_large",
            Self::Malformed(source) => source.code(),
            Self::OfNobody => "pki.staple.mismatched",
            Self::Unusable(source) => source.code(),
            Self::NotGood { .. } => "pki.staple.not_good",
            Self::Older { .. } => "pki.staple.older",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Unusable(source) => source.blame(),
            Self::Malformed(source) => source.blame(),
            _ => Blame::Local,
        }
    }
}
