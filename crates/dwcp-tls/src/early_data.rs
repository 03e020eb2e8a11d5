//! Early data (0-RTT, RFC 9846 §2.3): what a listener allows, and what became of a client's.

use crate::session::TlsSession;
use thiserror::Error;

/// What a listener takes in a client's first flight. Off unless it is given to
/// [`ServerSettings::with_early_data`](crate::ServerSettings::with_early_data).
///
/// Sessions are then kept in this process's memory, each to be used once: a ticket is a name that stands for one and is
/// forgotten when it is first shown (RFC 9846 §8.1). They end with the process, with the own leaf and with the trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EarlyData {
    pub(crate) most: u32,
    pub(crate) sessions: usize,
}

/// Why a listener can not take early data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum EarlyDataError {
    /// Several processes share tickets: each would accept the same first flight once.
    #[error("early data can not be taken with tickets that several processes share")]
    SharedTickets,
    /// Nothing is resumed.
    #[error("early data needs sessions that can be resumed")]
    NoTickets,
    /// The bound on bytes is 1 to 16 384.
    #[error("early data is 1 to 16384 bytes, not {0}")]
    Size(u32),
    /// The bound on sessions is 1 to 65 536.
    #[error("1 to 65536 sessions can be kept for early data, not {0}")]
    Sessions(usize),
}

impl EarlyData {
    /// At most 16 KiB, for the 4 096 sessions that were made last.
    pub const fn new() -> Self {
        Self { most: LARGEST_EARLY_DATA, sessions: 4096 }
    }

    /// At most so many bytes: 1 to 16 384, which is checked when the side is made.
    #[must_use]
    pub const fn with_most(mut self, bytes: u32) -> Self {
        self.most = bytes;
        self
    }

    /// Keeps so many sessions: 1 to 65 536, which is checked when the side is made. Each is at most 8 KiB, all together 32 MiB.
    #[must_use]
    pub const fn with_sessions(mut self, sessions: usize) -> Self {
        self.sessions = sessions;
        self
    }

    pub(crate) fn check(self) -> Result<Self, EarlyDataError> {
        match self {
            Self { most, .. } if !(1..=LARGEST_EARLY_DATA).contains(&most) => Err(EarlyDataError::Size(most)),
            Self { sessions, .. } if !(1..=MOST_SESSIONS).contains(&sessions) => {
                Err(EarlyDataError::Sessions(sessions))
            }
            good => Ok(good),
        }
    }
}

impl Default for EarlyData {
    fn default() -> Self {
        Self::new()
    }
}

/// A client's session, and how much of its early data the server took.
#[derive(Debug)]
#[must_use = "what the server did not take was not sent"]
pub struct EarlyConnected<'a, IO> {
    /// The session, as [`connect`](crate::TlsConnector::connect) gives it.
    pub session: TlsSession<IO>,
    /// How many bytes the server took: none without a fresh ticket that allows them, or when the server refused them.
    pub accepted: usize,
    /// The bytes after those: to be written to the session like any others.
    pub rest: &'a [u8],
}

/// RFC 9846 leaves it to the server; more than a request needs is a place to hide a flood in.
pub(crate) const LARGEST_EARLY_DATA: u32 = 16 * 1024;

/// What the records of that much early data may add to what is read before a client is known.
pub(crate) const EARLY_RECORDS: usize = 4 * 1024;

const MOST_SESSIONS: usize = 65_536;
