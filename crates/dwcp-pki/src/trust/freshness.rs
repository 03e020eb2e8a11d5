//! Whether the CRLs that a path needs are here and of today.

use super::combined::{Combined, View, is_early};
use super::crl_entry::CrlEntry;
use super::link::Link;
use super::revocation::RevocationMode;
use super::store::TrustStore;
use super::translate::issuer_text;
use crate::crl::Reasons;
use crate::{ChainFault, RevocationChecked};
use dwcp_base::UnixTime;
use std::sync::Arc;

/// Asks for CRLs of the certificate's issuer that speak for it, for every reason together (RFC 5280 §6.3.3), as the mode says: those
/// that are in force and not stale. The signers of the path's CRLs were confirmed before.
pub(super) fn check(store: &TrustStore, link: &Link, now: UnixTime) -> Result<RevocationChecked, ChainFault> {
    let is_vouched_for = link.voucher.is_some_and(|voucher| voucher.counts(link, store.revocation(), now));
    if is_listed_by_an_unseen_key(store, link, is_vouched_for, now) {
        return Err(ChainFault::CrlUntrusted);
    }
    if store.mode() == RevocationMode::Off {
        return Ok(RevocationChecked::NotChecked);
    }
    if is_vouched_for {
        return Ok(RevocationChecked::Covered);
    }
    let index = store.revocation();
    let mut covered = Reasons::NONE;
    // What stands in the way where the rest does not cover it.
    let (mut stale, mut early, mut untrusted) = (None, None, false);
    for (pin, may_sign) in link.keys_for_crls() {
        if !may_sign {
            untrusted |= index.current(&link.issuer, pin, View::All).next().is_some();
            continue;
        }
        for combined in index.current(&link.issuer, pin, View::InForce(now)) {
            let (speaks_for, next_update) = (combined.covers(&link.place), combined.expiry());
            if next_update.secs() > now.secs() {
                covered = covered.or(speaks_for);
            } else if speaks_for != Reasons::NONE {
                stale = stale.max(Some(next_update));
            }
        }
        for combined in index.current(&link.issuer, pin, View::All) {
            if is_early(combined.base, now) && combined.covers(&link.place) != Reasons::NONE {
                early = Some(combined.base.this_update());
            }
        }
    }
    if covered == Reasons::ALL {
        return Ok(RevocationChecked::Covered);
    }
    if let Some(next_update) = stale {
        return Err(ChainFault::CrlStale { next_update });
    }
    if let Some(this_update) = early {
        return Err(ChainFault::CrlEarly { this_update });
    }
    if untrusted || has_none_but_strangers(store, link) {
        return Err(ChainFault::CrlUntrusted);
    }
    if store.mode() == RevocationMode::Required {
        return Err(ChainFault::CrlMissing { issuer: issuer_text(&link.issuer) });
    }
    Ok(RevocationChecked::NotCovered)
}

/// Whether a complete CRL under the issuer's name lists the certificate, is newer than one that speaks for it, and may be of a key for
/// lists whose certificate was not shown.
///
/// # Security
/// Who presents a chain chooses what it shows: leaving the signer of a list out must not make an older list the newest.
fn is_listed_by_an_unseen_key(store: &TrustStore, link: &Link, is_vouched_for: bool, now: UnixTime) -> bool {
    let index = store.revocation();
    let is_suspect = |entry: &&Arc<CrlEntry>| {
        let of_its_own = || link.keys_for_crls().any(|(pin, _)| entry.is_signed_by(pin));
        !entry.is_delta()
            && entry.may_be_of_an_unseen_key()
            && entry.standing(&link.serial).is_some()
            && !of_its_own()
    };
    let Some(highest) = index.named(&link.issuer).filter(is_suspect).map(|entry| entry.number()).max() else {
        return false;
    };
    let of_key = |(pin, _)| index.current(&link.issuer, pin, View::InForce(now));
    let speaks_for_it =
        |combined: &Combined<'_>| is_vouched_for || combined.covers(&link.place) != Reasons::NONE;
    let mut lists = link.keys_for_crls().flat_map(of_key).filter(speaks_for_it);
    (is_vouched_for && store.mode() != RevocationMode::Off)
        || lists.any(|combined| combined.base.number() < highest)
}

/// Whether there are complete CRLs under the issuer's name, and none that is known to be of one of its keys.
fn has_none_but_strangers(store: &TrustStore, link: &Link) -> bool {
    let mut complete = store.revocation().named(&link.issuer).filter(|entry| !entry.is_delta()).peekable();
    let is_its_own = |entry: &Arc<CrlEntry>| link.keys_for_crls().any(|(pin, _)| entry.is_signed_by(pin));
    complete.peek().is_some() && !complete.any(is_its_own)
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
