//! The life of a token: when it is renewed, and when one logs in again. Time in, the next step out; no clock and no network.

use dwcp_base::Tick;
use std::time::Duration;

/// What is known of the token, and of what went wrong with it.
#[derive(Debug)]
pub(crate) struct TokenCore {
    lease: Option<Lease>,
    trouble: Option<Trouble>,
    /// The life that renewals ask for.
    asked: Option<Duration>,
    /// A file changed, and no login has taken it up.
    rotated: bool,
    /// Moves every wait a little, so that a fleet does not come together (AT-P2).
    seed: u64,
    drawn: u64,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    began: Tick,
    /// None where it never ends.
    life: Option<Duration>,
    /// The life that the login gave: a renewal that gives clearly less has met the token's maximum.
    first: Duration,
    renewable: bool,
    /// When to act, in parts of a thousand of the life.
    due: u32,
}

#[derive(Clone, Copy, Debug)]
struct Trouble {
    attempts: u32,
    tried: Tick,
    next: Tick,
    /// The server named the time: nobody asks before it.
    ordered: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing before then; nothing at all where no time is given.
    Wait(Option<Tick>),
    /// Ask the server to let the token live longer.
    Renew,
    /// Get another token.
    LogIn,
}

impl TokenCore {
    /// `asked` is the life that renewals ask for, where they ask for one.
    pub(crate) fn new(seed: u64, asked: Option<Duration>) -> Self {
        Self { lease: None, trouble: None, asked, rotated: false, seed, drawn: 0 }
    }

    /// What is to be done at `now`.
    pub(crate) fn next(&self, now: Tick) -> Step {
        if let Some(trouble) = self.trouble
            && now < trouble.next
        {
            return Step::Wait(Some(trouble.next));
        }
        let Some(lease) = self.lease else { return Step::LogIn };
        let due = lease.life.map(|life| (life, lease.began.plus(thousandths(life, lease.due))));
        let life = match due {
            // What is there is kept alive, whatever becomes of what is in the file.
            Some((life, due)) if now >= due => life,
            _ if self.rotated => return Step::LogIn,
            other => return Step::Wait(other.map(|(_, due)| due)),
        };
        match lease.renewable && now < lease.began.plus(life) {
            true => Step::Renew,
            false => Step::LogIn,
        }
    }

    /// Whether the token may still be shown at `now`.
    pub(crate) fn is_usable(&self, now: Tick) -> bool {
        self.lease.is_some_and(|lease| lease.life.is_none_or(|life| now < lease.began.plus(life)))
    }

    /// How long the token is still good; none where there is none or it never ends.
    pub(crate) fn left(&self, now: Tick) -> Option<Duration> {
        let lease = self.lease?;
        Some(lease.began.plus(lease.life?).since(now))
    }

    /// A login gave a token that lives for `life`.
    pub(crate) fn logged_in(&mut self, now: Tick, life: Option<Duration>, renewable: bool) {
        let due = self.due();
        self.lease = Some(Lease { began: now, life, first: life.unwrap_or_default(), renewable, due });
        self.trouble = None;
        self.rotated = false;
    }

    /// A renewal gave the token `life` from now on.
    pub(crate) fn renewed(&mut self, now: Tick, life: Option<Duration>, renewable: bool) {
        let due = self.due();
        let Some(lease) = &mut self.lease else { return };
        // AT-P1: what is renewed close to its maximum gets less each time. One more renewal would gain next to nothing.
        // A life that was asked for is no sign of it.
        let whole = self.asked.map_or(lease.first, |asked| asked.min(lease.first));
        let capped = life.is_some_and(|life| life < thousandths(whole, 900));
        *lease = Lease { began: now, life, first: lease.first, renewable: renewable && !capped, due };
        self.trouble = None;
    }

    /// The token can not be renewed, whatever time it has left: the next step is a login.
    pub(crate) fn not_renewable(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.renewable = false;
        }
    }

    /// The server no longer knows the token.
    pub(crate) fn lost(&mut self) {
        self.lease = None;
    }

    /// An attempt failed. The wait doubles with each in a row, is drawn from its upper half, and is short where little of the token's
    /// life is left; `retry_after` of the server goes before where it is longer. Returns how many have failed in a row, and the wait.
    pub(crate) fn failed(&mut self, now: Tick, retry_after: Option<Duration>) -> (u32, Duration) {
        let attempts = self.trouble.map_or(0, |trouble| trouble.attempts).saturating_add(1);
        let life = self.lease.and_then(|lease| lease.life).unwrap_or(LONGEST_WAIT * 10);
        let first = (life / 40).clamp(SHORTEST_WAIT, FIRST_WAIT);
        let most = (life / 10).clamp(first, LONGEST_WAIT);
        let full = first.saturating_mul(1 << (attempts - 1).min(16)).min(most);
        let drawn = thousandths(full, 500 + self.draw(501));
        // A server that asks for nothing is not asked without a pause.
        let wait = retry_after.map_or(drawn, |asked| asked.max(drawn));
        self.trouble =
            Some(Trouble { attempts, tried: now, next: now.plus(wait), ordered: retry_after.is_some() });
        (attempts, wait)
    }

    /// How long somebody who needs a token now has to wait before another attempt is made for them; zero when none.
    pub(crate) fn pause(&self, now: Tick) -> Duration {
        let Some(trouble) = self.trouble else { return Duration::ZERO };
        let until =
            if trouble.ordered { trouble.next } else { trouble.next.min(trouble.tried.plus(ON_DEMAND)) };
        until.since(now)
    }

    /// Something changed that may have been the trouble: the next attempt need not wait.
    pub(crate) fn hopeful(&mut self) {
        self.trouble = None;
    }

    /// A file changed: a login is due, and stays so until one gave a token.
    pub(crate) fn rotated(&mut self) {
        self.rotated = true;
        self.trouble = None;
    }

    pub(crate) fn is_rotated(&self) -> bool {
        self.rotated
    }

    /// When the next attempt follows, after one that failed.
    pub(crate) fn next_try(&self) -> Option<Tick> {
        self.trouble.map(|trouble| trouble.next)
    }

    /// Two thirds of the life, up to a tenth of that earlier.
    fn due(&mut self) -> u32 {
        666 - self.draw(67)
    }

    /// The next of a row of numbers below `below`, scattered by the seed (SplitMix64).
    fn draw(&mut self, below: u32) -> u32 {
        self.drawn = self.drawn.wrapping_add(1);
        let mut x = self.seed.wrapping_add(self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((x ^ x >> 31) % u64::from(below.max(1))).unwrap_or(0)
    }
}

fn thousandths(whole: Duration, parts: u32) -> Duration {
    whole.saturating_mul(parts) / 1_000
}

const FIRST_WAIT: Duration = Duration::from_secs(1);
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Whoever needs a token now does not wait for the whole pause of the watcher, nor does it ask more often than this.
const ON_DEMAND: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
