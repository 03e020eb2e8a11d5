//! Where certificates come from: a provider is handed a request and nothing else.

use crate::{
    AuthorityError, Certificate, CertificateAuthority, CertificateChain, CertificateRequest, IssuancePolicy,
};
use dwcp_base::{Blame, Clock, Coded};
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A boxed future that any executor can run.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Issues certificates: an authority of this process, or one behind a protocol.
///
/// # Security
/// A provider never sees a private key, and nothing it answers is believed: see
/// [`CertificateManager::renew`](crate::CertificateManager::renew).
pub trait CertProvider: Send + Sync {
    /// A short name for logs, for example `embedded`.
    fn name(&self) -> &str;

    /// Asks for a certificate for `request`. The provider must give up with [`ProviderError::TimedOut`] once `deadline`
    /// has passed; dropping the future gives up at once and must leave nothing behind that a later attempt trips over.
    ///
    /// The future may block the thread that polls it where the signer is synchronous (an embedded authority, an HSM):
    /// poll it off the event loop.
    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>>;
}

/// What a provider answered, not yet checked.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate and its intermediates, leaf first.
    pub chain: CertificateChain,
    /// The roots that the provider names for it. They are trusted only where a caller says so.
    pub roots: Vec<Certificate>,
}

/// Why a provider issued nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// It will not issue this, now or later: its policy, or our credentials for it.
    #[error("the provider refused the request")]
    Refused(#[source] Cause),
    /// It can not be reached or can not issue at the moment.
    #[error("the provider is unavailable")]
    Unavailable {
        /// How long it asked us to wait, if it did.
        retry_after: Option<Duration>,
        /// What happened.
        source: Cause,
    },
    /// It did not answer in time.
    #[error("the provider did not answer within {} s", deadline.as_secs())]
    TimedOut {
        /// The time it had.
        deadline: Duration,
    },
    /// Its answer makes no sense.
    #[error("the provider's answer is not understood")]
    BadAnswer(#[source] Cause),
}

/// The error under a [`ProviderError`]. It must not carry secrets: it is logged.
pub type Cause = Box<dyn StdError + Send + Sync>;

impl Coded for ProviderError {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "pki.provider.refused",
            Self::Unavailable { .. } => "pki.provider.unavailable",
            Self::TimedOut { .. } => "pki.provider.timed_out",
            Self::BadAnswer(_) => "pki.provider.bad_answer",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Refused(_) => Blame::Local,
            Self::Unavailable { .. } | Self::TimedOut { .. } => Blame::Network,
            Self::BadAnswer(_) => Blame::Peer,
        }
    }
}

/// The provider over a [`CertificateAuthority`] of this process.
///
/// It signs and writes to disk while it is polled, within a few milliseconds on a healthy disk; the deadline does not
/// interrupt that. Poll it off the event loop.
pub struct EmbeddedProvider {
    authority: Arc<CertificateAuthority>,
    policy: IssuancePolicy,
    clock: Arc<dyn Clock>,
}

impl EmbeddedProvider {
    /// A provider that issues what `policy` grants, dated by `clock`.
    pub fn new(authority: Arc<CertificateAuthority>, policy: IssuancePolicy, clock: Arc<dyn Clock>) -> Self {
        Self { authority, policy, clock }
    }

    fn issue_now(&self, request: &CertificateRequest) -> Result<Issued, ProviderError> {
        let chain =
            self.authority.issue(request, &self.policy, self.clock.unix()).map_err(|error| match error {
                AuthorityError::Refused { .. } | AuthorityError::Expired { .. } => {
                    ProviderError::Refused(error.into())
                }
                other => ProviderError::Unavailable { retry_after: None, source: other.into() },
            })?;
        Ok(Issued { chain, roots: vec![self.authority.root().clone()] })
    }
}

impl CertProvider for EmbeddedProvider {
    fn name(&self) -> &str {
        "embedded"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        _deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move { self.issue_now(request) })
    }
}

impl fmt::Debug for EmbeddedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedProvider").field("policy", &self.policy).finish_non_exhaustive()
    }
}
