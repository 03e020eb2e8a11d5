//! How much time is left for what was begun.

use crate::AcmeError;
use dwcp_base::{Clock, Tick};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A deadline, and the clock it is of.
#[derive(Clone)]
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    from: Tick,
    whole: Duration,
    /// What there is if nobody else gets a share.
    rest: Duration,
    takes_rest: Arc<AtomicBool>,
    /// What is said when it is over: the deadline of whoever asked, of which this may be a share.
    told: Duration,
}

impl Budget {
    /// All of `deadline` but a moment at its end, to put on record that it was not enough: a twentieth, at most 200 ms.
    pub(crate) fn begin(clock: Arc<dyn Clock>, deadline: Duration) -> Self {
        let from = clock.tick();
        let whole = deadline.saturating_sub((deadline / 20).min(LONGEST_MOMENT));
        Self { clock, from, whole, rest: whole, takes_rest: Arc::default(), told: deadline }
    }

    /// What is left.
    pub(crate) fn left(&self) -> Duration {
        let whole = if self.takes_rest.load(Ordering::Relaxed) { self.rest } else { self.whole };
        whole.saturating_sub(self.clock.tick().since(self.from))
    }

    /// What is left, unless that is nothing.
    pub(crate) fn some(&self) -> Result<Duration, AcmeError> {
        Some(self.left()).filter(|left| !left.is_zero()).ok_or(self.over())
    }

    pub(crate) fn over(&self) -> AcmeError {
        AcmeError::TimedOut { deadline: self.told }
    }

    /// An equal share of what is left for the first of `takers`; the last one has it all.
    pub(crate) fn share(&self, takers: usize) -> Self {
        let takers = u32::try_from(takers.max(1)).unwrap_or(u32::MAX);
        let (from, rest) = (self.clock.tick(), self.left());
        let (clock, takes_rest, whole) = (Arc::clone(&self.clock), Arc::default(), rest / takers);
        Self { clock, from, whole, rest, takes_rest, told: self.told }
    }

    /// Takes the shares of the others too, for this and its clones: to give up now would throw something away.
    pub(crate) fn take_rest(&self) {
        self.takes_rest.store(true, Ordering::Relaxed);
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }
}

const LONGEST_MOMENT: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::{ManualClock, UnixTime};

    #[test]
    fn a_black_hole_takes_its_share_and_not_the_time_of_the_next() {
        let clock = Arc::new(ManualClock::at(UnixTime::from_secs(0)));
        let whole = Budget::begin(Arc::clone(&clock) as Arc<dyn Clock>, Duration::from_secs(60));
        let first = whole.share(2);
        assert_eq!(first.left(), Duration::from_millis(29_900));
        clock.advance(Duration::from_secs(31));
        assert!(matches!(first.some(), Err(AcmeError::TimedOut { deadline }) if deadline.as_secs() == 60));
        assert_eq!(whole.share(1).some().unwrap(), Duration::from_millis(28_800));
        // Unless it has begun what can not be begun again.
        first.clone().take_rest();
        assert_eq!(first.some().unwrap(), Duration::from_millis(28_800));
    }
}
