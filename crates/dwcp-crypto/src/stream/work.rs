//! Runs of slots: how many there are in a buffer, and how threads share them.

use super::engine::End;
use super::layout::{StreamLayout, TAG};
use crate::CryptoError;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread::Builder;

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
    let last = first.saturating_add(others as u64 + u64::from(tail > 0));
    let fits = match end {
        End::More => whole || length == 0,
        End::Last if layout.short_end() => last_length >= TAG && !(whole && length > 0),
        End::Last => last_length > TAG || (last_length == TAG && last == 0),
    };
    let slots = if length == 0 { 0 } else { 1 + others as u64 + u64::from(tail > 0) };
    fits.then_some(slots)
}

/// A share of a run with its slots, until a thread takes it.
type Job<'a> = Mutex<Option<(Work, &'a mut [u8])>>;

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
        let mut jobs = Vec::new();
        let (mut left, mut rest) = (self, slots);
        while left.count > 0 {
            let (mine, others) = left.take(rest, share);
            jobs.push(Mutex::new(Some((left.only(share), mine))));
            (left, rest) = (left.after(share), others);
        }
        let work = |job: &Job<'_>| match job.lock().map(|mut job| job.take()) {
            Ok(Some((run, slots))) => run.alone(slots, &each),
            // Whoever took it answers for it.
            Ok(None) => Ok(()),
            Err(_) => Err(CryptoError::NotAuthentic),
        };
        let Some((own, others)) = jobs.split_first() else { return Ok(()) };
        std::thread::scope(|scope| {
            let helpers: Vec<_> =
                others.iter().map(|job| Builder::new().spawn_scoped(scope, move || work(job))).collect();
            let mut verdict = work(own);
            for (helper, job) in helpers.into_iter().zip(others) {
                verdict = verdict.and(match helper {
                    // A panic in ring would be a defect; it must not pass for success.
                    Ok(helper) => helper.join().unwrap_or(Err(CryptoError::NotAuthentic)),
                    // No thread was to be had: the work is done here.
                    Err(_) => work(job),
                });
            }
            verdict
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{StreamFormat, StreamParameters};
    use std::collections::HashSet;

    #[test]
    fn a_share_that_panics_or_fails_is_no_success() {
        let layout = StreamLayout::new(StreamFormat::Tink, StreamParameters::AES256_64K);
        let mut slots = vec![0; 20 * layout.slot_of(1)];
        let threads = NonZeroUsize::new(4).unwrap();
        let work = Work { layout, first: 1, count: 20, end: End::More };
        let (workers, indexes) = (Mutex::new(HashSet::new()), Mutex::new(Vec::new()));
        let noting = |index, last: bool, slot: &mut [u8]| {
            workers.lock().unwrap().insert(std::thread::current().id());
            indexes.lock().unwrap().push(index);
            assert!(!last && slot.len() == layout.slot_of(1));
            Ok(())
        };
        assert_eq!(work.run(&mut slots, threads, noting), Ok(()));
        assert_eq!(workers.into_inner().unwrap().len(), 4);
        let mut indexes = indexes.into_inner().unwrap();
        indexes.sort_unstable();
        assert_eq!(indexes, (1..=20).collect::<Vec<u64>>(), "each slot once");
        for bad in [1, 9, 20] {
            let failing = |index, _: bool, _: &mut [u8]| {
                if index == bad { Err(CryptoError::NotAuthentic) } else { Ok(()) }
            };
            assert_eq!(work.run(&mut slots, threads, failing), Err(CryptoError::NotAuthentic));
        }
        let panicking = |index, _: bool, _: &mut [u8]| if index == 20 { panic!("a defect") } else { Ok(()) };
        assert_eq!(work.run(&mut slots, threads, panicking), Err(CryptoError::NotAuthentic));
    }
}
