//! Scenarios against authorities that run: Pebble, and scripts over real TLS. One program, so that they run beside each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![allow(unreachable_pub, reason = "parts of one program")]

/// Runs scenarios that mostly wait beside each other, and tells which of them failed. In the order of the test program two of them would wait at a time.
macro_rules! beside {
    ($($scenario:ident),* $(,)?) => {{
        let running = [$((stringify!($scenario), tokio::spawn($scenario()))),*];
        let mut failed = Vec::new();
        for (name, scenario) in running {
            match scenario.await {
                Ok(()) => println!("{name}: ok"),
                Err(_) => failed.push(name),
            }
        }
        assert!(failed.is_empty(), "failed: {failed:?}");
    }};
}

mod accounts;
mod bad_network;
mod conformance;
#[cfg(unix)]
mod crashes;
mod failover;
mod faults;
mod issuing;
mod lies;
mod mending;
mod misbehaving;
mod pausing;
mod proving;
mod renewing;
mod support;
