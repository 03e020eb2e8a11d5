//! All slots, and what any of them wants next.

mod wishes;

use super::input::{Effects, Input, Want};
use super::life::Life;
use super::record::ScheduleRecord;
use super::slot::{Parts, Place, Slot};
use super::timetable::{SlotId, Timetable};
use super::{ManagerError, NextStep, SlotError};
use crate::{CertificateStore, Credential, Event, Serial, SlotPhase, SlotState};
use dwcp_base::UnixTime;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// At most [`MOST_SLOTS`] slots.
pub(super) struct Table {
    slots: BTreeMap<SlotId, Slot>,
    names: BTreeMap<Arc<str>, SlotId>,
    timetable: Timetable,
    pub(super) most_flights: usize,
    flights: usize,
    given: SlotId,
    /// Up to which slot the last look at what others do came.
    swept: SlotId,
    draining: usize,
    /// Whose pair is not on disk, and when to try again.
    unsaved: BTreeMap<SlotId, UnixTime>,
    /// The latest time that anything was planned by.
    last: Option<UnixTime>,
}

impl Table {
    pub(super) fn new(most_flights: usize) -> Self {
        Self {
            slots: BTreeMap::new(),
            names: BTreeMap::new(),
            timetable: Timetable::default(),
            most_flights,
            flights: 0,
            given: 0,
            swept: 0,
            draining: 0,
            unsaved: BTreeMap::new(),
            last: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether a slot of that name could be added.
    pub(super) fn has_room_for(&self, name: &str) -> Result<(), SlotError> {
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(SlotError::BadName);
        }
        if self.names.contains_key(name) {
            return Err(SlotError::Taken);
        }
        if self.slots.len() >= MOST_SLOTS { Err(SlotError::Full) } else { Ok(()) }
    }

    pub(super) fn add(&mut self, slot: Slot, now: UnixTime) -> Result<SlotId, SlotError> {
        let name: Arc<str> = slot.parts.spec.name.as_str().into();
        self.has_room_for(&name)?;
        self.given += 1;
        let id = self.given;
        self.names.insert(name, id);
        self.slots.insert(id, slot);
        self.timetable.place(id, now);
        Ok(id)
    }

    pub(super) fn release(&mut self, name: &str) -> bool {
        let Some(id) = self.names.remove(name) else { return false };
        self.timetable.remove(id);
        let gone = self.slots.remove(&id);
        self.draining -= gone.map_or(0, |slot| slot.draining.len());
        self.unsaved.remove(&id);
        true
    }

    pub(super) fn next(&mut self, now: UnixTime, news: &mut Vec<Event>) -> NextStep {
        if self.last.is_some_and(|last| last > now.plus(JITTER_OF_CLOCKS)) {
            // The clock was set back: what was planned by it is planned anew.
            let all: Vec<SlotId> = self.slots.keys().copied().collect();
            all.into_iter().for_each(|id| self.timetable.place(id, now));
            self.unsaved.values_mut().for_each(|retry_at| *retry_at = now);
        }
        self.last = Some(now);
        self.sweep(now, news);
        for _ in 0..MOST_LOOKS {
            let Some(id) = self.timetable.due(now) else { break };
            self.look(id, now, news);
        }
        self.offer(now).unwrap_or_else(|wait| self.save(now, wait))
    }

    /// Nothing else is to be done: a pair that is not on disk yet is tried again.
    fn save(&mut self, now: UnixTime, wait: Duration) -> NextStep {
        let Some((id, retry_at)) = self.unsaved.iter_mut().min_by_key(|(_, retry_at)| **retry_at) else {
            return NextStep::Wait(wait);
        };
        match self.slots.get(id) {
            Some(slot) if *retry_at <= now => {
                *retry_at = now.plus(SAVED_AGAIN);
                NextStep::Save { slot: slot.parts.spec.name.as_str().into() }
            }
            _ => NextStep::Wait(wait.min(now.until(*retry_at))),
        }
    }

    /// What others did: another certificate in force, an old one that nobody holds any more. A few slots each time, one after the other.
    fn sweep(&mut self, now: UnixTime, news: &mut Vec<Event>) {
        let mut moved = Vec::new();
        let mut some = self.slots.range_mut(self.swept.saturating_add(1)..).take(MOST_SWEPT).peekable();
        if some.peek().is_none() {
            self.swept = 0;
        }
        for (id, slot) in some {
            self.swept = *id;
            if slot.has_moved() {
                moved.push(*id);
            }
            let before = slot.draining.len();
            slot.draining.retain(|(serial, credential)| {
                let held = credential.strong_count() > 0;
                if !held {
                    let slot = slot.parts.spec.name.clone();
                    news.push(Event::CredentialRetired { slot, serial: *serial });
                }
                held
            });
            self.draining -= before - slot.draining.len();
        }
        if self.slots.len() <= MOST_SWEPT {
            self.swept = 0;
        }
        moved.into_iter().for_each(|id| self.follow(id, now, news));
    }

    fn follow(&mut self, id: SlotId, now: UnixTime, news: &mut Vec<Event>) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let before = slot.draining.len();
        let life = slot.follow();
        self.draining = self.draining + slot.draining.len() - before;
        self.step(id, Input::Seen(life), now, news);
    }

    fn look(&mut self, id: SlotId, now: UnixTime, news: &mut Vec<Event>) {
        if self.slots.get(&id).is_some_and(Slot::has_moved) {
            self.follow(id, now, news);
        }
        self.step(id, Input::Look, now, news);
    }

    /// Hands what happens to a slot's core and plans its next look; true where the schedule is to be kept.
    pub(super) fn step(&mut self, id: SlotId, input: Input, now: UnixTime, news: &mut Vec<Event>) -> bool {
        let Some(slot) = self.slots.get_mut(&id) else { return false };
        let Effects { tell, keep, drop_prepared } = slot.core.step(now, input);
        news.extend(tell);
        if drop_prepared {
            slot.prepared = None;
        }
        self.plan(id, now);
        keep
    }

    fn plan(&mut self, id: SlotId, now: UnixTime) {
        self.last = self.last.max(Some(now));
        let Some(slot) = self.slots.get(&id) else { return };
        match slot.core.want(now) {
            Want::Nothing(_) => self.timetable.unqueue(id),
            Want::Renew => self.timetable.queue(id, slot.core.life().not_after),
            Want::Activate => self.timetable.queue(id, UnixTime::from_millis(i64::MIN)),
        }
        self.timetable.place(id, slot.core.next_look(now));
    }

    /// What is to be done, or how long nothing is.
    fn offer(&mut self, now: UnixTime) -> Result<NextStep, Duration> {
        while let Some(id) = self.timetable.first() {
            let Some(slot) = self.slots.get(&id) else {
                self.timetable.remove(id);
                continue;
            };
            let name = || slot.parts.spec.name.as_str().into();
            let step = match slot.core.want(now) {
                Want::Nothing(_) => {
                    self.timetable.unqueue(id);
                    continue;
                }
                Want::Activate => NextStep::Activate { slot: name() },
                Want::Renew if self.flights >= self.most_flights => return Err(WHILE_BUSY),
                Want::Renew => NextStep::Renew { slot: name(), overdue: slot.core.overdue(now) },
            };
            self.timetable.offered();
            return Ok(step);
        }
        let wait = self.timetable.next_look().map_or(IDLE, |look| now.until(look));
        let busy = self.flights > 0 || self.draining > 0;
        Err(if busy { wait.min(WHILE_BUSY) } else { wait })
    }

    /// Begins an attempt, if there may be one.
    pub(super) fn begin(&mut self, name: &str, now: UnixTime) -> Result<Job, ManagerError> {
        let id = self.renewable(name)?;
        let slot = self.slots.get_mut(&id).ok_or(ManagerError::UnknownSlot)?;
        if self.flights >= self.most_flights {
            return Err(ManagerError::Crowded);
        }
        let job = Job::of(id, slot)?;
        if !slot.core.begin(now) {
            return Err(ManagerError::Busy);
        }
        self.flights += 1;
        self.plan(id, now);
        Ok(job)
    }

    /// An attempt is over, however.
    pub(super) fn landed(&mut self) {
        self.flights = self.flights.saturating_sub(1);
    }

    /// An attempt brought a pair: it waits for its activation, or is taken out for it at once.
    pub(super) fn arrived(
        &mut self,
        id: SlotId,
        pair: Arc<Credential>,
        at_once: bool,
        now: UnixTime,
        news: &mut Vec<Event>,
    ) -> Result<Arrived, ManagerError> {
        // What a reload put in force meanwhile is known before the next sweep.
        self.follow(id, now, news);
        let next = Life::of(&pair);
        self.slots.get_mut(&id).ok_or(ManagerError::UnknownSlot)?.prepared = Some(pair);
        self.step(id, Input::Prepared { next, at_once }, now, news);
        let slot = self.slots.get(&id).ok_or(ManagerError::UnknownSlot)?;
        match slot.core.phase() {
            SlotPhase::Prepared { .. } if at_once => {
                self.take_prepared(id, now, news).map(Arrived::ToActivate)
            }
            SlotPhase::Prepared { serial, activate_at } => Ok(Arrived::Waits { serial, activate_at }),
            _ => Err(ManagerError::Superseded),
        }
    }

    /// Takes a slot's prepared pair out for its activation, unless it is superseded.
    pub(super) fn take_prepared(
        &mut self,
        id: SlotId,
        now: UnixTime,
        news: &mut Vec<Event>,
    ) -> Result<ToActivate, ManagerError> {
        self.follow(id, now, news);
        let slot = self.slots.get_mut(&id).ok_or(ManagerError::UnknownSlot)?;
        let pair = slot.prepared.take().filter(|_| slot.core.begin_activation());
        let pair = pair.ok_or(ManagerError::NotPrepared)?;
        Ok(ToActivate { pair, over: slot.core.life().serial })
    }

    /// What there is to do for a slot, outside of the lock.
    pub(super) fn job(&self, name: &str) -> Result<Job, ManagerError> {
        let id = *self.names.get(name).ok_or(ManagerError::UnknownSlot)?;
        Job::of(id, self.slots.get(&id).ok_or(ManagerError::UnknownSlot)?)
    }

    /// An activation was given up before it succeeded or failed.
    pub(super) fn given_up(&mut self, id: SlotId, now: UnixTime, news: &mut Vec<Event>) {
        self.step(id, Input::Abandoned, now, news);
        self.follow(id, now, news);
    }

    /// A prepared pair is in force. The core hears of it first: it is its own doing, and not somebody else's.
    pub(super) fn activated(&mut self, id: SlotId, generation: u64, now: UnixTime, news: &mut Vec<Event>) {
        self.step(id, Input::Activated { generation }, now, news);
        self.follow(id, now, news);
    }

    pub(super) fn set_unsaved(&mut self, id: SlotId, why: Option<String>) {
        if let Some(slot) = self.slots.get_mut(&id) {
            let retry_at = self.last.unwrap_or(UnixTime::from_secs(0)).plus(SAVED_AGAIN);
            match &why {
                Some(_) => drop(self.unsaved.insert(id, retry_at)),
                None => drop(self.unsaved.remove(&id)),
            }
            slot.unsaved = why;
        }
    }

    pub(super) fn replaced(
        &mut self,
        name: &str,
        credential: Arc<Credential>,
        now: UnixTime,
        news: &mut Vec<Event>,
    ) {
        let Some(id) = self.names.get(name).copied() else { return };
        if let Some(slot) = self.slots.get_mut(&id)
            && slot.place.store().is_none()
        {
            slot.place = Place::Elsewhere(credential);
            self.follow(id, now, news);
        }
    }

    pub(super) fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.get(self.names.get(name)?)
    }

    pub(super) fn states(&self, now: UnixTime) -> Vec<SlotState> {
        self.names.values().filter_map(|id| self.slots.get(id)).map(|slot| slot.state(now)).collect()
    }

    pub(super) fn parts(&self, id: SlotId) -> Option<Arc<Parts>> {
        self.slots.get(&id).map(|slot| Arc::clone(&slot.parts))
    }

    pub(super) fn record(&self, id: SlotId) -> Option<ScheduleRecord> {
        self.slots.get(&id).map(|slot| slot.core.record())
    }
}

/// Work on one slot.
pub(super) struct Job {
    pub(super) id: SlotId,
    pub(super) parts: Arc<Parts>,
    pub(super) store: Arc<CertificateStore>,
}

/// What is to become of a pair that an attempt brought.
pub(super) enum Arrived {
    Waits { serial: Serial, activate_at: UnixTime },
    ToActivate(ToActivate),
}

/// A pair that was taken out for its activation.
pub(super) struct ToActivate {
    pub(super) pair: Arc<Credential>,
    /// What was in force then.
    pub(super) over: Serial,
}

impl Job {
    fn of(id: SlotId, slot: &Slot) -> Result<Self, ManagerError> {
        let store = slot.place.store().ok_or(ManagerError::Elsewhere)?;
        Ok(Self { id, parts: Arc::clone(&slot.parts), store: Arc::clone(store) })
    }
}

const MOST_SLOTS: usize = 65_536;
const LONGEST_NAME: usize = 253;
/// While a renewal is under way there is no better guess.
const WHILE_BUSY: Duration = Duration::from_secs(1);
const SAVED_AGAIN: Duration = Duration::from_secs(60);
/// Without any slot.
const IDLE: Duration = Duration::from_secs(3_600);
/// Slots that are looked at in one call; those that are left are looked at in the next.
const MOST_LOOKS: usize = 256;
/// Slots whose stores are compared in one call: ten thousand in half a minute of calls each 100 ms.
const MOST_SWEPT: usize = 32;
/// Clocks that are corrected go back a little all the time.
const JITTER_OF_CLOCKS: Duration = Duration::from_secs(1);
