//! A counter that many threads add to at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A sum in several cells, each on cache lines of its own, so that the threads of a busy relay do not wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    cells: [Cell; CELLS],
    /// The largest total that was handed over whole.
    handed: AtomicU64,
}

// 128 bytes: processors that fetch cache lines in pairs would otherwise tie neighbours together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Cell(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        let cell = MY_CELL.with(|cell| *cell);
        self.cells[cell].0.fetch_add(n, Ordering::Relaxed);
    }

    /// Raises the counter to `total`, if it is below.
    pub(crate) fn raise(&self, total: u64) {
        self.handed.fetch_max(total, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        let counted =
            self.cells.iter().fold(0_u64, |sum, cell| sum.wrapping_add(cell.0.load(Ordering::Relaxed)));
        counted.max(self.handed.load(Ordering::Relaxed))
    }
}

const CELLS: usize = 8;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MY_CELL: usize = THREADS.fetch_add(1, Ordering::Relaxed) % CELLS;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_threads() {
        let counter = Counter::default();
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| (0..10_000).for_each(|_| counter.add(3)));
            }
        });
        assert_eq!(counter.get(), 360_000);
    }
}
