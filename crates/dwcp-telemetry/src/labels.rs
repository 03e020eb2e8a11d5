//! The label values there are: all of them are known before the first event.

/// The label values of a [`TelemetryCollector`](crate::TelemetryCollector). Write
/// `LabelSets { tls_groups: vec!["X25519"], ..LabelSets::default() }`.
///
/// Every series exists at zero from the start, so that the first event already shows as an increase. What is not in its
/// set is counted under `other`, so no peer can make a series. A set takes 128 values of up to 128 bytes; the rest is
/// `other` too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSets {
    /// The version of the program, in `dwcp_build_info`.
    pub version: String,
    /// Why handshakes fail, in `dwcp_tls_handshake_failures_total{reason}`.
    pub handshake_failure_reasons: Vec<&'static str>,
    /// Types of security events, in `dwcp_security_events_total{type}`.
    pub security_event_types: Vec<&'static str>,
    /// Why newcomers are refused, in `dwcp_guard_refusals_total{reason}`.
    pub guard_refusal_reasons: Vec<&'static str>,
    /// Why open connections are ended, in `dwcp_connections_cut_total{reason}`.
    pub connection_cut_reasons: Vec<&'static str>,
    /// Key agreement groups, in `dwcp_tls_group_total{group}`.
    pub tls_groups: Vec<&'static str>,
    /// Cipher suites, in `dwcp_tls_suite_total{suite}`.
    pub tls_suites: Vec<&'static str>,
    /// What is weak about the offers of clients, in `dwcp_tls_weak_offers_total{weakness}`.
    pub tls_weaknesses: Vec<&'static str>,
    /// What becomes of those who ask to join or to renew, in `dwcp_enrollments_total{result}`.
    pub enrollment_results: Vec<&'static str>,
    /// Names of certificate slots, in `dwcp_certificate_rotations_total{name}`. More may follow at run time, up to 256.
    pub certificates: Vec<String>,
}

/// Which way payload went, seen from this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    Received,
    /// To the peer.
    Sent,
}

/// What was done to data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Plaintext became ciphertext.
    Encrypt,
    /// Ciphertext became plaintext.
    Decrypt,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertSeverity {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
    /// Somebody should act now.
    Critical,
}

/// How a reload of the configuration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReloadResult {
    /// The new configuration holds.
    Applied,
    /// It was refused, and the old one still holds.
    Refused,
}

/// What files that another tool renews are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileRole {
    /// The own certificate and its key.
    Identity,
    /// Certificates that are shown besides, and their keys.
    Further,
    /// Roots and revocation lists.
    Trust,
}

impl FileRole {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Identity, Self::Further, Self::Trust];
    pub(crate) const LABELS: [&'static str; 3] = ["identity", "further", "trust"];
}

impl Direction {
    pub(crate) const LABELS: [&'static str; 2] = ["received", "sent"];
}

impl Operation {
    pub(crate) const LABELS: [&'static str; 2] = ["encrypt", "decrypt"];
}

impl AlertSeverity {
    pub(crate) const LABELS: [&'static str; 4] = ["info", "warning", "error", "critical"];
}

impl ReloadResult {
    pub(crate) const LABELS: [&'static str; 2] = ["applied", "refused"];
}
