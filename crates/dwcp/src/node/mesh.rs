//! A node whose certificate is renewed at another one: its identity, and the roots and lists of its mesh.

use super::error::NodeError;
use super::fetched::strangers;
use super::identity::{crls, prefix, roots};
use super::lists_error::ListsError;
use super::off_loop::off_loop;
use super::shared::Shared;
use super::trust::{self, Own};
use crate::config::{IdentityFiles, NodePlan};
use crate::join::{Bundle, MeshProvider};
use dwcp_base::{Disk, LocalDisk};
use dwcp_pki::{Credential, Crl, RevocationMode, TrustStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The provider of the mesh.
pub(crate) struct Mesh {
    pub(super) provider: Arc<MeshProvider>,
}

/// The identity of a node that has joined.
pub(super) fn credential(files: &IdentityFiles) -> Result<Credential, NodeError> {
    let loaded = Credential::load_saved(&prefix(files)?);
    if !files.cert.exists() && !files.key.exists() {
        return Err(NodeError::NotJoined { cert: files.cert.clone() });
    }
    loaded.map_err(|source| NodeError::Credential {
        cert: files.cert.clone(),
        key: files.key.clone(),
        source,
    })
}

/// What its peers are judged by, from the files that were written when something was fetched last.
pub(super) fn trust_on_disk(plan: &NodePlan) -> Result<TrustStore, NodeError> {
    let files = &plan.identity;
    let anchors = files.roots.as_deref().map(roots).transpose()?.unwrap_or_default();
    let is_there = |path: &&PathBuf| std::fs::metadata(path).is_ok_and(|found| found.len() > 0);
    // A mesh may have no list yet: everybody is refused until it has.
    let lists = match files.crl.as_ref().filter(is_there) {
        Some(path) => crls(path)?,
        None => Vec::new(),
    };
    trust::store(Own { anchors, lists, mode: RevocationMode::Required }, plan)
}

/// Asks once for the bundle of the mesh, and puts it in force as one generation. True when it is another one.
pub(super) async fn refresh(shared: &Arc<Shared>, of: &Mesh) -> Result<bool, ListsError> {
    let known = shared.lists.tag();
    let asked = of.provider.bundle(known.as_deref(), DEADLINE).await.map_err(ListsError::Mesh)?;
    let Some((bundle, tag)) = asked else { return Ok(false) };
    let _trusting = shared.trusting.lock().await;
    let plan = shared.plan.load_full();
    let generation = shared.store.current();
    let (made_of, before) = (Arc::clone(&plan), Arc::clone(&generation));
    let made = off_loop(move || {
        let trust = trust_of(&bundle, &made_of)?;
        trust.covers(before.credential().chain()).map_err(|refusal| ListsError::Roots(refusal.into()))?;
        strangers(&trust, before.credential().chain(), &bundle.lists)?;
        // Keys that were refused a moment ago stay so.
        let blocked: Vec<_> = before.trust().revocation().blocked_keys().copied().collect();
        Ok::<_, ListsError>((trust.with_blocked_keys(blocked), bundle))
    });
    let (trust, bundle) = made.await.ok_or(ListsError::Interrupted)??;
    let lists_are_known = |one: &Crl| generation.trust().crls().any(|known| known.der() == one.der());
    let changed = !trust.has_anchors_of(generation.trust()) || !bundle.lists.iter().all(lists_are_known);
    if changed {
        shared.store.install_trust(trust).map_err(ListsError::Roots)?;
    }
    let kept = off_loop(move || keep(&plan.identity, &bundle)).await.ok_or(ListsError::Interrupted)?;
    if kept.is_ok() {
        shared.lists.set_tag(tag);
    }
    kept.map(|()| changed)
}

fn trust_of(bundle: &Bundle, plan: &NodePlan) -> Result<TrustStore, ListsError> {
    if plan.trust_domain.as_ref().is_some_and(|own| own.as_str() != bundle.trust_domain) {
        let theirs = bundle.trust_domain.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(ListsError::Domain { theirs });
    }
    let anchors = bundle.roots.iter().map(|root| root.certificate_der().clone()).collect();
    let own = Own { anchors, lists: bundle.lists.clone(), mode: RevocationMode::Required };
    trust::store(own, plan).map_err(|error| ListsError::Client(Box::new(error)))
}

/// Writes what changed; the roots first, since lists of a root that is not known yet count for nobody.
fn keep(files: &IdentityFiles, bundle: &Bundle) -> Result<(), ListsError> {
    let roots: String = bundle.roots.iter().map(dwcp_pki::Certificate::to_pem).collect();
    let lists: String = bundle.lists.iter().map(Crl::to_pem).collect();
    let write = |path: &Path, text: &str| {
        if std::fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        let unsaved = |source| ListsError::Unsaved { path: path.to_owned(), source };
        LocalDisk.replace(path, text.as_bytes(), false).map_err(unsaved)
    };
    files.roots.as_deref().map_or(Ok(()), |path| write(path, &roots))?;
    files.crl.as_deref().map_or(Ok(()), |path| write(path, &lists))
}

/// For the lists of a large mesh over a slow line.
const DEADLINE: Duration = Duration::from_secs(120);
