//! The replay window that several receivers share.

use super::tagged::Tagged;
use super::verdict::{Replay, WindowSizeError};
use core::fmt;

/// A [`ReplayWindow`](super::ReplayWindow) for several receive queues at once: the same rule by `&self`, without a lock.
///
/// Of any number of calls of [`accept`](Self::accept) that take the same number, exactly one succeeds, unless the number is too old by then, and
/// what all of them answer is what they would have answered one after the other in some order that keeps to the clock.
/// [`check`](Self::check) and [`highest`](Self::highest) tell of a moment: beside calls that are under way they can be ahead of what another
/// thread is told. No call waits for another: one has to look again only because another has just succeeded.
///
/// Eight numbers share a word with the lap they belong to, so that nothing is ever cleared, whatever the jump: 256 bytes for 64 numbers,
/// 16 KiB for [`DEFAULT`](super::ReplayWindow::DEFAULT), 128 KiB for [`MAX`](super::ReplayWindow::MAX).
///
/// # Security
/// As for [`ReplayWindow`](super::ReplayWindow): ask [`check`](Self::check) before a packet is authenticated and [`accept`](Self::accept)
/// after. What `check` said may be out of date a moment later; `accept` decides.
///
/// ```
/// use dwcp_packet::{Replay, SharedReplayWindow};
/// let window = SharedReplayWindow::default();
/// let taken = std::thread::scope(|scope| {
///     let queues = [1, 2].map(|_| scope.spawn(|| window.accept(7)));
///     queues.map(|queue| queue.join().unwrap())
/// });
/// assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1);
/// assert!(taken.contains(&Err(Replay::Seen)));
/// ```
pub struct SharedReplayWindow {
    ring: Tagged<3>,
}

impl SharedReplayWindow {
    /// A window of `size` numbers, none of them taken.
    ///
    /// # Errors
    /// `size` is not between [`MIN`](super::ReplayWindow::MIN) and [`MAX`](super::ReplayWindow::MAX).
    pub fn new(size: u32) -> Result<Self, WindowSizeError> {
        Ok(Self { ring: Tagged::new(WindowSizeError::bounded(size)?) })
    }

    /// Whether `number` would be taken at this moment; nothing changes.
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
    /// [`Replay::TooOld`] below the window, [`Replay::Seen`] if it was taken before; then this call has taken nothing.
    ///
    /// # Security
    /// Only for a number whose packet has been authenticated.
    #[inline]
    pub fn accept(&self, number: u64) -> Result<(), Replay> {
        self.ring.accept(number)
    }

    /// The highest number taken, as of this moment or a moment ago; none as long as nothing was.
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

impl Default for SharedReplayWindow {
    /// Of [`ReplayWindow::DEFAULT`](super::ReplayWindow::DEFAULT) numbers.
    fn default() -> Self {
        Self { ring: Tagged::new(super::ReplayWindow::DEFAULT) }
    }
}

impl fmt::Debug for SharedReplayWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedReplayWindow")
            .field("size", &self.size())
            .field("highest", &self.highest())
            .finish_non_exhaustive()
    }
}
