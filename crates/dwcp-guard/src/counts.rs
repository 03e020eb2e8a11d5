//! How many connections each source has open: a hash table of fixed size that never moves.

use crate::prefix::SourcePrefix;
use std::hash::{BuildHasher, RandomState};

/// Counts by prefix, at most `keys` of them. Open addressing over twice that many slots, linear probing, and removal by
/// shifting back, so that churn leaves no tombstones that would make a general map grow or rehash.
#[derive(Debug)]
pub(crate) struct Counts {
    slots: Box<[Slot]>,
    hasher: RandomState,
    keys: usize,
    used: usize,
}

/// What one prefix has open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) connections: usize,
    pub(crate) pending: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    key: Option<SourcePrefix>,
    count: Count,
}

impl Counts {
    pub(crate) fn new(keys: usize) -> Self {
        let slots = vec![Slot::default(); (keys * 2).next_power_of_two()].into_boxed_slice();
        Self { slots, hasher: RandomState::new(), keys, used: 0 }
    }

    pub(crate) fn get(&self, key: SourcePrefix) -> Count {
        self.slots[self.position(key)].count
    }

    /// Changes what `key` has; a count that comes to zero is removed. `false` when there is no room for one more key.
    #[must_use]
    pub(crate) fn change(&mut self, key: SourcePrefix, change: impl FnOnce(&mut Count)) -> bool {
        let at = self.position(key);
        let known = self.slots[at].key.is_some();
        if !known && self.used == self.keys {
            return false;
        }
        change(&mut self.slots[at].count);
        let empty = self.slots[at].count == Count::default();
        match (known, empty) {
            (false, false) => {
                self.slots[at].key = Some(key);
                self.used += 1;
            }
            (true, true) => self.remove(at),
            _ => {}
        }
        true
    }

    /// Where `key` is, or else the free slot where it would go. There is always one: half of the slots are free.
    fn position(&self, key: SourcePrefix) -> usize {
        let mut at = self.home(key);
        while self.slots[at].key.is_some_and(|other| other != key) {
            at = self.next(at);
        }
        at
    }

    fn remove(&mut self, mut hole: usize) {
        self.used -= 1;
        let mut at = self.next(hole);
        while let Some(key) = self.slots[at].key {
            // An entry may move back into the hole only if that is not before its own home.
            let mask = self.slots.len() - 1;
            let from_home = at.wrapping_sub(self.home(key)) & mask;
            let from_hole = at.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = self.next(at);
        }
        self.slots[hole] = Slot::default();
    }

    #[allow(clippy::cast_possible_truncation, reason = "the mask keeps the low bits only")]
    fn home(&self, key: SourcePrefix) -> usize {
        self.hasher.hash_one(key) as usize & (self.slots.len() - 1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::net::Ipv4Addr;

    fn source(n: u32) -> SourcePrefix {
        SourcePrefix::of(Ipv4Addr::from_bits(n).into())
    }

    proptest! {
        #[test]
        fn it_counts_as_a_map_does(steps in proptest::collection::vec((0u32..24, any::<bool>()), 0..500)) {
            const KEYS: usize = 16;
            let mut counts = Counts::new(KEYS);
            let slots = counts.slots.len();
            let mut model: HashMap<u32, usize> = HashMap::new();
            for (n, up) in steps {
                if up {
                    let room = model.contains_key(&n) || model.len() < KEYS;
                    prop_assert_eq!(counts.change(source(n), |c| c.connections += 1), room);
                    if room {
                        *model.entry(n).or_default() += 1;
                    }
                } else if let Some(count) = model.get_mut(&n) {
                    *count -= 1;
                    prop_assert!(counts.change(source(n), |c| c.connections -= 1));
                    model.retain(|_, count| *count > 0);
                }
                prop_assert_eq!(counts.used, model.len());
                prop_assert_eq!(counts.slots.len(), slots);
                for n in 0..24 {
                    let expected = model.get(&n).copied().unwrap_or_default();
                    prop_assert_eq!(counts.get(source(n)).connections, expected);
                }
            }
        }
    }
}
