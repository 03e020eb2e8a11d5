//! How an order is waited for: as the authority asks, within bounds, and never beyond the deadline.

use crate::AcmeError;
use crate::wire::Wire;
use std::time::Duration;
use tokio::time::sleep;

/// The waits between looks at one order.
pub(super) struct Patience<'a> {
    wire: &'a Wire,
    next: Duration,
}

impl<'a> Patience<'a> {
    pub(super) fn new(wire: &'a Wire) -> Self {
        Self { wire, next: FIRST }
    }

    pub(super) fn begin_again(&mut self) {
        self.next = FIRST;
    }

    /// Waits before the next look. Where the deadline comes first the order is left as it is, for the next attempt to go on with.
    pub(super) async fn wait(&mut self) -> Result<(), AcmeError> {
        let pause = pause(self.next, self.wire.noted().retry_after);
        self.next = (self.next * 2).min(LAST);
        let budget = self.wire.budget();
        if budget.left() <= pause {
            return Err(budget.over());
        }
        sleep(pause).await;
        Ok(())
    }
}

fn pause(own: Duration, asked: Option<Duration>) -> Duration {
    asked.map_or(own, |asked| asked.clamp(FIRST, LONGEST))
}

const FIRST: Duration = Duration::from_millis(250);
/// Where the authority says nothing.
const LAST: Duration = Duration::from_secs(5);
/// Whatever the authority says.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_p5_an_order_is_looked_at_neither_in_a_loop_nor_once_in_thirty_years() {
        for (asked, waited) in [(0, FIRST), (3, Duration::from_secs(3)), (1_000_000_000, LONGEST)] {
            assert_eq!(pause(LAST, Some(Duration::from_secs(asked))), waited);
        }
        assert_eq!(pause(LAST, None), LAST);
    }
}
