//! One client connection's way to the tickets of its server.

use crate::session_ticket::{SessionTicket, TicketSource};
use crate::settings::LARGEST_HANDSHAKE;
use crate::vault::{BatchId, Kept, LONGEST_LIFE, ShelfId, Size, Vault};
use dwcp_base::{Clock, UnixTime};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{CertificateDer, ServerName};
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// A ticket, and the certificates of the server that it resumes a session with.
pub(crate) struct Ticket {
    value: Tls13ClientSessionValue,
    /// `None` where it allows no early data, or came before the server was judged.
    chain: Option<Chain>,
}

type Chain = Arc<[CertificateDer<'static>]>;

/// Whether the server of a chain would be accepted now.
pub(crate) type StillGood = Box<dyn Fn(&[CertificateDer<'static>]) -> bool + Send + Sync>;

/// What the engine sees of the [`Vault`]: one shelf, whatever the name it asks for, and what this connection's tickets take.
pub(crate) struct ConnectionSessions {
    vault: Arc<Vault<Ticket>>,
    shelf: ShelfId,
    clock: Arc<dyn Clock>,
    /// Bytes that were read from the transport so far.
    wire: Arc<AtomicUsize>,
    /// The server's chain, once it is known.
    chain: OnceLock<Chain>,
    /// Asked about the server before anything is said to it; `None` where nothing is.
    before_speaking: Option<StillGood>,
    newest: Mutex<Newest>,
}

/// The batch that tickets go into until more bytes arrive.
#[derive(Default)]
struct Newest {
    batch: Option<BatchId>,
    wire: usize,
    size: usize,
}

impl ConnectionSessions {
    /// `before_speaking` is for a connection with early data, which goes out before the engine hears of the server: with a ticket of one
    /// that is not accepted any more nothing is said, and the handshake is a full one.
    pub(crate) fn new(
        vault: &Arc<Vault<Ticket>>,
        shelf: ShelfId,
        clock: &Arc<dyn Clock>,
        before_speaking: Option<StillGood>,
    ) -> Self {
        Self {
            vault: Arc::clone(vault),
            shelf,
            clock: Arc::clone(clock),
            wire: Arc::default(),
            chain: OnceLock::new(),
            before_speaking,
            newest: Mutex::default(),
        }
    }

    /// Where the transport counts what arrives.
    pub(crate) fn wire(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.wire)
    }

    /// Says that the server does not know the session that it was spoken to by: with the tickets beside that one it would be no better.
    pub(crate) fn are_unknown(&self) {
        self.vault.empty(self.shelf);
    }

    /// Says which chain is copied into each ticket; until then it takes what a handshake may take.
    pub(crate) fn chain_is(&self, chain: &[CertificateDer<'static>]) {
        // Said once for a connection.
        let _ = self.chain.set(chain.into());
    }

    /// What a copy of the chain takes.
    fn chain_takes(&self) -> usize {
        self.chain
            .get()
            .map_or(LARGEST_HANDSHAKE, |chain| chain.iter().map(|certificate| certificate.len()).sum())
    }
}

impl ClientSessionStore for ConnectionSessions {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.vault.set_hint(self.shelf, group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.vault.hint(self.shelf)
    }

    // TLS 1.2 is not spoken.
    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let wire = self.wire.load(Ordering::Relaxed);
        if wire != newest.wire {
            let size = wire.saturating_sub(newest.wire).min(LARGEST_BATCH);
            *newest = Newest { batch: None, wire, size };
        }
        let chain = self.chain.get().filter(|_| value.max_early_data_size() > 0).cloned();
        // The engine's copy, and ours where there is one.
        let copies = if chain.is_some() { 2 } else { 1 };
        let each = self.chain_takes().saturating_mul(copies).saturating_add(OVERHEAD);
        let ticket = Kept { value: Ticket { value, chain }, received: self.clock.unix() };
        newest.batch = self.vault.keep(self.shelf, newest.batch, ticket, Size { batch: newest.size, each });
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let Ticket { value, chain } = self.vault.take(self.shelf, self.clock.unix())?.value;
        match &self.before_speaking {
            Some(still_good) if value.max_early_data_size() > 0 => {
                chain.is_some_and(|chain| still_good(&chain)).then_some(value)
            }
            _ => Some(value),
        }
    }
}

impl fmt::Debug for ConnectionSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionSessions")
    }
}

/// What may be known of the tickets of a shelf, newest first.
pub(crate) fn tickets_of(vault: &Vault<Ticket>, shelf: ShelfId, now: UnixTime) -> Vec<SessionTicket> {
    let facts = |kept: &Kept<Ticket>| {
        let value = &kept.value.value;
        let age = u64::try_from(now.secs().saturating_sub(kept.received.secs())).unwrap_or(0);
        SessionTicket {
            source: TicketSource::Server,
            issued: kept.received,
            left: lifetime(value).saturating_sub(Duration::from_secs(age)),
            early_data: value.max_early_data_size(),
        }
    };
    let tickets = vault.each(shelf, now, facts);
    tickets.into_iter().filter(|ticket| !ticket.left.is_zero()).collect()
}

/// The lifetime that its server gave a ticket.
///
/// The engine keeps it to itself and shows it in its debug text alone. It is read from there where somebody asks for the facts,
/// never on the way of a handshake; the engine judges by its own copy.
fn lifetime(value: &Tls13ClientSessionValue) -> Duration {
    let mut reading = Lifetime::Before;
    // It ends with an error once the number was found, so that the rest is not printed.
    let _ = write!(reading, "{value:?}");
    match reading {
        // RFC 9846 §4.6.1: 0 would be to discard it at once; the engine takes it for no limit but its own.
        Lifetime::Read(seconds) if seconds > 0 => Duration::from_secs(seconds).min(LONGEST_LIFE),
        _ => LONGEST_LIFE,
    }
}

enum Lifetime {
    Before,
    Named,
    Read(u64),
}

impl Write for Lifetime {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match self {
            Self::Before if text.ends_with("lifetime_secs") => *self = Self::Named,
            Self::Named => {
                if let Ok(seconds) = text.parse() {
                    *self = Self::Read(seconds);
                    return Err(fmt::Error);
                }
            }
            Self::Before => {}
            Self::Read(_) => return Err(fmt::Error),
        }
        Ok(())
    }
}

/// The most that tickets of one batch were read from at once: the engine's buffer for handshake messages, and a record.
const LARGEST_BATCH: usize = 80 * 1024;

/// What a ticket takes besides its own bytes and the chain: keys, times, its place in the tables.
const OVERHEAD: usize = 512;
