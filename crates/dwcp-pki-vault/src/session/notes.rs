//! What is remembered of how requests went, and what a status page is told of it.

use super::Session;
use crate::token::Step;
use crate::{Event, VaultError, VaultState, VaultTrouble};
use dwcp_base::{Coded, Tick};
use std::time::Duration;

impl Session {
    /// Takes note of how a request went: an outage begins and ends once.
    pub(crate) fn note<T>(&self, outcome: Result<T, VaultError>) -> Result<T, VaultError> {
        let (now, mut held) = (self.clock.tick(), self.held());
        let event = match &outcome {
            // A mount below a root has no list of it, and says so whenever it is well.
            Ok(_) | Err(VaultError::NotFound { what: "list", .. }) => {
                held.trouble = None;
                held.down_since.take().map(|since| Event::ServerBack { after: now.since(since) })
            }
            Err(error) => {
                held.trouble = Some(VaultTrouble::next(error, held.trouble.take(), self.clock.unix()));
                match error.is_outage() && held.down_since.is_none() {
                    true => {
                        held.down_since = Some(now);
                        Some(Event::ServerUnavailable { code: error.code() })
                    }
                    false => None,
                }
            }
        };
        drop(held);
        if let Some(event) = event {
            self.observer.observe(&event);
        }
        outcome
    }

    /// Takes note of how a signing went, or the look at the role before it. What is wrong with it is told until a signing comes through,
    /// whatever else the server answers meanwhile.
    pub(crate) fn signing<T>(&self, outcome: Result<T, VaultError>) -> Result<T, VaultError> {
        let mut held = self.held();
        match &outcome {
            Ok(_) => held.signing_trouble = None,
            // What is no fault of role or request is told by the other two.
            Err(
                VaultError::Sealed
                | VaultError::Uninitialised
                | VaultError::Standby
                | VaultError::Https(_)
                | VaultError::Login { .. }
                | VaultError::Paused { .. },
            ) => {}
            Err(error) => {
                let before = held.signing_trouble.take();
                held.signing_trouble = Some(VaultTrouble::next(error, before, self.clock.unix()));
            }
        }
        drop(held);
        outcome
    }

    /// Takes note of how long a certificate lives. The server shortens what is too long for its role without a word.
    pub(crate) fn lives(&self, granted: Duration) {
        let Some(asked) = self.settings.ttl() else { return };
        // Both ends are cut to whole seconds.
        let shortened = granted.saturating_add(A_SECOND) < asked;
        let before = std::mem::replace(&mut self.held().shortened, shortened);
        if shortened && !before {
            self.observer.observe(&Event::LifeShortened { asked, granted });
        }
    }

    pub(crate) fn tell(&self, event: &Event) {
        self.observer.observe(event);
    }

    pub(crate) fn state(&self) -> VaultState {
        let (now, unix, held) = (self.clock.tick(), self.clock.unix(), self.held());
        let at = |tick: Tick| unix.plus(tick.since(now));
        let waits = match held.core.next(now) {
            Step::Wait(until) => until.map(at),
            _ => Some(unix),
        };
        let next_try = held.core.next_try().map(at);
        VaultState {
            login: self.settings.login().method(),
            has_token: held.core.is_usable(now),
            token_until: held.core.left(now).map(|left| unix.plus(left)),
            renews_at: if next_try.is_none() { waits } else { None },
            next_try,
            trouble: [&held.login_trouble, &held.trouble, &held.signing_trouble]
                .into_iter()
                .flatten()
                .next()
                .cloned(),
        }
    }
}

const A_SECOND: Duration = Duration::from_secs(1);
