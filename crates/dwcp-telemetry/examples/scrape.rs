//! A minute of traffic, as a scraper and as a status page see it.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use dwcp_base::{Clock, ManualClock, UnixTime};
use dwcp_telemetry::{Direction, Format, LabelSets, TelemetryCollector};
use std::sync::Arc;
use std::time::Duration;

fn main() {
    let clock = ManualClock::at(UnixTime::from_secs(1_800_000_000));
    let telemetry = Arc::new(TelemetryCollector::new(LabelSets {
        version: "0.1.0".to_owned(),
        tls_groups: vec!["X25519MLKEM768", "X25519"],
        certificates: vec!["mesh".to_owned()],
        ..LabelSets::default()
    }));
    telemetry.certificate("mesh", clock.unix().plus(Duration::from_secs(86_400)));

    let before = telemetry.snapshot(clock.tick());
    let mut open = Vec::new();
    for n in 0..600u64 {
        clock.advance(Duration::from_millis(100));
        open.push(telemetry.connection_opened());
        telemetry.tls_connection(if n % 3 == 0 { "X25519" } else { "X25519MLKEM768" });
        telemetry.handshake_duration(Duration::from_micros(900 + n % 97 * 10));
        telemetry.connection_bytes(Direction::Sent, 1_400 * (n % 11));
    }
    open.truncate(40);

    let after = telemetry.snapshot(clock.tick());
    let rates = after.rates_since(&before);
    println!("{} open, {:.1} handshakes a second", after.active_connections, rates.connections_per_second);
    println!("{:.0} bytes sent a second", rates.bytes_sent_per_second);
    if let (Some(p50), Some(p99)) = (after.handshake_p50, after.handshake_p99) {
        println!("handshakes: p50 {p50:?}, p99 {p99:?}\n");
    }
    print!("{}", telemetry.render(clock.unix(), Format::OpenMetrics));
}
