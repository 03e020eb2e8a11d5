#![doc = include_str!("../README.md")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod capture;
pub mod hostile;
mod lab;
mod peer;
mod servers;

pub use capture::Capture;
pub use dwcp_base::ManualClock;
pub use lab::{Files, Lab};
pub use peer::{lacking, peer, skipped};
pub use servers::{Answer, OpenBao, OpenBaoOptions, Pebble, PebbleOptions};
