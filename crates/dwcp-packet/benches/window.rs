//! What asking and moving the window costs: in order, reordered, far ahead, and shared by one thread and by two.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dwcp_packet::{ReplayWindow, SharedReplayWindow};
use std::hint::black_box;

/// For each measurement; a figure divided by it is for one number.
const NUMBERS: u64 = 4096;

fn alone(c: &mut Criterion) {
    let mut group = c.benchmark_group("check and accept");
    group.throughput(Throughput::Elements(NUMBERS));
    for (name, stride) in [("in order", 1), ("far jumps", 1 << 20)] {
        let (mut window, mut number) = (ReplayWindow::default(), 0u64);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for _ in 0..NUMBERS {
                    number = number.wrapping_add(stride);
                    let _ = black_box(window.check(black_box(number)).and_then(|()| window.accept(number)));
                }
            });
        });
    }
    // Sixteen at a time arrive in an order that looks like none.
    let (mut window, mut base) = (ReplayWindow::default(), 0u64);
    group.bench_function("reordered", |bencher| {
        bencher.iter(|| {
            for index in 0..NUMBERS {
                let number = base + (index & !15 | index.wrapping_mul(7) & 15);
                let _ = black_box(window.check(black_box(number)).and_then(|()| window.accept(number)));
            }
            base += NUMBERS;
        });
    });
    let mut window = ReplayWindow::default();
    let _ = window.accept(1 << 40);
    group.bench_function("replayed", |bencher| {
        bencher.iter(|| {
            for _ in 0..NUMBERS {
                let _ = black_box(window.check(black_box(1 << 40)));
            }
        });
    });
    group.finish();
}

fn shared(c: &mut Criterion) {
    let mut group = c.benchmark_group("check and accept, shared");
    group.throughput(Throughput::Elements(NUMBERS));
    let (window, mut number) = (SharedReplayWindow::default(), 0u64);
    group.bench_function("one thread", |bencher| {
        bencher.iter(|| {
            for _ in 0..NUMBERS {
                number += 1;
                let _ = black_box(window.check(black_box(number)).and_then(|()| window.accept(number)));
            }
        });
    });
    // Each takes every other number; the time is that of both, starting them included.
    group.throughput(Throughput::Elements(16 * NUMBERS));
    group.bench_function("two threads", |bencher| {
        bencher.iter(|| {
            let window = SharedReplayWindow::default();
            std::thread::scope(|scope| {
                for queue in 0..2 {
                    let window = &window;
                    scope.spawn(move || {
                        for index in 0..8 * NUMBERS {
                            let number = index * 2 + queue;
                            let _ = black_box(
                                window.check(black_box(number)).and_then(|()| window.accept(number)),
                            );
                        }
                    });
                }
            });
        });
    });
    group.finish();
}

criterion_group!(benches, alone, shared);
criterion_main!(benches);
