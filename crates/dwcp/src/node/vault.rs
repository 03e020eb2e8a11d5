//! A node whose certificates a Vault server signs: its client, its first certificate, and the roots and lists of the mount.

use super::brought::{self, Bare, Brought, adopt};
use super::error::NodeError;
use super::lists_error::ListsError;
use super::off_loop::off_loop;
use super::pki_files::{certificates, credential_error, prefix};
use super::renewal::own;
use super::shared::Shared;
use super::vault_settings::{problem, settings, wanted};
use super::vault_trust::{self, bare, kept};
use crate::config::{ConfigProblem, NodePlan, ProviderPlan, VaultPlan};
use dwcp_base::{Clock, Disk, LocalDisk, Observer};
use dwcp_pki::{
    Certificate, Credential, FirstTrust, ManagerError, ProviderError, RevocationMode, SlotSpec, SubjectName,
    obtain,
};
use dwcp_pki_vault::{Event, KeptList, VaultClient, VaultError, VaultListing, VaultLists, VaultProvider};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// One session with a Vault server, for as long as the node runs.
pub(crate) struct Vault {
    pub(super) client: Arc<VaultClient>,
    pub(super) provider: Arc<VaultProvider>,
    lists: VaultLists,
    /// Those of last time, for when nobody says.
    authorities: Mutex<Vec<Certificate>>,
    /// The session ends.
    pub(super) leaving: Notify,
}

impl Vault {
    /// The session that a plan asks for; `None` for plans of other providers. Nobody is asked yet.
    pub(super) fn of(
        plan: &NodePlan,
        clock: &Arc<dyn Clock>,
        observer: Arc<dyn Observer<Event>>,
    ) -> Result<Option<Self>, NodeError> {
        let ProviderPlan::Vault { vault, .. } = &plan.provider else { return Ok(None) };
        let client = VaultClient::new(settings(vault)?, Arc::clone(clock), observer).map_err(|error| {
            let fix = "name the PEM file of the root that signed the server's own certificate";
            problem("ca_file", &error, fix)
        })?;
        let client = Arc::new(client);
        let provider = Arc::new(VaultProvider::new(Arc::clone(&client)));
        let lists = VaultLists::new(Arc::clone(&client));
        Ok(Some(Self { lists, provider, client, authorities: Mutex::default(), leaving: Notify::new() }))
    }

    /// Sees to it that there is something to start from: a certificate, and whom to trust. A pair that is there is enough, and one that has
    /// ended or has other names than it should is replaced where the server lets it.
    pub(super) async fn first(&self, plan: &NodePlan, clock: &dyn Clock) -> Result<(), NodeError> {
        let ProviderPlan::Vault { vault, .. } = &plan.provider else { return Ok(()) };
        let saved = match brought::credential(plan) {
            // Nobody is asked for what has no name.
            Err(NodeError::NotIssued { .. }) => {
                wanted(plan, vault).map_err(NodeError::Config)?;
                None
            }
            other => Some(other?),
        };
        let mut stands = saved.as_ref().is_some_and(|credential| is_fit(credential, vault, clock));
        if let Some(path) = &vault.kept_roots {
            // What is damaged is as good as not there.
            let there = certificates(path).is_ok();
            // Roots of another mount, or of before the pair ended, may not be those of today.
            if !(there && stands && vault_trust::are_of_this_mount(vault)) {
                match self.ask_roots(plan, vault, saved.as_ref(), there).await {
                    Ok(leads) => stands &= leads,
                    Err(error) if there && saved.is_some() => {
                        let text = super::onion::reason_text(&error);
                        tracing::warn!(%text, "the node starts with the roots that it has");
                    }
                    // What there is no certificate for is said below.
                    Err(_) if there => {}
                    // Without them nobody is trusted, whatever pair there is.
                    Err(error) => return Err(error),
                }
            }
        }
        let Some(credential) = saved else { return self.obtain(plan, vault, clock, DEADLINE).await };
        let leads = bare(plan, vault, None)?.trust.covers(credential.chain()).is_ok();
        if stands && leads {
            return Ok(());
        }
        match self.obtain(plan, vault, clock, SHORT_DEADLINE).await {
            Err(error) if leads => {
                let text = super::onion::reason_text(&error);
                tracing::warn!(%text, ends = %credential.not_after(), "the node starts with the certificate that it has");
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Gives the token back where a login made it. It is no obstacle to anything: a failure is told by the session, and not waited for.
    pub(super) async fn log_out(&self, deadline: Duration) {
        // Whoever looks after the token would get another one.
        self.leaving.notify_one();
        let _ = self.client.log_out(deadline).await;
    }

    /// Asks for the roots of the mount and keeps them, with those of before that the pair leads to. True where it leads to those that came.
    async fn ask_roots(
        &self,
        plan: &NodePlan,
        vault: &VaultPlan,
        saved: Option<&Credential>,
        there: bool,
    ) -> Result<bool, NodeError> {
        let (roots, _) = self.authorities(vault, if there { SHORT_DEADLINE } else { DEADLINE }).await?;
        let chain = saved.map(Credential::chain);
        let leads = chain.is_some_and(|chain| vault_trust::leads(plan, chain, &roots));
        let roots = match chain {
            Some(chain) => vault_trust::with_own(plan, vault, roots, chain),
            None => roots,
        };
        let written = LocalDisk.make_dir(&plan.state_dir);
        written.map_err(|source| NodeError::Unwritten { path: plan.state_dir.clone(), source })?;
        kept(vault).keep_roots(&roots).map_err(unkept)?;
        Ok(leads)
    }

    async fn obtain(
        &self,
        plan: &NodePlan,
        vault: &VaultPlan,
        clock: &dyn Clock,
        deadline: Duration,
    ) -> Result<(), NodeError> {
        let names = wanted(plan, vault).map_err(NodeError::Config)?;
        let trust = bare(plan, vault, None)?.trust.with_mode(RevocationMode::Off);
        let spec = SlotSpec::new(own(plan), names);
        let known = FirstTrust::Known(&trust);
        let (credential, _) =
            obtain(&*self.provider, &spec, known, clock, deadline).await.map_err(NodeError::Unissued)?;
        let disk = LocalDisk;
        disk.make_dir(&plan.state_dir)
            .map_err(|source| NodeError::Unwritten { path: plan.state_dir.clone(), source })?;
        credential
            .save(&disk, &prefix(&plan.identity)?)
            .map_err(|source| credential_error(&plan.identity, source))
    }

    /// The roots that the mount knows, and the authorities below them.
    async fn authorities(
        &self,
        vault: &VaultPlan,
        deadline: Duration,
    ) -> Result<(Vec<Certificate>, Vec<Certificate>), NodeError> {
        let (roots, others) = self.known(deadline).await.map_err(unissued)?;
        if roots.is_empty() {
            return Err(NodeError::Config(ConfigProblem::new(
                "security.tls.ca_file",
                format!(
                    "is missing, and the mount `{}` knows no root, but authorities below one alone",
                    vault.mount
                ),
                "name the PEM file of that root",
            )));
        }
        Ok((roots, others))
    }

    async fn known(&self, deadline: Duration) -> Result<(Vec<Certificate>, Vec<Certificate>), VaultError> {
        // The default issuer's chain leads to roots that are no issuers of the mount.
        let mut all = self.client.ca_chain(deadline).await?;
        for issuer in self.client.issuers(deadline).await? {
            if !all.contains(&issuer.certificate) {
                all.insert(0, issuer.certificate);
            }
        }
        Ok(all.into_iter().filter(Certificate::is_authority).partition(|one| one.subject() == one.issuer()))
    }

    /// Asks for roots and lists, and puts them in force as one generation. True when it is another one.
    pub(super) async fn refresh(&self, shared: &Arc<Shared>) -> Result<bool, ListsError> {
        let plan = shared.plan.load_full();
        let ProviderPlan::Vault { vault, .. } = &plan.provider else { return Ok(false) };
        let known = self.known(ROOTS_DEADLINE).await;
        let files = kept(vault);
        // Up to 96 MiB are read and parsed.
        let before = off_loop(move || files.crls().unwrap_or_default()).await;
        let before = before.ok_or(ListsError::Interrupted)?;
        let listing = self.lists.fetch(&before, LISTS_DEADLINE).await.map_err(ListsError::Vault)?;
        let VaultListing { complete: lists, deltas, kept: not_as_new, .. } = listing;
        let _trusting = shared.trusting.lock().await;
        // Lists are as good as ever where nobody says whose roots there are: those of before stay.
        let (roots, authorities, unsaid) = {
            let mut last = self.authorities.lock().unwrap_or_else(PoisonError::into_inner);
            match known {
                Ok((roots, authorities)) => {
                    last.clone_from(&authorities);
                    (Some(roots), authorities, None)
                }
                Err(error) => (None, last.clone(), Some(error)),
            }
        };
        let roots = roots.filter(|_| vault.kept_roots.is_some());
        let (of, own) = (Arc::clone(&plan), Arc::clone(shared.store.current().credential()));
        let roots = off_loop(move || {
            let ProviderPlan::Vault { vault, .. } = &of.provider else { return roots };
            roots.map(|roots| vault_trust::with_own(&of, vault, roots, own.chain()))
        });
        let roots = roots.await.ok_or(ListsError::Interrupted)?;
        let brought = Brought { roots, lists, before, deltas, authorities };
        let (of, kept) = (Arc::clone(&plan), kept(vault));
        let made = move |brought: &Brought| -> Result<Bare, ListsError> {
            let ProviderPlan::Vault { vault, .. } = &of.provider else { return Err(ListsError::Interrupted) };
            bare(&of, vault, brought.roots.as_deref()).map_err(|error| ListsError::Client(Box::new(error)))
        };
        let changed = adopt(shared, brought, kept, made).await?;
        // What came is in force; that not all of it came is a failure all the same.
        let missing = not_as_new
            .into_iter()
            .next()
            .map(|KeptList { issuer, source, .. }| ListsError::Missing { issuer, source });
        match unsaid.map(ListsError::Vault).or(missing) {
            Some(error) => {
                let _ = super::judgement::judge(shared);
                Err(error)
            }
            None => Ok(changed),
        }
    }
}

/// Whether a pair is good for more than a refusal: it has not ended, and is of the names that it should be.
fn is_fit(credential: &Credential, vault: &VaultPlan, clock: &dyn Clock) -> bool {
    let named = |names: &Vec<SubjectName>| {
        names.len() == credential.names().len() && names.iter().all(|name| credential.names().contains(name))
    };
    credential.not_after() > clock.unix() && vault.names.as_ref().is_none_or(named)
}

fn unissued(error: VaultError) -> NodeError {
    NodeError::Unissued(ManagerError::Provider(ProviderError::from(error)))
}

fn unkept(error: ListsError) -> NodeError {
    match error {
        ListsError::Unsaved { path, source } => NodeError::Unwritten { path, source },
        other => NodeError::Unissued(ManagerError::Provider(ProviderError::BadAnswer(other.into()))),
    }
}

const DEADLINE: Duration = Duration::from_secs(30);
/// Where there is something to start with, nobody is waited for for long.
const SHORT_DEADLINE: Duration = Duration::from_secs(5);
/// Lists are waited for after the roots, and a start waits for both.
const ROOTS_DEADLINE: Duration = Duration::from_secs(10);
/// For the lists of a large mount over a slow line.
const LISTS_DEADLINE: Duration = Duration::from_secs(120);
