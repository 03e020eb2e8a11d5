//! A year passes while nobody waits: cores take time as an argument, tests and examples own the clock.

use dwcp_base::{Clock, ManualClock, UnixTime};
use std::time::Duration;

fn main() {
    let clock =
        ManualClock::at(UnixTime::parse_rfc3339("2026-01-01T00:00:00Z").unwrap_or(UnixTime::from_secs(0)));
    let (born, life) = (clock.unix(), Duration::from_secs(90 * 86_400));
    let mut renewals = 0;
    let mut expires = born.plus(life);
    let year = Duration::from_secs(365 * 86_400);
    let began = clock.tick();
    while clock.tick().since(began) < year {
        clock.advance(Duration::from_secs(3_600));
        // Renewed when a third of its life is left.
        if clock.unix().until(expires) <= life / 3 {
            renewals += 1;
            expires = clock.unix().plus(life);
        }
    }
    println!("from {born} to {}: {renewals} renewals, never expired", clock.unix());
}
