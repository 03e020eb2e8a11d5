//! Paired rounds of ours and a yardstick: what a machine does whose speed drifts, it does to both.

use dwcp_base::{Clock, SystemClock};
use std::time::Duration;

pub(crate) struct Bench {
    clock: SystemClock,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { clock: SystemClock::new() }
    }

    pub(crate) fn time(&self, work: &mut dyn FnMut()) -> Duration {
        let start = self.clock.tick();
        work();
        self.clock.tick().since(start)
    }

    /// Prints how often the yardstick's time ours fits, and the speed where there are bytes. Both tell how long they took, since not
    /// all that they do has to count. The best time of ours.
    pub(crate) fn compare(
        &self,
        name: &str,
        bytes: u64,
        rounds: usize,
        ours: &mut dyn FnMut() -> Duration,
        yardstick: &mut dyn FnMut() -> Duration,
    ) -> Duration {
        ours();
        yardstick();
        let mut ratios = Vec::new();
        let mut best = Duration::MAX;
        for _ in 0..rounds {
            let (mine, theirs) = (ours(), yardstick());
            best = best.min(mine);
            ratios.push(theirs.as_secs_f64() / mine.as_secs_f64());
        }
        ratios.sort_by(f64::total_cmp);
        let speed = bytes as f64 / best.as_secs_f64() / 1e9;
        let (low, mid, high) = (ratios[rounds / 10], ratios[rounds / 2], ratios[rounds - 1 - rounds / 10]);
        println!("{name:<44} {mid:.3} ({low:.3} to {high:.3}), {speed:.2} GB/s at best");
        best
    }
}
