#![doc = include_str!("../README.md")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod capture;
mod dice;
pub mod hostile;
mod lab;
mod peer;
mod relay;
mod servers;

pub use capture::Capture;
pub use dice::Dice;
pub use dwcp_base::ManualClock;
pub use lab::{Files, Lab};
pub use peer::{lacking, peer, skipped};
pub use relay::{Fault, FaultyRelay};
pub use servers::{Answer, OpenBao, OpenBaoOptions, Pebble, PebbleOptions};
