//! Which sequence numbers were seen (RFC 6479), for one receiver and for several.
//!
//! `docs/replay-window.md` has the definition, the argument and how to check it.

pub mod esn;
mod replay;
mod ring;
mod verdict;

#[cfg(test)]
mod exact_tests;

pub use replay::ReplayWindow;
pub use verdict::{Replay, WindowSizeError};
