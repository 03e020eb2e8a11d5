//! A node whose certificate is renewed at another one: the roots and lists of its mesh.

use super::brought::{Bare, Brought, Kept, adopt};
use super::error::NodeError;
use super::lists_error::ListsError;
use super::shared::Shared;
use super::trust::{self, Own};
use crate::config::NodePlan;
use crate::join::{Bundle, MeshProvider};
use dwcp_pki::{RevocationMode, TrustStore};
use std::sync::Arc;
use std::time::Duration;

/// The provider of the mesh.
pub(crate) struct Mesh {
    pub(super) provider: Arc<MeshProvider>,
}

/// What its peers are judged by, from the files that were written when something was fetched last.
pub(super) fn trust_on_disk(plan: &NodePlan) -> Result<TrustStore, NodeError> {
    let kept = kept(plan);
    // A mesh may have no list yet: everybody is refused until it has.
    trust::store(Own { anchors: kept.anchors()?, lists: kept.crls()?, mode: RevocationMode::Required }, plan)
}

/// Asks once for the bundle of the mesh, and puts it in force as one generation. True when it is another one.
pub(super) async fn refresh(shared: &Arc<Shared>, of: &Mesh) -> Result<bool, ListsError> {
    let (known, round) = shared.lists.tag();
    let asked = of.provider.bundle(known.as_deref(), DEADLINE).await.map_err(ListsError::Mesh)?;
    let Some((bundle, tag)) = asked else { return Ok(false) };
    let _trusting = shared.trusting.lock().await;
    let plan = shared.plan.load_full();
    let kept = kept(&plan);
    let Bundle { roots, lists, trust_domain } = bundle;
    let (before, deltas, authorities) = Default::default();
    let brought = Brought { roots: Some(roots), lists, before, deltas, authorities };
    let bare = move |brought: &Brought| trust_of(brought, &trust_domain, &plan);
    let changed = adopt(shared, brought, kept, bare).await?;
    shared.lists.set_tag(tag, round);
    Ok(changed)
}

fn kept(plan: &NodePlan) -> Kept {
    let (roots, lists) = (plan.identity.roots.clone(), plan.identity.crl.clone());
    Kept { heading: String::new(), roots, lists, deltas: None }
}

/// The roots alone.
fn trust_of(brought: &Brought, theirs: &str, plan: &NodePlan) -> Result<Bare, ListsError> {
    if plan.trust_domain.as_ref().is_some_and(|own| own.as_str() != theirs) {
        let theirs = theirs.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(ListsError::Domain { theirs });
    }
    let roots = brought.roots.iter().flatten();
    let anchors = roots.map(|root| root.certificate_der().clone()).collect();
    let own = Own { anchors, lists: Vec::new(), mode: RevocationMode::Required };
    let trust = trust::store(own, plan).map_err(|error| ListsError::Client(Box::new(error)))?;
    Ok(Bare { trust, lists: Vec::new() })
}

/// For the lists of a large mesh over a slow line.
const DEADLINE: Duration = Duration::from_secs(120);
