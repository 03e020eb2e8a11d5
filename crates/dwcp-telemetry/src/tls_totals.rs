//! What was counted of handshakes, for a status page.

use crate::collector::TelemetryCollector;
use crate::family::CounterFamily;
use std::sync::atomic::Ordering;

/// Handshakes since the collector was made. Each list has a row for every label value, in the order of export, zeros included:
/// at most 129 rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsTotals {
    /// Handshakes that were completed.
    pub connections: u64,
    /// Those of them that resumed an earlier session.
    pub resumptions: u64,
    /// Completed handshakes by key agreement group.
    pub by_group: Vec<(&'static str, u64)>,
    /// Completed handshakes by cipher suite.
    pub by_suite: Vec<(&'static str, u64)>,
    /// Handshakes that failed, by reason.
    pub failures: Vec<(&'static str, u64)>,
    /// Weaknesses in what clients offered.
    pub weak_offers: Vec<(&'static str, u64)>,
}

impl TelemetryCollector {
    /// What was counted of handshakes so far.
    pub fn tls_totals(&self) -> TlsTotals {
        let rows = |family: &CounterFamily| family.samples().collect();
        TlsTotals {
            connections: self.tls_connections.load(Ordering::Relaxed),
            resumptions: self.tls_resumptions.load(Ordering::Relaxed),
            by_group: rows(&self.tls_groups),
            by_suite: rows(&self.tls_suites),
            failures: rows(&self.handshake_failures),
            weak_offers: rows(&self.tls_weak_offers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::LabelSets;

    #[test]
    fn the_totals_are_what_is_exported() {
        let labels = LabelSets { tls_groups: vec!["a"], tls_weaknesses: vec!["w"], ..LabelSets::default() };
        let collector = TelemetryCollector::new(labels);
        collector.tls_connection("a");
        collector.tls_connection("unheard of");
        collector.tls_suite("s");
        collector.tls_resumption();
        collector.weak_offer("w");
        collector.handshake_failed("f");
        let totals = collector.tls_totals();
        assert_eq!((totals.connections, totals.resumptions), (2, 1));
        assert_eq!(totals.by_group, [("a", 1), ("other", 1)]);
        assert_eq!(totals.weak_offers, [("w", 1), ("other", 0)]);
        assert_eq!((totals.by_suite, totals.failures), (vec![("other", 1)], vec![("other", 1)]));
    }
}
