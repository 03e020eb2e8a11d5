//! When a certificate is to be renewed, and when its age is a reason for alarm. Pure arithmetic on given times.

use crate::{OverdueLevel, Window};
use dwcp_base::UnixTime;
use std::time::Duration;

/// The moments in a certificate's life at which something is due.
///
/// Renewal at 2/3 of the life, at 1/2 of lives under 10 days, moved by up to 10 % of that span either way so that a fleet
/// started together does not renew together; alarm at 80 %, critical at 90 %. The jitter is a function of the seed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewalSchedule {
    not_before: UnixTime,
    not_after: UnixTime,
    renew_at: UnixTime,
    seed: u64,
    lead: Lead,
}

/// What became of a configured time before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// None was configured: the fraction of the life holds.
    Fraction,
    /// It leaves at least a third of the life and is honoured.
    Honoured,
    /// It would leave less than a third of the life, so the fraction holds. Worth a warning: a six-day certificate under a
    /// 30-day rule would otherwise renew without end.
    Overruled,
}

/// What became of a preferred window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowUse {
    /// None was asked for: the schedule's own time holds.
    Unset,
    /// The renewal was moved into the window.
    Honoured,
    /// The window is never open at a time that is neither too early in the life nor too close to its alarm: the schedule's own time
    /// holds.
    Overruled,
}

impl RenewalSchedule {
    /// The schedule of a certificate that lives from `not_before` to `not_after`.
    pub fn new(not_before: UnixTime, not_after: UnixTime, seed: u64) -> Self {
        let life = not_before.until(not_after);
        let span = if life < SHORT_LIFE { life / 2 } else { life / 3 * 2 };
        // From 90 % to 110 %, in steps of a hundredth of a percent.
        let permyriad = 9_000 + u32::try_from(scatter(seed, 0) % 2_001).unwrap_or(1_000);
        let renew_at = not_before.plus(scaled(span, permyriad));
        Self { not_before, not_after, renew_at, seed, lead: Lead::Fraction }
    }

    /// The same, to be renewed `renew_before` its end instead, where that leaves at least a third of the life; up to 10 %
    /// of the span earlier, never later.
    #[must_use]
    pub fn with_renew_before(mut self, renew_before: Duration) -> Self {
        let span = self.life().saturating_sub(renew_before);
        if span < self.life() / 3 {
            self.lead = Lead::Overruled;
            return self;
        }
        let permyriad = 10_000 - u32::try_from(scatter(self.seed, 0) % 1_001).unwrap_or(0);
        // Not below the third either, whatever the jitter.
        let span = scaled(span, permyriad).max(self.life() / 3);
        self.renew_at = self.not_before.plus(span);
        self.lead = Lead::Honoured;
        self
    }

    /// The same, to be renewed at `advised` by its issuer's word (RFC 9773): earlier than planned as it stands, also in the past; later than
    /// planned at most until a tenth of the life before the alarm, so that there is time left when that attempt fails.
    #[must_use]
    pub fn with_advice(mut self, advised: UnixTime) -> Self {
        let latest = self.alarm_at().minus(self.life() / 10).max(self.renew_at);
        self.renew_at = advised.min(latest);
        self
    }

    /// When to renew.
    pub fn renew_at(&self) -> UnixTime {
        self.renew_at
    }

    /// When to renew where `window` is preferred, for a certificate that is looked after since `since`.
    ///
    /// The renewal moves into a part of the window that lies after a third of the life and, by a tenth of the life, before the alarm: the
    /// last that opens at or before [`renew_at`](Self::renew_at), else the first after it. Where there is none, `renew_at` holds.
    pub fn renew_within(&self, window: Window, since: UnixTime) -> (UnixTime, WindowUse) {
        let earliest = self.not_before.plus(self.life() / 3).max(since);
        let latest = self.alarm_at().minus(self.life() / 10);
        let clipped = |opens: UnixTime| {
            let (from, to) = (opens.max(earliest), opens.plus(window.length()).min(latest));
            (from < to).then_some((from, to))
        };
        let last = window.last_opening(self.renew_at.min(latest.minus(Duration::from_millis(1))));
        let Some((from, to)) = clipped(last).or_else(|| clipped(window.next_from(earliest).0)) else {
            return (self.renew_at, WindowUse::Overruled);
        };
        if (from..to).contains(&self.renew_at) {
            return (self.renew_at, WindowUse::Honoured);
        }
        // In its first half, so that there is time for a second attempt; not all of a fleet at once.
        let permyriad = u32::try_from(scatter(self.seed, 1 << 32) % 5_000).unwrap_or(0);
        (from.plus(scaled(from.until(to), permyriad)), WindowUse::Honoured)
    }

    /// When 80 % of the life have passed: a certificate that still serves has missed its renewal.
    pub fn alarm_at(&self) -> UnixTime {
        self.not_before.plus(scaled(self.life(), 8_000))
    }

    /// When 90 % of the life have passed.
    pub fn critical_at(&self) -> UnixTime {
        self.not_before.plus(scaled(self.life(), 9_000))
    }

    /// What became of a configured time before the end.
    pub fn lead(&self) -> Lead {
        self.lead
    }

    /// How late it is at `now`: `None` before the alarm.
    pub fn overdue(&self, now: UnixTime) -> Option<OverdueLevel> {
        if now > self.not_after {
            Some(OverdueLevel::Expired)
        } else if now >= self.critical_at() {
            Some(OverdueLevel::Critical)
        } else if now >= self.alarm_at() {
            Some(OverdueLevel::Alarm)
        } else {
            None
        }
    }

    /// How long to wait after the `attempts`th failure in a row (from 1): 1 min, doubling up to 1 h, neither more than a
    /// twentieth of the life, and up to 10 % less by jitter.
    pub fn backoff(&self, attempts: u32) -> Duration {
        let ceiling = self.life() / 20;
        let doubled = FIRST_BACKOFF.saturating_mul(1 << attempts.saturating_sub(1).min(16));
        let delay = doubled.min(LAST_BACKOFF).min(ceiling).max(SHORTEST_BACKOFF);
        let permyriad = 10_000 - u32::try_from(scatter(self.seed, u64::from(attempts)) % 1_001).unwrap_or(0);
        scaled(delay, permyriad)
    }

    /// How long after its time a renewal that did not happen is an alarm of its own: a twentieth of the life, or the first back-off where
    /// that is longer.
    pub(crate) fn slack(&self) -> Duration {
        self.backoff(1).max(self.life() / 20)
    }

    pub(crate) fn life(&self) -> Duration {
        self.not_before.until(self.not_after)
    }
}

/// A part of a duration in ten-thousandths, without the overflow of nanoseconds times ten thousand.
fn scaled(duration: Duration, permyriad: u32) -> Duration {
    let whole = (duration / 10_000).saturating_mul(permyriad);
    let nanos = u64::try_from(duration.as_nanos() % 10_000).unwrap_or(0);
    whole.saturating_add(Duration::from_nanos(nanos * u64::from(permyriad) / 10_000))
}

/// SplitMix64: spreads a seed and a step over all 64 bits. Spreading is all that is asked of it, not secrecy.
fn scatter(seed: u64, step: u64) -> u64 {
    let mut bits = seed.wrapping_add(step.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

const SHORT_LIFE: Duration = Duration::from_secs(10 * 24 * 3_600);
const FIRST_BACKOFF: Duration = Duration::from_secs(60);
const LAST_BACKOFF: Duration = Duration::from_secs(3_600);
/// So that a certificate that lives seconds, or was born dead, does not spin.
const SHORTEST_BACKOFF: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
