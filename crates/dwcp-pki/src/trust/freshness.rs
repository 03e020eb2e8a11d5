//! Whether the CRLs that a path needs are here and of today.

use super::crl_entry::CrlEntry;
use super::link::Link;
use super::revocation::RevocationMode;
use super::store::TrustStore;
use super::translate::issuer_text;
use crate::crl::Reasons;
use crate::{ChainFault, RevocationChecked};
use dwcp_base::UnixTime;
use std::sync::Arc;

/// Asks for CRLs of the certificate's issuer that speak for it, for every reason together (RFC 5280 §6.3.3), as the mode says. Of an
/// issuer with several scopes each CRL must be fresh. The signers of the path's CRLs were confirmed before.
pub(super) fn check(store: &TrustStore, link: &Link, now: UnixTime) -> Result<RevocationChecked, ChainFault> {
    if store.mode() == RevocationMode::Off {
        return Ok(RevocationChecked::NotChecked);
    }
    if link.voucher.is_some_and(|voucher| voucher.counts(link, store.revocation(), now)) {
        return Ok(RevocationChecked::Covered);
    }
    let index = store.revocation();
    let (mut signed, mut covered) = (false, Reasons::NONE);
    let of_key = |(pin, may_sign)| index.current(&link.issuer, pin).map(move |combined| (combined, may_sign));
    for (combined, may_sign) in link.keys_for_crls().flat_map(of_key) {
        (signed, covered) = (true, covered.or(combined.covers(&link.place)));
        if !may_sign {
            return Err(ChainFault::CrlUntrusted);
        }
        if combined.is_early(now) {
            return Err(ChainFault::CrlEarly { this_update: combined.base.this_update() });
        }
        let next_update = combined.lasts_until(now);
        if next_update.secs() <= now.secs() {
            return Err(ChainFault::CrlStale { next_update });
        }
    }
    if covered == Reasons::ALL {
        return Ok(RevocationChecked::Covered);
    }
    let is_complete = |entry: &Arc<CrlEntry>| !entry.is_delta();
    if !signed && index.named(&link.issuer).any(is_complete) {
        return Err(ChainFault::CrlUntrusted);
    }
    if store.mode() == RevocationMode::Required {
        return Err(ChainFault::CrlMissing { issuer: issuer_text(&link.issuer) });
    }
    Ok(RevocationChecked::NotCovered)
}

/// As [`check`], of a whole path: covered when each link is. A refusal says which link, counted from the leaf.
pub(super) fn check_all(
    store: &TrustStore,
    links: &[Link],
    now: UnixTime,
) -> Result<RevocationChecked, (usize, ChainFault)> {
    let mut outcome = RevocationChecked::Covered;
    for (at, link) in links.iter().enumerate() {
        match check(store, link, now).map_err(|fault| (at, fault))? {
            RevocationChecked::Covered => {}
            less => outcome = less,
        }
    }
    Ok(outcome)
}
