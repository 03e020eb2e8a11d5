//! Scenarios against authorities that run: Pebble, and scripts over real TLS. One program, so that they run beside each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![allow(unreachable_pub, reason = "parts of one program")]

mod accounts;
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
mod pebble_faults;
mod proving;
mod renewing;
mod support;
