//! News from the accept loop that nobody is waiting for.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// What happened to a listener. A flood can not cause a flood of these: each is paced by a wait or told once per episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// `accept` failed, most often for want of descriptors; the loop sleeps before it tries again.
    AcceptFailed {
        /// The listener.
        local: SocketAddr,
        /// What the operating system said.
        kind: io::ErrorKind,
        /// Its number for it, zero when it gave none.
        os_error: i32,
        /// How long the loop sleeps.
        wait: Duration,
    },
    /// All places are taken: newcomers are reset until one is free. Told once per episode.
    Saturated {
        /// The listener.
        local: SocketAddr,
        /// How many places there are.
        limit: usize,
    },
    /// The task of one connection panicked; the listener and all others go on.
    HandlerPanicked {
        /// The listener.
        local: SocketAddr,
    },
    /// The time to drain was over and connections were still open; they were reset.
    DrainElapsed {
        /// The listener.
        local: SocketAddr,
        /// How many.
        aborted: usize,
    },
}

impl Event {
    /// Every code [`code`](Self::code) can give.
    pub const CODES: &[&str] = &[
        "channel.accept.failed",
        "channel.listener.saturated",
        "channel.handler.panicked",
        "channel.drain.elapsed",
    ];

    /// The event's stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AcceptFailed { .. } => "channel.accept.failed",
            Self::Saturated { .. } => "channel.listener.saturated",
            Self::HandlerPanicked { .. } => "channel.handler.panicked",
            Self::DrainElapsed { .. } => "channel.drain.elapsed",
        }
    }
}
