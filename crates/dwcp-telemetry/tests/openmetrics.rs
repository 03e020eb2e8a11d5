//! The OpenMetrics text, read back by a strict reader, and that reader against texts it must refuse.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod openmetrics_reader;

use dwcp_base::UnixTime;
use dwcp_telemetry::{Format, LabelSets, MetricType, TelemetryCollector};
use openmetrics_reader::{Family, read};
use std::time::Duration;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const NASTY: &str = "quote\" slash\\ line\n# EOF\ndwcp_injected 1 } , é \u{202e}";

fn busy() -> TelemetryCollector {
    let telemetry = TelemetryCollector::new(LabelSets {
        version: "0.1.0".into(),
        handshake_failure_reasons: vec!["expired", "revoked"],
        certificates: vec![NASTY.into()],
        ..LabelSets::default()
    });
    telemetry.tls_connection("X25519");
    telemetry.handshake_failed("revoked");
    telemetry.certificate(NASTY, NOW.minus(Duration::from_millis(1_500)));
    for n in 1..=100 {
        telemetry.handshake_duration(Duration::from_micros(n * 300));
        telemetry.encryption(dwcp_telemetry::Operation::Encrypt, Duration::from_nanos(n * 1_000));
    }
    telemetry
}

fn value(families: &[Family], name: &str, label: &str) -> f64 {
    let samples = families.iter().flat_map(|family| &family.samples);
    let mut found = samples.filter(|s| s.name == name && s.labels.values().all(|v| v == label));
    found.next().unwrap_or_else(|| panic!("{name} {label:?}")).value
}

#[test]
fn the_text_keeps_every_rule_and_says_what_was_counted() {
    let families = read(&busy().render(NOW, Format::OpenMetrics)).unwrap();
    assert_eq!(families.len(), TelemetryCollector::catalogue().len());
    assert!(families.iter().all(|family| family.help.ends_with('.')));
    assert_eq!(value(&families, "dwcp_tls_connections_total", ""), 1.0);
    assert_eq!(value(&families, "dwcp_tls_version", "1.3"), 1.0);
    assert_eq!(value(&families, "dwcp_tls_handshake_failures_total", "revoked"), 1.0);
    assert_eq!(value(&families, "dwcp_tls_handshake_failures_total", "expired"), 0.0);
    assert_eq!(value(&families, "dwcp_tls_handshake_duration_seconds_count", ""), 100.0);
    assert_eq!(value(&families, "dwcp_tls_handshake_duration_seconds_bucket", "0.01"), 33.0);
    assert_eq!(value(&families, "dwcp_encryption_duration_seconds_bucket", "0.0000025"), 2.0);
    assert_eq!(value(&families, "dwcp_build_info", "0.1.0"), 1.0);
}

#[test]
fn types_are_those_of_the_catalogue_and_the_version_counter_is_unknown() {
    let families = read(&busy().render(NOW, Format::OpenMetrics)).unwrap();
    for (family, metric) in families.iter().zip(TelemetryCollector::catalogue()) {
        let (kind, suffix) = match metric.kind {
            MetricType::Counter => ("counter", "_total"),
            MetricType::Info => ("info", "_info"),
            MetricType::Gauge => ("gauge", ""),
            MetricType::Histogram => ("histogram", ""),
            _ => ("unknown", ""),
        };
        assert_eq!(family.kind, kind, "{}", metric.name);
        assert_eq!(format!("{}{suffix}", family.name), metric.name);
    }
    let unknown: Vec<_> = families.iter().filter(|f| f.kind == "unknown").map(|f| f.name.as_str()).collect();
    assert_eq!(unknown, ["dwcp_tls_version"]);
}

#[test]
fn at_a7_a_label_value_ends_neither_its_quotes_nor_its_line() {
    let families = read(&busy().render(NOW, Format::OpenMetrics)).unwrap();
    assert_eq!(value(&families, "dwcp_certificate_expiry_seconds", NASTY), -1.5);
    assert!(!families.iter().any(|family| family.name == "dwcp_injected"));
}

/// One text for each rule; the reader is worth nothing if it takes them.
#[test]
fn the_reader_refuses_what_the_standard_forbids() {
    let bodies = [
        "a 1",
        "# EOF",
        "\n",
        "0a 1\n",
        "a-b 1\n",
        "a1\n",
        "a  1\n",
        "a 1 \n",
        "a\t1\n",
        "a 0x1\n",
        "a 1_000\n",
        "a nan\n",
        "a Inf\n",
        "a{b=\"1\"}1\n",
        "a{b=1} 1\n",
        "a{b='1'} 1\n",
        "a{b} 1\n",
        "a{b=\"1} 1\n",
        "a{b=\"1\" 1\n",
        "a{b=\"1\",} 1\n",
        "a{,b=\"1\"} 1\n",
        "a{b=\"1\"c=\"2\"} 1\n",
        "a{b=\"1\",b=\"1\"} 1\n",
        "a{1=\"1\"} 1\n",
        "a{b:c=\"1\"} 1\n",
        "# TYPE a\n",
        "# TYPE a meh\n",
        "# TYPE  a gauge\n",
        "# TYPE a gauge \n",
        "#TYPE a gauge\n",
        " # HELP a x\n",
        "# HELP a\n",
        "# FOO a x\n",
        "# TYPE a gauge\n# TYPE a gauge\n",
        "# HELP a x\n# HELP a x\n",
        "# TYPE a gauge\na 1\n# HELP a x\n",
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# UNIT a x\n",
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na{c=\"1\"} 1\n",
        "# UNIT a seconds\n",
        "# UNIT a_seconds s\n",
        "# TYPE a_s info\n# UNIT a_s s\n",
        "# UNIT a_s s\n# TYPE a_s info\n",
        "# TYPE a gauge\na 1\na 2\n",
        "# TYPE a counter\na_total -1\n",
        "# TYPE a counter\na_total NaN\n",
        "# TYPE a counter\na 1\n",
        "# TYPE a info\na_info 2\n",
        "# TYPE a info\na 1\n",
        "# TYPE a counter\n# TYPE a_total gauge\n",
        "# TYPE a_created gauge\n# TYPE a counter\n",
        "# TYPE a histogram\na_bucket 0\n",
        "# TYPE a histogram\na_bucket{le=\"+INF\"} 0\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 0\n",
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 0\na_sum 0\n",
        "# TYPE a histogram\na_sum 1\n",
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\na_sum 0\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n",
        "# TYPE a histogram\na_bucket{le=\"2\"} 0\na_bucket{le=\"1\"} 0\na_bucket{le=\"+Inf\"} 0\n",
        "# TYPE a histogram\na_bucket{le=\"-1\"} 0\na_bucket{le=\"+Inf\"} 0\na_sum 0\na_count 0\n",
    ];
    for body in bodies {
        assert!(read(&format!("{body}# EOF\n")).is_err(), "{body:?}");
    }
    for text in ["", "a 1\n", "a 1\n# EOF\nb", "a 1\n# EOF\n\n", "a 1\n# EOFb", "\n# EOF\n"] {
        assert!(read(text).is_err(), "{text:?}");
    }
    for text in ["# EOF", "# EOF\n", "a 1\n# EOF\n", "# TYPE a counter\na_total{b=\"}, \\\"\"} 1e3\n# EOF\n"]
    {
        assert!(read(text).is_ok(), "{text:?}");
    }
}
