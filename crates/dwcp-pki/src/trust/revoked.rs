//! Revocation along a path that is sound: blocked keys, listed serials, and the CRLs that the rules ask for.

use super::freshness;
use super::link::Link;
use super::path::{CrlRule, Rules};
use super::store::TrustStore;
use crate::{ChainFault, RevocationChecked};

/// Blocked keys, listed serials and the CRLs that the rules ask for. A refusal says which link, counted from the leaf; the
/// number after the last stands for the anchor.
pub(super) fn check_revocation(
    store: &TrustStore,
    links: &[Link],
    rules: &Rules<'_>,
) -> Result<RevocationChecked, (usize, ChainFault)> {
    check_listed(store, links, rules)?;
    check_fresh(store, links, rules)
}

/// Blocked keys and listed serials.
pub(super) fn check_listed(
    store: &TrustStore,
    links: &[Link],
    rules: &Rules<'_>,
) -> Result<(), (usize, ChainFault)> {
    if rules.crls == CrlRule::Ignored {
        return Ok(());
    }
    let index = &store.index;
    for (at, link) in links.iter().enumerate() {
        index.confirm(link);
        if index.is_blocked(&link.pin) {
            return Err((at, ChainFault::KeyRevoked { pin: link.pin }));
        }
        if index.lists(link, rules.at) {
            return Err((at, ChainFault::Revoked { serial: link.serial }));
        }
    }
    if let Some(last) = links.last()
        && index.is_blocked(&last.issuer_pin)
    {
        return Err((links.len(), ChainFault::KeyRevoked { pin: last.issuer_pin }));
    }
    Ok(())
}

/// The CRLs that the rules ask for.
pub(super) fn check_fresh(
    store: &TrustStore,
    links: &[Link],
    rules: &Rules<'_>,
) -> Result<RevocationChecked, (usize, ChainFault)> {
    match rules.crls {
        CrlRule::ByMode => freshness::check_all(store, links, rules.at),
        CrlRule::KnownOnly | CrlRule::Ignored => Ok(RevocationChecked::NotChecked),
    }
}
