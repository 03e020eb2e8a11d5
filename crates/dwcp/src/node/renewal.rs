//! The node's certificates as slots of one manager: whose they are, what the manager wants done, and an operator's orders.

use super::embedded::issuance_policy;
use super::error::NodeError;
use super::further::Named;
use super::identity::Identity;
use super::news::News;
use super::off_loop::off_loop;
use super::onion::reason_text;
use super::pki_files::prefix;
use super::shared::Shared;
use crate::config::{NodePlan, ProviderPlan};
use crate::join::MeshProvider;
use arc_swap::ArcSwap;
use dwcp_base::{Clock, Coded, LocalDisk, UnixTime};
use dwcp_pki::{
    Activation, CertProvider, CertificateManager, CertificateStore, Credential, EmbeddedProvider, Lead,
    ManagedSlot, ManagerError, NextStep, Renewal, Renewed, SelfSignedProvider, SlotSpec, SubjectName, Trial,
    TrialFault, TrustStore, Usage, Window,
};
use dwcp_pki_acme::AcmeProvider;
use dwcp_pki_vault::VaultProvider;
use dwcp_tls::HandshakeTrial;
use std::sync::Arc;
use std::time::Duration;

/// A manager of the slot of the node's own certificate.
pub(super) fn manager(
    plan: &NodePlan,
    identity: &Identity,
    store: &Arc<CertificateStore>,
    names: Vec<SubjectName>,
    clock: &Arc<dyn Clock>,
    news: &Arc<News>,
    rehearsal: &Arc<Rehearsal>,
) -> Result<CertificateManager, NodeError> {
    let manager = CertificateManager::new(Arc::clone(clock), Arc::<News>::clone(news));
    let mut spec = match &plan.provider {
        ProviderPlan::Acme { acme, .. } => super::acme_settings::spec(plan, acme),
        _ => SlotSpec::new(own(plan), names),
    };
    let provider: Option<Arc<dyn CertProvider>> = match identity {
        Identity::Embedded(embedded) => {
            let authority = Arc::clone(&embedded.authority);
            Some(Arc::new(EmbeddedProvider::new(authority, issuance_policy(plan)?, Arc::clone(clock))))
        }
        Identity::Mesh(mesh) => Some(Arc::<MeshProvider>::clone(&mesh.provider)),
        Identity::SelfSigned(throw_away) => Some(Arc::<SelfSignedProvider>::clone(&throw_away.provider)),
        Identity::Vault(vault) => Some(Arc::<VaultProvider>::clone(&vault.provider)),
        Identity::Acme(acme) => Some(Arc::<AcmeProvider>::clone(&acme.provider)),
        Identity::Manual => None,
    };
    let renewals = plan.provider.renewals();
    spec.renew_before = renewals.and_then(|renewals| renewals.renew_before);
    let slot = ManagedSlot::new(spec, Arc::clone(store));
    let slot = match provider {
        Some(provider) => {
            slot.with_provider(provider).with_files(Arc::new(LocalDisk), prefix(&plan.identity)?)
        }
        None => slot,
    };
    let slot = match renewals {
        Some(renewals) => slot.with_window(renewals.window).with_automatic(renewals.auto_renew),
        None => slot,
    };
    let slot = slot.with_trial(Arc::<Rehearsal>::clone(rehearsal));
    manager.manage(slot).map_err(NodeError::Slot)?;
    tell_overruled(&manager);
    Ok(manager)
}

/// A six-day certificate under a rule of 30 days would be renewed without end, so the rule gives way: whoever wrote it is told.
fn tell_overruled(manager: &CertificateManager) {
    for state in manager.states().iter().filter(|state| state.lead == Lead::Overruled) {
        let (slot, renew_at) = (&state.name, state.renew_at);
        tracing::warn!(%slot, %renew_at, "renew_before would leave less than a third of the certificate's life: the fraction of its life holds");
    }
}

/// A handshake with oneself by the policy that is in force at the time, before a certificate serves.
#[derive(Debug)]
pub(crate) struct Rehearsal(ArcSwap<HandshakeTrial>);

impl Rehearsal {
    pub(super) fn new(plan: &NodePlan) -> Self {
        Self(ArcSwap::from_pointee(HandshakeTrial::new(plan.tls.clone())))
    }
}

impl Trial for Rehearsal {
    fn try_out(
        &self,
        credential: &Credential,
        trust: &TrustStore,
        usage: Usage,
        now: UnixTime,
    ) -> Result<(), TrialFault> {
        self.0.load().try_out(credential, trust, usage, now)
    }
}

/// The slot of the node's own certificate is called as the node is.
pub(super) fn own(plan: &NodePlan) -> String {
    plan.name.clone().unwrap_or_else(|| "identity".to_owned())
}

/// Has the dates of the further certificates watched: other tools renew them.
pub(super) fn watch_further(manager: &CertificateManager, own: &str, before: &[Named], now: &[Named]) {
    let others = |named: &&Named| named.name != own;
    let gone = before.iter().filter(others).filter(|old| !now.iter().any(|new| new.name == old.name));
    for old in gone {
        manager.release(&old.name);
    }
    // The slot of the node's own name is its own.
    for named in now.iter().filter(others) {
        let spec = SlotSpec::new(&named.name, named.credential.names().to_vec());
        if manager.manage(ManagedSlot::watched(spec, Arc::clone(&named.credential))).is_err() {
            manager.replaced(&named.name, Arc::clone(&named.credential));
        }
    }
}

/// A reload may say who orders renewals, when they are welcome, and what handshakes are like.
pub(super) fn adopt(shared: &Shared, plan: &NodePlan) {
    shared.rehearsal.0.store(Arc::new(HandshakeTrial::new(plan.tls.clone())));
    if let Identity::Mesh(mesh) = &shared.identity {
        mesh.provider.set_policy(plan.tls.clone());
    }
    let manager = &shared.manager;
    if let Some(renewals) = plan.provider.renewals() {
        manager.set_rules(&own(plan), renewals.auto_renew, renewals.window);
    }
}

/// Does what the manager wants done now, beside the loop that asks: it has revocations to follow.
pub(super) fn follow(shared: &Arc<Shared>) {
    // A step a slot at most; what is left is done the next time.
    let mut begun: Vec<Arc<str>> = Vec::new();
    while begun.len() < STEPS {
        let step = shared.manager.next(shared.now());
        let (NextStep::Renew { slot, .. } | NextStep::Activate { slot } | NextStep::Save { slot }) = &step
        else {
            return;
        };
        if begun.contains(slot) {
            return;
        }
        begun.push(Arc::clone(slot));
        let (shared, slot) = (Arc::clone(shared), Arc::clone(slot));
        // The manager tells what comes of each.
        tokio::spawn(async move {
            let manager = Arc::clone(&shared.manager);
            match step {
                NextStep::Renew { .. } => drop(renew_slot(&shared, &slot, Activation::AfterGrace).await),
                NextStep::Activate { .. } => {
                    let whose = Arc::clone(&slot);
                    if off_loop(move || manager.activate(&slot)).await.is_none() {
                        interrupted(&shared.manager, &whose);
                    }
                }
                _ => drop(off_loop(move || manager.save(&slot)).await),
            }
        });
    }
}

/// Renews the node's own certificate now and serves it at once.
pub(super) async fn renew(shared: &Arc<Shared>) -> Result<Renewed, NodeError> {
    let slot = own(&shared.plan.load());
    match renew_slot(shared, &slot, Activation::Now).await? {
        Renewal::Active(renewed) => Ok(renewed),
        Renewal::Prepared { .. } => Err(NodeError::Interrupted),
    }
}

/// Renews a slot. The manager tells what came of it.
pub(super) async fn renew_slot(
    shared: &Arc<Shared>,
    slot: &str,
    activation: Activation,
) -> Result<Renewal, NodeError> {
    let (manager, whose) = (Arc::clone(&shared.manager), slot.to_owned());
    let given = match &shared.identity {
        // An authority looks at several names from several places.
        Identity::Acme(_) => 4 * RENEWAL_LIMIT,
        _ => RENEWAL_LIMIT,
    };
    if let (Identity::Acme(acme), Activation::Now) = (&shared.identity, activation) {
        // Whoever orders it has put right what was wrong, and waits for nothing but what the authority asked for.
        acme.provider.ask_at_once();
    }
    let runtime = tokio::runtime::Handle::current();
    // The authority signs and syncs inside of the provider's future, so the whole of it runs off the event loop.
    let renewed = off_loop(move || {
        runtime.block_on(async {
            // A provider that forgets its deadline does not keep the slot.
            tokio::time::timeout(given + OVERTIME, manager.renew(&whose, activation, given)).await
        })
    })
    .await;
    let renewed = match renewed {
        Some(Ok(Err(ManagerError::Elsewhere))) => Err(NodeError::NotOurs),
        Some(Ok(renewed)) => renewed.map_err(NodeError::Unissued),
        Some(Err(_)) | None => Err(NodeError::Interrupted),
    };
    if let Err(NodeError::Interrupted) = &renewed {
        interrupted(&shared.manager, slot);
    }
    renewed
}

/// That it was interrupted is known here alone; the manager counts and tells it, and waits before it asks again.
fn interrupted(manager: &CertificateManager, slot: &str) {
    let error = NodeError::Interrupted;
    manager.interrupted(slot, error.code(), &reason_text(&error));
}

/// Orders a renewal for the next span of a window and says when that is.
pub(super) async fn order(shared: &Arc<Shared>, slot: &str, window: Window) -> Result<UnixTime, NodeError> {
    let (manager, slot) = (Arc::clone(&shared.manager), slot.to_owned());
    match off_loop(move || manager.order(&slot, window)).await {
        Some(Err(ManagerError::Elsewhere)) => Err(NodeError::NotOurs),
        Some(ordered) => ordered.map_err(NodeError::Unissued),
        None => Err(NodeError::Interrupted),
    }
}

const STEPS: usize = 4;
const RENEWAL_LIMIT: Duration = Duration::from_secs(30);
const OVERTIME: Duration = Duration::from_secs(5);
