//! What a store vouches for no longer that an earlier one did.

use super::store::TrustStore;
use crate::{KeyPin, TrustDomain};
use std::collections::BTreeSet;

/// What was lost between two stores; at least one of the two is not empty.
pub(crate) struct Contraction {
    /// How many anchors, counted once for each trust domain that they were for.
    pub(crate) anchors: usize,
    /// Trust domains that nobody vouches for any more, in order.
    pub(crate) domains: Vec<TrustDomain>,
}

impl TrustStore {
    /// What `earlier` vouched for and this store does not; `None` when nothing was lost.
    ///
    /// An anchor is its name and its key: a renewed certificate of a root that kept its key is the same anchor. That own
    /// anchors were bound to a trust domain which were not before loses none of them.
    pub(crate) fn contraction_since(&self, earlier: &Self) -> Option<Contraction> {
        let now = Held::by(self);
        let before = Held::by(earlier);
        let anchors = before.anchors.difference(&now.anchors).count();
        let domains: Vec<_> =
            before.domains.difference(&now.domains).map(|domain| (*domain).clone()).collect();
        (anchors > 0 || !domains.is_empty()).then_some(Contraction { anchors, domains })
    }
}

/// What a store holds: anchors by name, key, and whom they are for (`None`: the own), and its trust domains.
struct Held<'a> {
    anchors: BTreeSet<(&'a [u8], KeyPin, Option<&'a TrustDomain>)>,
    domains: BTreeSet<&'a TrustDomain>,
}

impl<'a> Held<'a> {
    fn by(store: &'a TrustStore) -> Self {
        let mut anchors = BTreeSet::new();
        for anchor in store.anchors.iter() {
            let mut add = |whose| anchors.insert((anchor.name(), anchor.pin, whose));
            if store.domains.is_own(&anchor.vouches) {
                add(None);
            }
            let federated =
                anchor.vouches.bundles.iter().filter(|domain| store.domains.own.as_ref() != Some(domain));
            federated.for_each(|domain| {
                add(Some(domain));
            });
        }
        Self { anchors, domains: store.trust_domain().into_iter().chain(store.federated()).collect() }
    }
}
