//! Whoever issues from elsewhere: asked before there is a node, told of when there is a log, looked after while it runs.

use super::acme::Acme;
use super::early::Early;
use super::error::NodeError;
use super::identity::Identity;
use super::news::News;
use super::shared::Shared;
use super::vault::Vault;
use super::{acme_settings, vault_settings};
use crate::config::{ConfigProblem, NodePlan, ProviderPlan};
use dwcp_base::Clock;
use dwcp_pki::CertificateStore;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Reads the files that whoever issues elsewhere is asked with. Nobody is asked.
///
/// # Errors
/// [`NodeError`] with the file and what is wrong with it, as a start says it.
pub(crate) fn check(plan: &NodePlan) -> Result<(), NodeError> {
    match &plan.provider {
        ProviderPlan::Vault { vault, .. } => vault_settings::check(vault),
        ProviderPlan::Acme { acme, .. } => acme_settings::check(acme),
        _ => Ok(()),
    }
}

/// Whether a first certificate can be asked for: whether it is known what it is to say.
///
/// # Errors
/// [`ConfigProblem`], as a start says it.
pub(crate) fn check_first(plan: &NodePlan) -> Result<(), ConfigProblem> {
    match &plan.provider {
        ProviderPlan::Vault { vault, .. } => vault_settings::wanted(plan, vault).map(drop),
        // Names of web sites are written, or the plan is refused.
        _ => Ok(()),
    }
}

/// The provider of a plan whose certificates come from elsewhere, where it has one, and its news from before the log.
pub(super) struct Elsewhere {
    vault: Option<Vault>,
    acme: Option<Acme>,
    of_vault: Arc<Early<dwcp_pki_vault::Event>>,
    of_acme: Arc<Early<dwcp_pki_acme::Event>>,
}

impl Elsewhere {
    /// Asks where there is nothing to start from.
    pub(super) async fn begin(plan: &NodePlan, clock: &Arc<dyn Clock>) -> Result<Self, NodeError> {
        let (of_vault, of_acme) = (Early::new(), Early::new());
        let vault = Vault::of(plan, clock, Arc::<Early<_>>::clone(&of_vault))?;
        if let Some(vault) = &vault
            && let Err(error) = vault.first(plan, &**clock).await
        {
            // Whoever starts it over and over leaves no token for each.
            vault.log_out(LOG_OUT).await;
            return Err(error);
        }
        let acme = Acme::of(plan, clock, Arc::<Early<_>>::clone(&of_acme)).await?;
        if let Some(acme) = &acme {
            acme.first(plan, clock).await?;
        }
        Ok(Self { vault, acme, of_vault, of_acme })
    }

    /// Has its news told from now on, those of before first.
    pub(super) fn tell(&self, news: &Arc<News>) {
        self.of_vault.tell(Arc::<News>::clone(news));
        self.of_acme.tell(Arc::<News>::clone(news));
    }

    /// Who renews while the node runs; somebody with a tool of their own where it is none of these.
    pub(super) fn identity(self, store: &Arc<CertificateStore>) -> Identity {
        match (self.vault, self.acme) {
            (Some(vault), _) => Identity::Vault(Box::new(vault)),
            (None, Some(acme)) => {
                if let Some(stage) = &acme.stage {
                    stage.set(store);
                }
                Identity::Acme(Box::new(acme))
            }
            (None, None) => Identity::Manual,
        }
    }
}

/// Ends the session at the end of the node, which has `drain` for it: nobody logs in any more, and the token of a login is given back.
pub(super) async fn log_out(shared: &Shared, drain: Duration) {
    if let Identity::Vault(vault) = &shared.identity {
        vault.log_out(LOG_OUT.min(drain.max(A_MOMENT))).await;
    }
}

/// Looks after the login at whoever issues from elsewhere, until `stop` changes.
pub(super) async fn session(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    match &shared.identity {
        Identity::Vault(vault) => tokio::select! {
            biased;
            () = vault.leaving.notified() => {}
            () = vault.client.keep() => {}
            _ = stop.changed() => {}
        },
        Identity::Acme(acme) => acme.follow_advice(&shared, stop).await,
        _ => {}
    }
}

/// A stop is kept no longer by a server that does not answer.
const LOG_OUT: Duration = Duration::from_secs(2);
/// Also a node that drains nobody asks once.
const A_MOMENT: Duration = Duration::from_millis(250);
