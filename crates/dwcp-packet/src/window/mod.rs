//! Which sequence numbers were seen (RFC 6479), for one receiver and for several.
//!
//! `docs/replay-window.md` has the definition, the argument and how to check it.

pub mod esn;
mod replay;
mod ring;
// The processor has to exchange 64 bits at once.
#[cfg(target_has_atomic = "64")]
mod shared;
#[cfg(target_has_atomic = "64")]
mod tagged;
mod verdict;

#[cfg(test)]
mod exact_tests;

pub use replay::ReplayWindow;
#[cfg(target_has_atomic = "64")]
pub use shared::SharedReplayWindow;
pub use verdict::{Replay, WindowSizeError};

/// What [`tagged`] is made of; a test puts loom's in its place.
#[cfg(target_has_atomic = "64")]
mod sync {
    pub(super) use core::sync::atomic::{AtomicU64, Ordering};
}
