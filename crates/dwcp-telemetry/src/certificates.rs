//! Expiry, rotations and renewals by certificate slot.

use crate::family::{MAX_VALUE_LENGTH, OTHER};
use dwcp_base::UnixTime;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Up to 256 slots. Names come from the configuration, which a reload may change, so slots may be added while others are
/// recording; none is ever removed, since a counter that vanishes and returns would look like an increase.
#[derive(Debug)]
pub(crate) struct Certificates {
    slots: Box<[OnceLock<Slot>]>,
    other_rotations: AtomicU64,
    other_failures: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    name: String,
    not_after_millis: AtomicI64,
    rotations: AtomicU64,
    failures: AtomicU64,
    overdue: AtomicBool,
}

impl Certificates {
    pub(crate) fn new(names: &[String]) -> Self {
        let slots = std::iter::repeat_with(OnceLock::new).take(MAX_SLOTS).collect();
        let certificates =
            Self { slots, other_rotations: AtomicU64::new(0), other_failures: AtomicU64::new(0) };
        for name in names {
            certificates.slot(name);
        }
        certificates
    }

    pub(crate) fn expires(&self, name: &str, not_after: UnixTime) {
        if let Some(slot) = self.slot(name) {
            slot.not_after_millis.store(not_after.millis(), Ordering::Relaxed);
        }
    }

    /// Its rotations go on being told; any number would be read as an expiry.
    pub(crate) fn gone(&self, name: &str) {
        if let Some(slot) = self.known().find(|slot| slot.name == name) {
            slot.not_after_millis.store(UNKNOWN, Ordering::Relaxed);
            slot.overdue.store(false, Ordering::Relaxed);
        }
    }

    pub(crate) fn rotated(&self, name: &str) {
        self.slot(name).map_or(&self.other_rotations, |slot| &slot.rotations).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn rotations(&self) -> impl Iterator<Item = (&str, u64)> {
        let other = (OTHER, self.other_rotations.load(Ordering::Relaxed));
        self.known().map(|slot| (slot.name.as_str(), slot.rotations.load(Ordering::Relaxed))).chain([other])
    }

    pub(crate) fn renewal_failed(&self, name: &str) {
        self.slot(name).map_or(&self.other_failures, |slot| &slot.failures).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_overdue(&self, name: &str, overdue: bool) {
        if let Some(slot) = self.slot(name) {
            slot.overdue.store(overdue, Ordering::Relaxed);
        }
    }

    pub(crate) fn renewal_failures(&self) -> impl Iterator<Item = (&str, u64)> {
        let other = (OTHER, self.other_failures.load(Ordering::Relaxed));
        self.known().map(|slot| (slot.name.as_str(), slot.failures.load(Ordering::Relaxed))).chain([other])
    }

    /// 1 for each slot whose renewal is overdue, 0 for the others.
    pub(crate) fn overdue(&self) -> impl Iterator<Item = (&str, u64)> {
        self.known().map(|slot| (slot.name.as_str(), slot.overdue.load(Ordering::Relaxed).into()))
    }

    /// Slots whose certificate is known. One without is left out: any number would be read as an expiry.
    pub(crate) fn expiries(&self) -> impl Iterator<Item = (&str, UnixTime)> {
        self.known()
            .map(|slot| (slot.name.as_str(), slot.not_after_millis.load(Ordering::Relaxed)))
            .filter(|(_, millis)| *millis != UNKNOWN)
            .map(|(name, millis)| (name, UnixTime::from_millis(millis)))
    }

    fn known(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().map_while(OnceLock::get)
    }

    fn slot(&self, name: &str) -> Option<&Slot> {
        if name == OTHER || name.len() > MAX_VALUE_LENGTH {
            return None;
        }
        // Each place is given out once and in order; whoever loses the race for one looks at who has it, and moves on.
        self.slots.iter().map(|place| place.get_or_init(|| Slot::new(name))).find(|slot| slot.name == name)
    }
}

impl Slot {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            not_after_millis: AtomicI64::new(UNKNOWN),
            rotations: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            overdue: AtomicBool::new(false),
        }
    }
}

const MAX_SLOTS: usize = 256;
const UNKNOWN: i64 = i64::MIN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_a7_slots_are_bounded_and_what_finds_no_room_is_counted_as_other() {
        let certificates = Certificates::new(&["mesh".to_owned()]);
        for n in 0..1_000 {
            certificates.rotated(&format!("slot-{n}"));
            certificates.expires(&format!("slot-{n}"), UnixTime::from_secs(n));
        }
        certificates.rotated(&"x".repeat(129));
        let rotations: Vec<_> = certificates.rotations().collect();
        assert_eq!(rotations.len(), 257);
        assert_eq!(rotations[0], ("mesh", 0));
        assert_eq!(rotations[256], ("other", 1_000 - 255 + 1));
        assert_eq!(certificates.expiries().count(), 255);
        certificates.gone("slot-7");
        certificates.gone("never there");
        assert_eq!((certificates.expiries().count(), certificates.rotations().count()), (254, 257));
    }

    #[test]
    fn renewals_are_told_of_every_slot_from_the_start() {
        let certificates = Certificates::new(&["mesh".to_owned(), "web".to_owned()]);
        assert_eq!(certificates.overdue().collect::<Vec<_>>(), [("mesh", 0), ("web", 0)]);
        certificates.set_overdue("web", true);
        certificates.renewal_failed("web");
        certificates.renewal_failed(&"x".repeat(129));
        assert_eq!(certificates.overdue().collect::<Vec<_>>(), [("mesh", 0), ("web", 1)]);
        let failures: Vec<_> = certificates.renewal_failures().collect();
        assert_eq!(failures, [("mesh", 0), ("web", 1), ("other", 1)]);
        certificates.gone("web");
        assert_eq!(certificates.overdue().map(|(_, value)| value).sum::<u64>(), 0);
    }

    #[test]
    fn threads_that_add_the_same_names_share_one_slot_for_each() {
        let certificates = Certificates::new(&[]);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let certificates = &certificates;
                scope.spawn(move || {
                    (0..100).for_each(|n| certificates.rotated(&format!("{}", (n + thread * 13) % 100)))
                });
            }
        });
        assert_eq!(certificates.rotations().filter(|(_, count)| *count == 8).count(), 100);
        assert_eq!(certificates.rotations().count(), 101);
    }
}
