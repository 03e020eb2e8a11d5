//! Why a certificate was not obtained or renewed.

use crate::{CredentialError, InstallError, IssuedFault, ProviderError, RequestError, TrustError};
use dwcp_base::{Blame, Coded};
use dwcp_crypto::CryptoError;
use std::error::Error as _;
use thiserror::Error;

/// Why a certificate was not obtained or renewed. What was there before stays.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManagerError {
    /// Another renewal of the slot is under way; there is one at a time.
    #[error("a renewal is under way")]
    Busy,
    /// No key could be made.
    #[error("no key could be made")]
    Key(#[source] CryptoError),
    /// No request could be made, for instance for a name that is not allowed.
    #[error("no certificate request could be made")]
    Request(#[source] RequestError),
    /// The provider issued nothing.
    #[error("no certificate was issued")]
    Provider(#[source] ProviderError),
    /// The provider issued something that is not what was asked for.
    #[error("what was issued is not what was asked for")]
    Issued(#[source] IssuedFault),
    /// The provider named no roots that could be trusted.
    #[error("the roots that the provider named are not usable")]
    Roots(#[source] TrustError),
    /// Certificate and key do not make a pair.
    #[error("what was issued does not go with its key")]
    Credential(#[source] CredentialError),
    /// The store did not take it.
    #[error("the certificate was not activated")]
    Install(#[source] InstallError),
}

impl Coded for ManagerError {
    fn code(&self) -> &'static str {
        match self {
            Self::Busy => "pki.renewal.busy",
            Self::Key(_) => "pki.renewal.no_key",
            Self::Request(error) => error.code(),
            Self::Provider(error) => error.code(),
            Self::Issued(error) => error.code(),
            Self::Roots(error) => error.code(),
            Self::Credential(error) => error.code(),
            Self::Install(error) => error.code(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Busy | Self::Key(_) => Blame::Local,
            Self::Request(error) => error.blame(),
            Self::Provider(error) => error.blame(),
            Self::Issued(error) => error.blame(),
            Self::Roots(_) => Blame::Peer,
            Self::Credential(error) => error.blame(),
            Self::Install(error) => error.blame(),
        }
    }
}

impl ManagerError {
    /// The error and its causes in one line of at most 1024 characters.
    pub(crate) fn whole_text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        // A provider's text may come from a stranger.
        text.chars().filter(|character| !character.is_control()).take(1_024).collect()
    }
}
