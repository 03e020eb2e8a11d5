//! What a reload reads before it changes anything: on threads of its own, and without the locks under which it is put in force.

use super::compose::named;
use super::embedded::embedded_trust;
use super::floor::Floor;
use super::further::{self, Further, is_an_identity};
use super::identity::{Identity, Material, trust_by_files};
use super::off_loop::off_loop;
use super::shared::Shared;
use super::{NodeError, Parts, replacing, self_signed, vault_trust};
use crate::config::{ConfigProblem, NodePlan, ProviderPlan};
use dwcp_pki::{Credential, SlotPhase, TrustStore};
use std::sync::Arc;
use tokio::sync::{MutexGuard, OwnedSemaphorePermit};

/// What was read for a reload.
pub(super) struct Read {
    /// With the names of the certificate.
    pub(super) plan: NodePlan,
    pub(super) material: Option<Material>,
    pub(super) further: Further,
    /// `None` where it stays as it is, or is of `material`.
    pub(super) trust: Option<TrustStore>,
    pub(super) serving: Arc<Credential>,
}

/// Reads what `plan` names, and gives it with the locks under which it is put in force. Disks are waited for without them: a revocation
/// must not stand in line behind one. Trust that changed meanwhile may be newer than what was read.
pub(super) async fn settled<'a>(
    node: &'a Parts,
    plan: NodePlan,
    followed: bool,
) -> Result<(Read, MutexGuard<'a, Floor>, MutexGuard<'a, ()>), NodeError> {
    let shared = &node.shared;
    for _ in 0..ROUNDS {
        // Held until what the one before made is on disk as well.
        let before = {
            let _trusting = shared.trusting.lock().await;
            Arc::clone(shared.store.current().trust())
        };
        let read = read(node, plan.clone(), followed).await?;
        let (floor, trusting) = (node.floor.lock().await, shared.trusting.lock().await);
        if Arc::ptr_eq(&before, shared.store.current().trust()) {
            return Ok((read, floor, trusting));
        }
    }
    // It changes without an end, so that it has to wait.
    let (floor, trusting) = (node.floor.lock().await, shared.trusting.lock().await);
    Ok((read(node, plan, followed).await?, floor, trusting))
}

async fn read(node: &Parts, plan: NodePlan, followed: bool) -> Result<Read, NodeError> {
    let shared = &node.shared;
    let permit = Arc::new(match followed {
        // A disk that does not answer holds one thread, however often its files are to be read.
        true => Arc::clone(&node.reading).acquire_owned().await.ok(),
        false => None,
    });
    let serving = Arc::clone(shared.store.current().credential());
    let material = match plan.provider {
        ProviderPlan::Manual => {
            let (whose, clock, held) = (plan.clone(), Arc::clone(&shared.clock), Arc::clone(&permit));
            let read = off_loop(move || (Material::read(&whose, &*clock), held).0).await;
            let material = read.ok_or(NodeError::Interrupted)??;
            Some(super::fetched::beforehand(shared, &plan, material).await?)
        }
        ProviderPlan::Mesh { .. } => brought(shared, &plan, &serving, Arc::clone(&permit)).await?,
        // The keeper follows the authority's directory by itself; a reload never issues anything.
        ProviderPlan::Embedded { .. }
        | ProviderPlan::SelfSigned
        | ProviderPlan::Vault { .. }
        | ProviderPlan::Acme { .. } => None,
    };
    if material.is_none() {
        is_an_identity(&plan, &serving)?;
    }
    let shared = Arc::clone(shared);
    let work = move || {
        let _held = permit;
        let named = named(plan, material.as_ref().map_or(&serving, |material| &material.credential));
        further::has_another_name(&named)?;
        let further = match &material {
            Some(material) => material.further.clone(),
            None => Further::read(&named)?,
        };
        let trust = other_trust(&shared, &shared.plan.load(), &named)?;
        if let Some(material) = &material {
            is_listed(&named, &material.trust, shared.store.current().trust())?;
        }
        if followed {
            let current = shared.store.current();
            let new = trust.as_ref().or(material.as_ref().map(|material| &material.trust));
            let judge = replacing::Judge {
                before: current.trust(),
                trust: new.unwrap_or(current.trust()),
                trial: &*shared.rehearsal,
                now: shared.now(),
            };
            let own = (&*serving, material.as_ref().map(|material| &material.credential));
            judge.all_fit(own, (&shared.further.load(), &further.named))?;
        }
        Ok(Read { plan: named, material, further, trust, serving })
    };
    off_loop(work).await.ok_or(NodeError::Interrupted)?
}

/// Refuses a `crl_file` without a list of any root, where the one in use has one: what is in memory would hold, and the next start would refuse every peer.
fn is_listed(plan: &NodePlan, new: &TrustStore, before: &TrustStore) -> Result<(), NodeError> {
    let from_file = matches!(plan.provider, ProviderPlan::Manual)
        && plan.identity.crl.is_some()
        && plan.lists.url.is_none();
    if !from_file || new.crl_expiry().is_some() || before.crl_expiry().is_none() {
        return Ok(());
    }
    Err(NodeError::Config(ConfigProblem::new(
        "security.tls.crl_file",
        "has no list of any root in ca_file, and what is in use has one",
        "put the lists of the roots in ca_file into it",
    )))
}

/// The identity of a node that joined, where somebody brought another: one that is newer, or any where the one in use is good for nothing.
/// One that the node renewed and could not write is not given up for the older one on disk.
async fn brought(
    shared: &Arc<Shared>,
    plan: &NodePlan,
    serving: &Credential,
    permit: Arc<Option<OwnedSemaphorePermit>>,
) -> Result<Option<Material>, NodeError> {
    let (whose, clock, followed) = (plan.clone(), Arc::clone(&shared.clock), permit.is_some());
    let read = off_loop(move || (Material::read(&whose, &*clock), permit).0).await;
    let read = read.ok_or(NodeError::Interrupted)??;
    let (ours, theirs) = (serving.chain().leaf(), read.credential.chain().leaf());
    if ours.certificate_der() == theirs.certificate_der() {
        return Ok(None);
    }
    let generation = shared.store.current();
    let usage = replacing::usage(generation.trust(), serving);
    if theirs.not_before() > ours.not_before()
        || replacing::standing(generation.trust(), serving, usage, shared.now()).is_err()
    {
        return Ok(Some(read));
    }
    let state = shared.manager.state(&super::renewal::own(&shared.plan.load()));
    // What serves may be on its way to the disk.
    let ours_alone = state.is_some_and(|state| state.unsaved.is_some() || state.phase != SlotPhase::Active);
    if followed || ours_alone {
        return Ok(None);
    }
    Err(NodeError::Older { cert: plan.identity.cert.clone() })
}

/// The trust of an embedded authority where the plan names roots, lists or bundles, whose files are read again, or another
/// profile. What the authority itself says the keeper brings.
fn other_trust(shared: &Shared, old: &NodePlan, new: &NodePlan) -> Result<Option<TrustStore>, NodeError> {
    let names_files = |plan: &NodePlan| {
        plan.identity.roots.is_some() || plan.identity.crl.is_some() || !plan.bundles.is_empty()
    };
    if let Identity::Mesh(_) = &shared.identity {
        let as_before = old.bundles.is_empty() && new.bundles.is_empty() && old.profile == new.profile;
        return if as_before { Ok(None) } else { super::mesh::trust_on_disk(new).map(Some) };
    }
    if let ProviderPlan::Vault { vault, .. } = &new.provider {
        let as_before = !names_files(old) && !names_files(new) && old.profile == new.profile;
        return if as_before { Ok(None) } else { vault_trust::on_disk(new, vault).map(Some) };
    }
    if !names_files(old) && !names_files(new) && old.profile == new.profile {
        return Ok(None);
    }
    let trust = match &shared.identity {
        Identity::Embedded(embedded) => {
            embedded_trust(&embedded.authority, embedded.publication.list(), new)?
        }
        Identity::SelfSigned(throw_away) => self_signed::trust(&throw_away.provider, new)?,
        Identity::Acme(_) => trust_by_files(new)?,
        Identity::Manual | Identity::Mesh(_) | Identity::Vault(_) => return Ok(None),
    };
    // Keys that were revoked a moment ago are on no list yet.
    let current = shared.store.current();
    let blocked = current.trust().revocation().blocked_keys().copied();
    Ok(Some(trust.with_blocked_keys(blocked)))
}

/// Trust that changes while it is read again.
const ROUNDS: usize = 4;
