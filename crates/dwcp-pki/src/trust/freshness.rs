//! Whether the CRLs that a path needs are here and of today.

use super::link::Link;
use super::revocation::RevocationMode;
use super::store::TrustStore;
use super::translate::issuer_text;
use crate::{ChainFault, RevocationChecked};
use dwcp_base::UnixTime;
use std::time::Duration;

/// Asks for a CRL of the certificate's issuer that speaks for it, as the mode says. Of an issuer with several scopes each CRL
/// must be fresh. The signers of the path's CRLs were confirmed before.
pub(super) fn check(store: &TrustStore, link: &Link, now: UnixTime) -> Result<RevocationChecked, ChainFault> {
    if store.mode() == RevocationMode::Off {
        return Ok(RevocationChecked::NotChecked);
    }
    let index = store.revocation();
    let (mut signed, mut covered) = (false, false);
    for entry in index.current(&link.issuer, &link.issuer_pin) {
        (signed, covered) = (true, covered || entry.covers(&link.place));
        let (this_update, next_update) = (entry.crl().this_update(), entry.crl().next_update());
        if !link.issuer_signs_crls {
            return Err(ChainFault::CrlUntrusted);
        }
        if this_update > now.plus(CLOCK_SKEW) {
            return Err(ChainFault::CrlEarly { this_update });
        }
        if next_update.secs() <= now.secs() {
            return Err(ChainFault::CrlStale { next_update });
        }
    }
    if covered {
        return Ok(RevocationChecked::Covered);
    }
    if !signed && index.named(&link.issuer).next().is_some() {
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

/// How far the clock of a CRL's issuer may run ahead of ours; as much as certificates are dated back.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
