//! A node whose certificates a Vault server signs: its client, its first certificate, and the roots and lists of the mount.

use super::brought::{self, Bare, Brought, adopt};
use super::error::NodeError;
use super::lists_error::ListsError;
use super::pki_files::{certificates, credential_error, prefix};
use super::renewal::own;
use super::shared::Shared;
use super::vault_trust::{bare, kept};
use crate::config::{ConfigProblem, LoginPlan, NodePlan, ProviderPlan, VaultPlan};
use dwcp_base::{Clock, Disk, LocalDisk, Observer};
use dwcp_https::Roots;
use dwcp_pki::{
    Certificate, Credential, DeltaCrl, FirstTrust, ManagerError, ProviderError, RevocationMode, SlotSpec,
    SubjectName, obtain,
};
use dwcp_pki_vault::{
    BadSetting, Event, KeptList, Login, RoleId, VaultClient, VaultError, VaultListing, VaultLists,
    VaultProvider, VaultSettings,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One session with a Vault server, for as long as the node runs.
pub(crate) struct Vault {
    pub(super) client: Arc<VaultClient>,
    pub(super) provider: Arc<VaultProvider>,
    lists: VaultLists,
    deltas: Mutex<Vec<DeltaCrl>>,
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
        Ok(Some(Self { lists, deltas: Mutex::default(), provider, client }))
    }

    /// Sees to it that there is something to start from: a certificate, and whom to trust. A pair that is there is enough, and one that has
    /// ended or has other names than it should is replaced where the server lets it.
    pub(super) async fn first(&self, plan: &NodePlan, clock: &dyn Clock) -> Result<(), NodeError> {
        let ProviderPlan::Vault { vault, .. } = &plan.provider else { return Ok(()) };
        let saved = match brought::credential(plan) {
            Err(NodeError::NotIssued { .. }) => None,
            other => Some(other?),
        };
        let known = vault.kept_roots.as_ref().is_none_or(|path| path.exists());
        if !known {
            // Without it nobody is trusted, whatever pair there is.
            let (roots, _) = self.authorities(vault, DEADLINE).await?;
            let written = LocalDisk.make_dir(&plan.state_dir);
            written.map_err(|source| NodeError::Unwritten { path: plan.state_dir.clone(), source })?;
            kept(vault).keep_roots(&roots).map_err(unkept)?;
        }
        match saved {
            None => self.obtain(plan, vault, clock, DEADLINE).await,
            Some(credential) if is_fit(&credential, vault, clock) => Ok(()),
            Some(credential) => {
                if let Err(error) = self.obtain(plan, vault, clock, SHORT_DEADLINE).await {
                    let text = super::onion::reason_text(&error);
                    tracing::warn!(%text, ends = %credential.not_after(), "the node starts with the certificate that it has");
                }
                Ok(())
            }
        }
    }

    async fn obtain(
        &self,
        plan: &NodePlan,
        vault: &VaultPlan,
        clock: &dyn Clock,
        deadline: Duration,
    ) -> Result<(), NodeError> {
        let names = vault.names.clone().ok_or_else(|| {
            let key = if plan.name.is_none() { "node.name" } else { "node.trust_domain" };
            let what = "is missing, and there is no certificate yet to take it from";
            NodeError::Config(ConfigProblem::new(
                key,
                what,
                "write it, or security.cert_management.vault.names",
            ))
        })?;
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
        let (roots, authorities) = self.known(LISTS_DEADLINE).await.map_err(ListsError::Vault)?;
        let before = kept(vault).crls().unwrap_or_default();
        let listing = self.lists.fetch(&before, LISTS_DEADLINE).await.map_err(ListsError::Vault)?;
        let VaultListing { complete: lists, deltas, kept: not_as_new, .. } = listing;
        let _trusting = shared.trusting.lock().await;
        let roots = vault.kept_roots.is_some().then_some(roots);
        self.set_deltas(deltas.clone());
        let brought = Brought { roots, lists, deltas, authorities };
        let (of, kept) = (Arc::clone(&plan), kept(vault));
        let made = move |brought: &Brought| -> Result<Bare, ListsError> {
            let ProviderPlan::Vault { vault, .. } = &of.provider else { return Err(ListsError::Interrupted) };
            bare(&of, vault, brought.roots.as_deref()).map_err(|error| ListsError::Client(Box::new(error)))
        };
        let changed = adopt(shared, brought, kept, made).await?;
        match not_as_new.into_iter().next() {
            // What came is in force; that not all of it came is a failure all the same.
            Some(KeptList { issuer, source, .. }) => {
                let _ = super::judgement::judge(shared);
                Err(ListsError::Missing { issuer, source })
            }
            None => Ok(changed),
        }
    }

    /// What goes on top of the lists on disk, since it came last.
    pub(super) fn deltas(&self) -> Vec<DeltaCrl> {
        self.deltas.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_deltas(&self, deltas: Vec<DeltaCrl>) {
        *self.deltas.lock().unwrap_or_else(PoisonError::into_inner) = deltas;
    }
}

/// Whether a pair is good for more than a refusal: it has not ended, and is of the names that it should be.
fn is_fit(credential: &Credential, vault: &VaultPlan, clock: &dyn Clock) -> bool {
    let named = |names: &Vec<SubjectName>| {
        names.len() == credential.names().len() && names.iter().all(|name| credential.names().contains(name))
    };
    credential.not_after() > clock.unix() && vault.names.as_ref().is_none_or(named)
}

fn settings(vault: &VaultPlan) -> Result<VaultSettings, NodeError> {
    let login = match &vault.login {
        LoginPlan::Token(path) => Login::TokenFile { path: path.clone() },
        LoginPlan::AppRole { mount, role_id, secret_id } => Login::AppRole {
            mount: mount.clone(),
            role_id: RoleId::File(role_id.clone()),
            secret_id_file: secret_id.clone(),
        },
        LoginPlan::Certificate { mount, role, cert, key } => Login::Certificate {
            mount: mount.clone(),
            role: role.clone(),
            cert: cert.clone(),
            key: key.clone(),
        },
        LoginPlan::Jwt { mount, role, file } => {
            Login::Jwt { mount: mount.clone(), role: role.clone(), jwt_file: file.clone() }
        }
    };
    let roots = Roots::Only(certificates(&vault.server_roots)?);
    let bad = |error: BadSetting| problem("address", &error, "correct the setting that is named");
    let mut settings = VaultSettings::new(vault.address.clone(), roots, &vault.role, login).map_err(bad)?;
    settings = settings.with_mount(&vault.mount).map_err(bad)?;
    if let Some(namespace) = &vault.namespace {
        settings = settings.with_namespace(namespace).map_err(bad)?;
    }
    if let Some(issuer) = &vault.issuer {
        settings = settings.with_issuer(issuer).map_err(bad)?;
    }
    if let Some(ttl) = vault.ttl {
        settings = settings.with_ttl(ttl);
    }
    Ok(match vault.token_ttl {
        Some(ttl) => settings.with_token_ttl(ttl),
        None => settings,
    })
}

fn problem(key: &str, error: &dyn std::error::Error, fix: &str) -> NodeError {
    let key = format!("security.cert_management.vault.{key}");
    NodeError::Config(ConfigProblem::new(key, super::onion::reason_text(error), fix))
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
/// For the lists of a large mount over a slow line.
const LISTS_DEADLINE: Duration = Duration::from_secs(120);
