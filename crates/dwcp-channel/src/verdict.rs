//! The verdict frame: what the accepting node tells the dialing node, once, after the handshake.

use crate::ReasonCode;
use dwcp_base::{Blame, Coded};
use std::time::Duration;

/// What the accepting side decided, after handshake, policy and target. `docs/formats/verdict-frame.md` has the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The conversation may begin; what follows on the stream is its data.
    Accepted,
    /// It may not; the stream ends after the frame.
    Refused(Rejection),
}

/// Why a node refuses a peer whose handshake was good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The class, for the dialing program to act on.
    pub kind: RejectionKind,
    /// The stable code of the refusal, for logs and people.
    pub reason: ReasonCode,
    /// How long the dialing side should wait before it asks again, in whole milliseconds up to 49 days; zero when unsaid.
    pub retry_after: Duration,
}

/// The classes of refusal a peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The allow list does not name this identity.
    Policy,
    /// The identity was good but what it wants to reach can not be reached.
    Target,
    /// There is no room for another connection.
    Full,
    /// The node is shutting down.
    Draining,
    /// A class of a later version.
    Other(u16),
}

impl Verdict {
    /// The frame's length in bytes, always.
    pub const LENGTH: usize = 64;

    /// A refusal with no waiting time.
    pub fn refused(kind: RejectionKind, reason: ReasonCode) -> Self {
        Self::Refused(Rejection { kind, reason, retry_after: Duration::ZERO })
    }

    /// The frame.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut frame = [0; Self::LENGTH];
        frame[..4].copy_from_slice(&MAGIC);
        frame[4] = VERSION;
        if let Self::Refused(rejection) = self {
            let millis = u32::try_from(rejection.retry_after.as_millis()).unwrap_or(u32::MAX);
            let reason = rejection.reason.as_bytes();
            frame[5] = REFUSED;
            frame[6..8].copy_from_slice(&rejection.kind.number().to_be_bytes());
            frame[8..12].copy_from_slice(&millis.to_be_bytes());
            frame[12] = rejection.reason.length();
            frame[16..16 + reason.len()].copy_from_slice(reason);
        }
        frame
    }

    /// Reads a frame; every bit of it is accounted for, so no two frames mean the same.
    ///
    /// # Errors
    /// [`MalformedVerdict`] for anything [`to_bytes`](Self::to_bytes) does not write, save for kinds of a later version.
    pub fn from_bytes(frame: &[u8; Self::LENGTH]) -> Result<Self, MalformedVerdict> {
        if frame[..4] != MAGIC {
            return Err(MalformedVerdict::Magic);
        }
        if frame[4] != VERSION {
            return Err(MalformedVerdict::Version(frame[4]));
        }
        if frame[13..16] != [0; 3] {
            return Err(MalformedVerdict::Padding);
        }
        let (text, padding) =
            frame[16..].split_at_checked(usize::from(frame[12])).ok_or(MalformedVerdict::Reason)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(MalformedVerdict::Padding);
        }
        let kind = u16::from_be_bytes([frame[6], frame[7]]);
        let millis = u32::from_be_bytes([frame[8], frame[9], frame[10], frame[11]]);
        match frame[5] {
            ACCEPTED if kind == 0 && millis == 0 && text.is_empty() => Ok(Self::Accepted),
            REFUSED if kind != 0 => {
                let text = std::str::from_utf8(text).map_err(|_| MalformedVerdict::Reason)?;
                let reason = text.parse().map_err(|_| MalformedVerdict::Reason)?;
                let retry_after = Duration::from_millis(millis.into());
                Ok(Self::Refused(Rejection { kind: RejectionKind::from_number(kind), reason, retry_after }))
            }
            _ => Err(MalformedVerdict::Outcome),
        }
    }
}

impl RejectionKind {
    /// Its number on the wire; zero is no kind.
    pub const fn number(self) -> u16 {
        match self {
            Self::Policy => 1,
            Self::Target => 2,
            Self::Full => 3,
            Self::Draining => 4,
            // Zero would read as "accepted".
            Self::Other(0) => u16::MAX,
            Self::Other(number) => number,
        }
    }

    const fn from_number(number: u16) -> Self {
        match number {
            1 => Self::Policy,
            2 => Self::Target,
            3 => Self::Full,
            4 => Self::Draining,
            other => Self::Other(other),
        }
    }
}

/// The 64 bytes are no verdict frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedVerdict {
    /// It does not begin with `DWCV`.
    #[error("the peer's first bytes are no verdict frame")]
    Magic,
    /// It is of another version.
    #[error("the peer's verdict frame has version {0}, this side reads version 1")]
    Version(u8),
    /// Outcome, kind and waiting time do not go together.
    #[error("the peer's verdict frame contradicts itself")]
    Outcome,
    /// The reason is too long or outside the alphabet of codes.
    #[error("the reason in the peer's verdict frame is no code")]
    Reason,
    /// Bytes that must be zero are not.
    #[error("the peer's verdict frame has bytes where zeros belong")]
    Padding,
}

impl Coded for MalformedVerdict {
    fn code(&self) -> &'static str {
        "channel.verdict.malformed"
    }

    fn blame(&self) -> Blame {
        Blame::Peer
    }
}

/// The ALPN name (RFC 7301) by which nodes agree on the verdict frame.
pub const NODE_ALPN: &[u8] = b"dwcp/1";

/// The ALPN name of a connection that shows certificates and carries nothing: the verdict answers it, no target is asked, then both sides close.
///
/// A node with a long stream makes one when a certificate was renewed, since a stream alone never shows the newer one.
pub const SHOWN_ALPN: &[u8] = b"dwcp-shown/1";

const MAGIC: [u8; 4] = *b"DWCV";
const VERSION: u8 = 1;
const ACCEPTED: u8 = 0;
const REFUSED: u8 = 1;
