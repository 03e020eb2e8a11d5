//! What peers are judged by: own anchors, the bundles of other trust domains, lists, and how strictly.

use super::error::NodeError;
use super::pki_files::{crls, roots};
use crate::config::{BundlePlan, ConfigProblem, NodePlan, ProviderPlan, own_domain};
use dwcp_pki::{Crl, RevocationMode, TrustBundle, TrustStore};
use rustls_pki_types::CertificateDer;

/// Own anchors and their lists, before the plan has its say.
pub(super) struct Own {
    pub(super) anchors: Vec<CertificateDer<'static>>,
    pub(super) lists: Vec<Crl>,
    pub(super) mode: RevocationMode,
}

/// The trust that `plan` asks for: `own` bound to the node's trust domain, where one is known, and the bundles, read from
/// their files now.
///
/// # Errors
/// [`NodeError`] with the file and what is wrong with it.
pub(super) fn store(own: Own, plan: &NodePlan) -> Result<TrustStore, NodeError> {
    let Own { anchors, mut lists, mut mode } = own;
    let mut bundles = Vec::with_capacity(plan.bundles.len());
    for bundle in &plan.bundles {
        if plan.trust_domain.as_ref() == Some(&bundle.trust_domain) {
            return Err(NodeError::Config(own_domain(&bundle.trust_domain)));
        }
        let anchors = TrustBundle::new(bundle.trust_domain.clone(), roots(&bundle.roots)?);
        let anchors = anchors.map_err(NodeError::Trust)?;
        if let Some(path) = &bundle.crl {
            let theirs = crls(path)?;
            check_lists(bundle, &anchors, &theirs)?;
            lists.extend(theirs);
            // A list that is here counts, also beside own anchors whose revocation is not checked.
            if mode == RevocationMode::Off {
                mode = RevocationMode::WhereKnown;
            }
        }
        bundles.push(anchors);
    }
    let nobody = anchors.is_empty() && matches!(plan.provider, ProviderPlan::Acme { .. });
    let store = match nobody {
        // Such a node may ask nobody who it is.
        true => TrustStore::of_nobody().with_crls(lists).map(|store| store.with_mode(mode)),
        false => TrustStore::new(anchors, lists, mode),
    };
    let store = store.map_err(NodeError::Trust)?.with_profile(plan.profile);
    let store = match &plan.trust_domain {
        Some(domain) => store.with_trust_domain(domain.clone()),
        None => store,
    };
    store.with_bundles(bundles).map_err(NodeError::Trust)
}

/// Says for human eyes which anchors no chain can lead to; health says it as long as it holds.
pub(super) fn tell_unsuitable(trust: &TrustStore) {
    for (anchor, rule) in trust.unsuitable_anchors() {
        tracing::warn!(anchor = %anchor.subject(), %rule, "a root breaks the profile: whoever leads to it is refused");
    }
}

/// Takes a bundle's lists only from the bundle's own anchors. The signature of any other list is checked once a path shows its issuer's
/// key, and until then it would stand in the way of whoever bears that name, the own authorities among them.
fn check_lists(bundle: &BundlePlan, anchors: &TrustBundle, lists: &[Crl]) -> Result<(), NodeError> {
    let Some(stranger) = lists.iter().find(|list| !anchors.signed(list)) else { return Ok(()) };
    Err(NodeError::Config(ConfigProblem::new(
        format!("node.trust_bundles[{}].crl_file", bundle.trust_domain),
        format!("has a list of {}, which no root in the bundle's ca_file signed", stranger.issuer()),
        "remove that list from the file, or put the certificate of its issuer into the bundle's ca_file",
    )))
}
