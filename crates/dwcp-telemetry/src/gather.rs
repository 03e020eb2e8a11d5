//! One reading of all metrics, which either format is written from.

use crate::collector::TelemetryCollector;
use crate::counter::Counter;
use crate::family::CounterFamily;
use crate::histogram::{Exported, Histogram};
use crate::labels::{Direction, FileRole, Operation};
use crate::metric::{self, Metric};
use dwcp_base::UnixTime;
use std::sync::atomic::{AtomicU64, Ordering};

/// One metric with its samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    pub(crate) metric: &'static Metric,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The value of the metric's one label, if it has one.
    pub(crate) label: Option<String>,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Whole(u64),
    Real(f64),
    Histogram(Exported),
}

impl TelemetryCollector {
    pub(crate) fn gather(&self, now: UnixTime) -> Vec<Family> {
        vec![
            labelled(&metric::BUILD_INFO, [(self.version.as_str(), 1)]),
            plain(&metric::TLS_CONNECTIONS, &self.tls_connections),
            family(&metric::TLS_VERSION, &self.tls_versions),
            family(&metric::TLS_GROUP, &self.tls_groups),
            family(&metric::TLS_SUITE, &self.tls_suites),
            plain(&metric::TLS_RESUMPTIONS, &self.tls_resumptions),
            family(&metric::TLS_WEAK_OFFERS, &self.tls_weak_offers),
            family(&metric::TLS_HANDSHAKE_FAILURES, &self.handshake_failures),
            histogram(&metric::TLS_HANDSHAKE_DURATION, &self.handshake_durations),
            self.handshake_quantiles(),
            plain(&metric::CONNECTIONS_ACTIVE, &self.connections_active),
            pair(&metric::CONNECTION_BYTES, Direction::LABELS, &self.connection_bytes),
            family(&metric::CONNECTIONS_CUT, &self.connections_cut),
            self.expiries(now),
            labelled(&metric::CERTIFICATE_ROTATIONS, self.certificates.rotations()),
            labelled(&metric::RENEWAL_OVERDUE, self.certificates.overdue()),
            labelled(&metric::RENEWAL_FAILURES, self.certificates.renewal_failures()),
            self.list_expiry(now),
            pair(&metric::ENCRYPTION_OPERATIONS, Operation::LABELS, &self.encryption_operations),
            histogram(&metric::ENCRYPTION_DURATION, &self.encryption_durations),
            family(&metric::SECURITY_EVENTS, &self.security_events),
            family(&metric::SECURITY_ALERTS, &self.security_alerts),
            plain(&metric::GUARD_ADMITTED, &self.guard_admitted),
            family(&metric::GUARD_REFUSALS, &self.guard_refusals),
            family(&metric::CONFIG_RELOADS, &self.config_reloads),
            labelled(&metric::FILES_NOT_LOADED, self.unloaded()),
            family(&metric::ENROLLMENTS, &self.enrollments),
        ]
    }

    /// Empty before the first handshake: no value is better than a zero that reads as "at once".
    fn handshake_quantiles(&self) -> Family {
        let sample = |(label, q): (&str, f64)| {
            let value = Value::Real(self.handshake_durations.quantile(q)?.as_secs_f64());
            Some(Sample { label: Some(label.to_owned()), value })
        };
        let samples = [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99)].into_iter().filter_map(sample).collect();
        Family { metric: &metric::TLS_HANDSHAKE_QUANTILE, samples }
    }

    fn unloaded(&self) -> impl Iterator<Item = (&'static str, u64)> {
        FileRole::LABELS
            .into_iter()
            .zip(self.files_not_loaded.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// Empty where there is no list: any number would be read as an expiry.
    fn list_expiry(&self, now: UnixTime) -> Family {
        let end = self.crl_end.load(Ordering::Relaxed);
        let known = (end != i64::MIN).then(|| Value::Real(seconds(end.saturating_sub(now.millis()))));
        let samples = known.map(|value| Sample { label: None, value }).into_iter().collect();
        Family { metric: &metric::CRL_EXPIRY, samples }
    }

    fn expiries(&self, now: UnixTime) -> Family {
        let left = |not_after: UnixTime| not_after.millis().saturating_sub(now.millis());
        let samples = self.certificates.expiries().map(|(name, not_after)| Sample {
            label: Some(name.to_owned()),
            value: Value::Real(seconds(left(not_after))),
        });
        Family { metric: &metric::CERTIFICATE_EXPIRY, samples: samples.collect() }
    }
}

fn plain(metric: &'static Metric, value: &AtomicU64) -> Family {
    let value = Value::Whole(value.load(Ordering::Relaxed));
    Family { metric, samples: vec![Sample { label: None, value }] }
}

fn family(metric: &'static Metric, family: &CounterFamily) -> Family {
    labelled(metric, family.samples())
}

fn pair(metric: &'static Metric, labels: [&str; 2], counters: &[Counter; 2]) -> Family {
    labelled(metric, labels.into_iter().zip(counters.iter().map(Counter::get)))
}

fn labelled<'a>(metric: &'static Metric, rows: impl IntoIterator<Item = (&'a str, u64)>) -> Family {
    let sample =
        |(label, count): (&str, u64)| Sample { label: Some(label.to_owned()), value: Value::Whole(count) };
    Family { metric, samples: rows.into_iter().map(sample).collect() }
}

fn histogram(metric: &'static Metric, histogram: &Histogram) -> Family {
    Family { metric, samples: vec![Sample { label: None, value: Value::Histogram(histogram.exported()) }] }
}

#[allow(clippy::cast_precision_loss, reason = "a date within 285 000 years is exact to the millisecond")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::LabelSets;

    #[test]
    fn the_catalogue_lists_what_is_gathered_in_that_order() {
        let gathered = TelemetryCollector::new(LabelSets::default()).gather(UnixTime::from_secs(0));
        let names = gathered.iter().map(|family| family.metric.name);
        assert!(names.eq(TelemetryCollector::catalogue().iter().map(|metric| metric.name)));
        for family in gathered {
            let labelled = family.metric.label.is_some();
            assert!(family.samples.iter().all(|s| s.label.is_some() == labelled), "{}", family.metric.name);
        }
    }
}
