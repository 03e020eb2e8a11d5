//! Why a dial gave no session.

use crate::{MalformedVerdict, RegistryFull, Rejection};
use dwcp_base::{Blame, Coded};
use dwcp_pki::ValidationError;
use dwcp_tls::TlsError;
use std::io;
use std::time::Duration;

/// Why a dial gave no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The remote's name has no address, or is malformed.
    #[error("{remote} has no address")]
    Unresolved {
        /// What was dialed.
        remote: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No TCP connection to any of the remote's addresses.
    #[error("{remote} can not be reached")]
    Unreachable {
        /// What was dialed.
        remote: String,
        /// What the operating system said, about the last address.
        source: io::Error,
    },
    /// The deadline passed.
    #[error("{remote} did not accept within {deadline:?}")]
    Timeout {
        /// What was dialed.
        remote: String,
        /// The deadline that was given.
        deadline: Duration,
    },
    /// The handshake failed, or the peer ended it with an alert after it.
    #[error("no secure connection to {remote}")]
    Tls {
        /// What was dialed.
        remote: String,
        /// Why.
        source: TlsError,
    },
    /// The peer's node refused us, and said why.
    #[error("{remote} refused the connection ({})", rejection.reason)]
    Refused {
        /// What was dialed.
        remote: String,
        /// The peer's verdict.
        rejection: Rejection,
    },
    /// The peer's node closed without a verdict.
    #[error("{remote} closed the connection without a verdict")]
    Closed {
        /// What was dialed.
        remote: String,
    },
    /// What the peer's node sent is no verdict.
    #[error("{remote} broke the protocol")]
    Malformed {
        /// What was dialed.
        remote: String,
        /// In which way.
        source: MalformedVerdict,
    },
    /// Trust changed during the handshake, and no longer covers the peer.
    #[error("{remote} is no longer trusted")]
    Untrusted {
        /// What was dialed.
        remote: String,
        /// The rule that refuses it.
        source: ValidationError,
    },
    /// This side has no room for another connection.
    #[error("no room for a connection to {remote}")]
    Full {
        /// What was dialed.
        remote: String,
        /// The registry's answer.
        source: RegistryFull,
    },
}

impl Coded for DialError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unresolved { .. } => "channel.dial.unresolved",
            Self::Unreachable { .. } => "channel.dial.unreachable",
            Self::Timeout { .. } => "channel.dial.timeout",
            Self::Tls { source, .. } => source.code(),
            Self::Refused { .. } => "channel.dial.refused",
            Self::Closed { .. } => "channel.dial.closed",
            Self::Malformed { source, .. } => source.code(),
            Self::Untrusted { source, .. } => source.code(),
            Self::Full { source, .. } => source.code(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Unresolved { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Closed { .. } => Blame::Network,
            Self::Tls { source, .. } => source.blame(),
            // The peer's policy judges us: that is ours to mend.
            Self::Refused { .. } => Blame::Local,
            Self::Malformed { source, .. } => source.blame(),
            Self::Untrusted { source, .. } => source.blame(),
            Self::Full { source, .. } => source.blame(),
        }
    }
}
