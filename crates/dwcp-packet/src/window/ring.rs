//! The ring of words behind a window, for words of any width: tests run the same code where words are so narrow that all can be tried.

use super::verdict::Replay;
use alloc::boxed::Box;

/// The numbers taken, as bits of a ring of `2^SHIFT`-bit words (RFC 6479 §2.2).
///
/// Numbers of one word are a block. The ring has a place for the block of the highest number and for those before it, always more than the
/// window spans. Within these blocks a bit is set if and only if its number was taken; nothing is ever shifted. When the highest moves
/// into a later block, the places that this block and those skipped will use are cleared, each at most once.
#[derive(Clone)]
pub(super) struct Ring<const SHIFT: u32> {
    /// A power of two of them.
    words: Box<[u64]>,
    /// Their count less one.
    mask: u64,
    /// The highest number taken; 0 until there is one, and then the bit of 0 is not set.
    highest: u64,
    size: u64,
}

impl<const SHIFT: u32> Ring<SHIFT> {
    /// Nothing taken. The window spans `size` numbers, at least 1.
    pub(super) fn new(size: u32) -> Self {
        let size = u64::from(size);
        // From wherever in its word the highest stands, the window reaches this many words further back, and no more.
        let before = size.saturating_sub(1).div_ceil(1 << SHIFT);
        let count = (before + 1).next_power_of_two();
        Self { words: (0..count).map(|_| 0).collect(), mask: count - 1, highest: 0, size }
    }

    /// Whether `number` would be taken.
    #[inline]
    pub(super) fn check(&self, number: u64) -> Result<(), Replay> {
        match self.highest.checked_sub(number) {
            None => Ok(()),
            Some(behind) if behind >= self.size => Err(Replay::TooOld),
            Some(_) if self.is_set(number) => Err(Replay::Seen),
            Some(_) => Ok(()),
        }
    }

    /// Takes `number`, once.
    #[inline]
    pub(super) fn accept(&mut self, number: u64) -> Result<(), Replay> {
        match self.highest.checked_sub(number) {
            None => self.advance(number),
            Some(behind) if behind >= self.size => return Err(Replay::TooOld),
            Some(_) => {}
        }
        let place = self.place(number >> SHIFT);
        // There is a word at every place; were there none, nothing would be taken.
        let Some(word) = self.words.get_mut(place) else { return Err(Replay::Seen) };
        let bit = Self::bit(number);
        if *word & bit != 0 {
            return Err(Replay::Seen);
        }
        *word |= bit;
        Ok(())
    }

    /// The highest number taken.
    #[inline]
    pub(super) fn highest(&self) -> Option<u64> {
        self.is_set(self.highest).then_some(self.highest)
    }

    /// How many numbers the window spans.
    #[inline]
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Makes `number`, which is higher than the highest, the highest: clears the places of the blocks after the old one up to its own.
    /// However far the jump, no place is cleared twice.
    #[inline]
    fn advance(&mut self, number: u64) {
        let old = self.highest >> SHIFT;
        let blocks = ((number >> SHIFT) - old).min(self.mask + 1);
        for block in old + 1..=old + blocks {
            let place = self.place(block);
            if let Some(word) = self.words.get_mut(place) {
                *word = 0;
            }
        }
        self.highest = number;
    }

    /// Whether the bit of `number` is set; it means that number only in one of the ring's blocks.
    #[inline]
    fn is_set(&self, number: u64) -> bool {
        self.words.get(self.place(number >> SHIFT)).is_none_or(|word| word & Self::bit(number) != 0)
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "masked: below the count of words")]
    fn place(&self, block: u64) -> usize {
        (block & self.mask) as usize
    }

    #[inline]
    fn bit(number: u64) -> u64 {
        1 << (number & ((1 << SHIFT) - 1))
    }
}

#[cfg(test)]
impl<const SHIFT: u32> Ring<SHIFT> {
    /// The words as they are, and the highest.
    pub(super) fn state(&self) -> (Box<[u64]>, u64) {
        (self.words.clone(), self.highest)
    }
}
