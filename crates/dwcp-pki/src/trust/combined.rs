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

    /// Until when it is news: the base or the delta, whichever lasts longer, since together they say what a complete CRL as new as the
    /// delta would.
    pub(super) fn expiry(&self) -> UnixTime {
        self.delta.map_or(self.base.next_update(), |delta| self.base.next_update().max(delta.next_update()))
    }
}

/// Which lists are looked at.
#[derive(Clone, Copy)]
pub(crate) enum View {
    /// Those from the future as well.
    All,
    /// Those that have come into force at this time.
    InForce(UnixTime),
}

impl View {
    fn shows(self, entry: &CrlEntry) -> bool {
        match self {
            Self::All => true,
            Self::InForce(now) => !is_early(entry, now),
        }
    }
}

/// The lists of one issuer name and one scope.
pub(super) type Scoped = Vec<Arc<CrlEntry>>;

impl RevocationIndex {
    /// The newest CRL of each scope that the key of `pin` is known to have signed under the name `issuer`, with its delta. It takes a
    /// few looks at each list of the issuer.
    pub(crate) fn current<'a>(
        &'a self,
        issuer: &[u8],
        pin: &'a KeyPin,
        view: View,
    ) -> impl Iterator<Item = Combined<'a>> + use<'a> {
        self.scopes(issuer).iter().flat_map(move |scope| {
            let signed = move || signed(scope, pin, view);
            let age = |entry: &CrlEntry| (entry.number(), entry.this_update());
            let newest = signed().filter(|base| !base.is_delta()).map(age).max();
            // Two of one number and date are two: what the issuer meant is not known.
            let bases = signed().filter(move |base| !base.is_delta() && Some(age(base)) == newest);
            bases.map(move |base| Combined {
                base,
                delta: signed().filter(|delta| delta.fits(base)).max_by_key(|delta| age(delta)),
            })
        })
    }

    /// The deltas that the key of `pin` is known to have signed and that no complete CRL is behind: none is there, or it is too old.
    /// What they list counts, since it was revoked; nothing else does.
    pub(super) fn baseless<'a>(
        &'a self,
        issuer: &[u8],
        pin: &'a KeyPin,
        view: View,
    ) -> impl Iterator<Item = &'a CrlEntry> + use<'a> {
        self.scopes(issuer).iter().flat_map(move |scope| {
            let signed = move || signed(scope, pin, view);
            let base = signed().filter(|entry| !entry.is_delta()).max_by_key(|base| base.number());
            // The number up to which what is known hangs together.
            let reached = base.map(|base| {
                let fitting = signed().filter(|delta| delta.fits(base)).map(CrlEntry::number);
                fitting.fold(base.number(), Ord::max)
            });
            signed().filter(move |entry| entry.is_delta() && Some(entry.number()) > reached)
        })
    }
}

fn signed<'a>(scope: &'a Scoped, pin: &'a KeyPin, view: View) -> impl Iterator<Item = &'a CrlEntry> {
    scope.iter().map(|entry| &**entry).filter(move |entry| entry.is_signed_by(pin) && view.shows(entry))
}

/// Whether it claims to come from the future.
pub(super) fn is_early(entry: &CrlEntry, now: UnixTime) -> bool {
    entry.this_update() > now.plus(CLOCK_SKEW)
}

/// How far the clock of a CRL's issuer may run ahead of ours; as much as certificates are dated back.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
