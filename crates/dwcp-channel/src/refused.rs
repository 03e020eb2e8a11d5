//! A connection that did not become a session, and everything its record needs.

use crate::{CloseReason, ReasonCode, Refusal, RegistryFull, Rejection, RejectionKind, Verdict};
use dwcp_base::{Blame, Coded};
use dwcp_pki::{Denial, Peer, ValidationError};
use dwcp_tls::TlsError;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Why an acceptor made no session of a connection. The socket is closed by the time this exists.
#[derive(Debug)]
#[must_use]
pub struct Refused {
    source: SocketAddr,
    who: RefusedPeer,
    cause: RefusedCause,
}

/// What was proven about a refused peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedPeer {
    /// It was refused before its identity was proven; what it claimed may be in the cause.
    Unidentified,
    /// Its handshake was good.
    Known(Peer),
}

/// The step that refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum RefusedCause {
    /// The gate, before a byte was read.
    NotAdmitted(Refusal),
    /// The handshake.
    Tls(TlsError),
    /// Trust changed during the handshake, and no longer covers the peer.
    Trust(ValidationError),
    /// The allow list.
    Policy(Denial),
    /// The registry of live connections.
    Full(RegistryFull),
    /// A judgement that ran while the connection was still being accepted.
    Cut(CloseReason),
    /// The deadline of the whole acceptance.
    Deadline(Duration),
}

impl Refused {
    /// Refused before a byte was read.
    pub fn not_admitted(source: SocketAddr, refusal: Refusal) -> Self {
        Self { source, who: RefusedPeer::Unidentified, cause: RefusedCause::NotAdmitted(refusal) }
    }

    /// Refused before the peer was known.
    pub fn unidentified(source: SocketAddr, cause: RefusedCause) -> Self {
        Self { source, who: RefusedPeer::Unidentified, cause }
    }

    /// Refused although the handshake was good.
    pub fn known(source: SocketAddr, peer: Peer, cause: RefusedCause) -> Self {
        Self { source, who: RefusedPeer::Known(peer), cause }
    }

    /// Where the connection came from.
    pub fn source_address(&self) -> SocketAddr {
        self.source
    }

    /// What was proven about the peer.
    pub fn who(&self) -> &RefusedPeer {
        &self.who
    }

    /// A label for the record: the proven one, else `unidentified`.
    pub fn peer_label(&self) -> String {
        match &self.who {
            RefusedPeer::Known(peer) => peer.label(),
            RefusedPeer::Unidentified => "unidentified".to_owned(),
        }
    }

    /// The step that refused.
    pub fn cause(&self) -> &RefusedCause {
        &self.cause
    }

    /// A short static label for metrics: [`TlsError::reason`] for a failed handshake, else one of [`REASONS`](Self::REASONS).
    pub fn reason(&self) -> &'static str {
        match &self.cause {
            RefusedCause::NotAdmitted(_) => "not_admitted",
            RefusedCause::Tls(error) => error.reason(),
            RefusedCause::Trust(_) => "trust_changed",
            RefusedCause::Policy(_) => "policy_denied",
            RefusedCause::Full(_) => "registry_full",
            RefusedCause::Cut(_) => "cut",
            RefusedCause::Deadline(_) => "timeout",
        }
    }

    /// The values of [`reason`](Self::reason) that are not TLS's.
    pub const REASONS: &[&str] =
        &["not_admitted", "trust_changed", "policy_denied", "registry_full", "cut", "timeout"];

    /// The one place where a refusal becomes what a node peer is told.
    pub(crate) fn verdict(&self) -> Verdict {
        let kind = match &self.cause {
            RefusedCause::Full(_) => RejectionKind::Full,
            _ => RejectionKind::Policy,
        };
        Verdict::Refused(Rejection { kind, reason: ReasonCode::of(self), retry_after: Duration::ZERO })
    }
}

impl Coded for Refused {
    fn code(&self) -> &'static str {
        match &self.cause {
            RefusedCause::NotAdmitted(refusal) => refusal.code(),
            RefusedCause::Tls(error) => error.code(),
            RefusedCause::Trust(error) => error.code(),
            RefusedCause::Policy(denial) => denial.code(),
            RefusedCause::Full(full) => full.code(),
            RefusedCause::Cut(_) => "channel.connection.cut",
            RefusedCause::Deadline(_) => "channel.accept.timeout",
        }
    }

    fn blame(&self) -> Blame {
        match &self.cause {
            RefusedCause::NotAdmitted(refusal) => refusal.blame(),
            RefusedCause::Tls(error) => error.blame(),
            RefusedCause::Trust(error) => error.blame(),
            RefusedCause::Policy(denial) => denial.blame(),
            RefusedCause::Full(full) => full.blame(),
            RefusedCause::Cut(_) => Blame::Local,
            RefusedCause::Deadline(_) => Blame::Network,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection from {} was refused ({})", self.source, self.code())
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            RefusedCause::NotAdmitted(refusal) => Some(refusal),
            RefusedCause::Tls(error) => Some(error),
            RefusedCause::Trust(error) => Some(error),
            RefusedCause::Policy(denial) => Some(denial),
            RefusedCause::Full(full) => Some(full),
            RefusedCause::Cut(_) | RefusedCause::Deadline(_) => None,
        }
    }
}
