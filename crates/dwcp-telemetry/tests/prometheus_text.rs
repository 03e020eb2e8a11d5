//! The Prometheus text: the series that are promised, and the rules of `promtool check metrics`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::UnixTime;
use dwcp_telemetry::{
    AlertSeverity, Direction, FileRole, Format, LabelSets, Operation, ReloadResult, TelemetryCollector,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn labels() -> LabelSets {
    LabelSets {
        version: "0.1.0".into(),
        handshake_failure_reasons: vec!["timeout", "revoked"],
        security_event_types: vec!["auth_failure"],
        guard_refusal_reasons: vec!["source_rate"],
        connection_cut_reasons: vec!["revoked"],
        tls_groups: vec!["X25519"],
        tls_suites: vec!["TLS_AES_256_GCM_SHA384"],
        tls_weaknesses: vec!["old_protocol"],
        enrollment_results: vec!["joined"],
        certificates: vec!["mesh".into()],
    }
}

fn text(telemetry: &TelemetryCollector) -> String {
    telemetry.render(NOW, Format::PrometheusText)
}

/// Every series but the buckets of histograms, with its value.
fn series(text: &str) -> HashMap<&str, &str> {
    let samples = text.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket{"));
    samples.map(|line| line.rsplit_once(' ').unwrap()).collect()
}

#[test]
fn every_promised_series_exists_at_zero_from_the_start() {
    let text = text(&TelemetryCollector::new(labels()));
    let series = series(&text);
    let at_zero = [
        "dwcp_tls_connections_total",
        "dwcp_tls_handshake_failures_total{reason=\"timeout\"}",
        "dwcp_tls_handshake_failures_total{reason=\"revoked\"}",
        "dwcp_tls_handshake_failures_total{reason=\"other\"}",
        "dwcp_tls_version{version=\"1.3\"}",
        "dwcp_tls_group_total{group=\"X25519\"}",
        "dwcp_tls_group_total{group=\"other\"}",
        "dwcp_tls_suite_total{suite=\"TLS_AES_256_GCM_SHA384\"}",
        "dwcp_tls_suite_total{suite=\"other\"}",
        "dwcp_tls_weak_offers_total{weakness=\"old_protocol\"}",
        "dwcp_tls_weak_offers_total{weakness=\"other\"}",
        "dwcp_tls_resumptions_total",
        "dwcp_tls_handshake_duration_seconds_count",
        "dwcp_tls_handshake_duration_seconds_sum",
        "dwcp_certificate_rotations_total{name=\"mesh\"}",
        "dwcp_certificate_rotations_total{name=\"other\"}",
        "dwcp_certificate_renewal_overdue{name=\"mesh\"}",
        "dwcp_certificate_renewal_failures_total{name=\"mesh\"}",
        "dwcp_certificate_renewal_failures_total{name=\"other\"}",
        "dwcp_encryption_operations_total{operation=\"encrypt\"}",
        "dwcp_encryption_operations_total{operation=\"decrypt\"}",
        "dwcp_encryption_duration_seconds_count",
        "dwcp_encryption_duration_seconds_sum",
        "dwcp_security_events_total{type=\"auth_failure\"}",
        "dwcp_security_events_total{type=\"other\"}",
        "dwcp_security_alerts_total{severity=\"info\"}",
        "dwcp_security_alerts_total{severity=\"warning\"}",
        "dwcp_security_alerts_total{severity=\"error\"}",
        "dwcp_security_alerts_total{severity=\"critical\"}",
        "dwcp_connections_active",
        "dwcp_connection_bytes_total{direction=\"received\"}",
        "dwcp_connection_bytes_total{direction=\"sent\"}",
        "dwcp_connections_cut_total{reason=\"revoked\"}",
        "dwcp_connections_cut_total{reason=\"other\"}",
        "dwcp_guard_admitted_total",
        "dwcp_guard_refusals_total{reason=\"source_rate\"}",
        "dwcp_guard_refusals_total{reason=\"other\"}",
        "dwcp_config_reloads_total{result=\"applied\"}",
        "dwcp_config_reloads_total{result=\"refused\"}",
        "dwcp_files_not_loaded{role=\"identity\"}",
        "dwcp_files_not_loaded{role=\"further\"}",
        "dwcp_files_not_loaded{role=\"trust\"}",
        "dwcp_enrollments_total{result=\"joined\"}",
        "dwcp_enrollments_total{result=\"other\"}",
    ];
    for name in at_zero {
        assert_eq!(series.get(name), Some(&"0"), "{name}");
    }
    assert_eq!(series.get("dwcp_build_info{version=\"0.1.0\"}"), Some(&"1"));
    assert_eq!(series.len(), at_zero.len() + 1, "nothing else is exported: {series:?}");
}

#[test]
fn each_method_moves_its_own_series_and_no_other() {
    type Step = (fn(&Arc<TelemetryCollector>), &'static [(&'static str, &'static str)]);
    let steps: [Step; 19] = [
        (
            |t| t.tls_connection("X25519"),
            &[
                ("dwcp_tls_connections_total", "1"),
                ("dwcp_tls_version{version=\"1.3\"}", "1"),
                ("dwcp_tls_group_total{group=\"X25519\"}", "1"),
            ],
        ),
        (
            |t| t.tls_suite("TLS_AES_256_GCM_SHA384"),
            &[("dwcp_tls_suite_total{suite=\"TLS_AES_256_GCM_SHA384\"}", "1")],
        ),
        (|t| t.weak_offer("old_protocol"), &[("dwcp_tls_weak_offers_total{weakness=\"old_protocol\"}", "1")]),
        (|t| t.tls_resumption(), &[("dwcp_tls_resumptions_total", "1")]),
        (
            |t| t.handshake_failed("revoked"),
            &[("dwcp_tls_handshake_failures_total{reason=\"revoked\"}", "1")],
        ),
        (
            |t| t.handshake_duration(Duration::from_millis(1_500)),
            &[
                ("dwcp_tls_handshake_duration_seconds_count", "1"),
                ("dwcp_tls_handshake_duration_seconds_sum", "1.5"),
            ],
        ),
        (
            |t| t.connection_bytes(Direction::Received, 7),
            &[("dwcp_connection_bytes_total{direction=\"received\"}", "7")],
        ),
        (
            |t| t.connection_bytes(Direction::Sent, 8),
            &[("dwcp_connection_bytes_total{direction=\"sent\"}", "8")],
        ),
        (|t| t.connection_cut("no such reason"), &[("dwcp_connections_cut_total{reason=\"other\"}", "1")]),
        (
            |t| t.certificate("mesh", NOW.plus(Duration::from_secs(90))),
            &[("dwcp_certificate_expiry_seconds{name=\"mesh\"}", "90")],
        ),
        (|t| t.renewal_overdue("mesh", true), &[("dwcp_certificate_renewal_overdue{name=\"mesh\"}", "1")]),
        (|t| t.renewal_failed("mesh"), &[("dwcp_certificate_renewal_failures_total{name=\"mesh\"}", "1")]),
        (|t| t.certificate_rotated("mesh"), &[("dwcp_certificate_rotations_total{name=\"mesh\"}", "1")]),
        (
            |t| t.encryption(Operation::Decrypt, Duration::from_micros(500)),
            &[
                ("dwcp_encryption_operations_total{operation=\"decrypt\"}", "1"),
                ("dwcp_encryption_duration_seconds_count", "1"),
                ("dwcp_encryption_duration_seconds_sum", "0.0005"),
            ],
        ),
        (
            |t| t.security_alert(AlertSeverity::Critical),
            &[("dwcp_security_alerts_total{severity=\"critical\"}", "1")],
        ),
        (
            |t| t.config_reloaded(ReloadResult::Refused),
            &[("dwcp_config_reloads_total{result=\"refused\"}", "1")],
        ),
        (|t| t.files_not_loaded(FileRole::Trust, 2), &[("dwcp_files_not_loaded{role=\"trust\"}", "2")]),
        (|t| t.enrollment("joined"), &[("dwcp_enrollments_total{result=\"joined\"}", "1")]),
        (|t| t.security_event("auth_failure"), &[("dwcp_security_events_total{type=\"auth_failure\"}", "1")]),
    ];
    for (step, moved) in steps {
        let telemetry = Arc::new(TelemetryCollector::new(labels()));
        let before = text(&telemetry);
        step(&telemetry);
        let after = text(&telemetry);
        let before = series(&before);
        // Quantiles are exact to one per cent only; they have a test of their own.
        let exact = |name: &str| !name.starts_with("dwcp_tls_handshake_quantile_seconds");
        let changed =
            series(&after).into_iter().filter(|(name, value)| exact(name) && before.get(name) != Some(value));
        assert_eq!(changed.collect::<HashMap<_, _>>(), moved.iter().copied().collect::<HashMap<_, _>>());
    }
}

#[test]
fn handshake_quantiles_appear_with_the_first_handshake_and_are_near_the_truth() {
    let telemetry = Arc::new(TelemetryCollector::new(labels()));
    let value = |q: &str| {
        let name = format!("dwcp_tls_handshake_quantile_seconds{{quantile=\"{q}\"}}");
        series(&text(&telemetry)).get(name.as_str()).map(|value| value.parse::<f64>().unwrap())
    };
    assert_eq!(value("0.5"), None);
    for millis in 1..=100 {
        telemetry.handshake_duration(Duration::from_millis(millis));
    }
    for (q, seconds) in [("0.5", 0.050), ("0.9", 0.090), ("0.99", 0.099)] {
        let told = value(q).unwrap();
        assert!((told - seconds).abs() <= seconds * 0.01, "{q}: {told}");
    }
}

#[test]
fn connection_totals_that_are_handed_over_only_rise() {
    let telemetry = Arc::new(TelemetryCollector::new(labels()));
    telemetry.connection_totals(10, 20);
    telemetry.connection_totals(9, 25);
    let text = text(&telemetry);
    assert_eq!(series(&text).get("dwcp_connection_bytes_total{direction=\"received\"}"), Some(&"10"));
    assert_eq!(series(&text).get("dwcp_connection_bytes_total{direction=\"sent\"}"), Some(&"25"));
}

#[test]
fn open_connections_go_up_and_down_and_guard_totals_never_fall() {
    let telemetry = Arc::new(TelemetryCollector::new(labels()));
    let value = |name: &str| series(&text(&telemetry)).get(name).map(|value| value.to_string());
    let open = [telemetry.connection_opened(), telemetry.connection_opened()];
    assert_eq!(value("dwcp_connections_active").as_deref(), Some("2"));
    drop(open);
    assert_eq!(value("dwcp_connections_active").as_deref(), Some("0"));

    telemetry.guard_totals(10, [("source_rate", 5)]);
    telemetry.guard_totals(9, [("source_rate", 4)]);
    assert_eq!(value("dwcp_guard_admitted_total").as_deref(), Some("10"));
    assert_eq!(value("dwcp_guard_refusals_total{reason=\"source_rate\"}").as_deref(), Some("5"));
}

#[test]
fn at_a7_hostile_label_values_make_neither_lines_nor_series() {
    let nasty = "x\"} 1\ndwcp_injected{a=\"\\";
    let telemetry = TelemetryCollector::new(labels());
    let lines = text(&telemetry).lines().count();
    for n in 0..10_000 {
        let value = format!("{nasty}{n}");
        telemetry.handshake_failed(&value);
        telemetry.security_event(&value);
        telemetry.connection_cut(&value);
        telemetry.tls_connection(&value);
        telemetry.tls_suite(&value);
        telemetry.weak_offer(&value);
        telemetry.guard_totals(0, [(value.as_str(), n)]);
    }
    assert_eq!(text(&telemetry).lines().count(), lines);

    telemetry.certificate(nasty, NOW);
    let text = text(&telemetry);
    assert_eq!(text.lines().count(), lines + 4, "the name of a slot is configured: two gauges, two counters");
    assert!(
        text.contains("dwcp_certificate_expiry_seconds{name=\"x\\\"} 1\\ndwcp_injected{a=\\\"\\\\\"} 0\n")
    );
    assert!(!text.contains("\ndwcp_injected"));
}

/// What `promtool check metrics` complains of (the rules of Prometheus' own linter), on names and types.
#[test]
fn promtool_would_have_nothing_to_say() {
    let text = text(&TelemetryCollector::new(labels()));
    let metadata = |keyword: &str| -> HashMap<String, String> {
        let lines: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix(&format!("# {keyword} "))).collect();
        let map: HashMap<_, _> = lines
            .iter()
            .filter_map(|line| line.split_once(' '))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        assert_eq!(map.len(), lines.len(), "{keyword} once for each metric");
        map
    };
    let (help, types) = (metadata("HELP"), metadata("TYPE"));
    assert_eq!(types.len(), TelemetryCollector::catalogue().len());
    for (name, kind) in &types {
        assert!(help.get(name).is_some_and(|text| text.len() > 10), "{name}: no help text");
        assert!(name.starts_with("dwcp_"));
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{name}: reserved or capital letters"
        );
        let total = name.ends_with("_total");
        assert!(
            kind == "untyped" || total == (kind == "counter"),
            "{name}: _total is for counters, all of them"
        );
        let reserved = ["_bucket", "_count", "_sum"].iter().any(|suffix| name.ends_with(suffix));
        assert!(kind == "histogram" || !reserved, "{name}: a suffix of histograms");
        for word in name.split('_') {
            let type_name = ["counter", "gauge", "histogram", "summary"].contains(&word);
            let unit = [
                "ms",
                "milliseconds",
                "microseconds",
                "minutes",
                "hours",
                "days",
                "kb",
                "kilobytes",
                "bits",
                "percent",
            ];
            assert!(!type_name && !unit.contains(&word) && word != "sec" && word != "s", "{name}: {word}");
        }
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s)).unwrap_or(name);
        assert!(
            types.contains_key(name) || types.get(family).is_some_and(|kind| kind == "histogram"),
            "{line}"
        );
        assert!(line.contains("{le=") == name.ends_with("_bucket"), "{line}: le is for buckets");
        assert!(!line.contains("quantile="));
    }
}

/// The one name that is a contract and no counter by the linter's rules; see the crate's documentation.
#[test]
fn the_version_counter_keeps_its_name_and_leaves_its_type_undeclared() {
    let text = text(&TelemetryCollector::new(labels()));
    assert!(text.contains("# TYPE dwcp_tls_version untyped\ndwcp_tls_version{version=\"1.3\"} 0\n"));
    assert_eq!(text.matches(" untyped\n").count(), 1);
}

#[test]
fn both_formats_make_the_same_series() {
    let telemetry = TelemetryCollector::new(labels());
    telemetry.certificate("mesh", NOW);
    let names = |format| -> HashSet<String> {
        let text = telemetry.render(NOW, format);
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    assert_eq!(names(Format::PrometheusText), names(Format::OpenMetrics));
}
