//! A node whose certificate is renewed at another one: its identity, and the roots and lists of its mesh.

use super::error::NodeError;
use super::fetched::together;
use super::identity::{crls, prefix, roots};
use super::lists_error::ListsError;
use super::off_loop::off_loop;
use super::onion::reason_text;
use super::shared::Shared;
use super::trust::{self, Own};
use crate::config::{IdentityFiles, NodePlan};
use crate::join::{Bundle, MeshProvider};
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_base::{Coded, Disk, LocalDisk, UnixTime};
use dwcp_pki::{Certificate, CertificateChain, Credential, Crl, RevocationMode, TrustStore};
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
    let (known, round) = shared.lists.tag();
    let asked = of.provider.bundle(known.as_deref(), DEADLINE).await.map_err(ListsError::Mesh)?;
    let Some((mut bundle, tag)) = asked else { return Ok(false) };
    let _trusting = shared.trusting.lock().await;
    let plan = shared.plan.load_full();
    let generation = shared.store.current();
    let (made_of, before) = (Arc::clone(&plan), Arc::clone(&generation));
    let made = off_loop(move || {
        let (roots, lists) = (bundle.roots.clone(), std::mem::take(&mut bundle.lists));
        let bare = trust_of(&bundle, &made_of)?;
        let chain = before.credential().chain();
        bare.covers(chain).map_err(|refusal| ListsError::Roots(refusal.into()))?;
        // Whatever else the other side is asked to hand out, its mesh is not to stand still for it.
        let (lists, others): (Vec<_>, Vec<_>) = lists.into_iter().partition(|list| bare.signed(list, chain));
        let trust = bare.clone().with_crls(lists.clone()).map_err(ListsError::Trust)?;
        // Keys that were refused a moment ago stay so.
        let blocked: Vec<_> = before.trust().revocation().blocked_keys().copied().collect();
        let left_out: Vec<String> = others.iter().map(|list| list.issuer().to_owned()).collect();
        let taken = Taken { roots, lists, bare };
        Ok::<_, ListsError>((trust.with_blocked_keys(blocked), taken, left_out))
    });
    let (trust, taken, left_out) = made.await.ok_or(ListsError::Interrupted)??;
    let lists_are_known = |one: &Crl| generation.trust().crls().any(|known| known.der() == one.der());
    let changed = !trust.has_anchors_of(generation.trust()) || !taken.lists.iter().all(lists_are_known);
    if changed {
        shared.store.install_trust(trust).map_err(ListsError::Roots)?;
    }
    tell(shared, &left_out);
    let (chain, now) = (Arc::clone(&generation), shared.now());
    let kept = off_loop(move || keep(&plan.identity, taken, chain.credential().chain(), now)).await;
    let kept = kept.ok_or(ListsError::Interrupted)?;
    if kept.is_ok() {
        shared.lists.set_tag(tag, round);
    }
    kept.map(|()| changed)
}

/// What of a bundle is taken, and the trust in its roots.
struct Taken {
    roots: Vec<Certificate>,
    lists: Vec<Crl>,
    bare: TrustStore,
}

/// Says which lists count for nothing here: once, until it is others, or none.
fn tell(shared: &Shared, left_out: &[String]) {
    let Some(issuer) = left_out.first() else {
        let _ = shared.troubles.end(LEFT_OUT);
        return;
    };
    let error = ListsError::Stranger { issuer: issuer.chars().take(200).collect() };
    let text = reason_text(&error);
    if shared.troubles.of(LEFT_OUT).as_ref() == Some(&text) {
        return;
    }
    tracing::warn!(%text, lists = left_out.len(), "lists were left out");
    shared.troubles.begin(LEFT_OUT, text.clone());
    shared.ledger.note(
        SecurityEvent::local(EventKind::TrustChanged)
            .code(error.code())
            .message(&text)
            .field("left_out", left_out.len()),
    );
}

/// The roots alone.
fn trust_of(bundle: &Bundle, plan: &NodePlan) -> Result<TrustStore, ListsError> {
    if plan.trust_domain.as_ref().is_some_and(|own| own.as_str() != bundle.trust_domain) {
        let theirs = bundle.trust_domain.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(ListsError::Domain { theirs });
    }
    let anchors = bundle.roots.iter().map(|root| root.certificate_der().clone()).collect();
    let own = Own { anchors, lists: Vec::new(), mode: RevocationMode::Required };
    trust::store(own, plan).map_err(|error| ListsError::Client(Box::new(error)))
}

/// Writes what changed; the roots first, since lists of a root that is not known yet count for nobody. Lists of before stay where none that
/// came replaces them, as they do in memory.
fn keep(
    files: &IdentityFiles,
    taken: Taken,
    chain: &CertificateChain,
    now: UnixTime,
) -> Result<(), ListsError> {
    let roots: String = taken.roots.iter().map(Certificate::to_pem).collect();
    // What can not be read helps nobody, and is written anew.
    let mut before = files.crl.as_deref().and_then(|path| crls(path).ok()).unwrap_or_default();
    before.retain(|list| taken.bare.signed(list, chain));
    let lists: String = together(taken.lists, before, now).iter().map(Crl::to_pem).collect();
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

/// The trouble of lists that came and count for nothing.
pub(super) const LEFT_OUT: &str = "lists_left_out";
/// For the lists of a large mesh over a slow line.
const DEADLINE: Duration = Duration::from_secs(120);
