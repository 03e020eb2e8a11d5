//! What a finished handshake agreed on.

use crate::group::Group;
use crate::suite::CipherSuite;
use std::fmt;
use std::time::Duration;

/// How far a handshake got; names the place where it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeState {
    /// The server waits for the whole ClientHello.
    AwaitingHello,
    /// Keys and certificates are being exchanged.
    Negotiating,
    /// Both sides know each other.
    Established,
}

impl fmt::Display for HandshakeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwaitingHello => "waiting for the ClientHello",
            Self::Negotiating => "negotiating",
            Self::Established => "established",
        })
    }
}

/// Whether an earlier session was continued (RFC 9846 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resumption {
    /// A full handshake: certificates were shown and their keys proved.
    Full,
    /// A ticket stood in for the certificates; those it was issued for were judged again.
    Resumed,
}

impl fmt::Display for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
        })
    }
}

/// What a handshake agreed on, fixed once it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeFacts {
    /// The cipher suite of both directions.
    pub suite: CipherSuite,
    /// The group of the key exchange; a resumed session makes a fresh one too.
    pub group: Group,
    /// Full or resumed.
    pub resumed: Resumption,
    /// The application protocol both sides agreed on; `None` when one side offered none.
    pub alpn: Option<Vec<u8>>,
    /// The DNS name the client asked for; `None` when it asked for none.
    pub server_name: Option<String>,
    /// Whether a full handshake took another round trip, because the client had no share for the group (HelloRetryRequest).
    pub retried: bool,
    /// Time from the first byte wanted to the last one sent, by the monotonic clock.
    pub elapsed: Duration,
}

impl HandshakeFacts {
    /// The version on the wire: always `1.3`.
    pub fn version(&self) -> &'static str {
        "1.3"
    }

    /// Whether the keys hold against a quantum computer that records today: the group was the hybrid one.
    pub fn post_quantum(&self) -> bool {
        self.group.is_post_quantum()
    }
}
