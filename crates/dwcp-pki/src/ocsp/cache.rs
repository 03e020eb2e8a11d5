//! Answers that were signed and may be given again.

use super::build::Validity;
use super::cert_id::Form;
use crate::{Revocation, Serial};
use dwcp_base::UnixTime;
use std::collections::HashMap;
use std::sync::Arc;

/// A certificate as a question names it: the answer repeats that form.
pub(super) type Key = (Serial, Form);

/// An answer, and what has to be the same for it to hold.
#[derive(Clone)]
pub(super) struct Kept {
    /// The bytes alone: what was read from them takes several times their room.
    pub(super) der: Arc<[u8]>,
    pub(super) validity: Validity,
    /// What the index said.
    pub(super) revoked: Option<Revocation>,
    /// The index' revision when it said so last.
    pub(super) revision: u64,
}

impl Kept {
    /// Whether less than half of its life has passed, so that whoever gets it has as much left.
    pub(super) fn is_fresh(&self, now: UnixTime) -> bool {
        let Validity { this_update, next_update } = self.validity;
        now >= this_update && now.until(next_update) > this_update.until(next_update) / 2
    }
}

/// At most [`Cache::MOST`] answers. What was not asked for since as many others came in is forgotten.
#[derive(Default)]
pub(super) struct Cache {
    young: HashMap<Key, Kept>,
    old: HashMap<Key, Kept>,
}

impl Cache {
    /// How many answers are kept: about half a kilobyte each, so 32 MiB.
    pub(super) const MOST: usize = 65_536;

    pub(super) fn get(&mut self, key: &Key) -> Option<Kept> {
        if let Some(kept) = self.young.get(key) {
            return Some(kept.clone());
        }
        let kept = self.old.remove(key)?;
        self.insert(*key, kept.clone());
        Some(kept)
    }

    pub(super) fn insert(&mut self, key: Key, kept: Kept) {
        if self.young.len() >= Self::MOST / 2 && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::super::CertId;
    use super::*;
    use crate::fields::RawCertificate;

    fn form() -> Form {
        let key_info = [0x30, 7, 0x30, 0, 3, 3, 0, 1, 2];
        let issuer = RawCertificate { serial: &[1], issuer: &[], subject: &[0x30, 0], key_info: &key_info };
        let id = CertId::new("1".parse().unwrap(), &issuer, crate::CertIdHash::Sha1).unwrap();
        id.form().unwrap()
    }

    fn kept(this_update: i64) -> Kept {
        let (this_update, next_update) =
            (UnixTime::from_secs(this_update), UnixTime::from_secs(this_update + 3_600));
        let validity = Validity { this_update, next_update };
        Kept { der: Arc::default(), validity, revoked: None, revision: 0 }
    }

    #[test]
    fn it_holds_what_is_asked_for_and_never_more_than_its_bound() {
        let mut cache = Cache::default();
        let key = |n: usize| (format!("{:x}", n + 1).parse::<Serial>().unwrap(), form());
        for n in 0..Cache::MOST + 1_000 {
            // The first is asked for all the time.
            assert!(n == 0 || cache.get(&key(0)).is_some(), "{n}");
            cache.insert(key(n), kept(0));
            assert!(cache.young.len() + cache.old.len() <= Cache::MOST);
        }
        assert!(cache.get(&key(1)).is_none(), "nobody asked for it since");
        assert!(cache.get(&key(Cache::MOST)).is_some());
    }

    #[test]
    fn an_answer_is_given_for_the_first_half_of_its_life() {
        let kept = kept(1_000);
        for (at, fresh) in [(999, false), (1_000, true), (2_799, true), (2_800, false), (9_999, false)] {
            assert_eq!(kept.is_fresh(UnixTime::from_secs(at)), fresh, "{at}");
        }
    }
}
