//! How the sessions of one server side are resumed, for as long as own leaf and trust stay what they are.

use crate::active::no_keys;
use crate::early_data::EarlyDataError;
use crate::error::TlsError;
use crate::judge::Judge;
use crate::manager::Shared;
use crate::settings::{ClientAuth, ServerSettings, Tickets};
use crate::shared_ticketer::SharedTicketer;
use crate::stateful::StatefulSessions;
use crate::ticket_binding::binding;
use crate::ticket_trace::TicketTrace;
use crate::tickets::RollingTickets;
use dwcp_crypto::CryptoError;
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use std::sync::Arc;

/// The ticketer or the sessions of a side. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) enum Ticketing {
    /// Tickets sealed under keys of this side.
    Rolling(Arc<RollingTickets>),
    /// Tickets sealed under keys that several processes derive.
    Shared(Arc<SharedTicketer>),
    /// Sessions in memory, with early data.
    Stateful(Arc<StatefulSessions>),
    /// None.
    Off,
}

impl Ticketing {
    /// Whether the settings go together; nothing is made.
    pub(crate) fn check(settings: &ServerSettings) -> Result<(), TlsError> {
        let Some(early_data) = settings.early_data else { return Ok(()) };
        early_data.check()?;
        match settings.tickets {
            Tickets::Stateless => Ok(()),
            Tickets::Shared(_) => Err(EarlyDataError::SharedTickets.into()),
            Tickets::Off => Err(EarlyDataError::NoTickets.into()),
        }
    }

    /// What older keys sealed and older sessions held is worthless to it.
    pub(crate) fn fresh(shared: &Shared, settings: &ServerSettings, judge: &Judge) -> Result<Self, TlsError> {
        let clock = Arc::clone(&shared.clock);
        Ok(match (&settings.tickets, settings.early_data) {
            (Tickets::Off, _) => Self::Off,
            (Tickets::Stateless, Some(early)) => {
                Self::Stateful(Arc::new(StatefulSessions::new(clock, early.sessions, early.most)))
            }
            (Tickets::Stateless, None) => {
                Self::Rolling(Arc::new(RollingTickets::fresh(clock).map_err(no_keys)?))
            }
            (Tickets::Shared(tickets), _) => {
                let binding = binding(&judge.generation, settings, tickets.listener());
                let ticketer = SharedTicketer::new(clock, tickets.keys().clone(), binding);
                Self::Shared(Arc::new(ticketer.map_err(no_keys)?))
            }
        })
    }

    /// Tells the engine.
    pub(crate) fn apply(&self, settings: &ServerSettings, config: &mut ServerConfig) {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = TICKETS;
        config.max_tls13_tickets = match settings.client_auth {
            ClientAuth::Required => MOST_TICKETS,
            ClientAuth::Optional => MOST_FOR_STRANGERS,
        };
        match self {
            Self::Rolling(tickets) => config.ticketer = Arc::<RollingTickets>::clone(tickets),
            Self::Shared(tickets) => config.ticketer = Arc::<SharedTicketer>::clone(tickets),
            Self::Stateful(sessions) => {
                config.session_storage = Arc::<StatefulSessions>::clone(sessions);
                config.max_early_data_size = settings.early_data.map_or(0, |early| early.most);
                // One client is not to push out the sessions of the others.
                config.max_tls13_tickets = MOST_FOR_STRANGERS;
            }
            Self::Off => (config.send_tls13_tickets, config.max_tls13_tickets) = (0, 0),
        }
    }

    /// There is a session with the client of `trace`: it may come back.
    pub(crate) fn settled(&self, trace: &TicketTrace) {
        if let Self::Stateful(sessions) = self {
            sessions.settled(trace);
        }
    }

    /// Drops the keys and the sessions whose time is over.
    ///
    /// # Errors
    /// As [`RollingTickets::roll`].
    pub(crate) fn roll(&self) -> Result<(), CryptoError> {
        match self {
            Self::Rolling(tickets) => tickets.roll(),
            Self::Shared(tickets) => tickets.roll(),
            Self::Stateful(sessions) => {
                sessions.roll();
                Ok(())
            }
            Self::Off => Ok(()),
        }
    }
}

/// Tickets sent after a handshake to a client that does not say how many it wants: one to come back with, one for when that
/// got lost.
const TICKETS: usize = 2;

/// The most tickets for a client that has an identity and asks for more (RFC 9149). Each costs a key derivation, a sealing and a
/// copy of the client's chain on the wire; the bytes of one handshake are bounded besides.
const MOST_TICKETS: usize = 255;

/// The most tickets where clients may be anonymous.
const MOST_FOR_STRANGERS: usize = 8;
