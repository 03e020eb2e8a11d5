//! What a client keeps to come back with: tickets on a shelf for each expected server, bounded in number and in bytes.

use dwcp_base::UnixTime;
use rustls::NamedGroup;
use rustls::client::TicketRequest;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The tickets of one connector: at most [`MOST_TICKETS`] and [`MOST_BYTES`] in all, oldest out first. Each leaves it once.
///
/// Tickets that arrived together are a batch. Its size is counted as what came over the wire, since the engine does not say how
/// large a ticket is; so it is freed when the last of the batch has left.
pub(crate) struct Vault<T>(Mutex<State<T>>);

struct State<T> {
    shelves: HashMap<ShelfId, Shelf>,
    batches: BTreeMap<BatchId, Batch<T>>,
    tickets: usize,
    bytes: usize,
    next: u64,
}

struct Shelf {
    batches: VecDeque<BatchId>,
    tickets: usize,
    streams: usize,
    hint: Option<NamedGroup>,
    /// Tickets that were asked for and did not come yet, and since when.
    awaited: usize,
    awaited_since: UnixTime,
}

struct Batch<T> {
    shelf: ShelfId,
    tickets: VecDeque<Kept<T>>,
    bytes: usize,
}

/// One ticket, and when it came.
pub(crate) struct Kept<T> {
    pub(crate) value: T,
    pub(crate) received: UnixTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ShelfId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BatchId(u64);

/// What a ticket takes: the bytes that came since the batch before it, which it shares with its own, and those of its copy of
/// the server's chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) batch: usize,
    pub(crate) each: usize,
}

impl<T> Default for Vault<T> {
    fn default() -> Self {
        let (shelves, batches) = (HashMap::new(), BTreeMap::new());
        Self(Mutex::new(State { shelves, batches, tickets: 0, bytes: 0, next: 0 }))
    }
}

impl<T> Vault<T> {
    /// A shelf for a server that `streams` connections are to resume with at once.
    pub(crate) fn open(&self, streams: usize) -> ShelfId {
        let mut state = self.state();
        let id = ShelfId(state.number());
        let (batches, awaited_since) = (VecDeque::new(), UnixTime::from_secs(0));
        let shelf = Shelf { batches, tickets: 0, streams, hint: None, awaited: 0, awaited_since };
        state.shelves.insert(id, shelf);
        id
    }

    /// Drops a shelf with all that is on it; what arrives for it later is dropped as well.
    pub(crate) fn close(&self, id: ShelfId) {
        let mut state = self.state();
        let Some(shelf) = state.shelves.remove(&id) else { return };
        for batch in shelf.batches {
            state.drop_batch(batch);
        }
    }

    /// Drops what is on a shelf, which stays: for a server that does not know its tickets any more.
    pub(crate) fn empty(&self, id: ShelfId) {
        let mut state = self.state();
        let Some(shelf) = state.shelves.get_mut(&id) else { return };
        shelf.tickets = 0;
        for batch in std::mem::take(&mut shelf.batches) {
            state.drop_batch(batch);
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.shelves.clear();
        state.batches.clear();
        (state.tickets, state.bytes) = (0, 0);
    }

    /// Keeps a ticket, with the others of `batch` where that is still there, and says which batch it is in.
    pub(crate) fn keep(
        &self,
        id: ShelfId,
        batch: Option<BatchId>,
        ticket: Kept<T>,
        size: Size,
    ) -> Option<BatchId> {
        let mut state = self.state();
        let number = state.number();
        let state = &mut *state;
        let shelf = state.shelves.get_mut(&id)?;
        shelf.awaited = shelf.awaited.saturating_sub(1);
        shelf.tickets += 1;
        state.tickets += 1;
        let known = batch.and_then(|known| Some((known, state.batches.get_mut(&known)?)));
        let kept_in = match known {
            Some((known, batch)) => {
                batch.tickets.push_back(ticket);
                batch.bytes = batch.bytes.saturating_add(size.each);
                state.bytes = state.bytes.saturating_add(size.each);
                known
            }
            None => {
                let new = BatchId(number);
                let bytes = size.batch.saturating_add(size.each);
                state.batches.insert(new, Batch { shelf: id, tickets: VecDeque::from([ticket]), bytes });
                shelf.batches.push_back(new);
                state.bytes = state.bytes.saturating_add(bytes);
                new
            }
        };
        state.stay_within(id);
        Some(kept_in)
    }

    /// The newest ticket of a shelf, which leaves it: no ticket is used twice (RFC 9846 §C.4). One that is older than
    /// [`LONGEST_LIFE`] is dropped instead; the engine drops one that its server gave a shorter life.
    pub(crate) fn take(&self, id: ShelfId, now: UnixTime) -> Option<Kept<T>> {
        let mut state = self.state();
        loop {
            let newest = *state.shelves.get(&id)?.batches.back()?;
            let ticket = state.batches.get_mut(&newest).and_then(|batch| batch.tickets.pop_back());
            state.left(newest, id, usize::from(ticket.is_some()));
            match ticket {
                Some(ticket) if has_expired(ticket.received, now) => {}
                Some(ticket) => return Some(ticket),
                None => {}
            }
        }
    }

    /// What to ask the server for (RFC 9149): as many tickets as are missing for the streams, those that are on their way
    /// counted in; at least one for a session that is resumed, and another for when that gets lost after a full handshake.
    pub(crate) fn request(&self, id: ShelfId, now: UnixTime) -> TicketRequest {
        let mut state = self.state();
        let Some(shelf) = state.shelves.get_mut(&id) else {
            return TicketRequest { new_session_count: 2, resumption_count: 1 };
        };
        // A server that gives less than it was asked for is not waited for.
        if now.secs().saturating_sub(shelf.awaited_since.secs()).unsigned_abs() > PATIENCE.as_secs() {
            shelf.awaited = 0;
        }
        if shelf.awaited == 0 {
            shelf.awaited_since = now;
        }
        let spent = usize::from(shelf.tickets > 0);
        let missing = (shelf.streams + spent).saturating_sub(shelf.tickets + shelf.awaited);
        let asked = missing.clamp(2 - spent, usize::from(u8::MAX));
        shelf.awaited = shelf.awaited.saturating_add(asked);
        let count = u8::try_from(asked).unwrap_or(u8::MAX);
        TicketRequest { new_session_count: count.max(2), resumption_count: count }
    }

    /// What `read` makes of each ticket of a shelf that has not expired, newest first.
    pub(crate) fn each<F>(&self, id: ShelfId, now: UnixTime, read: impl Fn(&Kept<T>) -> F) -> Vec<F> {
        let state = self.state();
        let batches = state.shelves.get(&id).into_iter().flat_map(|shelf| shelf.batches.iter().rev());
        let tickets =
            batches.filter_map(|id| state.batches.get(id)).flat_map(|batch| batch.tickets.iter().rev());
        tickets.filter(|ticket| !has_expired(ticket.received, now)).map(read).collect()
    }

    pub(crate) fn hint(&self, id: ShelfId) -> Option<NamedGroup> {
        self.state().shelves.get(&id)?.hint
    }

    pub(crate) fn set_hint(&self, id: ShelfId, group: NamedGroup) {
        if let Some(shelf) = self.state().shelves.get_mut(&id) {
            shelf.hint = Some(group);
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Oldest out first: of the shelf that has more than its streams need, then of all.
    fn stay_within(&mut self, id: ShelfId) {
        while let Some(shelf) = self.shelves.get(&id)
            && shelf.tickets > shelf.streams.max(FEWEST_KEPT)
            && let Some(oldest) = shelf.batches.front().copied()
        {
            let popped = self.batches.get_mut(&oldest).and_then(|batch| batch.tickets.pop_front());
            self.left(oldest, id, usize::from(popped.is_some()));
        }
        while self.tickets > MOST_TICKETS || self.bytes > MOST_BYTES {
            let Some((oldest, batch)) = self.batches.first_key_value() else { return };
            let (oldest, shelf, tickets) = (*oldest, batch.shelf, batch.tickets.len());
            self.drop_batch(oldest);
            if let Some(shelf) = self.shelves.get_mut(&shelf) {
                shelf.tickets = shelf.tickets.saturating_sub(tickets);
                shelf.batches.retain(|batch| *batch != oldest);
            }
        }
    }

    /// `count` tickets of `batch` left; with the last one the batch goes.
    fn left(&mut self, batch: BatchId, shelf: ShelfId, count: usize) {
        self.tickets = self.tickets.saturating_sub(count);
        let empty = self.batches.get(&batch).is_none_or(|batch| batch.tickets.is_empty());
        if empty {
            self.drop_batch(batch);
        }
        if let Some(shelf) = self.shelves.get_mut(&shelf) {
            shelf.tickets = shelf.tickets.saturating_sub(count);
            if empty {
                shelf.batches.retain(|known| *known != batch);
            }
        }
    }

    fn drop_batch(&mut self, batch: BatchId) {
        if let Some(batch) = self.batches.remove(&batch) {
            self.tickets = self.tickets.saturating_sub(batch.tickets.len());
            self.bytes = self.bytes.saturating_sub(batch.bytes);
        }
    }
}

fn has_expired(received: UnixTime, now: UnixTime) -> bool {
    now.secs().saturating_sub(received.secs()) > LONGEST_LIFE_SECS
}

/// The longest that a ticket is kept, whatever its server says: 7 days (RFC 9846 §4.6.1).
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
const LONGEST_LIFE_SECS: i64 = 7 * 24 * 3600;

/// The most tickets that are kept for all servers.
pub(crate) const MOST_TICKETS: usize = 16 * 1024;

/// The most bytes that they take.
pub(crate) const MOST_BYTES: usize = 32 * 1024 * 1024;

/// What is kept for a server however few streams are expected to it.
const FEWEST_KEPT: usize = 8;

/// How long tickets that were asked for count as being on their way.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
