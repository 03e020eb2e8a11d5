//! Session tickets that several processes open: their keys are derived from one secret, by the wall clock.

use crate::key_set::TicketKeySet;
use crate::session_ticket::{SessionTicket, TicketSource};
use crate::ticket_key::{SEALING, TicketKey, weight};
use crate::ticket_trace::TicketTrace;
use crate::tickets::{KEY_LIFE, LARGEST_TICKET};
use dwcp_base::Clock;
use dwcp_crypto::CryptoError;
use rustls::server::ProducesTickets;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

/// A key seals in its 6 h by the wall clock and opens for 6 h more, so that processes roll together without a word.
///
/// Keys that ended are wiped by the next use of any kind; the secret that they can be derived from again stays, which is what a key that
/// others derive costs. A wall clock that is set back makes old tickets open again; their peers are judged as of that time.
pub(crate) struct SharedTicketer {
    clock: Arc<dyn Clock>,
    secrets: TicketKeySet,
    binding: [u8; 32],
    keys: RwLock<Keys>,
}

struct Keys {
    epoch: u64,
    /// The first one seals.
    current: Vec<TicketKey>,
    previous: Vec<TicketKey>,
}

impl SharedTicketer {
    /// # Errors
    /// Those of the derivation, which does not fail for sizes as these.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        secrets: TicketKeySet,
        binding: [u8; 32],
    ) -> Result<Self, CryptoError> {
        let keys = Keys::derive(&secrets, &binding, epoch_of(&*clock))?;
        Ok(Self { clock, secrets, binding, keys: RwLock::new(keys) })
    }

    /// Drops the keys whose time is over.
    pub(crate) fn roll(&self) -> Result<(), CryptoError> {
        self.keys().map(|_| ())
    }

    fn keys(&self) -> Result<RwLockReadGuard<'_, Keys>, CryptoError> {
        let epoch = epoch_of(&*self.clock);
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if keys.epoch == epoch {
            return Ok(keys);
        }
        drop(keys);
        let derived = Keys::derive(&self.secrets, &self.binding, epoch)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = derived;
        Ok(self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long the key of `epoch` opens from now on.
    fn left(&self, epoch: u64) -> Duration {
        let ends = epoch.saturating_add(2).saturating_mul(KEY_LIFE.as_secs());
        Duration::from_secs(ends.saturating_sub(seconds(&*self.clock)))
    }
}

impl Keys {
    fn derive(secrets: &TicketKeySet, binding: &[u8; 32], epoch: u64) -> Result<Self, CryptoError> {
        let current = secrets.keys_of(binding, epoch)?;
        let previous =
            epoch.checked_sub(1).map_or(Ok(Vec::new()), |before| secrets.keys_of(binding, before))?;
        Ok(Self { epoch, current, previous })
    }
}

impl ProducesTickets for SharedTicketer {
    fn enabled(&self) -> bool {
        true
    }

    /// Until the key that seals now opens no more: 6 to 12 h.
    fn lifetime(&self) -> u32 {
        u32::try_from(self.left(epoch_of(&*self.clock)).as_secs()).unwrap_or(0)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() > LARGEST_TICKET || !TicketTrace::may_issue(weight(plain.len())) {
            return None;
        }
        self.keys().ok()?.current.first()?.seal(plain, self.clock.unix()).ok()
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > LARGEST_TICKET + SEALING {
            return None;
        }
        let keys = self.keys().ok()?;
        let find = |keys: &'_ [TicketKey]| keys.iter().position(|key| key.sealed(ticket));
        let (key, epoch) = match find(&keys.current) {
            Some(at) => (keys.current.get(at)?, keys.epoch),
            None => (keys.previous.get(find(&keys.previous)?)?, keys.epoch.saturating_sub(1)),
        };
        if !TicketTrace::may_try() {
            return None;
        }
        let (plain, issued) = key.open(ticket).ok()?;
        let (source, left) = (TicketSource::Sealed(key.name()), self.left(epoch));
        TicketTrace::open(SessionTicket { source, issued, left, early_data: 0 });
        Some(plain)
    }
}

impl fmt::Debug for SharedTicketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedTicketer")
    }
}

/// The epochs are numbered from 1970.
fn epoch_of(clock: &dyn Clock) -> u64 {
    seconds(clock) / KEY_LIFE.as_secs()
}

fn seconds(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.unix().secs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket_trace::MOST_TRIED;
    use dwcp_base::{ManualClock, UnixTime};

    const SECOND: Duration = Duration::from_secs(1);

    fn process(keys: &TicketKeySet, binding: u8) -> (Arc<ManualClock>, SharedTicketer) {
        // The first second of an epoch.
        let clock = Arc::new(ManualClock::at(UnixTime::from_secs(83_000 * 6 * 3600)));
        let ticketer = SharedTicketer::new(Arc::<ManualClock>::clone(&clock), keys.clone(), [binding; 32]);
        (clock, ticketer.unwrap())
    }

    #[test]
    fn processes_with_one_secret_open_each_others_tickets_in_two_epochs() {
        let keys = TicketKeySet::generate().unwrap();
        let ((_, one), (clock, other)) = (process(&keys, 1), process(&keys, 1));
        let ticket = one.encrypt(b"session").unwrap();
        assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(other.lifetime(), 12 * 3600);
        clock.advance(2 * KEY_LIFE - SECOND);
        assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"session"[..]), "to its last second");
        assert_eq!(other.lifetime(), 6 * 3600 + 1);
        clock.advance(SECOND);
        assert_eq!(other.decrypt(&ticket), None);
    }

    #[test]
    fn at_t4_another_binding_or_secret_opens_nothing() {
        let keys = TicketKeySet::generate().unwrap();
        let (_, one) = process(&keys, 1);
        let ticket = one.encrypt(b"session").unwrap();
        assert_eq!(process(&keys, 2).1.decrypt(&ticket), None);
        assert_eq!(process(&TicketKeySet::generate().unwrap(), 1).1.decrypt(&ticket), None);
    }

    #[test]
    fn a_hello_full_of_forged_tickets_is_not_tried_to_its_end() {
        let (_, one) = process(&TicketKeySet::generate().unwrap(), 1);
        let good = one.encrypt(b"session").unwrap();
        let forged = [&good[..32], &[0; 16]].concat();
        TicketTrace::default().within(|| {
            assert!((0..MOST_TRIED - 1).all(|_| one.decrypt(&forged).is_none()));
            assert!(one.decrypt(&good).is_some());
            assert!(one.decrypt(&good).is_none());
        });
    }

    #[test]
    fn a_rotated_set_seals_under_the_new_secret_and_opens_the_old() {
        let keys = TicketKeySet::generate().unwrap();
        let rotated = keys.rotated().unwrap();
        let ((_, old), (_, new)) = (process(&keys, 1), process(&rotated, 1));
        assert!(new.decrypt(&old.encrypt(b"session").unwrap()).is_some());
        assert!(old.decrypt(&new.encrypt(b"session").unwrap()).is_none());
    }
}
