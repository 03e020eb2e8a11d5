//! The time of each phase of a handshake.

use dwcp_base::{Clock, Tick};
use std::time::Duration;

/// Where the time of a handshake went, by the monotonic clock. The parts add up to
/// [`HandshakeFacts::elapsed`](crate::HandshakeFacts::elapsed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeTimes {
    /// Server: until the ClientHello was whole. Client: zero, its hello goes out at once.
    pub awaiting: Duration,
    /// Server: from the ClientHello to what it is served with. Client: until its configuration was there.
    pub choosing: Duration,
    /// Keys, certificates and signatures travelled and were made: most of it is the way to the peer and back.
    pub exchanging: Duration,
    /// The peer's certificates were judged: in the handshake, and once more as of its end.
    pub judging: Duration,
}

impl HandshakeTimes {
    /// All of it.
    pub fn total(&self) -> Duration {
        self.awaiting
            .saturating_add(self.choosing)
            .saturating_add(self.exchanging)
            .saturating_add(self.judging)
    }
}

/// Takes the time from one phase to the next.
#[derive(Debug)]
pub(crate) struct Laps {
    last: Tick,
    pub(crate) times: HandshakeTimes,
}

impl Laps {
    pub(crate) fn begin(clock: &dyn Clock) -> Self {
        Self { last: clock.tick(), times: HandshakeTimes::default() }
    }

    /// The time since the last lap.
    pub(crate) fn lap(&mut self, clock: &dyn Clock) -> Duration {
        let now = clock.tick();
        let lap = now.since(self.last);
        self.last = now;
        lap
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::{ManualClock, UnixTime};

    #[test]
    fn laps_follow_one_another_and_add_up() {
        let clock = ManualClock::at(UnixTime::from_secs(0));
        let mut laps = Laps::begin(&clock);
        clock.advance(Duration::from_millis(2));
        laps.times.awaiting = laps.lap(&clock);
        clock.advance(Duration::from_millis(5));
        laps.times.exchanging = laps.lap(&clock);
        laps.times.judging = laps.lap(&clock);
        assert_eq!(laps.times.total(), Duration::from_millis(7));
        assert_eq!((laps.times.awaiting, laps.times.judging), (Duration::from_millis(2), Duration::ZERO));
    }
}
