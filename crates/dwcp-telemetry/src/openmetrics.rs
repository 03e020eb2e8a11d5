//! OpenMetrics 1.0 text, through the encoder of `prometheus-client`.

use crate::gather::{Family, Value};
use crate::metric::MetricType;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType as Wire;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;

/// Writes the families, and the line that says that nothing is missing.
pub(crate) fn encode(families: Vec<Family>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Reading(families)));
    let mut out = String::with_capacity(16 * 1024);
    // Writing into a string does not fail. Were it to, the missing end mark would make the scraper refuse the text.
    if text::encode(&mut out, &registry).is_err() {
        tracing::error!("the OpenMetrics text could not be written");
    }
    out
}

#[derive(Debug)]
struct Reading(Vec<Family>);

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|family| encode_family(&mut encoder, family))
    }
}

fn encode_family(encoder: &mut DescriptorEncoder<'_>, family: &Family) -> fmt::Result {
    let metric = family.metric;
    let (name, wire) = match metric.kind {
        // In OpenMetrics the suffix belongs to the sample, not to the name of the family.
        MetricType::Counter => (stem(metric.name, "_total"), Wire::Counter),
        MetricType::Info => (stem(metric.name, "_info"), Wire::Info),
        MetricType::Gauge => (metric.name, Wire::Gauge),
        MetricType::Histogram => (metric.name, Wire::Histogram),
        MetricType::Unknown => (metric.name, Wire::Unknown),
    };
    let (name, unit) = split_unit(name);
    let help = format!("{}.", metric.help);
    let mut encoder = encoder.encode_descriptor(name, &help, unit.as_ref(), wire)?;
    for sample in &family.samples {
        match metric.label.zip(sample.label.as_deref()) {
            Some(label) if metric.kind == MetricType::Info => encoder.encode_info(&[label])?,
            Some(label) => encode_value(&mut encoder.encode_family(&[label])?, metric.kind, &sample.value)?,
            None => encode_value(&mut encoder, metric.kind, &sample.value)?,
        }
    }
    Ok(())
}

fn encode_value(encoder: &mut MetricEncoder<'_>, kind: MetricType, value: &Value) -> fmt::Result {
    match value {
        Value::Whole(n) if kind == MetricType::Counter => {
            encoder.encode_counter::<NoLabelSet, u64, u64>(n, None)
        }
        Value::Whole(n) => encoder.encode_gauge(n),
        Value::Real(x) => encoder.encode_gauge(x),
        Value::Histogram(h) => encoder.encode_histogram::<NoLabelSet>(h.sum, h.count, &h.buckets, None),
    }
}

fn stem<'a>(name: &'a str, suffix: &str) -> &'a str {
    name.strip_suffix(suffix).unwrap_or(name)
}

fn split_unit(name: &str) -> (&str, Option<Unit>) {
    for (suffix, unit) in [("_seconds", Unit::Seconds), ("_bytes", Unit::Bytes)] {
        if let Some(stem) = name.strip_suffix(suffix) {
            return (stem, Some(unit));
        }
    }
    (name, None)
}
