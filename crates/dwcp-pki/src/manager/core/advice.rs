//! What an issuer advises on the time of a renewal, and what becomes of that.

use super::Core;
use crate::{RenewalSchedule, Serial, Window, WindowUse};
use dwcp_base::UnixTime;
use std::time::Duration;

/// An issuer's word on when to renew the certificate in force. It is not kept over a restart: whoever asks the issuer keeps its answer anyway, and
/// gives it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manager) struct Advice {
    pub(in crate::manager) at: UnixTime,
    /// When it was first given.
    pub(super) heard: UnixTime,
    /// Since when a renewal has been due that nobody got done, by the advice before: an issuer that moves its word along does not hold off the alarm.
    pub(super) unmet: Option<UnixTime>,
}

impl Core {
    /// Takes an advice on the certificate with this serial; false, and nothing changes, for one on another.
    pub(in crate::manager) fn advised(
        &mut self,
        now: UnixTime,
        serial: Serial,
        at: Option<UnixTime>,
    ) -> bool {
        if serial != self.life().serial {
            return false;
        }
        // A rest that is longer than any is one of a clock that was ahead.
        if now.until(self.not_advised_before) > self.rest_after_advice().max(self.schedule.backoff(1)) {
            self.not_advised_before = now;
        }
        let same = self.advice.is_some_and(|advice| Some(advice.at) == at);
        if !same {
            let unmet = self.unmet(now);
            self.advice = at.map(|at| Advice { at, heard: now, unmet: None });
            // One that has it wait for longer than a renewal may be late is a new word.
            let soon = self.plan().0 <= now.plus(self.schedule.slack());
            self.advice = self.advice.map(|advice| Advice { unmet: unmet.filter(|_| soon), ..advice });
        }
        true
    }

    /// Since when a renewal has been due by advice, if it is.
    fn unmet(&self, now: UnixTime) -> Option<UnixTime> {
        let advice = self.advice?;
        let due = self.plan().0;
        advice.unmet.or((due <= now).then_some(due.max(advice.heard).max(self.since)))
    }

    /// When to renew by `advice`, and what became of the preferred window.
    pub(super) fn plan_advised(
        &self,
        advice: Advice,
        schedule: RenewalSchedule,
        window: Option<Window>,
        since: UnixTime,
    ) -> (UnixTime, WindowUse) {
        let own = schedule.renew_at();
        let early = advice.at < own;
        let wanted = if early { advice.at.max(self.not_advised_before).min(own) } else { advice.at };
        let schedule = schedule.with_advice(wanted);
        let at = schedule.renew_at();
        let Some(window) = window else { return (at, WindowUse::Unset) };
        match schedule.renew_within(window, since.max(advice.heard)) {
            // It opens too late for an issuer that wants it earlier, and which may revoke what is in force.
            (within, _) if early && within > at => (at, WindowUse::Overruled),
            planned => planned,
        }
    }

    /// Whether nothing but an advice makes it due.
    pub(super) fn is_due_by_advice(&self, now: UnixTime) -> bool {
        let ordered = self.ordered.is_some_and(|ordered| ordered.at <= now);
        self.advice.is_some() && !ordered && self.plan().0 <= now && now < self.own_plan().0
    }

    /// What is left of a pause. The rest after an advice keeps no order waiting; it is the one long pause that follows no failure.
    pub(super) fn pause_left(&self, now: UnixTime) -> Duration {
        let Some(mut pause) = self.pause else { return Duration::ZERO };
        if self.ordered.is_some() && self.failures == 0 {
            pause.length = pause.length.min(self.schedule.backoff(1));
        }
        pause.left(now)
    }

    /// How long the next certificate is left alone after a renewal that was made for an advice, whatever is advised on that one: an issuer that
    /// always wants it earlier than now would make us loop. Pauses are kept over a restart and have an upper bound, so this has the same.
    pub(super) fn rest_after_advice(&self) -> Duration {
        (self.schedule().life() / 10).min(LONGEST_REST)
    }
}

const LONGEST_REST: Duration = Duration::from_secs(24 * 3_600);
