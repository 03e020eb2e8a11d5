//! Runs of slots: how many there are in a buffer, and how threads share them.

use super::engine::End;
use super::layout::{StreamLayout, TAG};
use crate::CryptoError;
use std::num::NonZeroUsize;

/// How many slots `length` bytes hold from segment `first` on; `None` when they are not whole or the end can not be so.
pub(super) fn count(layout: &StreamLayout, first: u64, length: usize, end: End) -> Option<u64> {
    let head = layout.slot_of(first).min(length);
    let (full, rest) = (layout.slot_of(1), length - head);
    let (others, tail) = (rest / full, rest % full);
    let whole = head == layout.slot_of(first) && tail == 0;
    let last_length = if tail > 0 {
        tail
    } else if others > 0 {
        full
    } else {
        head
    };
    let last = first + others as u64 + u64::from(tail > 0);
    let fits = match end {
        End::More => whole || length == 0,
        End::Last if layout.short_end() => last_length >= TAG && !(whole && length > 0),
        End::Last => last_length > TAG || (last_length == TAG && last == 0),
    };
    let slots = if length == 0 { 0 } else { 1 + others as u64 + u64::from(tail > 0) };
    fits.then_some(slots)
}

/// A run of consecutive slots.
#[derive(Clone, Copy)]
pub(super) struct Work {
    pub(super) layout: StreamLayout,
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) end: End,
}

impl Work {
    pub(super) fn run<F>(self, slots: &mut [u8], threads: NonZeroUsize, each: F) -> Result<(), CryptoError>
    where
        F: Fn(u64, bool, &mut [u8]) -> Result<(), CryptoError> + Sync,
    {
        let threads = (threads.get() as u64).min(self.count);
        if threads <= 1 || slots.len() < PARALLEL_FROM {
            return self.alone(slots, &each);
        }
        let share = self.count.div_ceil(threads);
        let each = &each;
        std::thread::scope(|scope| {
            let (mine, mut rest) = self.take(slots, share);
            let mut others = Vec::new();
            let mut left = self.after(share);
            while left.count > 0 {
                let (run, slots, after) = (left, rest, left.after(share));
                let (theirs, remaining) = run.take(slots, share);
                rest = remaining;
                let run = run.only(share);
                others.push(scope.spawn(move || run.alone(theirs, each)));
                left = after;
            }
            let own = self.only(share).alone(mine, each);
            // A panic in ring would be a defect; it must not pass for success.
            others
                .into_iter()
                .map(|other| other.join().unwrap_or(Err(CryptoError::NotAuthentic)))
                .fold(own, Result::and)
        })
    }

    fn alone<F>(self, mut slots: &mut [u8], each: &F) -> Result<(), CryptoError>
    where
        F: Fn(u64, bool, &mut [u8]) -> Result<(), CryptoError>,
    {
        for index in self.first..self.first + self.count {
            let last = self.end == End::Last && index + 1 == self.first + self.count;
            let length = self.layout.slot_of(index).min(slots.len());
            let (slot, rest) = slots.split_at_mut(length);
            each(index, last, slot)?;
            slots = rest;
        }
        Ok(())
    }

    /// The bytes of the first `share` slots, and the others.
    fn take(self, slots: &mut [u8], share: u64) -> (&mut [u8], &mut [u8]) {
        let next = self.first + share.min(self.count);
        let length = self.layout.offset_of(next) - self.layout.offset_of(self.first);
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(slots.len());
        slots.split_at_mut(length)
    }

    /// This run without what follows its first `share` slots.
    fn only(self, share: u64) -> Self {
        if share >= self.count { self } else { Self { count: share, end: End::More, ..self } }
    }

    /// What follows the first `share` slots.
    fn after(self, share: u64) -> Self {
        let share = share.min(self.count);
        Self { first: self.first + share, count: self.count - share, ..self }
    }
}

/// Below this many bytes a second thread costs more than it gives.
const PARALLEL_FROM: usize = 512 << 10;
