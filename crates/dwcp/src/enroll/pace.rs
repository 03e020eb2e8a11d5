//! How often a member may renew: a few times at once, since answers are lost, and then no more often than a healthy node would.

use dwcp_base::UnixTime;
use dwcp_crypto::digest::sha256;
use dwcp_pki::SpiffeId;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Who renewed lately. Members alone are noted, so there are no more than there are members; it is forgotten with the process.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// By digest of the identity, when one renewal each [`interval`] would have led to as many as there were.
    due: Mutex<HashMap<[u8; 32], UnixTime>>,
}

impl Pace {
    /// How long the identity is to wait, with certificates that live `ttl`; `None`: not at all. It notes nothing.
    pub(super) fn wait(&self, identity: &SpiffeId, ttl: Duration, now: UnixTime) -> Option<Duration> {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = now.until(*due.get(&key(identity))?);
        let (step, most) = (interval(ttl), interval(ttl) * (AT_ONCE - 1));
        // Further ahead than renewals lead: the clock was set back, which is not the member's doing.
        (ahead > most && ahead <= most + step).then(|| ahead.saturating_sub(most))
    }

    /// Notes that the identity renewed.
    pub(super) fn note(&self, identity: &SpiffeId, ttl: Duration, now: UnixTime) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let step = interval(ttl);
        if due.len() >= SWEPT_FROM {
            due.retain(|_, due| *due > now);
        }
        let at = due.entry(key(identity)).or_insert(now);
        let is_sound = *at > now && now.until(*at) <= step * AT_ONCE;
        *at = if is_sound { at.plus(step) } else { now.plus(step) };
    }
}

/// A twentieth of a life, five minutes at most: a healthy node renews once in half a life.
fn interval(ttl: Duration) -> Duration {
    (ttl / 20).min(LONGEST)
}

fn key(identity: &SpiffeId) -> [u8; 32] {
    sha256(identity.as_str().as_bytes())
}

/// Renewals that need no pause between them, after a rest.
const AT_ONCE: u32 = 8;
const LONGEST: Duration = Duration::from_secs(300);
const SWEPT_FROM: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_at_once_and_then_one_each_interval() {
        let (pace, ttl) = (Pace::default(), Duration::from_secs(86_400));
        let [b, c]: [SpiffeId; 2] = ["spiffe://d/node/b", "spiffe://d/node/c"].map(|id| id.parse().unwrap());
        let mut now = UnixTime::from_secs(1_790_000_000);
        for _ in 0..AT_ONCE {
            assert_eq!(pace.wait(&b, ttl, now), None);
            pace.note(&b, ttl, now);
        }
        assert_eq!(pace.wait(&b, ttl, now), Some(LONGEST));
        assert_eq!(pace.wait(&c, ttl, now), None, "of another one it says nothing");
        assert_eq!(pace.wait(&b, ttl, now.minus(ttl)), None, "a clock that was set back locks nobody out");
        now = now.plus(LONGEST / 2);
        assert_eq!(pace.wait(&b, ttl, now), Some(LONGEST / 2));
        now = now.plus(LONGEST / 2);
        assert_eq!(pace.wait(&b, ttl, now), None);
        pace.note(&b, ttl, now);
        assert_eq!(pace.wait(&b, ttl, now), Some(LONGEST));
        now = now.plus(ttl);
        pace.note(&b, ttl, now);
        assert_eq!(pace.wait(&b, ttl, now), None);
    }

    #[test]
    fn lives_of_seconds_have_paces_of_their_own() {
        let (pace, ttl) = (Pace::default(), Duration::from_secs(20));
        let (b, now) = ("spiffe://d/node/b".parse().unwrap(), UnixTime::from_secs(1_790_000_000));
        (0..AT_ONCE).for_each(|_| pace.note(&b, ttl, now));
        assert_eq!(pace.wait(&b, ttl, now), Some(Duration::from_secs(1)));
        assert_eq!(pace.wait(&b, ttl, now.plus(Duration::from_secs(1))), None);
    }
}
