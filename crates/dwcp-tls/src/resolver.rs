//! Certificates that the caller finds for itself, asynchronously, while a client waits.

use crate::hello::ClientOffer;
use dwcp_base::{Blame, Coded};
use dwcp_pki::{BoxFuture, Cause, Credential};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;

/// Finds the certificate for a client, where that takes more than a look at the store: another process, a disk, a table of tenants.
///
/// It is asked once for each ClientHello, after everything else about the offer that can be refused was judged, and only where version,
/// suite and group have something in common. Its future is dropped at the deadline, or with that of
/// [`accept`](crate::TlsContext::accept); a client that hangs up meanwhile is noticed afterwards. What the store holds by then is what
/// [`Resolved::Store`] means.
pub trait CertificateResolver: Send + Sync {
    /// Answers what is to be shown to a client with this offer, which is unauthenticated and chosen by the client.
    ///
    /// # Errors
    /// Any, and the client is refused: nothing else is shown instead.
    fn resolve<'a>(&'a self, offer: &'a ClientOffer) -> BoxFuture<'a, Result<Resolved, Cause>>;
}

/// What a resolver answers.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// This certificate, which has to bear the name that was asked for as any other does (see [`UnknownName`](crate::UnknownName)).
    /// It need not lead to our anchors. Such a handshake is always a full one: what is resolved may be another tomorrow.
    Credential(Arc<Credential>),
    /// What the store has for the client, by its rules.
    Store,
}

/// Why a resolver's client was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResolverError {
    /// The resolver answered with an error.
    #[error("the resolver found no certificate")]
    Failed(#[source] Cause),
    /// It did not answer in time.
    #[error("the resolver did not answer within {deadline:?}")]
    TimedOut {
        /// The time it had.
        deadline: Duration,
    },
}

impl Coded for ResolverError {
    fn code(&self) -> &'static str {
        match self {
            Self::Failed(_) => "tls.resolver.failed",
            Self::TimedOut { .. } => "tls.resolver.late",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// A resolver with the time it has. Equal to its own clones alone.
#[derive(Clone)]
pub(crate) struct Resolving {
    pub(crate) resolver: Arc<dyn CertificateResolver>,
    pub(crate) deadline: Duration,
}

impl Resolving {
    /// Asks, within its own deadline.
    pub(crate) async fn ask(&self, offer: &ClientOffer) -> Result<Resolved, ResolverError> {
        match timeout(self.deadline, self.resolver.resolve(offer)).await {
            Ok(answer) => answer.map_err(ResolverError::Failed),
            Err(_) => Err(ResolverError::TimedOut { deadline: self.deadline }),
        }
    }
}

impl PartialEq for Resolving {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.resolver, &other.resolver) && self.deadline == other.deadline
    }
}

impl Eq for Resolving {}

impl fmt::Debug for Resolving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolving").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
