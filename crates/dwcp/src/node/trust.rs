//! What peers are judged by: own anchors, the bundles of other trust domains, lists, and how strictly.

use super::error::NodeError;
use super::identity::{crls, roots};
use crate::config::{BundlePlan, ConfigProblem, NodePlan, own_domain};
use dwcp_pki::{Certificate, Crl, RevocationMode, TrustBundle, TrustStore};
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
    let mut claimed = Claimed::by(&anchors, &lists)?;
    let mut bundles = Vec::with_capacity(plan.bundles.len());
    for bundle in &plan.bundles {
        if plan.trust_domain.as_ref() == Some(&bundle.trust_domain) {
            return Err(NodeError::Config(own_domain(&bundle.trust_domain)));
        }
        let anchors = TrustBundle::new(bundle.trust_domain.clone(), roots(&bundle.roots)?);
        let anchors = anchors.map_err(NodeError::Trust)?;
        if let Some(path) = &bundle.crl {
            let theirs = crls(path)?;
            claimed.claim(bundle, &anchors, &theirs)?;
            lists.extend(theirs);
            // A list that is here counts, also beside own anchors whose revocation is not checked.
            if mode == RevocationMode::Off {
                mode = RevocationMode::WhereKnown;
            }
        }
        bundles.push(anchors);
    }
    let store = TrustStore::new(anchors, lists, mode).map_err(NodeError::Trust)?.with_profile(plan.profile);
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

/// The issuers that lists may speak for, so that no partner brings a list in the name of somebody else's authority: its
/// signature is only checked once a path shows the authority's key, and until then it would stand in the way.
struct Claimed(Vec<(String, String)>);

impl Claimed {
    fn by(anchors: &[CertificateDer<'static>], lists: &[Crl]) -> Result<Self, NodeError> {
        let own = || "security.tls".to_owned();
        let mut claimed: Vec<_> = lists.iter().map(|list| (list.issuer().to_owned(), own())).collect();
        for der in anchors {
            // What is no certificate is refused with the store.
            if let Ok(anchor) = Certificate::from_der(der) {
                claimed.push((anchor.subject().to_owned(), own()));
            }
        }
        Ok(Self(claimed))
    }

    fn claim(&mut self, bundle: &BundlePlan, anchors: &TrustBundle, lists: &[Crl]) -> Result<(), NodeError> {
        let key = format!("node.trust_bundles[{}].crl_file", bundle.trust_domain);
        for list in lists {
            let issuer = list.issuer();
            let is_theirs = anchors.anchors().any(|anchor| anchor.subject() == issuer);
            if let Some((_, whose)) = self.0.iter().find(|(taken, _)| !is_theirs && taken == issuer) {
                return Err(NodeError::Config(ConfigProblem::new(
                    key,
                    format!("has a list of {issuer}, which is an issuer of {whose}"),
                    "remove that list from the file: nobody speaks for another's authority",
                )));
            }
        }
        self.0.extend(lists.iter().map(|list| (list.issuer().to_owned(), key.clone())));
        Ok(())
    }
}
