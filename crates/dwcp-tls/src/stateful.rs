//! Sessions in this process's memory, each to be resumed once: what early data needs.

use crate::session_ticket::{SessionTicket, TicketSource};
use crate::ticket_trace::TicketTrace;
use crate::tickets::{KEY_LIFE, LARGEST_TICKET};
use dwcp_base::{Clock, Tick, UnixTime};
use dwcp_crypto::Secret;
use rustls::server::StoresServerSessions;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// At most so many sessions and [`MOST_BYTES`], the oldest out first; wiped when they go. One that is taken is gone, so that a
/// first flight is accepted once (RFC 9846 §8.1), and none outlives [`LIFE`] by the monotonic clock.
pub(crate) struct StatefulSessions {
    clock: Arc<dyn Clock>,
    most: usize,
    early_data: u32,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    sessions: HashMap<Vec<u8>, Stored>,
    order: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
    next: u64,
}

struct Stored {
    number: u64,
    session: Secret,
    issued: UnixTime,
    at: Tick,
}

impl StatefulSessions {
    pub(crate) fn new(clock: Arc<dyn Clock>, most: usize, early_data: u32) -> Self {
        Self { clock, most, early_data, table: Mutex::default() }
    }

    /// Keeps what the handshake of `trace` held back: its peer was judged, and there is a session.
    pub(crate) fn settled(&self, trace: &TicketTrace) {
        trace.release().into_iter().for_each(|(id, session)| self.keep(id, session));
    }

    fn keep(&self, id: Vec<u8>, session: Secret) {
        self.roll();
        let (issued, at) = (self.clock.unix(), self.clock.tick());
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.remove(&id);
        table.next += 1;
        let number = table.next;
        table.bytes += session.len();
        table.order.insert(number, id.clone());
        table.sessions.insert(id, Stored { number, session, issued, at });
        while table.sessions.len() > self.most || table.bytes > MOST_BYTES {
            let Some(oldest) = table.oldest() else { break };
            table.remove(&oldest);
        }
    }

    /// Drops the sessions whose time is over.
    pub(crate) fn roll(&self) {
        let now = self.clock.tick();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = table.oldest()
            && table.sessions.get(&oldest).is_none_or(|stored| now.since(stored.at) >= LIFE)
        {
            table.remove(&oldest);
        }
    }
}

impl Table {
    fn oldest(&self) -> Option<Vec<u8>> {
        self.order.first_key_value().map(|(_, id)| id.clone())
    }

    fn remove(&mut self, id: &[u8]) -> Option<Stored> {
        let stored = self.sessions.remove(id)?;
        self.order.remove(&stored.number);
        self.bytes = self.bytes.saturating_sub(stored.session.len());
        Some(stored)
    }
}

impl StoresServerSessions for StatefulSessions {
    /// A client that is refused when its handshake is done leaves nothing behind: under such a session it would be early data that no
    /// rule was held against, such as the one about the group.
    fn put(&self, id: Vec<u8>, session: Vec<u8>) -> bool {
        let session = Secret::from(session);
        if session.len() > LARGEST_TICKET {
            return false;
        }
        match TicketTrace::current() {
            Some(trace) => trace.hold(id, session),
            None => self.keep(id, session),
        }
        true
    }

    /// TLS 1.2 alone would look without taking.
    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn take(&self, id: &[u8]) -> Option<Vec<u8>> {
        let stored = self.table.lock().unwrap_or_else(PoisonError::into_inner).remove(id)?;
        let left = LIFE.saturating_sub(self.clock.tick().since(stored.at));
        if left.is_zero() {
            return None;
        }
        let (source, issued, early_data) = (TicketSource::Stored, stored.issued, self.early_data);
        TicketTrace::open(SessionTicket { source, issued, left, early_data });
        Some(stored.session.expose().to_vec())
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl fmt::Debug for StatefulSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StatefulSessions")
    }
}

/// As long as a sealed ticket lasts at most: 12 h.
const LIFE: Duration = Duration::from_secs(2 * KEY_LIFE.as_secs());

/// What all sessions take at most: 32 MiB.
const MOST_BYTES: usize = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::ManualClock;

    fn sessions(most: usize) -> (Arc<ManualClock>, StatefulSessions) {
        let clock = Arc::new(ManualClock::at(UnixTime::from_secs(1_800_000_000)));
        let sessions = StatefulSessions::new(Arc::<ManualClock>::clone(&clock), most, 100);
        (clock, sessions)
    }

    #[test]
    fn at_t5_a_session_is_taken_once() {
        let (_clock, sessions) = sessions(4);
        assert!(sessions.put(vec![1], vec![7; 32]));
        assert_eq!(sessions.get(&[1]), None);
        assert_eq!(sessions.take(&[1]), Some(vec![7; 32]));
        assert_eq!(sessions.take(&[1]), None);
        assert_eq!(sessions.take(&[2]), None);
    }

    #[test]
    fn the_oldest_goes_first_by_number_and_by_bytes() {
        let (_clock, few) = sessions(2);
        for id in 1..=3 {
            assert!(few.put(vec![id], vec![id]));
        }
        assert_eq!([few.take(&[1]), few.take(&[2]), few.take(&[3])], [None, Some(vec![2]), Some(vec![3])]);
        let (_clock, large) = sessions(usize::MAX);
        let count = MOST_BYTES / LARGEST_TICKET + 1;
        for id in 0..count {
            assert!(large.put(id.to_be_bytes().to_vec(), vec![1; LARGEST_TICKET]));
        }
        assert_eq!(large.take(&0_usize.to_be_bytes()), None);
        assert!(large.take(&1_usize.to_be_bytes()).is_some());
        assert!(!large.put(vec![1], vec![1; LARGEST_TICKET + 1]), "one that is too large is not kept");
    }

    #[test]
    fn a_session_ends_by_the_monotonic_clock() {
        for used in [LIFE, LIFE - Duration::from_secs(1)] {
            let (clock, sessions) = sessions(4);
            sessions.put(vec![1], vec![7]);
            clock.advance(used);
            clock.set_unix(UnixTime::from_secs(1_800_000_000));
            assert_eq!(sessions.take(&[1]).is_some(), used < LIFE);
        }
        let (clock, sessions) = sessions(4);
        sessions.put(vec![1], vec![7]);
        clock.advance(LIFE);
        sessions.roll();
        assert!(sessions.table.lock().unwrap().sessions.is_empty(), "it is wiped without being asked for");
    }
}
