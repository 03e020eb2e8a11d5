//! Prometheus text, version 0.0.4.

use crate::gather::{Family, Sample, Value};
use crate::histogram::Exported;
use crate::metric::{Metric, MetricType};

/// Writes HELP and TYPE of every metric, then its samples.
pub(crate) fn encode(families: &[Family]) -> String {
    let mut out = String::with_capacity(16 * 1024);
    for Family { metric, samples } in families {
        push(&mut out, &["# HELP ", metric.name, " ", metric.help, ".\n"]);
        push(&mut out, &["# TYPE ", metric.name, " ", type_name(metric.kind), "\n"]);
        samples.iter().for_each(|sample| encode_sample(&mut out, metric, sample));
    }
    out
}

fn encode_sample(out: &mut String, metric: &Metric, sample: &Sample) {
    let label = metric.label.zip(sample.label.as_deref());
    match &sample.value {
        Value::Whole(n) => line(out, metric.name, "", label, &n.to_string()),
        Value::Real(x) => line(out, metric.name, "", label, &x.to_string()),
        Value::Histogram(exported) => encode_histogram(out, metric, exported),
    }
}

fn encode_histogram(out: &mut String, metric: &Metric, Exported { sum, count, buckets }: &Exported) {
    let mut up_to = 0;
    for (bound, within) in buckets {
        up_to += within;
        line(out, metric.name, "_bucket", Some(("le", &bound_text(*bound))), &up_to.to_string());
    }
    line(out, metric.name, "_sum", None, &sum.to_string());
    line(out, metric.name, "_count", None, &count.to_string());
}

fn line(out: &mut String, name: &str, suffix: &str, label: Option<(&str, &str)>, value: &str) {
    push(out, &[name, suffix]);
    if let Some((key, text)) = label {
        push(out, &["{", key, "=\"", &escaped(text), "\"}"]);
    }
    push(out, &[" ", value, "\n"]);
}

/// Backslash, double quote and line feed are all that the format escapes, and all that could end a value or a line.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// As the OpenMetrics encoder writes it (`0.000001`, `1.0`, `+Inf`), so that both formats make the same series.
fn bound_text(bound: f64) -> String {
    if bound.is_infinite() {
        return "+Inf".to_owned();
    }
    let text = bound.to_string();
    if text.contains('.') { text } else { text + ".0" }
}

fn type_name(kind: MetricType) -> &'static str {
    match kind {
        MetricType::Counter => "counter",
        // 0.0.4 has no type for facts; a gauge of 1 is the custom.
        MetricType::Gauge | MetricType::Info => "gauge",
        MetricType::Histogram => "histogram",
        MetricType::Unknown => "untyped",
    }
}

fn push(out: &mut String, parts: &[&str]) {
    out.extend(parts.iter().copied());
}
