//! Why a handshake or a session failed, sorted by who is to blame.

use crate::alert::Alert;
use crate::early_data::EarlyDataError;
use crate::facts::{HandshakeState, Resumption};
use crate::hello::Inspected;
use crate::policy::PolicyError;
use crate::resolver::ResolverError;
use crate::rules::RuleRefusal;
use dwcp_base::{Blame, Coded};
use dwcp_pki::{ChainFault, Denial, InstallError, ValidationError};
use std::io;
use std::time::Duration;
use thiserror::Error;

/// Why there is no session, or why one broke.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The deadline passed before the handshake was done.
    #[error("the handshake was not done within {deadline:?} ({state})")]
    Timeout {
        /// The deadline that was given.
        deadline: Duration,
        /// How far it got.
        state: HandshakeState,
    },
    /// The peer sent more than a handshake can need.
    #[error("more than {limit} bytes arrived before the handshake was done")]
    Oversized {
        /// The bound that was reached, in bytes.
        limit: usize,
    },
    /// A client showed no certificate where one is required.
    #[error("the client showed no certificate, and one is required")]
    CertificateMissing,
    /// The peer's certificate was refused; the source says by which rule.
    #[error("the peer's certificate was refused ({claimed})")]
    Certificate {
        /// The rule that refused it.
        #[source]
        error: ValidationError,
        /// Serial number and name as the certificate claims them: unproven, at most 256 bytes.
        claimed: String,
    },
    /// The server proved who it is, and it is none of those that were expected.
    #[error("the server is {peer}, which was not expected")]
    Unexpected {
        /// What the list of patterns said.
        #[source]
        denial: Denial,
        /// The label of the identity that was proven.
        peer: String,
    },
    /// The peer's chain is good, and one of the [`PeerRules`](crate::PeerRules) refuses it all the same.
    #[error("{peer} was refused by rule ({resumed} handshake)")]
    Refused {
        /// The rule that refused it.
        #[source]
        rule: RuleRefusal,
        /// The label of the identity, or serial number and name as the certificate claims them; at most 2 KiB.
        peer: String,
        /// Whether the peer came back with a ticket: a full handshake may end better then, as after
        /// [`ResumptionRefused`](Self::ResumptionRefused).
        resumed: Resumption,
    },
    /// The peer showed a certificate whose key it does not hold.
    #[error("the peer did not prove that it holds the key of its certificate")]
    KeyUnproven,
    /// A session was resumed for a peer that would no longer be accepted; it was closed at once.
    #[error("the resumed session of {peer} was refused")]
    ResumptionRefused {
        /// The rule that refuses the peer today.
        #[source]
        error: ValidationError,
        /// Serial number and name as the certificate claims them, at most 256 bytes.
        peer: String,
    },
    /// The peer speaks no TLS 1.3.
    #[error("the peer offers nothing newer than TLS 1.2")]
    WeakProtocol {
        /// What it offered, where a ClientHello of it could be read; a server offers nothing.
        offered: Option<Box<Inspected>>,
    },
    /// No suite, group or signature scheme is acceptable to both sides.
    #[error("the peer offers no suite, group or signature scheme that is acceptable here")]
    NothingInCommon(#[source] rustls::Error),
    /// No application protocol is spoken by both sides, and one is required.
    #[error("no application protocol is spoken by both sides")]
    NoApplicationProtocol,
    /// A client asked for a name that the certificate does not bear; see [`UnknownName`](crate::UnknownName).
    #[error("the client asked for {asked}, which is no name of this side")]
    UnknownName {
        /// What it asked for: a DNS name of at most 253 bytes, lower case.
        asked: String,
    },
    /// An authority validated a domain over TLS (RFC 8737): it was shown the answer, and the connection was closed. Nobody failed, but there is
    /// no session.
    #[error("the challenge for {domain} was answered")]
    ChallengeAnswered {
        /// The domain.
        domain: String,
    },
    /// The caller's own resolver had no certificate to show.
    #[error("there is no certificate to show")]
    Resolver(#[source] ResolverError),
    /// The peer broke the protocol.
    #[error("the peer broke the protocol")]
    Violation(#[source] rustls::Error),
    /// The peer ended it with a fatal alert.
    #[error("the peer sent the alert {0}")]
    PeerAlert(Alert),
    /// The peer closed the connection in the middle of the handshake.
    #[error("the connection was closed during the handshake ({0})")]
    PeerClosed(HandshakeState),
    /// The connection ended without close_notify, so that what was read may not be all that was sent (RFC 9846 §6.1).
    #[error("the connection ended without close_notify: the data may be truncated")]
    Truncated,
    /// The transport failed.
    #[error("the transport failed")]
    Transport(#[source] io::Error),
    /// What this side was told to offer can not be used.
    #[error("the policy can not be used")]
    Policy(#[from] PolicyError),
    /// Early data was asked for where it can not be taken.
    #[error("early data can not be taken as configured")]
    EarlyData(#[from] EarlyDataError),
    /// Certificate and trust that were to be installed do not belong together; nothing was changed.
    #[error("what was to be installed does not fit together")]
    Install(#[source] InstallError),
    /// The store's own certificate is a public one, which no client shows: public authorities issue for servers alone, and it is no identity in
    /// the mesh.
    #[error("a public certificate is no identity of a client: public authorities issue for servers alone")]
    PublicIdentity,
    /// The name of the expected server can not be one.
    #[error("{0} can not be the name of a server")]
    ServerName(String),
    /// An application protocol to offer has no name, or one of more than 255 bytes, or there are more than 16 (RFC 7301 §3.1).
    #[error("application protocols are 1 to 16 names of 1 to 255 bytes")]
    Protocols,
    /// There are more rules on peers than one side has, or more pins in one of them.
    #[error(
        "a side has at most {} rules on peers, with at most {} pins each",
        crate::MOST_RULES,
        crate::MOST_PINS
    )]
    Rules,
    /// The engine refused what it was configured with, or had no randomness.
    #[error("the TLS engine failed")]
    Engine(#[source] rustls::Error),
}

impl TlsError {
    /// Every value of [`reason`](Self::reason), for registering metrics.
    pub const REASONS: &[&str] = &[
        "timeout",
        "oversized",
        "certificate_missing",
        "certificate_revoked",
        "certificate_expired",
        "certificate_not_yet_valid",
        "certificate_unknown_issuer",
        "certificate_wrong_purpose",
        "certificate_wrong_name",
        "certificate_malformed",
        "certificate_status_unknown",
        "certificate_public",
        "certificate_unstapled",
        "certificate_unlisted",
        "certificate_unpinned",
        "classical_group",
        "peer_check",
        "server_unexpected",
        "key_unproven",
        "resumption_refused",
        "weak_protocol",
        "nothing_in_common",
        "no_application_protocol",
        "unknown_name",
        "challenge_answered",
        "resolver",
        "violation",
        "peer_alert",
        "peer_closed",
        "truncated",
        "transport",
        "configuration",
        "engine",
    ];

    /// A short static label for `dwcp_tls_handshake_failures_total{reason}`; always one of [`REASONS`](Self::REASONS).
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::Oversized { .. } => "oversized",
            Self::CertificateMissing => "certificate_missing",
            Self::Certificate { error, .. } => rule(error).0,
            Self::Unexpected { .. } => "server_unexpected",
            Self::Refused { rule, .. } => rule.reason(),
            Self::KeyUnproven => "key_unproven",
            Self::ResumptionRefused { .. } => "resumption_refused",
            Self::WeakProtocol { .. } => "weak_protocol",
            Self::NothingInCommon(_) => "nothing_in_common",
            Self::NoApplicationProtocol => "no_application_protocol",
            Self::UnknownName { .. } => "unknown_name",
            Self::ChallengeAnswered { .. } => "challenge_answered",
            Self::Resolver(_) => "resolver",
            Self::Violation(_) => "violation",
            Self::PeerAlert(_) => "peer_alert",
            Self::PeerClosed(_) => "peer_closed",
            Self::Truncated => "truncated",
            Self::Transport(_) => "transport",
            Self::Policy(_)
            | Self::EarlyData(_)
            | Self::Install(_)
            | Self::PublicIdentity
            | Self::ServerName(_)
            | Self::Protocols
            | Self::Rules => "configuration",
            Self::Engine(_) => "engine",
        }
    }

    /// The rule that refused the peer's certificate, now or at a resumption.
    pub fn validation(&self) -> Option<&ValidationError> {
        match self {
            Self::Certificate { error, .. } | Self::ResumptionRefused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether this is how a refused resumption looks to the client whose session was `resumed`: it then calls
    /// [`forget`](crate::TlsConnector::forget) and dials once more, in full. Once, since the second answer is about the peer.
    ///
    /// A server of TLS 1.3 that judges after its "finished" has nothing to say it by: the connection ends without close_notify,
    /// before a first answer. So it is up to the caller to ask before anything was answered. When it is this side that
    /// refuses, `connect` fails by itself, with [`ResumptionRefused`](Self::ResumptionRefused) or [`Refused`](Self::Refused), whatever `resumed` says.
    pub fn asks_for_a_full_handshake(&self, resumed: Resumption) -> bool {
        match self {
            Self::ResumptionRefused { .. } | Self::Refused { resumed: Resumption::Resumed, .. } => true,
            Self::Truncated | Self::Transport(_) | Self::PeerClosed(_) | Self::PeerAlert(_) => {
                resumed == Resumption::Resumed
            }
            _ => false,
        }
    }

    /// The peer showed a certificate, or proved to be somebody, that is not acceptable: a failed verification rather than
    /// a failed conversation.
    pub fn is_verification_failure(&self) -> bool {
        matches!(
            self,
            Self::CertificateMissing
                | Self::Certificate { .. }
                | Self::Unexpected { .. }
                | Self::Refused { .. }
                | Self::KeyUnproven
                | Self::ResumptionRefused { .. }
        )
    }
}

impl Coded for TlsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "tls.handshake.timeout",
            Self::Oversized { .. } => "tls.handshake.oversized",
            Self::CertificateMissing => "tls.certificate.missing",
            Self::Certificate { error, .. } => rule(error).1,
            Self::Unexpected { .. } => "tls.certificate.unexpected",
            Self::Refused { rule, .. } => rule.code(),
            Self::KeyUnproven => "tls.certificate.unproven",
            Self::ResumptionRefused { .. } => "tls.resumption.refused",
            Self::WeakProtocol { .. } => "tls.protocol.weak",
            Self::NothingInCommon(_) => "tls.protocol.incompatible",
            Self::NoApplicationProtocol => "tls.protocol.unspoken",
            Self::UnknownName { .. } => "tls.name.unknown",
            Self::ChallengeAnswered { .. } => "tls.challenge.answered",
            Self::Resolver(error) => error.code(),
            Self::Violation(_) => "tls.protocol.violated",
            Self::PeerAlert(alert) => alert.code(),
            Self::PeerClosed(_) => "tls.peer.closed",
            Self::Truncated => "tls.peer.truncated",
            Self::Transport(_) => "tls.transport.failed",
            Self::Policy(error) => error.code(),
            Self::Install(error) => error.code(),
            Self::EarlyData(_) => "tls.config.early_data",
            Self::PublicIdentity => "tls.config.public_identity",
            Self::ServerName(_) => "tls.config.name",
            Self::Protocols => "tls.config.alpn",
            Self::Rules => "tls.config.rules",
            Self::Engine(_) => "tls.engine.failed",
        }
    }

    /// The peer's for what it sent or showed; ours for policy, engine and stale trust; the network's for silence and
    /// resets, since a peer that is cut off looks no different from one that stalls.
    fn blame(&self) -> Blame {
        match self {
            Self::Timeout { .. } | Self::PeerClosed(_) | Self::Truncated | Self::Transport(_) => {
                Blame::Network
            }
            Self::Certificate { error, .. } | Self::ResumptionRefused { error, .. } => error.blame(),
            Self::Refused { rule, .. } => rule.blame(),
            Self::PeerAlert(alert) => alert.blame(),
            // Nobody is to blame; who comes to validate a domain is not to be locked out for it.
            Self::ChallengeAnswered { .. } => Blame::Network,
            Self::Resolver(error) => error.blame(),
            Self::Policy(_)
            | Self::EarlyData(_)
            | Self::Install(_)
            | Self::PublicIdentity
            | Self::ServerName(_)
            | Self::Protocols
            | Self::Rules
            | Self::Engine(_) => Blame::Local,
            Self::Oversized { .. }
            | Self::CertificateMissing
            | Self::Unexpected { .. }
            | Self::KeyUnproven
            | Self::WeakProtocol { .. }
            | Self::NothingInCommon(_)
            | Self::NoApplicationProtocol
            | Self::UnknownName { .. }
            | Self::Violation(_) => Blame::Peer,
        }
    }
}

/// Label and code of a refused certificate.
fn rule(error: &ValidationError) -> (&'static str, &'static str) {
    match error.fault() {
        ChainFault::Revoked { .. } | ChainFault::KeyRevoked { .. } => {
            ("certificate_revoked", "tls.certificate.revoked")
        }
        ChainFault::Expired { .. } => ("certificate_expired", "tls.certificate.expired"),
        ChainFault::NotYetValid { .. } => ("certificate_not_yet_valid", "tls.certificate.not_yet_valid"),
        ChainFault::UnknownIssuer | ChainFault::AnchorExpired => {
            ("certificate_unknown_issuer", "tls.certificate.unknown_issuer")
        }
        ChainFault::Purpose { .. } => ("certificate_wrong_purpose", "tls.certificate.wrong_purpose"),
        ChainFault::Names { .. }
        | ChainFault::Name { .. }
        | ChainFault::NameConstraint
        | ChainFault::TrustDomain { .. } => ("certificate_wrong_name", "tls.certificate.wrong_name"),
        ChainFault::CrlMissing { .. }
        | ChainFault::CrlStale { .. }
        | ChainFault::CrlEarly { .. }
        | ChainFault::CrlUntrusted
        | ChainFault::StatusResponse { .. } => {
            ("certificate_status_unknown", "tls.certificate.status_unknown")
        }
        ChainFault::Empty => ("certificate_missing", "tls.certificate.missing"),
        _ => ("certificate_malformed", "tls.certificate.malformed"),
    }
}
