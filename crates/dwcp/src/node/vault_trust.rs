//! What a node trusts whose certificates a Vault server signs: the roots and lists of the mount, or the configuration's roots.

use super::brought::{Bare, Kept};
use super::error::NodeError;
use super::onion::reason_text;
use super::pki_files::{MAX_ROOTS, certificates, crls, roots};
use super::trust::{self, Own};
use crate::config::{NodePlan, VaultPlan};
use dwcp_base::read_bounded;
use dwcp_pki::{Certificate, CertificateChain, RevocationMode, TrustStore};

/// What its peers are judged by, from files alone: those of the configuration, and those that were written when something was fetched last.
pub(super) fn on_disk(plan: &NodePlan, vault: &VaultPlan) -> Result<TrustStore, NodeError> {
    let kept = kept(vault);
    let Bare { trust, lists } = bare(plan, vault, None)?;
    // A mount may have no list yet: everybody is refused until it has. Files that are damaged are fetched again; until then there is no
    // list either, since one of the two kinds alone would let in whom the other one names.
    let (listed, deltas) = match kept.crls().and_then(|listed| Ok((listed, kept.deltas()?))) {
        Ok(read) => read,
        Err(error) => {
            let text = reason_text(&error);
            tracing::warn!(%text, "the lists that were fetched before can not be read: nobody is let in before others came");
            Default::default()
        }
    };
    let all = lists.into_iter().chain(listed).collect();
    trust.with_crls(all).and_then(|trust| trust.with_deltas(deltas)).map_err(NodeError::Trust)
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

/// The roots that came; and while the node's own certificate leads to none of them, those of before that it leads to. A mount that moved, or
/// whose root was replaced, is followed so without a cut, and what was trusted for the certificate alone ends with it.
pub(super) fn with_own(
    plan: &NodePlan,
    vault: &VaultPlan,
    brought: Vec<Certificate>,
    chain: &CertificateChain,
) -> Vec<Certificate> {
    if leads(plan, chain, &brought) {
        return brought;
    }
    let before = vault.kept_roots.as_deref().and_then(|path| certificates(path).ok()).unwrap_or_default();
    let own = before.into_iter().filter(|root| leads(plan, chain, std::slice::from_ref(root)));
    let own: Vec<_> = own.filter(|root| !brought.contains(root)).collect();
    brought.into_iter().chain(own).collect()
}

/// Whether a chain leads to one of these roots.
pub(super) fn leads(plan: &NodePlan, chain: &CertificateChain, roots: &[Certificate]) -> bool {
    let anchors = roots.iter().map(|root| root.certificate_der().clone()).collect();
    TrustStore::new(anchors, Vec::new(), RevocationMode::Off)
        .is_ok_and(|trust| trust.with_profile(plan.profile).covers(chain).is_ok())
}

/// Whether the roots that are kept came from the mount that the plan names.
pub(super) fn are_of_this_mount(vault: &VaultPlan) -> bool {
    let kept = vault.kept_roots.as_deref().and_then(|path| read_bounded(path, MAX_ROOTS).ok());
    kept.is_some_and(|kept| kept.starts_with(heading(vault).as_bytes()))
}

/// Where roots and lists of the mount are kept.
pub(super) fn kept(vault: &VaultPlan) -> Kept {
    Kept {
        heading: heading(vault),
        roots: vault.kept_roots.clone(),
        lists: Some(vault.kept_lists.clone()),
        deltas: Some(vault.kept_deltas.clone()),
    }
}

/// The first line of the file with the roots: readers of PEM pass over it.
fn heading(vault: &VaultPlan) -> String {
    let namespace =
        vault.namespace.as_ref().map(|name| format!(" in the namespace {name}")).unwrap_or_default();
    format!("# Roots of the mount {} at {}{namespace}\n", vault.mount, vault.address.origin())
}
