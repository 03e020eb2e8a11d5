//! What a node trusts whose certificates a Vault server signs: the roots and lists of the mount, or the configuration's roots.

use super::brought::{Bare, Kept};
use super::error::NodeError;
use super::pki_files::{crls, roots};
use super::trust::{self, Own};
use crate::config::{NodePlan, VaultPlan};
use dwcp_pki::{Certificate, RevocationMode, TrustStore};

/// What its peers are judged by, from files alone: those of the configuration, and those that were written when something was fetched last.
pub(super) fn on_disk(plan: &NodePlan, vault: &VaultPlan) -> Result<TrustStore, NodeError> {
    let kept = kept(vault);
    let Bare { trust, lists } = bare(plan, vault, None)?;
    // A mount may have no list yet: everybody is refused until it has.
    let all = lists.into_iter().chain(kept.crls()?).collect();
    trust.with_crls(all).map_err(NodeError::Trust)
}

/// The roots without the lists that come from the mount. `brought` are its roots where they were just asked for.
pub(super) fn bare(
    plan: &NodePlan,
    vault: &VaultPlan,
    brought: Option<&[Certificate]>,
) -> Result<Bare, NodeError> {
    let files = &plan.identity;
    let anchors = match (&files.roots, brought) {
        (Some(path), _) => roots(path)?,
        (None, Some(brought)) => brought.iter().map(|root| root.certificate_der().clone()).collect(),
        (None, None) => kept(vault).anchors()?,
    };
    let lists = files.crl.as_deref().map(crls).transpose()?.unwrap_or_default();
    let own = Own { anchors, lists: Vec::new(), mode: RevocationMode::Required };
    Ok(Bare { trust: trust::store(own, plan)?, lists })
}

/// Where roots and lists of the mount are kept.
pub(super) fn kept(vault: &VaultPlan) -> Kept {
    Kept { roots: vault.kept_roots.clone(), lists: Some(vault.kept_lists.clone()) }
}
