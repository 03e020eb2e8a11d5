//! What is revoked: CRLs by issuer and serial number, and keys by their pins.

use super::combined::{Scoped, View};
use super::crl_entry::{CrlEntry, Duty};
use super::link::Link;
use crate::crl::Standing;
use crate::{Crl, DeltaCrl, KeyPin};
use dwcp_base::UnixTime;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How much must be known about revocation before a chain is accepted. Whatever the mode, a serial number that a CRL of
/// its issuer lists and a key that is blocked are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationMode {
    /// Each issuer of a chain needs a fresh CRL here, else the chain is refused: the mode of the mesh.
    Required,
    /// A CRL that is here must be fresh; an issuer without one is accepted and reported as
    /// [`RevocationChecked::NotCovered`](crate::RevocationChecked::NotCovered). For inspection, not for admission.
    WhereKnown,
    /// No CRL is asked for and an old one still counts; identities say
    /// [`RevocationChecked::NotChecked`](crate::RevocationChecked::NotChecked).
    Off,
}

/// The revoked serial numbers by issuer, and the revoked keys. A lookup takes well under a microsecond and allocates
/// nothing.
///
/// Of several CRLs that one key signed for one scope the newest alone counts, with the newest delta that fits on it. A CRL whose
/// issuer is no anchor is believed once a validated path shows the key that signed it.
#[derive(Clone, Default)]
pub struct RevocationIndex {
    entries: Vec<Arc<CrlEntry>>,
    /// By issuer name, and then by scope.
    by_issuer: HashMap<Box<[u8]>, Vec<Scoped>>,
    blocked: HashSet<KeyPin>,
}

impl RevocationIndex {
    pub(crate) fn new(entries: Vec<Arc<CrlEntry>>) -> Self {
        let mut index = Self { entries, ..Self::default() };
        index.rebuild();
        index
    }

    /// Adds keys that no certificate may hold, whoever issued it.
    pub(crate) fn block(&mut self, keys: impl IntoIterator<Item = KeyPin>) {
        self.blocked.extend(keys);
    }

    /// Adds deltas to the CRLs that are there.
    pub(crate) fn extend(&mut self, deltas: impl IntoIterator<Item = Arc<CrlEntry>>) {
        self.entries.extend(deltas);
        self.rebuild();
    }

    /// How many CRLs it holds, deltas included.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many complete CRLs it holds.
    pub fn crl_count(&self) -> usize {
        self.crls().count()
    }

    /// Whether it knows nothing: no CRL, no blocked key.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.blocked.is_empty()
    }

    /// How many serial numbers its CRLs and deltas list, superseded ones included.
    pub fn serial_count(&self) -> usize {
        self.entries.iter().map(|entry| entry.len()).sum()
    }

    /// Whether a key is blocked.
    pub fn is_blocked(&self, key: &KeyPin) -> bool {
        self.blocked.contains(key)
    }

    /// The keys that are blocked, in no order.
    pub fn blocked_keys(&self) -> impl Iterator<Item = &KeyPin> {
        self.blocked.iter()
    }

    /// The complete CRLs, superseded ones included.
    pub fn crls(&self) -> impl Iterator<Item = &Crl> {
        self.entries.iter().filter_map(|entry| entry.crl())
    }

    /// The deltas, superseded ones included.
    pub fn deltas(&self) -> impl Iterator<Item = &DeltaCrl> {
        self.entries.iter().filter_map(|entry| entry.delta())
    }

    /// All CRLs and deltas under an issuer's name, whoever signed them.
    pub(crate) fn named<'a>(&'a self, issuer: &[u8]) -> impl Iterator<Item = &'a Arc<CrlEntry>> + use<'a> {
        self.scopes(issuer).iter().flatten()
    }

    /// The same, each scope apart.
    pub(super) fn scopes(&self, issuer: &[u8]) -> &[Scoped] {
        self.by_issuer.get(issuer).map_or(&[], Vec::as_slice)
    }

    /// Finds out which CRLs the issuer of a verified link signed, each key once, so that lookups compare pins alone.
    pub(crate) fn confirm(&self, link: &Link) {
        for entry in self.named(&link.issuer) {
            entry.confirm_signer(&link.issuer_key, &link.issuer_pin, Duty::Certificates);
            for signer in link.crl_signers.iter() {
                entry.confirm_signer(&signer.key, &signer.pin, Duty::Lists);
            }
        }
    }

    /// Whether the issuer of `link` lists its serial number, in whatever scope. A list from the future may add and takes nothing back.
    pub(crate) fn lists(&self, link: &Link, now: UnixTime) -> bool {
        let taken_back = |delta: &CrlEntry| delta.standing(&link.serial) == Some(Standing::Removed);
        let lists = |pin, view| {
            self.current(&link.issuer, pin, view).any(|combined| combined.lists(&link.serial))
                || self
                    .baseless(&link.issuer, pin, view)
                    .any(|delta| delta.standing(&link.serial).is_some() && !taken_back(delta))
        };
        link.keys_for_crls().any(|(pin, _)| lists(pin, View::InForce(now)) || lists(pin, View::All))
    }

    /// Takes over what `earlier` knew, at most `most` CRLs in all: a CRL never goes back, is not lost by being left out,
    /// and needs no second verification.
    pub(crate) fn adopt(&mut self, earlier: &Self, most: usize) {
        for entry in &mut self.entries {
            if let Some(same) = earlier.named(entry.issuer()).find(|old| old.is_same(entry)) {
                *entry = Arc::clone(same);
            }
            for old in earlier.named(entry.issuer()) {
                entry.share_signer(old);
            }
        }
        let time = self.trusted_time();
        let replaced = |old: &&Arc<CrlEntry>| {
            let named = || self.named(old.issuer());
            let replaces =
                |new: &Arc<CrlEntry>| new.replaces(old) || time.is_some_and(|time| new.outlives(old, time));
            named().any(replaces) && !named().any(|new| new.may_roll_back(old))
        };
        let missing: Vec<_> = earlier.entries.iter().filter(|old| !replaced(old)).cloned().collect();
        // What one of the same signer outdates would only take memory.
        let outdated = |entry: &Arc<CrlEntry>| missing.iter().any(|old| old.outdates(entry));
        self.entries.retain(|new| !outdated(new));
        let kept: Vec<_> = missing.iter().filter(|old| !outdated(old)).cloned().collect();
        self.hold(kept, earlier, most);
        self.rebuild();
    }

    /// Adds what is kept of `earlier`, at most `most` in all.
    ///
    /// # Security
    /// New ones whose signer is unknown go first, or so many forged ones would push out what lists somebody.
    fn hold(&mut self, mut kept: Vec<Arc<CrlEntry>>, earlier: &Self, most: usize) {
        let mut over = (self.entries.len() + kept.len()).saturating_sub(most);
        if over > 0 {
            tracing::warn!(
                dropped = over,
                "too many CRLs: new ones of unknown signers and those that lapse first are not kept"
            );
            let is_new = |entry: &Arc<CrlEntry>| !earlier.entries.iter().any(|old| Arc::ptr_eq(old, entry));
            let mut rest = Vec::with_capacity(self.entries.len());
            while let Some(entry) = self.entries.pop() {
                if over > 0 && !entry.is_confirmed() && is_new(&entry) {
                    over -= 1;
                } else {
                    rest.push(entry);
                }
            }
            rest.reverse();
            self.entries = rest;
            kept.sort_by_key(|old| std::cmp::Reverse((old.is_confirmed(), old.next_update())));
            kept.truncate(kept.len().saturating_sub(over));
        }
        self.entries.extend(kept);
    }

    /// The latest moment that a list of a trusted key speaks of: it is no earlier now.
    fn trusted_time(&self) -> Option<UnixTime> {
        let confirmed = self.entries.iter().filter(|entry| entry.is_confirmed());
        confirmed.map(|entry| entry.this_update()).max()
    }

    /// Puts what is held in order, each document once.
    fn rebuild(&mut self) {
        let mut seen = HashSet::new();
        let distinct: Vec<_> =
            self.entries.iter().filter(|entry| seen.insert(entry.der())).cloned().collect();
        self.entries = distinct;
        self.by_issuer.clear();
        let mut places: HashMap<(&[u8], Option<&[u8]>), usize> = HashMap::new();
        for entry in &self.entries {
            if !self.by_issuer.contains_key(entry.issuer()) {
                self.by_issuer.insert(entry.issuer().into(), Vec::new());
            }
            let Some(scopes) = self.by_issuer.get_mut(entry.issuer()) else { continue };
            let at = *places.entry((entry.issuer(), entry.scope())).or_insert(scopes.len());
            match scopes.get_mut(at) {
                Some(scope) => scope.push(Arc::clone(entry)),
                None => scopes.push(vec![Arc::clone(entry)]),
            }
        }
    }
}

impl std::fmt::Debug for RevocationIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RevocationIndex")
            .field("crls", &self.crl_count())
            .field("deltas", &self.deltas().count())
            .field("serials", &self.serial_count())
            .field("blocked_keys", &self.blocked.len())
            .finish()
    }
}
