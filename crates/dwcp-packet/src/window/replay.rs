//! The replay window of one receiver.

use super::ring::Ring;
use super::verdict::{Replay, WindowSizeError};
use core::fmt;

/// Which of the newest sequence numbers were taken: exactly the numbers `n` with `highest - n < size` can be taken, each once
/// (RFC 4303 §3.4.3), by the method of RFC 6479.
///
/// Numbers are 64 bits wide, and 0 and [`u64::MAX`] are numbers like any other. Each call does a bounded amount of work; one number after
/// the other costs a few nanoseconds, and a jump, however far, clears the ring at most once. Memory is taken by [`new`](Self::new)
/// alone: a bit for each number, rounded up to a power of two, at most 16 KiB.
///
/// # Security
/// Ask [`check`](Self::check) before a packet is authenticated and [`accept`](Self::accept) after: what a forger sends must not move the
/// window. Keep one window for each key: numbers of another key mean nothing here.
///
/// ```
/// use dwcp_packet::{Replay, ReplayWindow};
/// let mut window = ReplayWindow::default();
/// assert_eq!(window.check(7), Ok(()));
/// // … the packet proves authentic …
/// assert_eq!(window.accept(7), Ok(()));
/// assert_eq!(window.accept(7), Err(Replay::Seen));
/// assert_eq!(window.accept(6), Ok(()));
/// window.accept(1 << 40)?;
/// assert_eq!(window.accept(8), Err(Replay::TooOld));
/// # Ok::<(), Replay>(())
/// ```
#[derive(Clone)]
pub struct ReplayWindow {
    ring: Ring<6>,
}

impl ReplayWindow {
    /// The smallest size.
    pub const MIN: u32 = WindowSizeError::MIN;
    /// The largest size.
    pub const MAX: u32 = WindowSizeError::MAX;
    /// What is used unless somebody knows better: 8192 numbers.
    pub const DEFAULT: u32 = 8_192;

    /// A window of `size` numbers, none of them taken.
    ///
    /// # Errors
    /// `size` is not between [`MIN`](Self::MIN) and [`MAX`](Self::MAX).
    pub fn new(size: u32) -> Result<Self, WindowSizeError> {
        Ok(Self { ring: Ring::new(WindowSizeError::bounded(size)?) })
    }

    /// Whether `number` would be taken now; nothing changes.
    ///
    /// # Errors
    /// [`Replay::TooOld`] below the window, [`Replay::Seen`] if it was taken before.
    #[inline]
    pub fn check(&self, number: u64) -> Result<(), Replay> {
        self.ring.check(number)
    }

    /// Takes `number`, and moves the window if it is the highest so far.
    ///
    /// # Errors
    /// [`Replay::TooOld`] below the window, [`Replay::Seen`] if it was taken before; then nothing has changed.
    ///
    /// # Security
    /// Only for a number whose packet has been authenticated.
    #[inline]
    pub fn accept(&mut self, number: u64) -> Result<(), Replay> {
        self.ring.accept(number)
    }

    /// The highest number taken, or none as long as nothing was.
    #[inline]
    pub fn highest(&self) -> Option<u64> {
        self.ring.highest()
    }

    /// How many numbers the window spans, the highest included.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "it was given as 32 bits")]
    pub fn size(&self) -> u32 {
        self.ring.size() as u32
    }
}

impl Default for ReplayWindow {
    /// Of [`DEFAULT`](Self::DEFAULT) numbers.
    fn default() -> Self {
        Self { ring: Ring::new(Self::DEFAULT) }
    }
}

impl fmt::Debug for ReplayWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayWindow")
            .field("size", &self.size())
            .field("highest", &self.highest())
            .finish_non_exhaustive()
    }
}
