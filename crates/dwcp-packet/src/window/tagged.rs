//! The ring that several receivers share: each word says which lap its bits belong to.
//!
//! `tests/window_loom.rs` compiles this very file with loom's primitives in place of those in `super::sync` and tries every interleaving.

use super::Replay;
use super::sync::{AtomicU64, Ordering};
use alloc::boxed::Box;

/// The numbers taken, as words of a lap (high bits) and of `2^SHIFT` bits (low bits).
///
/// A place of the ring serves one block of numbers in each lap. A word of an earlier lap counts as empty, so that nothing has to be cleared:
/// the first number of a block replaces lap and bits by one compare-exchange, and from then on no number of an earlier lap can be taken.
/// Laps are kept in full, never modulo something; rings are as large as that takes.
///
/// The highest number is raised after its bit was set. Whoever meets a bit that speaks of a number above the highest raises it first and
/// answers then, so that answers never contradict each other (`docs/replay-window.md` has the argument).
pub(crate) struct Tagged<const SHIFT: u32> {
    /// `2^order` of them.
    words: Box<[AtomicU64]>,
    order: u32,
    /// No lower than any number that some call has answered for; 0 at first.
    highest: AtomicU64,
    size: u64,
}

impl<const SHIFT: u32> Tagged<SHIFT> {
    /// How many bits of a word are numbers; the others are the lap.
    const BITS: u32 = 1 << SHIFT;
    /// A ring of `2^order` blocks leaves `64 - SHIFT - order` bits of a number for the lap, and a word has room for `64 - BITS`.
    const MIN_ORDER: u32 = Self::BITS - SHIFT;

    /// Nothing taken. The window spans `size` numbers, at least 1.
    pub(crate) fn new(size: u32) -> Self {
        let size = u64::from(size);
        // From wherever in its word the highest stands, the window reaches this many words further back, and no more.
        let before = size.saturating_sub(1).div_ceil(u64::from(Self::BITS));
        let order = (before + 1).next_power_of_two().ilog2().max(Self::MIN_ORDER);
        let words = (0..1u64 << order).map(|_| AtomicU64::new(0)).collect();
        Self { words, order, highest: AtomicU64::new(0), size }
    }

    /// Whether `number` would be taken at this moment; writes nothing.
    #[inline]
    pub(crate) fn check(&self, number: u64) -> Result<(), Replay> {
        if self.behind(number).is_some_and(|behind| behind >= self.size) {
            return Err(Replay::TooOld);
        }
        let Some(word) = self.words.get(self.place(number)) else { return Err(Replay::Seen) };
        self.with(word.load(Ordering::SeqCst), number).map(|_| ())
    }

    /// Takes `number`, once, whoever else is at it.
    #[inline]
    pub(crate) fn accept(&self, number: u64) -> Result<(), Replay> {
        let behind = self.behind(number);
        if behind.is_some_and(|behind| behind >= self.size) {
            return Err(Replay::TooOld);
        }
        let place = self.place(number);
        // There is a word at every place; were there none, nothing would be taken.
        let Some(word) = self.words.get(place) else { return Err(Replay::Seen) };
        let mut found = word.load(Ordering::SeqCst);
        loop {
            let next = match self.with(found, number) {
                Ok(next) => next,
                Err(refusal) => {
                    // The answer rests on what this word says: nobody may find a lower highest after it.
                    if let Some(top) = self.top(place, found) {
                        self.highest.fetch_max(top, Ordering::SeqCst);
                    }
                    return Err(refusal);
                }
            };
            // Fails only because another call has succeeded, or by a whim of the processor.
            match word.compare_exchange_weak(found, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => break,
                Err(now) => found = now,
            }
        }
        if behind.is_none() {
            self.highest.fetch_max(number, Ordering::SeqCst);
        }
        Ok(())
    }

    /// The highest number taken, as of this moment or a moment ago.
    #[inline]
    pub(crate) fn highest(&self) -> Option<u64> {
        match self.highest.load(Ordering::SeqCst) {
            // Nothing, 0, or what will be the highest in a moment: the first word knows.
            0 => self.words.first().and_then(|word| self.top(0, word.load(Ordering::SeqCst))),
            highest => Some(highest),
        }
    }

    /// How many numbers the window spans.
    #[inline]
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// How far `number` is behind the highest; none if it is ahead.
    #[inline]
    fn behind(&self, number: u64) -> Option<u64> {
        self.highest.load(Ordering::SeqCst).checked_sub(number)
    }

    /// The word `found`, with the bit of `number` set besides.
    #[inline]
    pub(super) fn with(&self, found: u64, number: u64) -> Result<u64, Replay> {
        let lap = number >> (SHIFT + self.order);
        let bit = 1 << (number & u64::from(Self::BITS - 1));
        let of = found >> Self::BITS;
        if of > lap {
            // A whole ring further already, and the window is smaller than the ring.
            Err(Replay::TooOld)
        } else if of < lap {
            Ok((lap << Self::BITS) + bit)
        } else if found & bit != 0 {
            Err(Replay::Seen)
        } else {
            Ok(found + bit)
        }
    }

    /// The highest number that the word `found` at `place` tells of.
    #[inline]
    pub(super) fn top(&self, place: usize, found: u64) -> Option<u64> {
        let last = (found & ((1 << Self::BITS) - 1)).checked_ilog2()?;
        let block = ((found >> Self::BITS) << self.order) + place as u64;
        Some((block << SHIFT) + u64::from(last))
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "masked: below the count of words")]
    pub(super) fn place(&self, number: u64) -> usize {
        ((number >> SHIFT) & ((1 << self.order) - 1)) as usize
    }
}

#[cfg(test)]
impl<const SHIFT: u32> Clone for Tagged<SHIFT> {
    fn clone(&self) -> Self {
        let copied = |word: &AtomicU64| AtomicU64::new(word.load(Ordering::SeqCst));
        let words = self.words.iter().map(copied).collect();
        Self { words, order: self.order, highest: copied(&self.highest), size: self.size }
    }
}

#[cfg(test)]
impl<const SHIFT: u32> Tagged<SHIFT> {
    /// The words as they are, and the highest.
    pub(crate) fn state(&self) -> (Box<[u64]>, u64) {
        let words = self.words.iter().map(|word| word.load(Ordering::SeqCst)).collect();
        (words, self.highest.load(Ordering::SeqCst))
    }
}
