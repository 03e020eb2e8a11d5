//! For whom an anchor vouches: anchors and the trust domains they are bound to.

use crate::{ChainFault, SpiffeId, TrustDomain};
use std::collections::BTreeSet;
use std::fmt;

/// What one anchor was taken in for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vouches {
    /// It is one of the store's own.
    pub(super) own: bool,
    /// It is in the bundles of these trust domains.
    pub(super) bundles: BTreeSet<TrustDomain>,
}

/// The trust domains of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Domains {
    /// That of the own anchors; `None` while they are not bound.
    pub(super) own: Option<TrustDomain>,
    /// Those that have a bundle, the own one perhaps among them.
    pub(super) bundled: BTreeSet<TrustDomain>,
}

/// How much of a leaf an anchor vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warrant {
    /// All its names.
    AllNames,
    /// Its SPIFFE ID and no other name.
    SpiffeIdAlone,
}

impl Domains {
    /// Whether an anchor vouches for a leaf with this SPIFFE ID, or with none, and for which of its names.
    ///
    /// Which of the two warrants it is depends on the SPIFFE ID alone, never on the anchor.
    pub(super) fn judge(&self, anchor: &Vouches, leaf: Option<&SpiffeId>) -> Result<Warrant, ChainFault> {
        let refused = |leaf: Option<&TrustDomain>| ChainFault::TrustDomain {
            leaf: leaf.cloned(),
            anchor: self.describe(anchor),
        };
        let own = self.is_own(anchor);
        let Some(domain) = leaf.map(SpiffeId::trust_domain) else {
            return if own { Ok(Warrant::AllNames) } else { Err(refused(None)) };
        };
        let (vouches, warrant) = if self.own.as_ref() == Some(domain) {
            (own, Warrant::AllNames)
        } else if self.bundled.contains(domain) {
            (anchor.bundles.contains(domain), Warrant::SpiffeIdAlone)
        } else {
            (own && self.own.is_none(), Warrant::AllNames)
        };
        if vouches { Ok(warrant) } else { Err(refused(Some(domain))) }
    }

    /// Whether an anchor is one of the own: taken in as such, or in a bundle of the own trust domain.
    pub(super) fn is_own(&self, anchor: &Vouches) -> bool {
        anchor.own || self.own.as_ref().is_some_and(|own| anchor.bundles.contains(own))
    }

    /// The trust domains besides the own one that have a bundle.
    pub(super) fn federated(&self) -> impl Iterator<Item = &TrustDomain> {
        self.bundled.iter().filter(|domain| self.own.as_ref() != Some(domain))
    }

    fn describe(&self, anchor: &Vouches) -> AnchorScope {
        match &self.own {
            Some(own) if self.is_own(anchor) => AnchorScope::Own(own.clone()),
            None if anchor.own => AnchorScope::Unbound,
            _ => AnchorScope::Federated(anchor.bundles.iter().take(MOST_NAMED).cloned().collect()),
        }
    }
}

/// Which trust domain an anchor is for, as a refusal names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnchorScope {
    /// An own anchor of a store that is bound to no trust domain: all but those that have a bundle.
    Unbound,
    /// An own anchor: the store's own trust domain, and names that are no SPIFFE IDs.
    Own(TrustDomain),
    /// An anchor of bundles: the SPIFFE IDs of their trust domains, of which at most four are named.
    Federated(Vec<TrustDomain>),
}

impl fmt::Display for AnchorScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbound => f.write_str("trust domains without a bundle of their own"),
            Self::Own(domain) => domain.fmt(f),
            Self::Federated(domains) => f.write_str(&listed(domains)),
        }
    }
}

/// Trust domains as text: the first [`MOST_NAMED`], and how many more there are.
pub(crate) fn listed<'a>(domains: impl IntoIterator<Item = &'a TrustDomain>) -> String {
    let all: Vec<&str> = domains.into_iter().map(TrustDomain::as_str).collect();
    let named = all.get(..MOST_NAMED).unwrap_or(&all);
    let more = all.len() - named.len();
    if more == 0 { named.join(", ") } else { format!("{} and {more} more", named.join(", ")) }
}

/// How many trust domains a text names; each has at most 255 bytes.
pub(crate) const MOST_NAMED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str) -> TrustDomain {
        name.parse().unwrap()
    }

    fn domains(own: Option<&str>, bundled: &[&str]) -> Domains {
        Domains { own: own.map(domain), bundled: bundled.iter().map(|name| domain(name)).collect() }
    }

    fn vouches(own: bool, bundles: &[&str]) -> Vouches {
        Vouches { own, bundles: bundles.iter().map(|name| domain(name)).collect() }
    }

    #[test]
    fn an_anchor_vouches_for_what_it_was_taken_in_for_and_for_nothing_else() {
        let (all, id_alone) = (Some(Warrant::AllNames), Some(Warrant::SpiffeIdAlone));
        let (unbound, bound) = (domains(None, &["p.example"]), domains(Some("o.example"), &["p.example"]));
        let own_bundle = domains(Some("o.example"), &["o.example", "p.example"]);
        // Of a leaf without SPIFFE ID, of the own domain, of a bundle's, of neither.
        let leaves = [None, Some("o.example"), Some("p.example"), Some("x.example")];
        for (store, anchor, expected) in [
            (&unbound, vouches(true, &[]), [all, all, None, all]),
            (&bound, vouches(true, &[]), [all, all, None, None]),
            (&own_bundle, vouches(true, &[]), [all, all, None, None]),
            (&own_bundle, vouches(false, &["o.example"]), [all, all, None, None]),
            (&unbound, vouches(false, &["p.example"]), [None, None, id_alone, None]),
            (&bound, vouches(false, &["p.example"]), [None, None, id_alone, None]),
            (&bound, vouches(true, &["p.example"]), [all, all, id_alone, None]),
            (&own_bundle, vouches(false, &["o.example", "p.example"]), [all, all, id_alone, None]),
        ] {
            for (leaf, expected) in leaves.into_iter().zip(expected) {
                let id = leaf.map(|name| format!("spiffe://{name}/a").parse::<SpiffeId>().unwrap());
                let verdict = store.judge(&anchor, id.as_ref()).ok();
                assert_eq!(verdict, expected, "{leaf:?} under {anchor:?} in {store:?}");
            }
        }
    }

    #[test]
    fn a_list_of_trust_domains_is_bounded() {
        let many: Vec<_> = (0..300).map(|n| domain(&format!("d{n}.example"))).collect();
        assert_eq!(listed(&many[..2]), "d0.example, d1.example");
        assert_eq!(listed(&many), "d0.example, d1.example, d2.example, d3.example and 296 more");
        assert_eq!(listed([]), "");
    }
}
