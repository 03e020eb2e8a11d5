//! Complete CRLs with the deltas on top of them (RFC 5280 §5.2.4, §6.3.3 (c)), and deltas that have nothing to stand on.

use super::crl_entry::CrlEntry;
use super::revocation::RevocationIndex;
use super::scope::Place;
use crate::crl::{Reasons, Standing};
use crate::{KeyPin, Serial};
use dwcp_base::UnixTime;
use std::sync::Arc;
use std::time::Duration;

/// The newest complete CRL of one scope, and the newest delta that fits on it.
#[derive(Clone, Copy)]
pub(crate) struct Combined<'a> {
    pub(super) base: &'a CrlEntry,
    pub(super) delta: Option<&'a CrlEntry>,
}

impl Combined<'_> {
    /// Whether a serial number is revoked or on hold: what the delta lists is, and what the base lists unless it was on hold there and
    /// the delta takes it off.
    pub(super) fn lists(&self, serial: &Serial) -> bool {
        match (self.base.standing(serial), self.delta.and_then(|delta| delta.standing(serial))) {
            (_, Some(Standing::Revoked | Standing::Held)) => true,
            (Some(Standing::Held) | None, Some(Standing::Removed)) => false,
            (base, _) => base.is_some(),
        }
    }

    pub(super) fn covers(&self, place: &Place) -> Reasons {
        self.base.covers(place)
    }

    /// Until when it is news once both have come into force.
    pub(super) fn expiry(&self) -> UnixTime {
        self.delta.map_or(self.base.next_update(), |delta| self.base.next_update().max(delta.next_update()))
    }

    /// Whether it claims to come from the future. A delta that does is not counted as news.
    pub(super) fn is_early(&self, now: UnixTime) -> bool {
        is_early(self.base, now)
    }

    /// Until when it is news at `now`: the base or the delta, whichever lasts longer, since together they say what a complete CRL as
    /// new as the delta would.
    pub(super) fn lasts_until(&self, now: UnixTime) -> UnixTime {
        let base = self.base.next_update();
        self.delta.filter(|delta| !is_early(delta, now)).map_or(base, |delta| base.max(delta.next_update()))
    }
}

impl RevocationIndex {
    /// The newest CRL of each scope that the key of `pin` is known to have signed under the name `issuer`, with its delta.
    pub(crate) fn current<'a>(
        &'a self,
        issuer: &'a [u8],
        pin: &'a KeyPin,
    ) -> impl Iterator<Item = Combined<'a>> {
        let signed = move || self.signed(issuer, pin);
        let newest = move |base: &&Arc<CrlEntry>| {
            !base.is_delta() && !signed().any(|other| other.is_newer_than(base) && other.is_alike(base))
        };
        signed().filter(newest).map(move |base| Combined {
            base,
            delta: signed()
                .filter(|delta| delta.fits(base))
                .max_by_key(|delta| (delta.number(), delta.this_update()))
                .map(|delta| &**delta),
        })
    }

    /// The deltas that the key of `pin` is known to have signed and that no complete CRL is behind: none is there, or it is too old.
    /// What they list counts, since it was revoked; nothing else does.
    pub(super) fn baseless<'a>(
        &'a self,
        issuer: &'a [u8],
        pin: &'a KeyPin,
    ) -> impl Iterator<Item = &'a CrlEntry> {
        let signed = move || self.signed(issuer, pin);
        let is_baseless = move |delta: &&Arc<CrlEntry>| {
            let of_scope = || signed().filter(|other| other.is_of_scope_of(delta));
            let newest = of_scope().filter(|other| !other.is_delta()).max_by_key(|base| base.number());
            let Some(base) = newest else { return true };
            let as_new = |other: &Arc<CrlEntry>| other.number() >= delta.number();
            !as_new(base) && !of_scope().any(|other| other.fits(base) && as_new(other))
        };
        signed().filter(|entry| entry.is_delta()).filter(is_baseless).map(|delta| &**delta)
    }

    fn signed<'a>(
        &'a self,
        issuer: &[u8],
        pin: &'a KeyPin,
    ) -> impl Iterator<Item = &'a Arc<CrlEntry>> + use<'a> {
        self.named(issuer).filter(move |entry| entry.is_signed_by(pin))
    }
}

fn is_early(entry: &CrlEntry, now: UnixTime) -> bool {
    entry.this_update() > now.plus(CLOCK_SKEW)
}

/// How far the clock of a CRL's issuer may run ahead of ours; as much as certificates are dated back.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
