//! The collector: every metric as a method, over atomics alone.

use crate::active::ActiveConnection;
use crate::certificates::Certificates;
use crate::counter::Counter;
use crate::family::CounterFamily;
use crate::format::Format;
use crate::histogram::Histogram;
use crate::labels::{AlertSeverity, Direction, FileRole, LabelSets, Operation, ReloadResult};
use crate::metric::{CATALOGUE, Metric};
use crate::{openmetrics, text};
use dwcp_base::UnixTime;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Counts what happens on secure links, and writes it out for a scraper. Share it in an [`Arc`].
///
/// Recording takes no lock, allocates nothing (but for the name of a certificate slot not seen before) and never fails.
/// A label value that [`LabelSets`] did not announce is counted as `other`.
#[derive(Debug)]
pub struct TelemetryCollector {
    pub(crate) version: String,
    pub(crate) tls_connections: AtomicU64,
    pub(crate) tls_versions: CounterFamily,
    pub(crate) tls_groups: CounterFamily,
    pub(crate) tls_suites: CounterFamily,
    pub(crate) tls_resumptions: AtomicU64,
    pub(crate) tls_weak_offers: CounterFamily,
    pub(crate) handshake_failures: CounterFamily,
    pub(crate) handshake_durations: Histogram,
    pub(crate) connections_active: AtomicU64,
    pub(crate) connection_bytes: [Counter; 2],
    pub(crate) connections_cut: CounterFamily,
    pub(crate) certificates: Certificates,
    /// Milliseconds; the least number where no list is known.
    pub(crate) crl_end: AtomicI64,
    pub(crate) encryption_operations: [Counter; 2],
    pub(crate) encryption_durations: Histogram,
    pub(crate) security_events: CounterFamily,
    pub(crate) security_alerts: CounterFamily,
    pub(crate) guard_admitted: AtomicU64,
    pub(crate) guard_refusals: CounterFamily,
    pub(crate) config_reloads: CounterFamily,
    pub(crate) files_not_loaded: [AtomicU64; 3],
    pub(crate) enrollments: CounterFamily,
}

impl TelemetryCollector {
    /// A collector with every counter at zero.
    pub fn new(labels: LabelSets) -> Self {
        tracing::debug!(version = %labels.version, metrics = CATALOGUE.len(), "telemetry collector made");
        Self {
            tls_connections: AtomicU64::new(0),
            tls_versions: CounterFamily::closed(&["1.3"]),
            tls_groups: CounterFamily::open(&labels.tls_groups),
            tls_suites: CounterFamily::open(&labels.tls_suites),
            tls_resumptions: AtomicU64::new(0),
            tls_weak_offers: CounterFamily::open(&labels.tls_weaknesses),
            handshake_failures: CounterFamily::open(&labels.handshake_failure_reasons),
            handshake_durations: Histogram::for_latencies(),
            connections_active: AtomicU64::new(0),
            connection_bytes: Default::default(),
            connections_cut: CounterFamily::open(&labels.connection_cut_reasons),
            certificates: Certificates::new(&labels.certificates),
            crl_end: AtomicI64::new(i64::MIN),
            encryption_operations: Default::default(),
            encryption_durations: Histogram::for_operations(),
            security_events: CounterFamily::open(&labels.security_event_types),
            security_alerts: CounterFamily::closed(&AlertSeverity::LABELS),
            guard_admitted: AtomicU64::new(0),
            guard_refusals: CounterFamily::open(&labels.guard_refusal_reasons),
            config_reloads: CounterFamily::closed(&ReloadResult::LABELS),
            files_not_loaded: Default::default(),
            enrollments: CounterFamily::open(&labels.enrollment_results),
            version: labels.version,
        }
    }

    /// A TLS 1.3 handshake was completed with a key agreement over `group`.
    pub fn tls_connection(&self, group: &str) {
        self.tls_connections.fetch_add(1, Ordering::Relaxed);
        self.tls_versions.add_at(0);
        self.tls_groups.add(group, 1);
    }

    /// The connection counted by [`tls_connection`](Self::tls_connection) resumed an earlier session.
    pub fn tls_resumption(&self) {
        self.tls_resumptions.fetch_add(1, Ordering::Relaxed);
    }

    /// The connection counted by [`tls_connection`](Self::tls_connection) is protected by `suite`.
    pub fn tls_suite(&self, suite: &str) {
        self.tls_suites.add(suite, 1);
    }

    /// A client offered something that no client of today should; once for each weakness of an offer.
    pub fn weak_offer(&self, weakness: &str) {
        self.tls_weak_offers.add(weakness, 1);
    }

    /// A handshake failed.
    pub fn handshake_failed(&self, reason: &str) {
        self.handshake_failures.add(reason, 1);
    }

    /// A completed handshake took this long.
    pub fn handshake_duration(&self, elapsed: Duration) {
        self.handshake_durations.record(elapsed);
    }

    /// A connection is open until the value returned is dropped.
    pub fn connection_opened(self: &Arc<Self>) -> ActiveConnection {
        ActiveConnection::new(Arc::clone(self))
    }

    /// Payload was carried.
    pub fn connection_bytes(&self, direction: Direction, bytes: u64) {
        self.connection_bytes[direction as usize].add(bytes);
    }

    /// Payload carried so far, by all connections that ever were: for callers who keep that sum themselves. It only rises
    /// here; the larger of it and what [`connection_bytes`](Self::connection_bytes) counted is exported, so use one of the two.
    pub fn connection_totals(&self, received: u64, sent: u64) {
        self.connection_bytes[Direction::Received as usize].raise(received);
        self.connection_bytes[Direction::Sent as usize].raise(sent);
    }

    /// This side ended an open connection early.
    pub fn connection_cut(&self, reason: &str) {
        self.connections_cut.add(reason, 1);
    }

    /// The slot `name` serves a certificate that expires at `not_after`. At most 256 slots of names up to 128 bytes have
    /// a gauge.
    pub fn certificate(&self, name: &str, not_after: UnixTime) {
        self.certificates.expires(name, not_after);
    }

    /// The slot `name` serves no certificate any more: its expiry is told no longer.
    pub fn certificate_gone(&self, name: &str) {
        self.certificates.gone(name);
    }

    /// An attempt to renew the slot `name` failed.
    pub fn renewal_failed(&self, name: &str) {
        self.certificates.renewal_failed(name);
    }

    /// Whether a renewal of the slot `name` was due and has not happened.
    pub fn renewal_overdue(&self, name: &str, overdue: bool) {
        self.certificates.set_overdue(name, overdue);
    }

    /// The first of the revocation lists in force ends at `next_update`; `None` where there is none.
    pub fn crl_expires(&self, next_update: Option<UnixTime>) {
        self.crl_end.store(next_update.map_or(i64::MIN, UnixTime::millis), Ordering::Relaxed);
    }

    /// The slot `name` serves another certificate than before.
    pub fn certificate_rotated(&self, name: &str) {
        self.certificates.rotated(name);
    }

    /// One encryption or decryption of data at rest or of a packet took this long.
    pub fn encryption(&self, operation: Operation, elapsed: Duration) {
        self.encryption_operations[operation as usize].add(1);
        self.encryption_durations.record(elapsed);
    }

    /// A security event was recorded.
    pub fn security_event(&self, kind: &str) {
        self.security_events.add(kind, 1);
    }

    /// Security events that somebody else counts, by kind, as totals: each only rises here.
    pub fn security_event_totals<'a>(&self, totals: impl IntoIterator<Item = (&'a str, u64)>) {
        self.security_events.raise(totals);
    }

    /// Somebody was alerted.
    pub fn security_alert(&self, severity: AlertSeverity) {
        self.security_alerts.add_at(severity as usize);
    }

    /// What a guard has counted since it was made: newcomers let in, and refused by reason. Hand its counts over before
    /// each [`render`](Self::render), rather than count a flood twice. Counts only rise here, so that two renders at once
    /// can not make one fall: when a guard takes the place of another, add what that one had counted.
    pub fn guard_totals<'a>(&self, admitted: u64, refused: impl IntoIterator<Item = (&'a str, u64)>) {
        self.guard_admitted.fetch_max(admitted, Ordering::Relaxed);
        self.guard_refusals.raise(refused);
    }

    /// A reload of the configuration ended.
    pub fn config_reloaded(&self, result: ReloadResult) {
        self.config_reloads.add_at(result as usize);
    }

    /// How many files of a role hold something that was not loaded; zero when all is well.
    pub fn files_not_loaded(&self, role: FileRole, count: u64) {
        self.files_not_loaded[role as usize].store(count, Ordering::Relaxed);
    }

    /// Somebody asked to join, to renew, or for what to trust, and this is what became of it.
    pub fn enrollment(&self, result: &str) {
        self.enrollments.add(result, 1);
    }

    /// Everything, as a scraper reads it. `now` is what the times until expiry are counted from.
    pub fn render(&self, now: UnixTime, format: Format) -> String {
        let families = self.gather(now);
        match format {
            Format::PrometheusText => text::encode(&families),
            Format::OpenMetrics => openmetrics::encode(families),
        }
    }

    /// The time that a share `q` (0 to 1) of all completed handshakes took at most, to within one per cent; `None` before
    /// the first.
    pub fn handshake_quantile(&self, q: f64) -> Option<Duration> {
        self.handshake_durations.quantile(q)
    }

    /// The same for encryptions and decryptions.
    pub fn encryption_quantile(&self, q: f64) -> Option<Duration> {
        self.encryption_durations.quantile(q)
    }

    /// Every metric there is, in the order of export; to check dashboards and alerts against.
    pub fn catalogue() -> &'static [Metric] {
        CATALOGUE
    }
}
