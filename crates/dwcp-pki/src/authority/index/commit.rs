//! Group commit: certificates that are issued at one time share one write and one sync.

use super::{Entry, Index, IssuedEntry, Locked, apply};
use crate::Serial;
use crate::authority::{AuthorityError, Refusal};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

type Outcome = Arc<Mutex<Option<Result<(), AuthorityError>>>>;

/// Those who wait for their line to be on stable storage.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    tickets: Vec<Ticket>,
    /// Somebody writes for others at the moment.
    busy: bool,
}

struct Ticket {
    entry: IssuedEntry,
    /// The certificate it succeeds, which must still stand.
    old: Option<Serial>,
    outcome: Outcome,
}

impl Index {
    /// Returns once the certificate's line is on stable storage. Whoever comes first writes for all who wait by then.
    ///
    /// # Errors
    /// [`Refusal::CompromisedKey`] when the key was given up meanwhile, here or in another process, [`Refusal::Revoked`] when `old`
    /// was; else what the disk said, and
    /// then the line is not there, or the index refuses every further one.
    pub(in crate::authority) fn issue(
        &self,
        entry: IssuedEntry,
        old: Option<Serial>,
    ) -> Result<(), AuthorityError> {
        let outcome = Outcome::default();
        let mut waiting = self.queue.lock();
        waiting.tickets.push(Ticket { entry, old, outcome: Arc::clone(&outcome) });
        loop {
            if let Some(result) = taken(&outcome) {
                return result;
            }
            if waiting.busy {
                waiting = self.queue.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            waiting.busy = true;
            let count = waiting.tickets.len().min(MOST_AT_ONCE);
            let batch = Batch { queue: &self.queue, tickets: waiting.tickets.drain(..count).collect() };
            drop(waiting);
            self.commit(&batch.tickets);
            drop(batch);
            waiting = self.queue.lock();
        }
    }

    fn commit(&self, tickets: &[Ticket]) {
        match self.settled() {
            Ok(mut locked) => {
                let mut fresh = BTreeSet::new();
                let accepted: Vec<&Ticket> =
                    tickets.iter().filter(|ticket| locked.accepts(ticket, &mut fresh)).collect();
                locked.write_all(&accepted);
            }
            Err(error) => tickets.iter().for_each(|ticket| ticket.ends(Err(again(&error)))),
        }
    }
}

impl Ticket {
    fn ends(&self, result: Result<(), AuthorityError>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }
}

impl Locked<'_> {
    /// Whether a certificate may be; if not, its outcome says why.
    fn accepts(&self, ticket: &Ticket, fresh: &mut BTreeSet<Serial>) -> bool {
        let refused = if self.is_compromised(&ticket.entry.key_pin) {
            Refusal::CompromisedKey.into()
        } else if ticket.old.and_then(|old| self.standing(&old)).is_some_and(|old| old.revoked.is_some()) {
            Refusal::Revoked.into()
        } else if self.standing(&ticket.entry.serial).is_some() || !fresh.insert(ticket.entry.serial) {
            AuthorityError::Defective { rule: "159 random bits came twice" }
        } else {
            return true;
        };
        ticket.ends(Err(refused));
        false
    }

    /// What reached the disk stays, though later lines did not.
    fn write_all(&mut self, tickets: &[&Ticket]) {
        let entries: Vec<Entry> = tickets.iter().map(|ticket| Entry::Issued(ticket.entry.clone())).collect();
        let super::State { log, table, compromised, revocations } = &mut *self.state;
        let (written, result) = log.append_all(self.index.disk.as_ref(), &entries);
        for (place, (ticket, entry)) in tickets.iter().zip(entries).enumerate() {
            ticket.ends(match &result {
                Err(error) if place >= written => Err(again(error)),
                _ => apply(table, compromised, revocations, entry)
                    .map_err(|rule| AuthorityError::Defective { rule }),
            });
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the next one write, also when this one panicked.
struct Batch<'a> {
    queue: &'a Queue,
    tickets: Vec<Ticket>,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for ticket in &self.tickets {
            let mut outcome = ticket.outcome.lock().unwrap_or_else(PoisonError::into_inner);
            let abandoned =
                || Err(AuthorityError::Defective { rule: "the writing of the index was given up" });
            outcome.get_or_insert_with(abandoned);
        }
        self.queue.lock().busy = false;
        self.queue.changed.notify_all();
    }
}

fn taken(outcome: &Outcome) -> Option<Result<(), AuthorityError>> {
    outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// One error for each of those whom one write failed.
fn again(error: &AuthorityError) -> AuthorityError {
    match error {
        AuthorityError::Storage { action, path, source } => {
            AuthorityError::storage(action, path, io::Error::new(source.kind(), source.to_string()))
        }
        AuthorityError::IndexMissing { path } => AuthorityError::IndexMissing { path: path.clone() },
        AuthorityError::IndexForeign { path } => AuthorityError::IndexForeign { path: path.clone() },
        AuthorityError::IndexBusy { path } => AuthorityError::IndexBusy { path: path.clone() },
        AuthorityError::IndexCorrupt { path, line, rule } => {
            AuthorityError::IndexCorrupt { path: path.clone(), line: *line, rule }
        }
        AuthorityError::IndexSuspect => AuthorityError::IndexSuspect,
        _ => AuthorityError::Defective { rule: "the index was not written" },
    }
}

/// Those who come later wait for the next one, so that nobody waits for long.
const MOST_AT_ONCE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyPin;
    use crate::authority::{Revocation, RevocationReason};
    use dwcp_base::{LocalDisk, UnixTime};

    #[test]
    fn what_succeeds_a_certificate_that_was_revoked_meanwhile_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let at = UnixTime::from_secs(1_790_000_000);
        let index = Index::create(Arc::new(LocalDisk), directory.path(), KeyPin::from([7; 32])).unwrap();
        let entry = |serial: &str, key| IssuedEntry {
            at,
            serial: serial.parse().unwrap(),
            not_before: at,
            not_after: at,
            key_pin: KeyPin::from([key; 32]),
            names: Vec::new(),
        };
        let old: Serial = "ab01".parse().unwrap();
        index.issue(entry("ab01", 1), None).unwrap();
        index.issue(entry("ab02", 2), Some(old)).unwrap();
        // It stood when its holder was judged.
        let revocation = Revocation { at, reason: RevocationReason::Superseded };
        index.settled().unwrap().add_revoked(old, revocation).unwrap();
        let refused = index.issue(entry("ab03", 3), Some(old));
        assert!(matches!(refused, Err(AuthorityError::Refused { source: Refusal::Revoked })));
        assert!(index.settled().unwrap().standing(&"ab03".parse().unwrap()).is_none());
    }
}
