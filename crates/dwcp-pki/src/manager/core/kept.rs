//! What of a slot survives a restart.

use super::Core;
use crate::manager::record::{Ordered, Pause, ScheduleRecord};
use dwcp_base::UnixTime;

impl Core {
    /// What has to survive a restart.
    pub(in crate::manager) fn record(&self) -> ScheduleRecord {
        ScheduleRecord {
            serial: self.life.serial,
            failures: self.failures,
            pause: self.pause,
            ordered: self.ordered,
        }
    }

    /// Goes on from a record of this certificate; false, and nothing changes, for one of another. Whatever stands in it, the next attempt
    /// is no further off than a provider may ask for, and an order no later than the alarm.
    pub(in crate::manager) fn restore(&mut self, record: &ScheduleRecord, now: UnixTime) -> bool {
        if record.serial != self.life.serial {
            return false;
        }
        self.failures = record.failures;
        self.pause =
            record.pause.map(|pause| Pause { length: pause.length.min(self.longest_pause()), ..pause });
        // Without a failure it is the rest after a renewal, as long as that was to be.
        if let Some(pause) = self.pause.filter(|_| self.failures == 0) {
            self.not_advised_before = now.plus(pause.left(now));
        }
        self.ordered = record.ordered.map(|ordered| {
            // The span it was ordered for may have passed while nobody ran, and the file may say anything.
            let missed = now >= ordered.at.plus(ordered.window.length());
            let at = if missed { self.place(ordered.window, now) } else { ordered.at };
            Ordered { at: at.min(self.latest_order(now)), ..ordered }
        });
        true
    }
}
