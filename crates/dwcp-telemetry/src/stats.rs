//! A snapshot of the totals, and rates between two of them, for status pages.

use crate::collector::TelemetryCollector;
use crate::labels::Direction;
use dwcp_base::Tick;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The totals at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkStats {
    /// When they were read.
    pub at: Tick,
    /// TLS connections whose handshake was completed.
    pub connections: u64,
    /// Handshakes that failed.
    pub handshake_failures: u64,
    /// Connections that resumed an earlier session.
    pub resumptions: u64,
    /// Connections open at that instant.
    pub active_connections: u64,
    /// Payload bytes from peers.
    pub bytes_received: u64,
    /// Payload bytes to peers.
    pub bytes_sent: u64,
    /// Open connections that this side ended early.
    pub connections_cut: u64,
    /// Newcomers that the guard let in.
    pub guard_admitted: u64,
    /// Newcomers that the guard refused.
    pub guard_refused: u64,
    /// Security events recorded.
    pub security_events: u64,
    /// Security alerts raised.
    pub security_alerts: u64,
    /// The median time of a completed handshake; `None` before the first.
    pub handshake_p50: Option<Duration>,
    /// The time that 99 % of completed handshakes took at most; `None` before the first.
    pub handshake_p99: Option<Duration>,
}

/// How fast the totals grew between two snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct NetworkRates {
    /// Completed handshakes.
    pub connections_per_second: f64,
    /// Failed handshakes.
    pub handshake_failures_per_second: f64,
    /// Payload bytes from peers.
    pub bytes_received_per_second: f64,
    /// Payload bytes to peers.
    pub bytes_sent_per_second: f64,
    /// Newcomers refused by the guard.
    pub guard_refused_per_second: f64,
}

impl TelemetryCollector {
    /// The totals now, which the caller says is `at`.
    pub fn snapshot(&self, at: Tick) -> NetworkStats {
        NetworkStats {
            at,
            connections: self.tls_connections.load(Ordering::Relaxed),
            handshake_failures: self.handshake_failures.total(),
            resumptions: self.tls_resumptions.load(Ordering::Relaxed),
            active_connections: self.connections_active.load(Ordering::Relaxed),
            bytes_received: self.connection_bytes[Direction::Received as usize].get(),
            bytes_sent: self.connection_bytes[Direction::Sent as usize].get(),
            connections_cut: self.connections_cut.total(),
            guard_admitted: self.guard_admitted.load(Ordering::Relaxed),
            guard_refused: self.guard_refusals.total(),
            security_events: self.security_events.total(),
            security_alerts: self.security_alerts.total(),
            handshake_p50: self.handshake_quantile(0.5),
            handshake_p99: self.handshake_quantile(0.99),
        }
    }
}

impl NetworkStats {
    /// The rates since `earlier`; all zero if no time has passed or the two are the wrong way round.
    pub fn rates_since(&self, earlier: &Self) -> NetworkRates {
        let elapsed = self.at.since(earlier.at).as_secs_f64();
        if elapsed <= 0.0 {
            return NetworkRates::default();
        }
        let rate = |total: fn(&Self) -> u64| per_second(total(self).saturating_sub(total(earlier)), elapsed);
        NetworkRates {
            connections_per_second: rate(|stats| stats.connections),
            handshake_failures_per_second: rate(|stats| stats.handshake_failures),
            bytes_received_per_second: rate(|stats| stats.bytes_received),
            bytes_sent_per_second: rate(|stats| stats.bytes_sent),
            guard_refused_per_second: rate(|stats| stats.guard_refused),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a rate is for reading")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::LabelSets;
    use std::sync::Arc;

    #[test]
    fn rates_are_growth_over_time() {
        let collector = Arc::new(TelemetryCollector::new(LabelSets::default()));
        collector.tls_connection("X25519");
        let first = collector.snapshot(Tick(0));
        let open = collector.connection_opened();
        (0..10).for_each(|_| collector.tls_connection("X25519"));
        collector.connection_bytes(Direction::Sent, 4_000);
        collector.guard_totals(3, [("source_rate", 8)]);
        collector.handshake_duration(Duration::from_millis(2));
        let second = collector.snapshot(Tick(0).plus(Duration::from_secs(4)));

        let rates = second.rates_since(&first);
        assert_eq!(rates.connections_per_second, 2.5);
        assert_eq!(rates.bytes_sent_per_second, 1_000.0);
        assert_eq!(rates.bytes_received_per_second, 0.0);
        assert_eq!(rates.guard_refused_per_second, 2.0);
        assert_eq!((second.active_connections, second.guard_admitted), (1, 3));
        assert!(
            second.handshake_p50.unwrap().abs_diff(Duration::from_millis(2)) <= Duration::from_micros(20)
        );
        drop(open);
        assert_eq!(collector.snapshot(Tick(0)).active_connections, 0);

        assert_eq!(first.rates_since(&second), NetworkRates::default());
        assert_eq!(second.rates_since(&second), NetworkRates::default());
    }
}
