//! Renewal at another node, over mutual TLS with the certificate that is to be renewed.

use super::answer::Bundle;
use super::ask::{self, AskError};
use crate::config::MeshPlan;
use crate::node::client;
use arc_swap::ArcSwap;
use dwcp_base::{Blame, Coded};
use dwcp_pki::{
    BoxFuture, CertProvider, CertificateRequest, CertificateStore, Issued, ProviderError, RevocationMode,
};
use dwcp_tls::{ExpectedServer, TlsConnector, TlsPolicy};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Asks the node that holds the authority. What it answers is for the manager to judge.
///
/// # Security
/// The server has to prove the SPIFFE ID of the configuration under this node's own roots. A list that lapsed does not stand in the way, since
/// this may be the way to a fresh one; a server that is listed, or whose certificate has ended, does.
pub(crate) struct MeshProvider {
    store: Arc<CertificateStore>,
    plan: MeshPlan,
    policy: ArcSwap<TlsPolicy>,
}

impl MeshProvider {
    /// A provider that shows whatever certificate `store` holds when it asks, and offers `policy`.
    pub(crate) fn new(store: Arc<CertificateStore>, plan: MeshPlan, policy: TlsPolicy) -> Self {
        Self { store, plan, policy: ArcSwap::from_pointee(policy) }
    }

    /// Offers `policy` from now on.
    pub(crate) fn set_policy(&self, policy: TlsPolicy) {
        self.policy.store(Arc::new(policy));
    }

    /// The roots and lists of the mesh, with their entity tag; `None` where they are still those of the tag `known`.
    ///
    /// # Errors
    /// [`AskError`].
    pub(crate) async fn bundle(
        &self,
        known: Option<&str>,
        deadline: Duration,
    ) -> Result<Option<(Bundle, Option<String>)>, MeshError> {
        let (connector, expected) = self.line()?;
        let asked = ask::bundle(&self.plan.place, (&connector, &expected), known, deadline).await;
        asked.map_err(MeshError::Ask)
    }

    /// A client side made of what is in force now: a certificate that was renewed since the last attempt is the one that is shown.
    fn line(&self) -> Result<(TlsConnector, ExpectedServer), MeshError> {
        let generation = self.store.current();
        let trust = (**generation.trust()).clone().with_mode(RevocationMode::Off);
        let credential = Arc::clone(generation.credential());
        let alpn = [b"http/1.1".to_vec()];
        let (connector, _) = client(trust, Some(credential), (**self.policy.load()).clone(), &alpn)
            .map_err(|error| MeshError::Local(Box::new(error)))?;
        let expected = ExpectedServer::name(self.plan.server_name())
            .map_err(|error| MeshError::Local(Box::new(error)))?;
        Ok((connector, expected))
    }
}

impl CertProvider for MeshProvider {
    fn name(&self) -> &str {
        "mesh"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move {
            let (connector, expected) = self.line()?;
            let line = (&connector, &expected);
            let granted = ask::renew(&self.plan.place, line, &request.to_pem(), deadline).await?;
            Ok(Issued { chain: granted.chain, roots: granted.roots })
        })
    }
}

impl fmt::Debug for MeshProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshProvider").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// Why the mesh was not asked, or did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeshError {
    #[error("no client side could be made")]
    Local(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Ask(AskError),
}

impl Coded for MeshError {
    fn code(&self) -> &'static str {
        match self {
            Self::Local(_) => "join.client.unmade",
            Self::Ask(source) => source.code(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Local(_) => Blame::Local,
            Self::Ask(source) => source.blame(),
        }
    }
}

impl From<MeshError> for ProviderError {
    fn from(error: MeshError) -> Self {
        match error {
            MeshError::Local(source) => Self::Unavailable { retry_after: None, source },
            MeshError::Ask(error) => error.into(),
        }
    }
}
