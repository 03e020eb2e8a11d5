//! What is fetched, judged, put in force and kept on disk: lists from an URL, or the roots and lists of the mesh.

use super::error::NodeError;
use super::identity::{Identity, Material};
use super::lists::{Age, age};
use super::lists_error::ListsError;
use super::mesh;
use super::off_loop::off_loop;
use super::outside::client;
use super::pki_files::{crls, lists_of};
use super::shared::Shared;
use crate::config::NodePlan;
use crate::fetch::{Answer, FetchError, Limits, Line, Question, Url, fetch};
use dwcp_base::{Disk, LocalDisk, UnixTime};
use dwcp_pki::{CertificateChain, Credential, Crl, RevocationMode, SubjectName, TrustStore};
use dwcp_tls::ExpectedServer;
use hyper::StatusCode;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Asks once. True when something newer is in force.
///
/// # Errors
/// [`ListsError`].
pub(super) async fn refresh(shared: &Arc<Shared>) -> Result<bool, ListsError> {
    if let Identity::Mesh(of) = &shared.identity {
        return mesh::refresh(shared, of).await;
    }
    if let Identity::Vault(of) = &shared.identity {
        return of.refresh(shared).await;
    }
    // Before the URL is looked up: a reload in between makes the tag of the answer worthless.
    let (known, round) = shared.lists.tag();
    let Some(url) = shared.plan.load().lists.url.clone() else { return Ok(false) };
    let answer = ask(shared, &url, known).await?;
    if answer.status == StatusCode::NOT_MODIFIED {
        return Ok(false);
    }
    if answer.status != StatusCode::OK {
        let (place, status) = (url.place().to_string(), answer.status.as_u16());
        return Err(ListsError::Fetch(FetchError::Status { place, status }));
    }
    let _trusting = shared.trusting.lock().await;
    let generation = shared.store.current();
    let (trust, credential) = (Arc::clone(generation.trust()), Arc::clone(generation.credential()));
    let (place, body, now) = (url.place().to_string(), answer.body, shared.now());
    let path = file(&shared.plan.load());
    // Up to 64 MiB are parsed, and a signature over them verified.
    let judged = off_loop(move || judge(&trust, credential.chain(), &place, &body)).await;
    let (lists, newer) = judged.ok_or(ListsError::Interrupted)??;
    if newer.is_empty() {
        shared.lists.set_tag(answer.tag, round);
        return Ok(false);
    }
    let trust = (**shared.store.current().trust()).clone().with_crls(newer).map_err(ListsError::Trust)?;
    shared.store.install_trust(trust).map_err(ListsError::Roots)?;
    let kept = off_loop(move || keep(&path, lists, now)).await.ok_or(ListsError::Interrupted)?;
    if kept.is_ok() {
        // A list that is not on disk is asked for again, whole.
        shared.lists.set_tag(answer.tag, round);
    }
    kept.map(|()| true)
}

/// Asks beforehand where `material`, of a reload, has no list that is good: live connections would be given notice for nothing.
///
/// # Errors
/// [`NodeError::Unlisted`] where nothing comes: the reload is refused then.
pub(super) async fn beforehand(
    shared: &Arc<Shared>,
    plan: &NodePlan,
    material: Material,
) -> Result<Material, NodeError> {
    let Some(url) = plan.lists.url.clone() else { return Ok(material) };
    if age(&material.trust, shared.now()).0 != Age::Ended {
        return Ok(material);
    }
    let unlisted = |error: ListsError| NodeError::Unlisted { url: url.to_string(), source: Box::new(error) };
    // What the tag stands for may be of another place.
    let answer = ask(shared, &url, None).await.map_err(unlisted)?;
    let (place, status) = (url.place().to_string(), answer.status.as_u16());
    if answer.status != StatusCode::OK {
        return Err(unlisted(ListsError::Fetch(FetchError::Status { place, status })));
    }
    let (path, now, clock, plan) = (file(plan), shared.now(), Arc::clone(&shared.clock), plan.clone());
    let kept = off_loop(move || {
        let lists = lists_of(&answer.body).map_err(|source| ListsError::Content { place, source })?;
        strangers(&material.trust, material.credential.chain(), &lists)?;
        keep(&path, lists, now)
    });
    kept.await.ok_or(NodeError::Interrupted)?.map_err(unlisted)?;
    off_loop(move || Material::read(&plan, &*clock)).await.ok_or(NodeError::Interrupted)?
}

/// The lists that were fetched last, in the state directory, which also lists of earlier ones stay in that no newer one replaced.
pub(super) fn file(plan: &NodePlan) -> PathBuf {
    plan.state_dir.join("fetched.crl")
}

/// What is in that file; nothing where it can not be read, since it can be fetched again.
pub(super) fn on_disk(plan: &NodePlan) -> Vec<Crl> {
    if plan.lists.url.is_none() || !file(plan).exists() {
        return Vec::new();
    }
    crls(&file(plan)).unwrap_or_else(|error| {
        tracing::warn!(%error, "the lists that were fetched before can not be read");
        Vec::new()
    })
}

async fn ask(shared: &Shared, url: &Url, known: Option<String>) -> Result<Answer, ListsError> {
    let limits = Limits { deadline: DEADLINE, head: LARGEST_HEAD, body: LARGEST_LIST };
    let question = Question::Get { target: url.target(), known: known.as_deref() };
    if !url.is_secure() {
        return fetch(url.place(), Line::Plain, question, limits).await.map_err(ListsError::Fetch);
    }
    // A list that lapsed must not stand in the way of its successor; and an URL is not told who asks.
    let trust = (**shared.store.current().trust()).clone().with_mode(RevocationMode::Off);
    let unmade = |error: NodeError| ListsError::Client(Box::new(error));
    let (alpn, policy) = ([b"http/1.1".to_vec()], shared.plan.load().tls.clone());
    let (connector, _) = client(trust, None::<Credential>, policy, &alpn).map_err(unmade)?;
    let host = url.place().host();
    let name = host.parse().map_or_else(|_| SubjectName::Dns(host.to_owned()), SubjectName::Ip);
    let expected = ExpectedServer::name(name).map_err(|error| unmade(NodeError::Tls(error)))?;
    let line = Line::Tls(&connector, &expected);
    fetch(url.place(), line, question, limits).await.map_err(ListsError::Fetch)
}

/// All lists of a document, and those that are not known yet. All of it is taken, or nothing.
fn judge(
    trust: &TrustStore,
    chain: &CertificateChain,
    place: &str,
    body: &[u8],
) -> Result<(Vec<Crl>, Vec<Crl>), ListsError> {
    let lists = lists_of(body).map_err(|source| ListsError::Content { place: place.to_owned(), source })?;
    let is_known = |list: &Crl| trust.crls().any(|known| known.der() == list.der());
    let newer: Vec<Crl> = lists.iter().filter(|list| !is_known(list)).cloned().collect();
    strangers(trust, chain, &newer)?;
    Ok((lists, newer))
}

/// Refuses lists that no own root, and no authority of the own chain, has signed.
fn strangers(trust: &TrustStore, chain: &CertificateChain, lists: &[Crl]) -> Result<(), ListsError> {
    match lists.iter().find(|list| !trust.signed(list, chain)) {
        Some(stranger) => Err(ListsError::Stranger { issuer: stranger.issuer().to_owned() }),
        None => Ok(()),
    }
}

/// Writes `lists` and what is in the file and not replaced by one of them.
fn keep(path: &Path, lists: Vec<Crl>, now: UnixTime) -> Result<(), ListsError> {
    let before = if path.exists() { crls(path).unwrap_or_default() } else { Vec::new() };
    let text: String = together(lists, before, now).iter().map(Crl::to_pem).collect();
    LocalDisk
        .replace(path, text.as_bytes(), false)
        .map_err(|source| ListsError::Unsaved { path: path.to_owned(), source })
}

/// New lists, and those of before that none of them replaces: one of the same issuer with a number that is no smaller, which is in force.
/// Numbers only grow, so what is put back here by an older list is not lost.
pub(super) fn together(new: Vec<Crl>, before: Vec<Crl>, now: UnixTime) -> Vec<Crl> {
    let replaced = |old: &Crl| {
        new.iter().any(|new| {
            new.der() == old.der()
                || (new.issuer() == old.issuer() && new.number() >= old.number() && new.this_update() <= now)
        })
    };
    let kept: Vec<Crl> = before.into_iter().filter(|old| !replaced(old)).collect();
    new.into_iter().chain(kept).take(MOST_KEPT).collect()
}

/// For a list of 64 MiB over a slow line.
const DEADLINE: Duration = Duration::from_secs(120);
const LARGEST_HEAD: usize = 16 * 1_024;
const LARGEST_LIST: usize = 64 << 20;
/// As many as one file may hold.
const MOST_KEPT: usize = 1_024;
