//! Connections that are open now.

use crate::collector::TelemetryCollector;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One open connection, counted in `dwcp_connections_active` until it is dropped.
#[derive(Debug)]
#[must_use = "the connection counts as closed once this is dropped"]
pub struct ActiveConnection {
    collector: Arc<TelemetryCollector>,
}

impl ActiveConnection {
    pub(crate) fn new(collector: Arc<TelemetryCollector>) -> Self {
        collector.connections_active.fetch_add(1, Ordering::Relaxed);
        Self { collector }
    }
}

impl Drop for ActiveConnection {
    fn drop(&mut self) {
        self.collector.connections_active.fetch_sub(1, Ordering::Relaxed);
    }
}
