//! Which group a server agrees on: its policy's order counts, whatever the order of the client.

use crate::group::Group;
use crate::hello::Look;
use crate::policy::TlsPolicy;
use crate::provider::{only, provider};
use rustls::NamedGroup;
use rustls::crypto::CryptoProvider;
use rustls::server::ClientHello;
use std::sync::Arc;

/// The providers of a side under one policy. The engine takes the first of the client's groups that it has, so that a choice of ours
/// is a provider with one group.
#[derive(Debug)]
pub(crate) struct Providers {
    /// With every group of the policy.
    pub(crate) whole: Arc<CryptoProvider>,
    /// With one group each, most preferred first.
    pub(crate) each: Vec<(Group, Arc<CryptoProvider>)>,
}

impl Providers {
    pub(crate) fn of(policy: &TlsPolicy) -> Self {
        let whole = provider(policy);
        let each = policy.groups().into_iter().map(|group| (group, only(&whole, group))).collect();
        Self { whole, each }
    }
}

/// The group to agree on with a client; `None` when there is none in common.
///
/// The hybrid wherever both sides have it, at the price of another round trip where its share is missing (HelloRetryRequest, RFC
/// 9846 §4.1.4): what is recorded today stays closed for that. Among classic groups nothing is worth a round trip: the most
/// preferred one with a share on offer, and without any the most preferred one.
pub(crate) fn choose(
    ours: impl Iterator<Item = Group> + Clone,
    listed: &[NamedGroup],
    has_share: impl Fn(Group) -> bool,
) -> Option<Group> {
    let mut mutual = ours.filter(|group| listed.contains(&group.named()));
    let first = mutual.clone().next()?;
    if first.is_post_quantum() {
        return Some(first);
    }
    Some(mutual.find(|group| has_share(*group)).unwrap_or(first))
}

/// As [`choose`], from what the engine and the look at the same bytes know of a hello. A hello that the look can not read has no share.
pub(crate) fn choose_for(ours: &[Group], hello: &ClientHello<'_>, look: Option<&Look>) -> Option<Group> {
    let has_share = |group| look.is_some_and(|look| look.has_share(group));
    choose(ours.iter().copied(), hello.named_groups().unwrap_or_default(), has_share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Group::{P256, P384, X25519, X25519MlKem768 as Hybrid};

    #[test]
    fn the_policys_order_is_kept_but_for_a_round_trip_among_classic_groups() {
        for (ours, listed, shares, chosen) in [
            (&[Hybrid, X25519, P256][..], &[X25519, Hybrid][..], &[X25519][..], Some(Hybrid)),
            (&[Hybrid, X25519, P256], &[P256, X25519], &[P256], Some(P256)),
            (&[Hybrid, X25519, P256], &[P256, X25519], &[P256, X25519], Some(X25519)),
            (&[P384, X25519], &[X25519, P384], &[], Some(P384)),
            (&[X25519, P256], &[P256, Hybrid], &[Hybrid], Some(P256)),
            (&[Hybrid], &[X25519, P256], &[X25519], None),
            (&[Hybrid, X25519], &[], &[], None),
        ] {
            let listed: Vec<_> = listed.iter().map(|group| group.named()).collect();
            let found = choose(ours.iter().copied(), &listed, |group| shares.contains(&group));
            assert_eq!(found, chosen, "{ours:?} {listed:?} {shares:?}");
        }
    }
}
