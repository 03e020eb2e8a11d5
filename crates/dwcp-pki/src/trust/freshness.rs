//! Whether the CRLs that a path needs are here and of today.

use super::link::Link;
use super::revocation::RevocationMode;
use super::store::TrustStore;
use super::translate::issuer_text;
use crate::{RevocationChecked, ValidationError};
use dwcp_base::UnixTime;
use std::time::Duration;

/// Asks for a CRL of each issuer that speaks for the certificate, as the mode says. Of an issuer with several scopes each CRL
/// must be fresh. The signers of the path's CRLs were confirmed before.
pub(super) fn check(
    store: &TrustStore,
    links: &[Link],
    now: UnixTime,
) -> Result<RevocationChecked, ValidationError> {
    if store.mode() == RevocationMode::Off {
        return Ok(RevocationChecked::NotChecked);
    }
    let mut outcome = RevocationChecked::Covered;
    for link in links {
        let index = store.revocation();
        let (mut signed, mut covered) = (false, false);
        for entry in index.current(&link.issuer, &link.issuer_pin) {
            (signed, covered) = (true, covered || entry.covers(&link.place));
            let (this_update, next_update) = (entry.crl().this_update(), entry.crl().next_update());
            if !link.issuer_signs_crls {
                return Err(ValidationError::CrlUntrusted);
            }
            if this_update > now.plus(CLOCK_SKEW) {
                return Err(ValidationError::CrlEarly { this_update });
            }
            if next_update.secs() <= now.secs() {
                return Err(ValidationError::CrlStale { next_update });
            }
        }
        if covered {
            continue;
        }
        if !signed && index.named(&link.issuer).next().is_some() {
            return Err(ValidationError::CrlUntrusted);
        }
        if store.mode() == RevocationMode::Required {
            return Err(ValidationError::CrlMissing { issuer: issuer_text(&link.issuer) });
        }
        outcome = RevocationChecked::NotCovered;
    }
    Ok(outcome)
}

/// How far the clock of a CRL's issuer may run ahead of ours; as much as certificates are dated back.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
