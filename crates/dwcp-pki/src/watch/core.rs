//! What to do about what was seen: when to look, when to load, when it is an alarm. No clock and no file system.

use super::signature::{Content, Stamp};
use dwcp_base::Tick;
use std::time::Duration;

/// A set of files that are loaded together, all of them or none.
pub(super) struct Core {
    files: Vec<Seen>,
    /// When the stamps were last looked at, and the contents of all.
    looked: Tick,
    hashed: Tick,
    /// When a stamp or a content was last found to have changed.
    stirred: Option<Tick>,
    /// When a content was.
    changed: Tick,
    /// Since when the files hold something else than what is in force.
    unlike: Option<Tick>,
    /// Somebody wrote while the last load read: only another one can tell which of two contents it got.
    unsure: bool,
    attempts: u32,
    /// When the last load began and ended.
    tried: Option<(Tick, Tick)>,
    /// This content was alarmed about already.
    told: bool,
    /// The alarm is on.
    alarmed: bool,
}

struct Seen {
    stamp: Stamp,
    content: Content,
    in_force: Content,
}

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Load,
    Back,
}

/// What a load that failed means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotLoaded {
    /// The files changed a moment ago: whoever writes them may not be done.
    Early,
    /// They have not changed for a second, or have not been loadable for ten: somebody has to look. Once for each content.
    Alarm,
    /// As before; the alarm was given.
    Known,
}

impl Core {
    /// What the files are now is taken as in force: look first, load then.
    pub(super) fn new(files: impl IntoIterator<Item = (Stamp, Content)>, now: Tick) -> Self {
        let seen = |(stamp, content): (Stamp, Content)| Seen { stamp, in_force: content.clone(), content };
        Self {
            files: files.into_iter().map(seen).collect(),
            looked: now,
            hashed: now,
            stirred: None,
            changed: now,
            unlike: None,
            unsure: false,
            attempts: 0,
            tried: None,
            told: false,
            alarmed: false,
        }
    }

    /// Takes in a look at all files at `now`; `read` reads the content of one, and is asked for those that were touched, and from
    /// time to time for all.
    pub(super) fn look(
        &mut self,
        stamps: Vec<Stamp>,
        mut read: impl FnMut(usize, &Stamp) -> Content,
        now: Tick,
    ) -> Step {
        self.looked = now;
        let all = now >= self.hash_at();
        if all {
            self.hashed = now;
        }
        let mut changed = false;
        for (at, (seen, stamp)) in self.files.iter_mut().zip(stamps).enumerate() {
            let touched = seen.stamp != stamp;
            if touched {
                self.stirred = Some(now);
            }
            if touched || all {
                let content = read(at, &stamp);
                changed |= content != seen.content;
                (seen.stamp, seen.content) = (stamp, content);
            }
        }
        if changed {
            self.stirred = Some(now);
            if self.told {
                // What comes after an alarm has a time of its own.
                self.unlike = Some(now);
            }
            (self.changed, self.attempts, self.told) = (now, 0, false);
        }
        let unlike = self.files.iter().any(|seen| seen.content != seen.in_force);
        if !unlike && !self.unsure {
            self.unlike = None;
            return if std::mem::take(&mut self.alarmed) { Step::Back } else { Step::Wait };
        }
        self.unlike.get_or_insert(now);
        if self.load_at().is_some_and(|at| now >= at) { Step::Load } else { Step::Wait }
    }

    /// A load that began at `began` has put in force what it found. `stamps` are from after it.
    pub(super) fn loaded(&mut self, stamps: &[Stamp], began: Tick, now: Tick) {
        let same = self.files.iter().zip(stamps).all(|(seen, stamp)| seen.stamp == *stamp);
        let calm = self.stirred.is_none_or(|at| began.since(at) >= CALM);
        if !same {
            self.stirred = Some(now);
        }
        self.unsure = !(same && calm);
        for seen in &mut self.files {
            seen.in_force = seen.content.clone();
        }
        (self.unlike, self.attempts, self.told, self.alarmed) = (None, 0, false, false);
        self.tried = Some((began, now));
    }

    /// A load that began at `began` has changed nothing.
    pub(super) fn refused(&mut self, began: Tick, now: Tick) -> NotLoaded {
        self.tried = Some((began, now));
        self.attempts = self.attempts.saturating_add(1);
        if self.told {
            return NotLoaded::Known;
        }
        let since = *self.unlike.get_or_insert(now);
        if now.since(self.changed) < SETTLE && now.since(since) < RESTLESS {
            return NotLoaded::Early;
        }
        // Files that never settle are told of every ten seconds and not at each of their changes.
        self.unlike = Some(now);
        (self.told, self.alarmed) = (true, true);
        NotLoaded::Alarm
    }

    /// Wants a load whatever the files hold.
    pub(super) fn again(&mut self) {
        (self.unsure, self.attempts, self.stirred) = (true, 0, None);
    }

    /// Which files hold something else than what is in force.
    pub(super) fn unlike(&self) -> impl Iterator<Item = usize> {
        let unlike = |(at, seen): (usize, &Seen)| (seen.content != seen.in_force).then_some(at);
        self.files.iter().enumerate().filter_map(unlike)
    }

    /// When to look again at the latest.
    pub(super) fn next(&self) -> Tick {
        let due = if self.unlike.is_some() || self.unsure { self.load_at() } else { None };
        let looks = self.looked.plus(POLL).min(self.hash_at());
        due.map_or(looks, |due| looks.min(due))
    }

    /// When to look again at the earliest, whatever events there are.
    pub(super) fn earliest(&self) -> Tick {
        self.looked.plus(BREATH)
    }

    /// When all contents are to be read: now and then, and a little after a change, since two writes within one tick of the file
    /// system's clock leave the same stamp.
    fn hash_at(&self) -> Tick {
        let late = self.hashed.plus(REHASH);
        match self.stirred.map(|at| at.plus(AFTERWARDS)) {
            Some(soon) if soon > self.hashed => soon.min(late),
            _ => late,
        }
    }

    /// When a load is due, where one is wanted.
    fn load_at(&self) -> Option<Tick> {
        let rest = self.tried.map_or(Tick(0), |(began, ended)| ended.plus(ended.since(began).max(GAP)));
        let due = match self.attempts {
            0 if self.unlike().next().is_some() => self.changed,
            0 => self.stirred.map_or(Tick(0), |at| at.plus(AFTERWARDS)),
            tried => match RETRIES.get(tried as usize - 1) {
                Some(after) => self.changed.plus(*after),
                None => self.tried.map_or(self.changed, |(_, ended)| ended.plus(REHASH)),
            },
        };
        Some(due.max(rest))
    }
}

/// File systems without events are looked at this often, and contents are read this often whatever dates say.
const POLL: Duration = Duration::from_secs(1);
const REHASH: Duration = Duration::from_secs(30);
/// After the change, when a load has failed.
const RETRIES: [Duration; 4] =
    [Duration::from_millis(10), Duration::from_millis(50), Duration::from_millis(250), SETTLE];
/// What has not changed for so long is what its writer meant.
const SETTLE: Duration = Duration::from_secs(1);
/// What can not be loaded for so long is an alarm even while it changes.
const RESTLESS: Duration = Duration::from_secs(10);
/// The clocks of file systems tick up to every 10 ms.
const CALM: Duration = Duration::from_millis(50);
const AFTERWARDS: Duration = Duration::from_millis(100);
/// Between two loads; at least as long as the first one took.
const GAP: Duration = Duration::from_millis(2);
/// Between two looks.
const BREATH: Duration = Duration::from_millis(2);
