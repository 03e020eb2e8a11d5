//! What an event is about.

use crate::severity::{Severity, UnknownName};
use std::fmt;
use std::str::FromStr;

/// What an event is about: the metric label `type`, the member `kind` of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EventKind {
    /// A TLS connection was accepted or dialled.
    TlsConnection,
    /// A handshake did not complete.
    HandshakeFailure,
    /// A certificate was out of its dates, ours or a peer's.
    CertificateExpired,
    /// A revoked certificate was presented, or one was revoked here.
    CertificateRevoked,
    /// A peer offered nothing as strong as the policy asks.
    WeakProtocol,
    /// A peer could not prove who it is.
    AuthFailure,
    /// A proven identity is not on the list of those allowed.
    PolicyDenied,
    /// The authority signed a certificate.
    CertificateIssued,
    /// A new certificate took over from an old one.
    CertificateRotated,
    /// A new certificate is ready to take over.
    CertificatePrepared,
    /// Nobody holds a certificate any more that was replaced.
    CertificateRetired,
    /// A certificate could not be renewed; the old one still serves.
    RenewalFailed,
    /// Whoever issues our certificates could not be asked, or refused us.
    ProviderFailed,
    /// Whoever issues our certificates can be asked again, or took our login.
    ProviderAnswered,
    /// The authority published a revocation list.
    CrlPublished,
    /// Anchors or revocation lists in use changed.
    TrustChanged,
    /// Anchors or trust domains that were trusted are so no longer.
    TrustContracted,
    /// A connection ended in the ordinary way.
    ConnectionClosed,
    /// A live connection was ended because of what changed: a revocation, a policy, an expiry.
    ConnectionCut,
    /// A source was held back by a rate or a limit.
    Throttled,
    /// A new configuration took effect.
    ConfigReloaded,
    /// A new configuration was refused; the old one still holds.
    ConfigRejected,
    /// Files that another tool had replaced were put in use.
    FilesLoaded,
    /// Files were replaced by something that can not be used; what was in use before still is.
    FilesNotLoaded,
    /// An operator changed something.
    AdminAction,
    /// The node started.
    NodeStarted,
    /// The node stopped.
    NodeStopped,
    /// A machine joined with a token.
    NodeJoined,
    /// A machine did not join: its token, its request or its names were refused.
    JoinRefused,
    /// A node that joined got its next certificate.
    NodeRenewed,
    /// A node asked for its next certificate, or for what it is to trust, and was refused.
    RenewalRefused,
    /// This log was opened for writing.
    AuditOpened,
    /// What a power loss left half-written at the end of the log was cut back.
    AuditRecovered,
    /// The log could not be written for a while, or its files were changed by somebody else.
    AuditFailed,
    /// Events were dropped because the queue was full; `count` says how many.
    AuditGap,
}

impl EventKind {
    /// All kinds, in the order of their declaration; metrics start each at zero.
    pub const ALL: &[Self] = &[
        Self::TlsConnection,
        Self::HandshakeFailure,
        Self::CertificateExpired,
        Self::CertificateRevoked,
        Self::WeakProtocol,
        Self::AuthFailure,
        Self::PolicyDenied,
        Self::CertificateIssued,
        Self::CertificateRotated,
        Self::CertificatePrepared,
        Self::CertificateRetired,
        Self::RenewalFailed,
        Self::ProviderFailed,
        Self::ProviderAnswered,
        Self::CrlPublished,
        Self::TrustChanged,
        Self::TrustContracted,
        Self::ConnectionClosed,
        Self::ConnectionCut,
        Self::Throttled,
        Self::ConfigReloaded,
        Self::ConfigRejected,
        Self::FilesLoaded,
        Self::FilesNotLoaded,
        Self::AdminAction,
        Self::NodeStarted,
        Self::NodeStopped,
        Self::NodeJoined,
        Self::JoinRefused,
        Self::NodeRenewed,
        Self::RenewalRefused,
        Self::AuditOpened,
        Self::AuditRecovered,
        Self::AuditFailed,
        Self::AuditGap,
    ];

    /// The name in the log, in snake case; it never changes for a kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TlsConnection => "tls_connection",
            Self::HandshakeFailure => "handshake_failure",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateRevoked => "certificate_revoked",
            Self::WeakProtocol => "weak_protocol",
            Self::AuthFailure => "auth_failure",
            Self::PolicyDenied => "policy_denied",
            Self::CertificateIssued => "certificate_issued",
            Self::CertificateRotated => "certificate_rotated",
            Self::CertificatePrepared => "certificate_prepared",
            Self::CertificateRetired => "certificate_retired",
            Self::RenewalFailed => "renewal_failed",
            Self::ProviderFailed => "provider_failed",
            Self::ProviderAnswered => "provider_answered",
            Self::CrlPublished => "crl_published",
            Self::TrustChanged => "trust_changed",
            Self::TrustContracted => "trust_contracted",
            Self::ConnectionClosed => "connection_closed",
            Self::ConnectionCut => "connection_cut",
            Self::Throttled => "throttled",
            Self::ConfigReloaded => "config_reloaded",
            Self::ConfigRejected => "config_rejected",
            Self::FilesLoaded => "files_loaded",
            Self::FilesNotLoaded => "files_not_loaded",
            Self::AdminAction => "admin_action",
            Self::NodeStarted => "node_started",
            Self::NodeStopped => "node_stopped",
            Self::NodeJoined => "node_joined",
            Self::JoinRefused => "join_refused",
            Self::NodeRenewed => "node_renewed",
            Self::RenewalRefused => "renewal_refused",
            Self::AuditOpened => "audit_opened",
            Self::AuditRecovered => "audit_recovered",
            Self::AuditFailed => "audit_failed",
            Self::AuditGap => "audit_gap",
        }
    }

    /// The severity an event of this kind has unless its builder is told otherwise.
    pub const fn severity(self) -> Severity {
        match self {
            Self::TlsConnection
            | Self::CertificateIssued
            | Self::CertificateRotated
            | Self::CertificatePrepared
            | Self::CertificateRetired
            | Self::ProviderAnswered
            | Self::CrlPublished
            | Self::ConnectionClosed
            | Self::ConfigReloaded
            | Self::FilesLoaded
            | Self::AdminAction
            | Self::NodeStarted
            | Self::NodeStopped
            | Self::NodeJoined
            | Self::NodeRenewed
            | Self::AuditOpened => Severity::Info,
            Self::HandshakeFailure
            | Self::WeakProtocol
            | Self::AuthFailure
            | Self::PolicyDenied
            | Self::TrustChanged
            | Self::TrustContracted
            | Self::ConnectionCut
            | Self::ProviderFailed
            | Self::Throttled
            | Self::JoinRefused
            | Self::RenewalRefused
            | Self::AuditRecovered => Severity::Warning,
            Self::CertificateExpired
            | Self::CertificateRevoked
            | Self::RenewalFailed
            | Self::ConfigRejected
            | Self::FilesNotLoaded
            | Self::AuditGap => Severity::Error,
            Self::AuditFailed => Severity::Critical,
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.iter().copied().find(|k| k.as_str() == text).ok_or(UnknownName::of("kind of event"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once_at_its_index_and_reads_back() {
        for (at, kind) in EventKind::ALL.iter().enumerate() {
            assert_eq!(kind.index(), at);
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert!(kind.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
        assert!("tls_connections".parse::<EventKind>().is_err());
    }
}
