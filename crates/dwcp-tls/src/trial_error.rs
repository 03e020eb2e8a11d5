//! Why a certificate did not work in a handshake with itself.

use dwcp_base::{Blame, Coded};
use dwcp_crypto::CryptoError;
use dwcp_pki::{AuthorityError, CredentialError, ValidationError};
use thiserror::Error;

/// What a trial found; the source of a [`TrialFault`](dwcp_pki::TrialFault).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrialError {
    /// It is to be shown by a server, and has no name that a client could ask for.
    #[error("the certificate has no DNS name, address or URI that a client could expect")]
    Nameless,
    /// Its chain takes more bytes than are read of somebody who is not known yet.
    #[error(
        "as a {side}'s it makes a handshake of {bytes} bytes, and {limit} are read: send fewer certificates, or smaller ones"
    )]
    TooLong {
        /// The side that shows it.
        side: &'static str,
        /// How many bytes that side sent.
        bytes: usize,
        /// How many are read of it.
        limit: usize,
    },
    /// Peers would refuse it.
    #[error("a peer refuses the certificate as a {side}'s")]
    Refused {
        /// The side that showed it.
        side: &'static str,
        /// The rule that refuses it.
        #[source]
        error: ValidationError,
    },
    /// The key can not be used.
    #[error("the key is not usable")]
    Key(#[source] CryptoError),
    /// The key is not the certificate's.
    #[error("key and certificate do not belong together")]
    Pair(#[source] CredentialError),
    /// The other side's certificate could not be made.
    #[error("no certificate for the other side of the trial")]
    StandIn(#[source] AuthorityError),
    /// The engine broke the handshake off, as where no scheme that the key signs with is on offer.
    #[error("the handshake failed")]
    Engine(#[source] rustls::Error),
    /// It did not come to an end.
    #[error("the handshake did not come to an end")]
    Unfinished,
}

impl Coded for TrialError {
    fn code(&self) -> &'static str {
        match self {
            Self::Nameless => "tls.trial.nameless",
            Self::TooLong { .. } => "tls.trial.too_long",
            Self::Refused { .. } => "tls.trial.refused",
            Self::Key(_) | Self::Pair(_) => "tls.trial.key",
            Self::StandIn(_) | Self::Engine(_) | Self::Unfinished => "tls.trial.failed",
        }
    }

    /// The issuer's for what it issued; ours for the rest.
    fn blame(&self) -> Blame {
        match self {
            Self::Nameless | Self::TooLong { .. } | Self::Refused { .. } => Blame::Peer,
            _ => Blame::Local,
        }
    }
}
