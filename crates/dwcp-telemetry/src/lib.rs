#![doc = include_str!("../README.md")]

mod active;
mod certificates;
mod collector;
mod counter;
mod family;
mod format;
mod gather;
mod histogram;
mod labels;
mod metric;
mod openmetrics;
mod stats;
mod text;
mod tls_totals;

pub use active::ActiveConnection;
pub use collector::TelemetryCollector;
pub use format::Format;
pub use histogram::Histogram;
pub use labels::{AlertSeverity, Direction, FileRole, LabelSets, Operation, ReloadResult};
pub use metric::{Metric, MetricType};
pub use stats::{NetworkRates, NetworkStats};
pub use tls_totals::TlsTotals;
