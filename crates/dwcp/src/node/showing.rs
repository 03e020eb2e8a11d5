//! When a dialer shows its certificate by a handshake of its own: a stream alone never shows the one that came after it began.

use dwcp_base::{Tick, UnixTime};
use dwcp_pki::{Credential, PeerIdentity, Serial};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the two sides of a dialer's streams know of each other's certificates, by identity of the peer: at most [`MOST`] of those.
#[derive(Debug, Default)]
pub(super) struct Showing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    peers: HashMap<String, Known>,
    /// When the next handshake was decided on to be made.
    planned: Option<Tick>,
    last: Option<Tick>,
}

/// A certificate, as far as its time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    serial: Serial,
    begins: UnixTime,
    ends: UnixTime,
}

/// One peer. It is remembered while it has no stream, since a resumed handshake shows nothing.
#[derive(Debug)]
struct Known {
    streams: usize,
    /// Ours, the newest that the peer has seen; `None` where a resumed handshake leaves that open.
    ours: Option<Life>,
    /// The newest of the peer that we have seen.
    theirs: Life,
    tried: Option<Step>,
}

/// How far things are. At each step one handshake is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    own: Serial,
    unshown: Option<u8>,
    theirs: u8,
}

impl Showing {
    /// A stream begins, with this peer. `own` is what we showed by a full handshake.
    pub(super) fn begin(&self, label: &str, own: Option<Life>, theirs: Life, now: UnixTime) -> Stream<'_> {
        let mut state = self.lock();
        if state.peers.len() >= MOST && !state.peers.contains_key(label) {
            state.peers.retain(|_, known| known.streams > 0 && known.theirs.ends > now);
        }
        let full = state.peers.len() >= MOST;
        match state.peers.entry(label.to_owned()) {
            Entry::Occupied(mut known) => {
                known.get_mut().streams += 1;
                known.get_mut().saw(own, theirs);
            }
            Entry::Vacant(_) if full => {}
            Entry::Vacant(place) => {
                place.insert(Known { streams: 1, ours: own, theirs, tried: None });
            }
        }
        Stream { showing: self, label: label.to_owned() }
    }

    /// Whether to make the handshake now, with `own` as the node's certificate. `share`, of 256, spreads those of many nodes.
    pub(super) fn is_due(&self, own: Life, now: UnixTime, tick: Tick, share: u8) -> bool {
        let mut state = self.lock();
        let due = state.peers.values().filter(|known| known.streams > 0 && known.is_due(own, now));
        let Some(gap) = due.map(|known| known.gap(own)).min() else {
            state.planned = None;
            return false;
        };
        let planned = *state.planned.get_or_insert(tick.plus(gap * u32::from(share) / 256));
        if tick < planned || state.last.is_some_and(|last| tick.since(last) < gap) {
            return false;
        }
        (state.planned, state.last) = (None, Some(tick));
        true
    }

    /// It was made: with whom, or with nobody. Either way the next one is for the next step.
    pub(super) fn made(&self, own: Life, reached: Option<(&str, Life)>, now: UnixTime) {
        let mut state = self.lock();
        if let Some((label, theirs)) = reached
            && let Some(known) = state.peers.get_mut(label)
        {
            known.saw(Some(own), theirs);
        }
        for known in state.peers.values_mut() {
            known.tried = Some(known.step(own, now));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn saw(&mut self, own: Option<Life>, theirs: Life) {
        self.ours = own.or(self.ours);
        if self.theirs.ends < theirs.ends {
            self.theirs = theirs;
        }
    }

    fn is_due(&self, own: Life, now: UnixTime) -> bool {
        let step = self.step(own, now);
        (step.unshown.is_some() || step.theirs > 0) && self.tried != Some(step)
    }

    fn step(&self, own: Life, now: UnixTime) -> Step {
        let unshown = match self.ours {
            Some(ours) if ours.serial == own.serial => None,
            Some(ours) => Some(ours.step(now)),
            None => Some(0),
        };
        Step { own: own.serial, unshown, theirs: self.theirs.step(now) }
    }

    /// The least time between two handshakes: a minute, or less where lives are of minutes.
    fn gap(&self, own: Life) -> Duration {
        let shorter = own.length().min(self.theirs.length());
        (shorter / 20).clamp(LEAST_GAP, GAP)
    }
}

impl Life {
    /// Of a peer.
    pub(super) fn of(identity: &PeerIdentity) -> Self {
        Self { serial: identity.serial(), begins: identity.not_before(), ends: identity.not_after() }
    }

    /// Of this node.
    pub(super) fn own(credential: &Credential) -> Self {
        let serial = credential.chain().leaf().serial();
        Self { serial, begins: credential.not_before(), ends: credential.not_after() }
    }

    fn length(self) -> Duration {
        self.begins.until(self.ends)
    }

    /// How many of [`STEPS`] are behind it.
    fn step(self, now: UnixTime) -> u8 {
        let passed = |percent: &&u32| self.begins.plus(self.length() * **percent / 100) <= now;
        STEPS.iter().take_while(passed).fold(0, |steps, _| steps + 1)
    }
}

/// A stream that is up; dropping it says that it has ended.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    showing: &'a Showing,
    label: String,
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if let Some(known) = self.showing.lock().peers.get_mut(&self.label) {
            known.streams = known.streams.saturating_sub(1);
        }
    }
}

/// At these percents of a certificate's life a newer one is looked for: whoever renews has begun by then, and has ended at the last.
const STEPS: &[u32] = &[80, 90, 95, 100];
/// A dialer whose route is to more identities than these shows nothing for the others.
const MOST: usize = 64;
const GAP: Duration = Duration::from_secs(60);
const LEAST_GAP: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);
    const DAY: u64 = 86_400;

    fn life(serial: u8, begins: u64, length: u64) -> Life {
        let begins = START.plus(Duration::from_secs(begins));
        let serial = format!("{serial:02x}").parse().unwrap();
        Life { serial, begins, ends: begins.plus(Duration::from_secs(length)) }
    }

    /// Asks once a second from `from` to `to`, and says when it was due; `answer` is whom it then reaches.
    fn run(
        showing: &Showing,
        (from, to): (u64, u64),
        own: impl Fn(u64) -> Life,
        answer: impl Fn(u64) -> Option<Life>,
    ) -> Vec<u64> {
        let mut made = Vec::new();
        for second in from..to {
            let now = START.plus(Duration::from_secs(second));
            let tick = Tick(0).plus(Duration::from_secs(second));
            if showing.is_due(own(second), now, tick, 128) {
                made.push(second);
                showing.made(own(second), answer(second).map(|life| ("b", life)), now);
            }
        }
        made
    }

    #[test]
    fn one_handshake_for_each_renewal_of_either_side() {
        let showing = Showing::default();
        // Ours is renewed after 12 h, theirs after 15 h, unseen until 80 % of it.
        let own = |second| if second < DAY / 2 { life(1, 0, DAY) } else { life(2, DAY / 2, DAY) };
        let theirs = |second| if second < 54_000 { life(3, 0, DAY) } else { life(4, 54_000, DAY) };
        let _stream = showing.begin("b", Some(own(0)), theirs(0), START);
        let made = run(&showing, (0, DAY), own, |second| Some(theirs(second)));
        assert_eq!(made, [DAY / 2 + 30, DAY * 8 / 10 + 30], "half a minute is the spread");
    }

    #[test]
    fn what_can_not_be_shown_is_tried_at_each_step_and_no_more_often() {
        let showing = Showing::default();
        let (first, second) = (life(1, 0, 1_000), life(2, 500, 1_000));
        let own = |at| if at < 500 { first } else { second };
        let _stream = showing.begin("b", Some(first), life(3, 0, DAY), START);
        let made = run(&showing, (0, 2_000), own, |_| None);
        assert_eq!(made, [525, 825, 925, 975, 1_025]);
    }

    #[test]
    fn many_steps_at_once_are_a_minute_apart_and_none_is_made_for_nobody() {
        let showing = Showing::default();
        let stream = showing.begin("b", Some(life(1, 0, DAY)), life(3, 0, DAY), START);
        // A certificate a second.
        let own = |second: u64| life(u8::try_from(second % 200).unwrap() + 1, second, DAY);
        let made = run(&showing, (1, 601), own, |_| Some(life(3, 0, DAY)));
        assert!(
            (5..=10).contains(&made.len()) && made.windows(2).all(|two| two[1] - two[0] >= 60),
            "{made:?}"
        );
        drop(stream);
        assert!(run(&showing, (601, DAY), own, |_| None).is_empty());
        // A resumed handshake shows nothing: what the peer has seen is from before.
        let _resumed = showing.begin("b", None, life(3, 0, DAY), START);
        assert_eq!(
            run(&showing, (DAY, DAY + 100), |_| life(250, 0, 2 * DAY), |_| Some(life(4, 0, 2 * DAY))).len(),
            1
        );
    }

    #[test]
    fn lives_of_seconds_are_followed_by_the_second() {
        let showing = Showing::default();
        let at = |second: u64| life(u8::try_from(second / 8).unwrap() + 1, second / 8 * 8, 16);
        let _stream = showing.begin("b", Some(at(0)), at(0), START);
        let made = run(&showing, (0, 200), at, |second| Some(at(second)));
        assert!((20..=40).contains(&made.len()), "{made:?}");
    }
}
