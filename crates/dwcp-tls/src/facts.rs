//! What a finished handshake agreed on.

use crate::group::Group;
use crate::inspect::SchemeCode;
use crate::phases::HandshakeTimes;
use crate::suite::CipherSuite;
use std::fmt;
use std::time::Duration;

/// How far a handshake got; names the place where it failed. In brackets the states of RFC 9846 appendix A that it covers: those
/// that can be told apart from outside of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeState {
    /// The server waits for the whole ClientHello (START).
    AwaitingHello,
    /// The ClientHello was read; the server chooses what to answer with (RECVD_CH).
    Choosing,
    /// The client said hello and has not heard a byte (WAIT_SH).
    AwaitingAnswer,
    /// Keys and certificates are being exchanged (server: NEGOTIATED to WAIT_CERT, and to WAIT_FINISHED in a resumed session;
    /// client: WAIT_SH to WAIT_CERT).
    Negotiating,
    /// What the peer showed is being judged.
    Judging,
    /// The peer's certificate is good; that the peer holds its key is still to be shown (WAIT_CV).
    AwaitingProof,
    /// The peer proved its key, and its Finished is awaited (WAIT_FINISHED).
    AwaitingFinished,
    /// Both sides know each other (CONNECTED).
    Established,
}

impl fmt::Display for HandshakeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwaitingHello => "waiting for the ClientHello",
            Self::Choosing => "choosing what to answer the ClientHello with",
            Self::AwaitingAnswer => "waiting for the first byte of the server",
            Self::Negotiating => "negotiating",
            Self::Judging => "judging the peer's certificate",
            Self::AwaitingProof => "waiting for proof of the peer's key",
            Self::AwaitingFinished => "waiting for Finished",
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
    /// Where that time went.
    pub times: HandshakeTimes,
    /// What the peer signed the handshake with (RFC 9846 §4.2.3), which also tells the type of its key; `None` when it showed no certificate in
    /// this handshake, as in a resumed one.
    pub peer_scheme: Option<SchemeCode>,
    /// Bytes that arrived in the handshake: at most [`LARGEST_HANDSHAKE`](crate::LARGEST_HANDSHAKE).
    pub bytes_read: usize,
    /// Bytes that were sent in the handshake.
    pub bytes_written: usize,
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
