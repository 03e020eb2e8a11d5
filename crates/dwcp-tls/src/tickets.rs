//! Session tickets: sealed under keys that live in memory alone and roll by the monotonic clock.

use crate::session_ticket::{SessionTicket, TicketSource};
use crate::ticket_key::{SEALING, TicketKey, weight};
use crate::ticket_trace::TicketTrace;
use dwcp_base::{Clock, Tick};
use dwcp_crypto::CryptoError;
use rustls::server::ProducesTickets;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

/// A key seals for 6 h and opens for 6 h more, counted from when the ticketer was made: by ticks, so that no step of the
/// wall clock keeps a key alive, and by the grid of those 6 h, so that an idle ticketer's keys end when a busy one's do.
///
/// Keys that ended are wiped by the next use of any kind, [`roll`](Self::roll) included.
pub(crate) struct RollingTickets {
    clock: Arc<dyn Clock>,
    started: Tick,
    keys: RwLock<Keys>,
}

struct Keys {
    epoch: u64,
    current: TicketKey,
    previous: Previous,
}

/// The key of the epoch before the current one.
enum Previous {
    Opens(TicketKey),
    Ended,
}

impl RollingTickets {
    /// A ticketer with a fresh key: what older ones sealed is worthless to it.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn fresh(clock: Arc<dyn Clock>) -> Result<Self, CryptoError> {
        let keys = Keys { epoch: 0, current: TicketKey::fresh()?, previous: Previous::Ended };
        Ok(Self { started: clock.tick(), clock, keys: RwLock::new(keys) })
    }

    /// Drops the keys whose time is over.
    ///
    /// # Errors
    /// When the operating system gives no randomness for the next key; the ones that ended are not used all the same.
    pub(crate) fn roll(&self) -> Result<(), CryptoError> {
        self.keys().map(|_| ())
    }

    /// The keys of now. Between two rolls this is one shared lock.
    fn keys(&self) -> Result<RwLockReadGuard<'_, Keys>, CryptoError> {
        let epoch = self.age().as_secs() / KEY_LIFE.as_secs();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if keys.epoch >= epoch {
            return Ok(keys);
        }
        drop(keys);
        self.keys.write().unwrap_or_else(PoisonError::into_inner).roll_to(epoch)?;
        Ok(self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn age(&self) -> Duration {
        self.clock.tick().since(self.started)
    }
}

impl Keys {
    fn roll_to(&mut self, epoch: u64) -> Result<(), CryptoError> {
        if self.epoch >= epoch {
            return Ok(());
        }
        let ended = std::mem::replace(&mut self.current, TicketKey::fresh()?);
        self.previous = if epoch - self.epoch == 1 { Previous::Opens(ended) } else { Previous::Ended };
        self.epoch = epoch;
        Ok(())
    }
}

impl ProducesTickets for RollingTickets {
    fn enabled(&self) -> bool {
        true
    }

    /// Until the key that seals now opens no more: 6 to 12 h.
    fn lifetime(&self) -> u32 {
        let left = 2 * KEY_LIFE.as_secs() - self.age().as_secs() % KEY_LIFE.as_secs();
        u32::try_from(left).unwrap_or(0)
    }

    /// A ticket holds the client's chain. One that would make the next ClientHello larger than we read is not issued:
    /// the client would be refused for using it.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() > LARGEST_TICKET || !TicketTrace::may_issue(weight(plain.len())) {
            return None;
        }
        self.keys().ok()?.current.seal(plain, self.clock.unix()).ok()
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > LARGEST_TICKET + SEALING {
            return None;
        }
        let keys = self.keys().ok()?;
        let (key, epoch) = match &keys.previous {
            Previous::Opens(previous) if previous.sealed(ticket) => (previous, keys.epoch.saturating_sub(1)),
            _ => (&keys.current, keys.epoch),
        };
        if !key.sealed(ticket) || !TicketTrace::may_try() {
            return None;
        }
        let (plain, issued) = key.open(ticket).ok()?;
        let ends = KEY_LIFE.saturating_mul(u32::try_from(epoch).unwrap_or(u32::MAX).saturating_add(2));
        let (source, left) = (TicketSource::Sealed(key.name()), ends.saturating_sub(self.age()));
        TicketTrace::open(SessionTicket { source, issued, left, early_data: 0 });
        Some(plain)
    }
}

impl fmt::Debug for RollingTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RollingTickets")
    }
}

/// How long a key seals, and how long it opens after that.
pub(crate) const KEY_LIFE: Duration = Duration::from_secs(6 * 3600);

/// Half of the largest ClientHello: the other half is for what else is in it.
pub(crate) const LARGEST_TICKET: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket_trace::MOST_TRIED;
    use dwcp_base::{ManualClock, UnixTime};

    const SECOND: Duration = Duration::from_secs(1);

    fn tickets() -> (Arc<ManualClock>, RollingTickets) {
        let clock = Arc::new(ManualClock::at(UnixTime::from_secs(1_800_000_000)));
        let tickets = RollingTickets::fresh(Arc::<ManualClock>::clone(&clock)).unwrap();
        (clock, tickets)
    }

    fn opens(tickets: &RollingTickets, ticket: &[u8]) -> bool {
        match tickets.decrypt(ticket) {
            Some(plain) => plain == b"session",
            None => false,
        }
    }

    #[test]
    fn at_t3_a_ticket_opens_in_its_keys_life_and_the_next_and_never_again() {
        for used_between in [true, false] {
            let (clock, tickets) = tickets();
            let early = tickets.encrypt(b"session").unwrap();
            clock.advance(KEY_LIFE - SECOND);
            let late = tickets.encrypt(b"session").unwrap();
            assert!(opens(&tickets, &early) && opens(&tickets, &late));
            clock.advance(2 * SECOND);
            if used_between {
                assert!(opens(&tickets, &early) && opens(&tickets, &late), "the previous key opens");
            }
            clock.advance(KEY_LIFE - 2 * SECOND);
            assert!(opens(&tickets, &early) && opens(&tickets, &late), "to its last second");
            clock.advance(SECOND);
            assert!(!opens(&tickets, &early) && !opens(&tickets, &late), "used between: {used_between}");
        }
    }

    #[test]
    fn a_hello_full_of_forged_tickets_is_not_tried_to_its_end() {
        let (_clock, tickets) = tickets();
        let good = tickets.encrypt(b"session").unwrap();
        let forged = [&good[..32], &[0; 16]].concat();
        for (before, opened) in [(MOST_TRIED - 1, true), (MOST_TRIED, false)] {
            TicketTrace::default().within(|| {
                // What is sealed under no key of ours costs nothing and does not count.
                assert!((0..200).all(|_| !opens(&tickets, &[0; 48])));
                assert!((0..before).all(|_| !opens(&tickets, &forged)));
                assert_eq!(opens(&tickets, &good), opened);
            });
        }
    }

    #[test]
    fn at_t3_an_idle_ticketer_revives_no_old_key() {
        let (clock, tickets) = tickets();
        let ticket = tickets.encrypt(b"session").unwrap();
        clock.advance(100 * KEY_LIFE);
        assert!(!opens(&tickets, &ticket), "its first use for weeks");
        assert!(!opens(&tickets, &ticket), "nor the one after that");
        let fresh = tickets.encrypt(b"session").unwrap();
        clock.advance(KEY_LIFE);
        assert!(opens(&tickets, &fresh));
    }

    #[test]
    fn at_t3_a_step_of_the_wall_clock_changes_nothing() {
        let year = 365 * 24 * 3600;
        for step in [-year, year] {
            let (clock, tickets) = tickets();
            let ticket = tickets.encrypt(b"session").unwrap();
            clock.set_unix(UnixTime::from_secs(1_800_000_000 + step));
            assert!(opens(&tickets, &ticket), "{step}");
            clock.advance(KEY_LIFE + SECOND);
            assert!(opens(&tickets, &ticket), "{step}");
            clock.advance(KEY_LIFE);
            assert!(!opens(&tickets, &ticket), "{step}");
        }
    }

    #[test]
    fn at_t3_rolling_alone_wipes_what_ended() {
        let (clock, tickets) = tickets();
        clock.advance(KEY_LIFE);
        tickets.roll().unwrap();
        assert!(matches!(tickets.keys.read().unwrap().previous, Previous::Opens(_)));
        clock.advance(2 * KEY_LIFE);
        tickets.roll().unwrap();
        let keys = tickets.keys.read().unwrap();
        assert!(matches!(keys.previous, Previous::Ended));
        assert_eq!(keys.epoch, 3);
    }

    #[test]
    fn clients_are_told_how_long_a_ticket_opens() {
        let (clock, tickets) = tickets();
        assert_eq!(tickets.lifetime(), 12 * 3600);
        clock.advance(KEY_LIFE - SECOND);
        assert_eq!(tickets.lifetime(), 6 * 3600 + 1);
        clock.advance(SECOND);
        assert_eq!(tickets.lifetime(), 12 * 3600);
    }

    #[test]
    fn a_ticket_that_would_bloat_the_next_hello_is_not_issued() {
        let (_clock, tickets) = tickets();
        let largest = tickets.encrypt(&[1; LARGEST_TICKET]).unwrap();
        assert_eq!(largest.len(), LARGEST_TICKET + SEALING);
        assert!(tickets.decrypt(&largest).is_some());
        assert_eq!(tickets.encrypt(&[1; LARGEST_TICKET + 1]), None);
        assert_eq!(tickets.decrypt(&[&largest[..], &[0]].concat()), None);
    }
}
