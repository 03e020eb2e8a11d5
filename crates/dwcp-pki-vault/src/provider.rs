//! The provider: has requests signed under the role, one at a time, and nothing else.

use crate::{Event, VaultClient, VaultError, VaultRole};
use dwcp_pki::{BoxFuture, CertProvider, CertificateRequest, Issued, ProviderError, Usage};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Certificates from a role of Vault or OpenBao.
///
/// The role is looked at before the first request, and again after a refusal, so that a setting that is missing is named. One request is at
/// the server at a time; others wait, and their waiting counts against their deadline. Where the policy does not let the role be read, it is
/// asked without a look.
pub struct VaultProvider {
    client: Arc<VaultClient>,
    turn: tokio::sync::Mutex<()>,
    role: Mutex<Option<VaultRole>>,
    unread: AtomicBool,
    usage: Usage,
}

impl VaultProvider {
    /// A provider over `client`, which others may use beside it.
    pub fn new(client: Arc<VaultClient>) -> Self {
        let (turn, role) = (tokio::sync::Mutex::new(()), Mutex::new(None));
        Self { client, turn, role, unread: AtomicBool::new(false), usage: Usage::Both }
    }

    /// What the certificates are for, by which the role is judged. Default: servers and clients both, as the nodes of a mesh need them.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// The client.
    pub fn client(&self) -> &Arc<VaultClient> {
        &self.client
    }

    async fn issue_in_turn(
        &self,
        request: &CertificateRequest,
        deadline: Duration,
    ) -> Result<Issued, VaultError> {
        let budget = self.client.session.budget(deadline);
        let _turn = timeout(deadline, self.turn.lock()).await.map_err(|_| budget.spent())?;
        self.look(request, budget.left()?).await?;
        let outcome = self.client.sign(request, budget.left()?).await;
        if let Err(VaultError::Refused { .. } | VaultError::NotFound { .. } | VaultError::Denied { .. }) =
            outcome
        {
            self.remember(None);
        }
        outcome
    }

    /// Whether the role as it is known allows the request, or as it is now where it did not before.
    async fn look(&self, request: &CertificateRequest, deadline: Duration) -> Result<(), VaultError> {
        let key_type = request.key_type();
        let known = self.role.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_some_and(|role| self.client.judge(&role, request.names(), key_type, self.usage).is_ok()) {
            return Ok(());
        }
        match self.client.role(deadline).await {
            Ok(role) => {
                let verdict = self.client.judge(&role, request.names(), key_type, self.usage);
                self.remember(Some(role));
                self.client.session.signing(verdict)
            }
            Err(VaultError::Denied { path }) => {
                if !self.unread.swap(true, Ordering::Relaxed) {
                    self.client.session.tell(&Event::PreflightSkipped { path });
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn remember(&self, role: Option<VaultRole>) {
        *self.role.lock().unwrap_or_else(PoisonError::into_inner) = role;
    }
}

impl CertProvider for VaultProvider {
    fn name(&self) -> &str {
        "vault"
    }

    fn issue<'a>(
        &'a self,
        request: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move {
            match self.issue_in_turn(request, deadline).await {
                Ok(issued) => Ok(issued),
                // Whatever part of the time a step had: the caller gave this much.
                Err(VaultError::TimedOut { .. }) => Err(ProviderError::TimedOut { deadline }),
                Err(error) => Err(error.into()),
            }
        })
    }
}

impl fmt::Debug for VaultProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultProvider").field("client", &self.client).finish_non_exhaustive()
    }
}
