//! What may be known of a ticket: when it was made, how long it lasts, what made it. No secret is in it.

use dwcp_base::UnixTime;
use std::fmt;
use std::time::Duration;

/// The facts of one session ticket (RFC 9846 §4.6.1): of one that a client keeps
/// ([`TlsConnector::tickets`](crate::TlsConnector::tickets)), or of the one that a server's session was resumed by
/// ([`TlsSession::ticket`](crate::TlsSession::ticket)).
///
/// Neither the ticket nor any key is in it: it can be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTicket {
    pub(crate) source: TicketSource,
    pub(crate) issued: UnixTime,
    pub(crate) left: Duration,
    pub(crate) early_data: u32,
}

/// Where a ticket's session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TicketSource {
    /// With the server that issued it, which alone knows how.
    Server,
    /// Sealed into the ticket, under the key of this name.
    Sealed(TicketKeyName),
    /// In this process's memory.
    Stored,
}

/// The name of a key that seals tickets: the first 8 bytes of what each of its tickets starts with, in the clear. Prints as 16
/// hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketKeyName(pub(crate) [u8; 8]);

impl SessionTicket {
    /// Where its session is.
    pub fn source(&self) -> TicketSource {
        self.source
    }

    /// When it was issued, or received, by this side's wall clock; in whole seconds.
    pub fn issued(&self) -> UnixTime {
        self.issued
    }

    /// How long it can still be used: zero to 7 days.
    pub fn lifetime_left(&self) -> Duration {
        self.left
    }

    /// How many bytes of early data it allows; 0 is none.
    pub fn early_data(&self) -> u32 {
        self.early_data
    }
}

impl fmt::Display for TicketKeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TicketKeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketKeyName({self})")
    }
}
