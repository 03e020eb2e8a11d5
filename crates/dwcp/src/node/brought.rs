//! Roots and lists that whoever issues brings along: judged, put in force as one generation, and kept for the next start.

use super::error::NodeError;
use super::fetched::together;
use super::lists_error::ListsError;
use super::off_loop::off_loop;
use super::onion::reason_text;
use super::pki_files::{credential_error, crls, deltas, prefix, roots};
use super::shared::Shared;
use crate::config::{NodePlan, ProviderPlan};
use dwcp_audit::{EventKind, SecurityEvent};
use dwcp_base::{Coded, Disk, LocalDisk, UnixTime};
use dwcp_pki::{Certificate, CertificateChain, Credential, Crl, DeltaCrl, TrustStore};
use rustls_pki_types::CertificateDer;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What came.
pub(super) struct Brought {
    /// Whom to trust; `None` where the configuration says it.
    pub(super) roots: Option<Vec<Certificate>>,
    pub(super) lists: Vec<Crl>,
    /// Those of before: that one of them counts no more, since its root went, is nothing to tell.
    pub(super) before: Vec<Crl>,
    /// What goes on top of them.
    pub(super) deltas: Vec<DeltaCrl>,
    /// Authorities that lists may be of, besides the roots and those of the own chain; those nearest to a root last.
    pub(super) authorities: Vec<Certificate>,
}

/// Where it is kept.
#[derive(Clone)]
pub(super) struct Kept {
    /// What stands above the roots: whose they are; empty where that goes without saying.
    pub(super) heading: String,
    pub(super) roots: Option<PathBuf>,
    pub(super) lists: Option<PathBuf>,
    /// Deltas may be all that says what was revoked last; `None` where there are none.
    pub(super) deltas: Option<PathBuf>,
}

/// Whether there is neither a certificate nor a key yet.
pub(super) fn is_missing(plan: &NodePlan) -> bool {
    !plan.identity.cert.exists() && !plan.identity.key.exists()
}

/// The pair that an earlier start, or a command, left for a provider that renews it.
pub(super) fn credential(plan: &NodePlan) -> Result<Credential, NodeError> {
    let files = &plan.identity;
    let loaded = Credential::load_saved(&prefix(files)?);
    if is_missing(plan) {
        let cert = files.cert.clone();
        return Err(match &plan.provider {
            ProviderPlan::Mesh { .. } => NodeError::NotJoined { cert },
            _ => NodeError::NotIssued { cert },
        });
    }
    loaded.map_err(|source| credential_error(files, source))
}

impl Kept {
    /// The roots of before; none where no file is theirs.
    pub(super) fn anchors(&self) -> Result<Vec<CertificateDer<'static>>, NodeError> {
        self.roots.as_deref().map(roots).transpose().map(Option::unwrap_or_default)
    }

    /// The lists of before; nothing where there are none yet.
    pub(super) fn crls(&self) -> Result<Vec<Crl>, NodeError> {
        let path = self.lists.as_ref().filter(|path| is_there(path));
        path.map(|path| crls(path)).transpose().map(Option::unwrap_or_default)
    }

    /// What went on top of them; nothing where there was nothing.
    pub(super) fn deltas(&self) -> Result<Vec<DeltaCrl>, NodeError> {
        let path = self.deltas.as_ref().filter(|path| is_there(path));
        path.map(|path| deltas(path)).transpose().map(Option::unwrap_or_default)
    }

    /// Writes what changed; the roots first, since lists of a root that is not known yet count for nobody. Lists of before stay where none
    /// that came replaces them, as they do in memory.
    fn keep(
        &self,
        taken: Taken,
        deltas: &[DeltaCrl],
        chain: &CertificateChain,
        now: UnixTime,
    ) -> Result<(), ListsError> {
        // What can not be read helps nobody, and is written anew.
        let mut before = self.lists.as_deref().and_then(|path| crls(path).ok()).unwrap_or_default();
        before.retain(|list| taken.counts(list, chain));
        let lists: String = together(taken.lists, before, now).iter().map(Crl::to_pem).collect();
        if let Some(roots) = &taken.roots {
            self.keep_roots(roots)?;
        }
        self.lists.as_deref().map_or(Ok(()), |path| write(path, &lists))?;
        let deltas: String = deltas.iter().map(DeltaCrl::to_pem).collect();
        self.deltas.as_deref().map_or(Ok(()), |path| write(path, &deltas))
    }

    /// Writes the roots alone: before there is anything else.
    pub(super) fn keep_roots(&self, roots: &[Certificate]) -> Result<(), ListsError> {
        let roots = roots.iter().map(Certificate::to_pem);
        let text: String = std::iter::once(self.heading.clone()).chain(roots).collect();
        self.roots.as_deref().map_or(Ok(()), |path| write(path, &text))
    }
}

/// Puts `brought` in force beside `bare`, the trust without lists that it goes with. True when that is another one than before.
///
/// The caller holds the lock under which trust is made.
pub(super) async fn adopt(
    shared: &Arc<Shared>,
    brought: Brought,
    kept: Kept,
    bare: impl FnOnce(&Brought) -> Result<Bare, ListsError> + Send + 'static,
) -> Result<bool, ListsError> {
    let on_top = !brought.deltas.is_empty();
    let generation = shared.store.current();
    let before = Arc::clone(&generation);
    let made = off_loop(move || {
        let Bare { trust, lists: own } = bare(&brought)?;
        let Brought { roots, lists, before: known, deltas, authorities } = brought;
        let chain = before.credential().chain();
        let authorities = chains(chain, authorities)?;
        trust.covers(chain).map_err(|refusal| ListsError::Roots(refusal.into()))?;
        let mut taken = Taken { roots, lists: Vec::new(), bare: trust.clone(), authorities };
        // Whatever else the other side is asked to hand out, its mesh is not to stand still for it.
        let (lists, others): (Vec<_>, Vec<_>) = lists.into_iter().partition(|list| taken.counts(list, chain));
        let all = lists.iter().cloned().chain(own).collect();
        let trust =
            trust.with_crls(all).and_then(|trust| trust.with_deltas(deltas)).map_err(ListsError::Trust)?;
        taken.lists = lists;
        // Keys that were refused a moment ago stay so.
        let blocked: Vec<_> = before.trust().revocation().blocked_keys().copied().collect();
        let strangers = others.iter().filter(|list| !known.contains(list));
        let left_out: Vec<String> = strangers.map(|list| list.issuer().to_owned()).collect();
        Ok::<_, ListsError>((trust.with_blocked_keys(blocked), taken, left_out))
    });
    let (trust, taken, left_out) = made.await.ok_or(ListsError::Interrupted)??;
    let lists_are_known = |one: &Crl| generation.trust().crls().any(|known| known.der() == one.der());
    let changed =
        on_top || !trust.has_anchors_of(generation.trust()) || !taken.lists.iter().all(lists_are_known);
    if changed {
        shared.store.install_trust(trust).map_err(ListsError::Roots)?;
    }
    tell(shared, &left_out);
    let (chain, now) = (Arc::clone(&generation), shared.now());
    // All that is in force: what came, and what came before and nothing replaced.
    let deltas: Vec<DeltaCrl> = shared.store.current().trust().revocation().deltas().cloned().collect();
    let written = off_loop(move || kept.keep(taken, &deltas, chain.credential().chain(), now)).await;
    written.ok_or(ListsError::Interrupted)?.map(|()| changed)
}

/// Trust before lists come.
pub(super) struct Bare {
    pub(super) trust: TrustStore,
    /// Lists that the configuration names.
    pub(super) lists: Vec<Crl>,
}

/// What is taken, and the trust in its roots.
struct Taken {
    roots: Option<Vec<Certificate>>,
    lists: Vec<Crl>,
    bare: TrustStore,
    authorities: Vec<CertificateChain>,
}

impl Taken {
    /// Whether a list is of an authority that is known.
    fn counts(&self, list: &Crl, chain: &CertificateChain) -> bool {
        let known = std::iter::once(chain).chain(&self.authorities);
        known.into_iter().any(|chain| self.bare.signed(list, chain))
    }
}

/// The authorities in the place of those in the own chain; each chain holds few.
fn chains(
    own: &CertificateChain,
    authorities: Vec<Certificate>,
) -> Result<Vec<CertificateChain>, ListsError> {
    let leaf = own.leaf();
    let chain = |some: &[Certificate]| {
        let all = std::iter::once(leaf.clone()).chain(some.iter().cloned()).collect();
        CertificateChain::new(all)
            .map_err(|source| ListsError::Content { place: "the issuer".to_owned(), source })
    };
    authorities.chunks(dwcp_pki::MAX_PRESENTED - 1).map(chain).collect()
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

/// Whether there is something in a file.
fn is_there(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.len() > 0)
}

fn write(path: &Path, text: &str) -> Result<(), ListsError> {
    if std::fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let unsaved = |source| ListsError::Unsaved { path: path.to_owned(), source };
    LocalDisk.replace(path, text.as_bytes(), false).map_err(unsaved)
}

/// The trouble of lists that came and count for nothing.
pub(super) const LEFT_OUT: &str = "lists_left_out";
