//! Which slot is to be looked at when, and which of those whose time has come is next. Costs nothing while no time has come.

use dwcp_base::UnixTime;
use std::collections::{BTreeSet, HashMap};

/// Each slot has one time at which it is looked at again, and may besides stand in line for its turn.
///
/// `next_look` and `is_due` cost O(1) in effect, everything else O(log n). As large as the number of slots.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    looks: BTreeSet<(UnixTime, SlotId)>,
    line: BTreeSet<Turn>,
    /// The round of whoever's turn it was last: who joins later is not behind those that have had theirs.
    round: u64,
    places: HashMap<SlotId, Place>,
}

/// Numbers are given once.
pub(super) type SlotId = u64;

/// By round, and in a round by urgency: who is offered and not taken comes again after all others.
type Turn = (u64, UnixTime, SlotId);

#[derive(Clone, Copy, Debug)]
struct Place {
    look: UnixTime,
    turn: Option<Turn>,
}

impl Timetable {
    /// Looks at a slot again at `look`, for the first time or another time than before.
    pub(super) fn place(&mut self, id: SlotId, look: UnixTime) {
        let place = self.places.entry(id).or_insert(Place { look, turn: None });
        self.looks.remove(&(place.look, id));
        place.look = look;
        self.looks.insert((look, id));
    }

    /// Forgets a slot.
    pub(super) fn remove(&mut self, id: SlotId) {
        if let Some(place) = self.places.remove(&id) {
            self.looks.remove(&(place.look, id));
            place.turn.map(|turn| self.line.remove(&turn));
        }
    }

    /// The slot whose look is due at `now`, the earliest first. It stays due until it is placed anew.
    pub(super) fn due(&self, now: UnixTime) -> Option<SlotId> {
        self.looks.first().filter(|(look, _)| *look <= now).map(|(_, id)| *id)
    }

    /// When the next look is due.
    pub(super) fn next_look(&self) -> Option<UnixTime> {
        self.looks.first().map(|(look, _)| *look)
    }

    /// Has a slot stand in line, if it does not yet; those that are needed earlier come first.
    pub(super) fn queue(&mut self, id: SlotId, needed: UnixTime) {
        if let Some(place) = self.places.get_mut(&id)
            && place.turn.is_none()
        {
            let turn = (self.round, needed, id);
            place.turn = Some(turn);
            self.line.insert(turn);
        }
    }

    /// Has a slot leave the line.
    pub(super) fn unqueue(&mut self, id: SlotId) {
        if let Some(turn) = self.places.get_mut(&id).and_then(|place| place.turn.take()) {
            self.line.remove(&turn);
        }
    }

    /// Whose turn it is.
    pub(super) fn first(&self) -> Option<SlotId> {
        self.line.first().map(|(_, _, id)| *id)
    }

    /// Its turn was offered to the first; next are the others.
    pub(super) fn offered(&mut self) {
        let Some((round, needed, id)) = self.line.pop_first() else { return };
        self.round = round;
        let turn = (round + 1, needed, id);
        self.line.insert(turn);
        if let Some(place) = self.places.get_mut(&id) {
            place.turn = Some(turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(secs: i64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    #[test]
    fn whoever_is_offered_and_not_taken_comes_again_after_the_others() {
        let mut table = Timetable::default();
        for id in 0..4 {
            table.place(id, at(100));
            table.queue(id, at(50 - i64::try_from(id).unwrap()));
        }
        let mut turns = Vec::new();
        for _ in 0..6 {
            turns.push(table.first().unwrap());
            table.offered();
        }
        // The most urgent first.
        assert_eq!(turns, [3, 2, 1, 0, 3, 2]);
        table.unqueue(1);
        table.remove(0);
        table.queue(7, at(0));
        assert_eq!(table.first(), Some(3));
        assert_eq!(table.next_look(), Some(at(100)));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_list_that_is_searched(steps in prop::collection::vec((0_u8..5, 0_u64..8, 0_i64..40), 0..200)) {
            let mut table = Timetable::default();
            let mut list: Vec<(u64, i64)> = Vec::new();
            for (what, id, secs) in steps {
                match what {
                    0 | 1 => {
                        table.place(id, at(secs));
                        list.retain(|(other, _)| *other != id);
                        list.push((id, secs));
                    }
                    2 => {
                        table.remove(id);
                        list.retain(|(other, _)| *other != id);
                    }
                    3 => table.queue(id, at(secs)),
                    _ => table.unqueue(id),
                }
                let first = list.iter().map(|(_, secs)| *secs).min();
                prop_assert_eq!(table.next_look(), first.map(at));
                let due = table.due(at(secs));
                prop_assert_eq!(due.is_some(), first.is_some_and(|first| first <= secs));
                // Nobody stands in line who is not in the table.
                prop_assert!(table.line.iter().all(|(_, _, id)| list.iter().any(|(other, _)| other == id)));
                prop_assert!(table.line.len() <= list.len() && table.looks.len() == list.len());
            }
        }
    }
}
