//! What is exported: names, types, labels and help of every metric.

/// What a metric's value does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricType {
    /// Only grows, and starts at zero again when the program does.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations counted by size.
    Histogram,
    /// Facts in labels; the value is always 1.
    Info,
    /// Undeclared to the scraper: `untyped` in text 0.0.4, `unknown` in OpenMetrics.
    Unknown,
}

/// One metric as it is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name in the Prometheus text, suffixes included.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricType,
    /// The one label that it has, if it has one. No label ever takes a value that a peer can choose.
    pub label: Option<&'static str>,
    /// What it counts, as one sentence without a full stop.
    pub help: &'static str,
}

impl Metric {
    const fn new(
        name: &'static str,
        kind: MetricType,
        label: Option<&'static str>,
        help: &'static str,
    ) -> Self {
        Self { name, kind, label, help }
    }
}

/// All metrics, in the order of export.
pub(crate) const CATALOGUE: &[Metric] = &[
    BUILD_INFO,
    TLS_CONNECTIONS,
    TLS_VERSION,
    TLS_GROUP,
    TLS_SUITE,
    TLS_RESUMPTIONS,
    TLS_WEAK_OFFERS,
    TLS_HANDSHAKE_FAILURES,
    TLS_HANDSHAKE_DURATION,
    TLS_HANDSHAKE_QUANTILE,
    CONNECTIONS_ACTIVE,
    CONNECTION_BYTES,
    CONNECTIONS_CUT,
    CERTIFICATE_EXPIRY,
    CERTIFICATE_ROTATIONS,
    RENEWAL_OVERDUE,
    RENEWAL_FAILURES,
    CRL_EXPIRY,
    ENCRYPTION_OPERATIONS,
    ENCRYPTION_DURATION,
    SECURITY_EVENTS,
    SECURITY_ALERTS,
    GUARD_ADMITTED,
    GUARD_REFUSALS,
    CONFIG_RELOADS,
    FILES_NOT_LOADED,
    ENROLLMENTS,
];

use MetricType::{Counter, Gauge, Info, Unknown};

pub(crate) const BUILD_INFO: Metric =
    Metric::new("dwcp_build_info", Info, Some("version"), "The version of the running program");
pub(crate) const TLS_CONNECTIONS: Metric =
    Metric::new("dwcp_tls_connections_total", Counter, None, "TLS connections whose handshake was completed");
/// The name is a contract with dashboards that are older than this program. It counts, but a counter without `_total` is
/// refused by OpenMetrics and by `promtool check metrics`, so its type is left undeclared; `rate()` works all the same.
pub(crate) const TLS_VERSION: Metric =
    Metric::new("dwcp_tls_version", Unknown, Some("version"), "TLS connections counted by protocol version");
pub(crate) const TLS_GROUP: Metric = Metric::new(
    "dwcp_tls_group_total",
    Counter,
    Some("group"),
    "TLS connections counted by key agreement group",
);
pub(crate) const TLS_SUITE: Metric =
    Metric::new("dwcp_tls_suite_total", Counter, Some("suite"), "TLS connections counted by cipher suite");
/// An offer with three weaknesses is counted under each of them, and here alone: nothing of it was agreed on.
pub(crate) const TLS_WEAK_OFFERS: Metric = Metric::new(
    "dwcp_tls_weak_offers_total",
    Counter,
    Some("weakness"),
    "Weaknesses in what clients offered, agreed on or not, by weakness",
);
pub(crate) const TLS_RESUMPTIONS: Metric = Metric::new(
    "dwcp_tls_resumptions_total",
    Counter,
    None,
    "TLS connections that resumed an earlier session",
);
pub(crate) const TLS_HANDSHAKE_FAILURES: Metric = Metric::new(
    "dwcp_tls_handshake_failures_total",
    Counter,
    Some("reason"),
    "TLS handshakes that failed, by reason",
);
pub(crate) const TLS_HANDSHAKE_DURATION: Metric = Metric::new(
    "dwcp_tls_handshake_duration_seconds",
    MetricType::Histogram,
    None,
    "Time from the first byte to a completed TLS handshake",
);
/// Buckets tell a quantile to within a factor of two; this tells it to within one per cent, since the program started.
pub(crate) const TLS_HANDSHAKE_QUANTILE: Metric = Metric::new(
    "dwcp_tls_handshake_quantile_seconds",
    Gauge,
    Some("quantile"),
    "Time within which that share of all completed TLS handshakes was done",
);
pub(crate) const CONNECTIONS_ACTIVE: Metric =
    Metric::new("dwcp_connections_active", Gauge, None, "Connections that are open now");
pub(crate) const CONNECTION_BYTES: Metric = Metric::new(
    "dwcp_connection_bytes_total",
    Counter,
    Some("direction"),
    "Payload bytes carried by secure connections, by direction",
);
pub(crate) const CONNECTIONS_CUT: Metric = Metric::new(
    "dwcp_connections_cut_total",
    Counter,
    Some("reason"),
    "Open connections that this side ended early, by reason",
);
pub(crate) const CERTIFICATE_EXPIRY: Metric = Metric::new(
    "dwcp_certificate_expiry_seconds",
    Gauge,
    Some("name"),
    "Time until the certificate in use expires, negative once it has",
);
pub(crate) const CRL_EXPIRY: Metric = Metric::new(
    "dwcp_crl_expiry_seconds",
    Gauge,
    None,
    "Time until the first revocation list of the own roots ends, negative when it has",
);
pub(crate) const CERTIFICATE_ROTATIONS: Metric = Metric::new(
    "dwcp_certificate_rotations_total",
    Counter,
    Some("name"),
    "Certificates replaced while the program ran, by slot",
);
pub(crate) const RENEWAL_OVERDUE: Metric = Metric::new(
    "dwcp_certificate_renewal_overdue",
    Gauge,
    Some("name"),
    "Whether a renewal was due and has not happened: 1 or 0",
);
pub(crate) const RENEWAL_FAILURES: Metric = Metric::new(
    "dwcp_certificate_renewal_failures_total",
    Counter,
    Some("name"),
    "Attempts to renew a certificate that failed, by slot",
);
pub(crate) const ENCRYPTION_OPERATIONS: Metric = Metric::new(
    "dwcp_encryption_operations_total",
    Counter,
    Some("operation"),
    "Encryptions and decryptions of data at rest and of packets",
);
pub(crate) const ENCRYPTION_DURATION: Metric = Metric::new(
    "dwcp_encryption_duration_seconds",
    MetricType::Histogram,
    None,
    "Time that one encryption or decryption took",
);
pub(crate) const SECURITY_EVENTS: Metric =
    Metric::new("dwcp_security_events_total", Counter, Some("type"), "Security events recorded, by type");
pub(crate) const SECURITY_ALERTS: Metric = Metric::new(
    "dwcp_security_alerts_total",
    Counter,
    Some("severity"),
    "Security alerts raised, by severity",
);
pub(crate) const GUARD_ADMITTED: Metric =
    Metric::new("dwcp_guard_admitted_total", Counter, None, "Newcomers that the guard let in");
pub(crate) const GUARD_REFUSALS: Metric = Metric::new(
    "dwcp_guard_refusals_total",
    Counter,
    Some("reason"),
    "Newcomers that the guard refused before reading from them, by reason",
);
pub(crate) const CONFIG_RELOADS: Metric = Metric::new(
    "dwcp_config_reloads_total",
    Counter,
    Some("result"),
    "Reloads of the configuration, by result",
);
pub(crate) const FILES_NOT_LOADED: Metric = Metric::new(
    "dwcp_files_not_loaded",
    Gauge,
    Some("role"),
    "Files that changed and were not loaded: what they held before is in use",
);
pub(crate) const ENROLLMENTS: Metric = Metric::new(
    "dwcp_enrollments_total",
    Counter,
    Some("result"),
    "Requests to join, to renew, or for what to trust, at the node that holds the authority, by result",
);
