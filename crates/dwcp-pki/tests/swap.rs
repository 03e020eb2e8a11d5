//! Every interleaving of readers and writers of the generation pointer, by loom: the file under test is the library's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../src/swap.rs"]
mod swap;

use loom::thread;
use std::sync::Arc;
use swap::Swap;

/// loom's primitives, and a pointer of the weakest kind that would do: what was stored is seen by whoever loads it, and no more.
mod sync {
    use loom::sync::atomic::AtomicUsize;
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    use std::sync::{Arc, OnceLock};

    /// Values stay in a table that loom does not see; the index of the newest is what is swapped.
    pub(crate) struct Pointer<T> {
        table: [OnceLock<Arc<T>>; 4],
        newest: AtomicUsize,
    }

    impl<T> Pointer<T> {
        pub(crate) fn new(first: Arc<T>) -> Self {
            let table: [OnceLock<Arc<T>>; 4] = Default::default();
            assert!(table[0].set(first).is_ok());
            Self { table, newest: AtomicUsize::new(0) }
        }

        pub(crate) fn load(&self) -> Arc<T> {
            Arc::clone(self.table[self.newest.load(Ordering::Acquire)].get().unwrap())
        }

        pub(crate) fn store(&self, next: Arc<T>) {
            let place = self.table.iter().position(|place| place.get().is_none()).unwrap();
            assert!(self.table[place].set(next).is_ok());
            self.newest.store(place, Ordering::Release);
        }
    }
}

/// A generation: its number, and who has written.
#[derive(Clone, Default)]
struct Generation {
    number: u64,
    writers: Vec<u8>,
}

fn write(swap: &Swap<Generation>, writer: u8, along: impl FnOnce(u64)) {
    let turn = swap.turn();
    let mut next = Generation::clone(&turn.current());
    next.number += 1;
    next.writers.push(writer);
    let number = next.number;
    along(number);
    assert_eq!(turn.publish(next, number), number);
}

fn first() -> Arc<Swap<Generation>> {
    Arc::new(Swap::new(Generation { number: 1, writers: Vec::new() }))
}

#[test]
fn no_writer_loses_what_another_wrote() {
    loom::model(|| {
        let swap = first();
        let other = Arc::clone(&swap);
        let writer = thread::spawn(move || write(&other, 1, |_| ()));
        write(&swap, 2, |_| ());
        writer.join().unwrap();
        let last = swap.load();
        assert_eq!((last.number, swap.number()), (3, 3));
        let mut writers = last.writers.clone();
        writers.sort_unstable();
        assert_eq!(writers, [1, 2]);
    });
}

#[test]
fn whoever_sees_a_number_finds_that_generation_or_a_newer_one() {
    loom::model(|| {
        let swap = first();
        let other = Arc::clone(&swap);
        let writer = thread::spawn(move || {
            write(&other, 1, |_| ());
            write(&other, 1, |_| ());
        });
        let seen = swap.number();
        let loaded = swap.load();
        assert!(loaded.number >= seen, "number {seen}, generation {}", loaded.number);
        // And never back.
        let later = swap.load();
        assert!(later.number >= loaded.number);
        assert!(swap.number() >= seen);
        writer.join().unwrap();
    });
}

#[test]
fn what_was_put_in_place_along_with_a_generation_is_there_when_it_is_seen() {
    loom::model(|| {
        let swap = first();
        let along = Arc::new(loom::sync::atomic::AtomicU64::new(1));
        let (other, theirs) = (Arc::clone(&swap), Arc::clone(&along));
        let writer = thread::spawn(move || {
            write(&other, 1, |number| theirs.store(number, loom::sync::atomic::Ordering::Relaxed));
        });
        let seen = swap.load().number;
        // The pointer alone orders the two: a relaxed read after it is enough.
        assert!(along.load(loom::sync::atomic::Ordering::Relaxed) >= seen);
        writer.join().unwrap();
    });
}

#[test]
fn a_pointer_that_is_stored_after_its_number_would_be_found_out() {
    let broken = || {
        loom::model(|| {
            let pointer = Arc::new(sync::Pointer::new(Arc::new(1)));
            let number = Arc::new(sync::AtomicU64::new(1));
            let (theirs, told) = (Arc::clone(&pointer), Arc::clone(&number));
            let writer = thread::spawn(move || {
                told.store(2, sync::Ordering::Release);
                theirs.store(Arc::new(2));
            });
            let seen = number.load(sync::Ordering::Acquire);
            assert!(*pointer.load() >= seen, "found out");
            writer.join().unwrap();
        });
    };
    let failure = std::panic::catch_unwind(broken).expect_err("the model checker tries that order");
    assert_eq!(failure.downcast_ref::<&str>(), Some(&"found out"));
}
