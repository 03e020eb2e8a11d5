//! The state machine of one slot: what happens to it goes in, what is to be told and kept comes out. No clock, no disk, no lock.

mod advice;
mod kept;

use advice::Advice;

use super::input::{Effects, Input, Renews, Rules, Want};
use super::life::{Life, schedule};
use super::record::{Ordered, Pause};
use crate::{Event, Failure, OverdueLevel, RenewalSchedule, Serial, SlotPhase, Window, WindowUse};
use dwcp_base::UnixTime;
use std::sync::Arc;
use std::time::Duration;

/// One slot, as far as it can be known without looking at anything.
#[derive(Clone, Debug)]
pub(super) struct Core {
    name: Arc<str>,
    pub(super) rules: Rules,
    life: Life,
    schedule: RenewalSchedule,
    /// Since when this certificate has been looked after here.
    since: UnixTime,
    phase: Phase,
    pub(super) failures: u32,
    pub(super) last_failure: Option<Failure>,
    pause: Option<Pause>,
    pub(super) ordered: Option<Ordered>,
    pub(super) advice: Option<Advice>,
    /// An advice to renew earlier than planned counts from then on.
    pub(super) not_advised_before: UnixTime,
    /// It was ordered while another renewal was under way or prepared: that one does not carry it out.
    for_next: bool,
    /// The certificate and level that were last announced as overdue.
    announced: Option<(Serial, OverdueLevel)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Active,
    /// An attempt is under way that began while this certificate was in force.
    Renewing {
        against: Serial,
    },
    Prepared {
        next: Life,
        from: UnixTime,
        activate_at: UnixTime,
    },
    /// The prepared pair is being put in force at this moment.
    Activating {
        next: Life,
    },
}

impl Core {
    pub(super) fn new(name: Arc<str>, rules: Rules, life: Life, now: UnixTime) -> Self {
        let schedule = schedule(&name, &life, rules.renew_before);
        Self {
            name,
            rules,
            life,
            schedule,
            since: now,
            phase: Phase::Active,
            failures: 0,
            last_failure: None,
            pause: None,
            ordered: None,
            advice: None,
            not_advised_before: now,
            for_next: false,
            announced: None,
        }
    }

    /// An attempt begins, if none is under way and nothing is prepared. Until it has ended well, the next one waits, also that of a
    /// process that is started after this one was killed.
    pub(super) fn begin(&mut self, now: UnixTime) -> bool {
        if self.phase != Phase::Active {
            return false;
        }
        self.phase = Phase::Renewing { against: self.life.serial };
        self.for_next = false;
        let length = self.schedule.backoff(self.failures.saturating_add(1));
        if self.pause.is_none_or(|pause| pause.left(now) < length) {
            self.pause = Some(Pause { from: now, length });
        }
        true
    }

    /// The activation of what is prepared begins.
    pub(super) fn begin_activation(&mut self) -> bool {
        let Phase::Prepared { next, .. } = self.phase else { return false };
        self.phase = Phase::Activating { next };
        true
    }

    pub(super) fn step(&mut self, now: UnixTime, input: Input) -> Effects {
        let mut effects = Effects::default();
        match input {
            Input::Look => self.announce(now, &mut effects),
            Input::Seen(life) => self.seen(now, life, &mut effects),
            Input::Abandoned => {
                // No failure, but the pause stays: what is given up each time would be asked for without end.
                if let Phase::Renewing { .. } | Phase::Activating { .. } = self.phase {
                    self.phase = Phase::Active;
                }
            }
            Input::Interrupted { code, message } => {
                if self.phase == Phase::Active {
                    self.failed(now, code, message, None, &mut effects);
                }
            }
            Input::Failed { code, message, retry_after } => {
                self.failed(now, code, message, retry_after, &mut effects);
            }
            Input::Prepared { next, at_once } => self.prepared(now, next, at_once, &mut effects),
            Input::Activated { generation } => self.activated(now, generation, &mut effects),
            Input::Ordered(window) => {
                let at = self.place(window, now);
                self.ordered = Some(Ordered { at, window });
                self.for_next = self.phase != Phase::Active;
                effects.tell.push(Event::RenewalOrdered { slot: self.slot(), at });
                effects.keep = true;
            }
        }
        effects
    }

    /// What there is to do at `now`.
    pub(super) fn want(&self, now: UnixTime) -> Want {
        match self.phase {
            Phase::Renewing { .. } | Phase::Activating { .. } => Want::Nothing(None),
            // A clock that was set back to before the preparation does not stretch the grace, and nobody waits for an end that has come.
            Phase::Prepared { from, activate_at, .. } => {
                let in_force_is_good = self.life.not_before <= now && now < self.life.not_after;
                if now >= activate_at || now < from || !in_force_is_good {
                    Want::Activate
                } else {
                    Want::Nothing(Some(activate_at.min(self.life.not_after)))
                }
            }
            Phase::Active => match self.due_at(now) {
                None => Want::Nothing(None),
                Some(due) => {
                    let pause = self.pause_left(now);
                    // An attempt that failed before its time, as one by hand may, moves nothing forward.
                    let wait = pause.max(now.until(due));
                    if wait.is_zero() { Want::Renew } else { Want::Nothing(Some(now.plus(wait))) }
                }
            },
        }
    }

    /// When to look again at the latest: something is wanted then, or an alarm is to be told.
    pub(super) fn next_look(&self, now: UnixTime) -> UnixTime {
        let wanted = match self.want(now) {
            Want::Nothing(at) => at,
            Want::Renew | Want::Activate => None,
        };
        let late = self.late_at().map(|at| at.plus(A_MOMENT));
        let ended = self.life.not_after.plus(A_MOMENT);
        [wanted, late, Some(self.schedule.alarm_at()), Some(self.schedule.critical_at()), Some(ended)]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
            .unwrap_or(now.plus(LONGEST_WAIT))
            .min(now.plus(LONGEST_WAIT))
    }

    /// How late a renewal is.
    pub(super) fn overdue(&self, now: UnixTime) -> Option<OverdueLevel> {
        let late = || self.late_at().is_some_and(|late| now > late).then_some(OverdueLevel::Due);
        self.schedule.overdue(now).or_else(late)
    }

    /// When the certificate is to be renewed, and what became of the preferred window.
    pub(super) fn plan(&self) -> (UnixTime, WindowUse) {
        match self.advice {
            Some(advice) => self.plan_advised(advice, self.schedule, self.rules.window, self.since),
            None => self.own_plan(),
        }
    }

    /// The same, whatever its issuer advises.
    pub(super) fn own_plan(&self) -> (UnixTime, WindowUse) {
        match self.rules.window {
            Some(window) => self.schedule.renew_within(window, self.since),
            None => (self.schedule.renew_at(), WindowUse::Unset),
        }
    }

    pub(super) fn schedule(&self) -> &RenewalSchedule {
        &self.schedule
    }

    pub(super) fn life(&self) -> &Life {
        &self.life
    }

    pub(super) fn phase(&self) -> SlotPhase {
        match self.phase {
            Phase::Active => SlotPhase::Active,
            Phase::Renewing { .. } | Phase::Activating { .. } => SlotPhase::Renewing,
            Phase::Prepared { next, activate_at, .. } => {
                SlotPhase::Prepared { serial: next.serial, activate_at }
            }
        }
    }

    /// When the next attempt is, after a failure; `None` where nobody makes one before it is ordered.
    pub(super) fn retry_at(&self, now: UnixTime) -> Option<UnixTime> {
        let pause = self.pause.filter(|_| self.failures > 0)?;
        self.due_at(now).map(|due| due.max(pause.from.plus(pause.length)))
    }

    /// When a renewal is due, whoever wants it; `None` where it is nobody's here.
    fn due(&self) -> Option<UnixTime> {
        match (self.rules.renews, self.ordered) {
            (Renews::Elsewhere, _) | (Renews::OnOrder, None) => None,
            // One that was placed by a clock which was wrong is no later than the alarm either.
            (_, Some(ordered)) => Some(ordered.at.min(self.schedule.alarm_at())),
            (Renews::Itself, None) => Some(self.plan().0),
        }
    }

    /// The same, by a clock that may have been set back to before this life: nobody of that time accepts it, so it is due.
    fn due_at(&self, now: UnixTime) -> Option<UnixTime> {
        let early = now < self.life.not_before && self.rules.renews == Renews::Itself;
        self.due().map(|due| if early { now } else { due })
    }

    /// When a renewal that was due and did not happen is late. One that only waits for its grace has happened.
    fn late_at(&self) -> Option<UnixTime> {
        let happened = matches!(self.phase, Phase::Prepared { .. } | Phase::Activating { .. });
        let due = self.due().filter(|_| !happened)?;
        let (heard, unmet) = self.advice.map_or((self.since, None), |advice| (advice.heard, advice.unmet));
        let due = due.max(self.since).max(heard);
        Some(unmet.map_or(due, |unmet| unmet.min(due)).plus(self.schedule.slack()))
    }

    /// The time of an order: in the next span of the window, no later than the alarm.
    fn place(&self, window: Window, now: UnixTime) -> UnixTime {
        window.next_from(now).0.max(now).min(self.latest_order(now))
    }

    fn latest_order(&self, now: UnixTime) -> UnixTime {
        self.schedule.alarm_at().max(now)
    }

    fn seen(&mut self, now: UnixTime, life: Life, effects: &mut Effects) {
        if life == self.life {
            return;
        }
        self.adopt(now, life);
        if let Phase::Prepared { next, .. } = self.phase
            && !next.is_newer_than(&life)
        {
            // Somebody else was faster: what was prepared would be a step back.
            self.phase = Phase::Active;
            effects.drop_prepared = true;
        }
    }

    fn failed(
        &mut self,
        now: UnixTime,
        code: &'static str,
        message: String,
        retry_after: Option<Duration>,
        effects: &mut Effects,
    ) {
        let phase = std::mem::replace(&mut self.phase, Phase::Active);
        effects.drop_prepared = matches!(phase, Phase::Prepared { .. });
        if let Phase::Activating { next } = phase
            && now >= next.not_after
        {
            // It ended while it lay there, as over a long sleep: nobody's failure, and no reason to wait for the next one.
            self.pause = None;
            let (slot, attempts) = (self.slot(), self.failures);
            effects.tell.push(Event::RenewalFailed { slot, code, attempts, retry_in: Duration::ZERO });
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.unwrap_or(Duration::ZERO).min(self.longest_asked());
        let retry_in = self.schedule.backoff(self.failures).max(asked);
        self.pause = Some(Pause { from: now, length: retry_in });
        let retry_in = self.due_at(now).map_or(retry_in, |due| retry_in.max(now.until(due)));
        self.last_failure = Some(Failure { code, message, at: now });
        let (slot, attempts) = (self.slot(), self.failures);
        effects.tell.push(Event::RenewalFailed { slot, code, attempts, retry_in });
        effects.keep = true;
    }

    fn prepared(&mut self, now: UnixTime, next: Life, at_once: bool, effects: &mut Effects) {
        if let Phase::Renewing { against } = self.phase
            && against != self.life.serial
            && !next.is_newer_than(&self.life)
        {
            self.phase = Phase::Active;
            effects.drop_prepared = true;
            return;
        }
        if self.phase == Phase::Active {
            // From a process before this one: an order for a time to come may be older than it, and is better carried out once too often.
            self.for_next = self.ordered.is_some_and(|ordered| ordered.at > now);
        }
        let grace = self.rules.grace.min(next.not_before.until(next.not_after) / 10);
        let activate_at = if at_once { now } else { now.plus(grace).min(self.life.not_after.max(now)) };
        self.phase = Phase::Prepared { next, from: now, activate_at };
        effects.tell.push(Event::RenewalPrepared { slot: self.slot(), serial: next.serial, activate_at });
    }

    fn activated(&mut self, now: UnixTime, generation: u64, effects: &mut Effects) {
        let Phase::Activating { next } = self.phase else { return };
        self.phase = Phase::Active;
        let ordered = self.ordered.filter(|_| self.for_next);
        let advised = self.is_due_by_advice(now);
        self.adopt(now, next);
        self.ordered =
            ordered.map(|ordered| Ordered { at: ordered.at.min(self.latest_order(now)), ..ordered });
        // A provider that hands out certificates which are due at once does not make us loop.
        let mut length = self.schedule.backoff(1);
        if advised {
            length = length.max(self.rest_after_advice());
            self.not_advised_before = now.plus(length);
        }
        self.pause = Some(Pause { from: now, length });
        let (slot, Life { serial, not_after, .. }) = (self.slot(), next);
        effects.tell.push(Event::CertificateRenewed { slot, generation, serial, not_after });
        effects.keep = true;
    }

    /// Another certificate is in force: what was counted against the one before is over, and so is what was ordered.
    fn adopt(&mut self, now: UnixTime, life: Life) {
        self.life = life;
        self.schedule = schedule(&self.name, &life, self.rules.renew_before);
        self.since = now;
        self.failures = 0;
        self.last_failure = None;
        self.pause = None;
        self.ordered = None;
        self.advice = None;
        self.for_next = false;
    }

    fn announce(&mut self, now: UnixTime, effects: &mut Effects) {
        let Some(level) = self.overdue(now) else { return };
        let current = Some((self.life.serial, level));
        if std::mem::replace(&mut self.announced, current) == current {
            return;
        }
        let not_after = self.life.not_after;
        effects.tell.push(Event::RenewalOverdue { slot: self.slot(), level, not_after });
    }

    fn longest_asked(&self) -> Duration {
        LONGEST_RETRY_AFTER.min(self.schedule.life() / 4)
    }

    fn longest_pause(&self) -> Duration {
        self.longest_asked().max(self.schedule.backoff(u32::MAX))
    }

    fn slot(&self) -> String {
        self.name.to_string()
    }
}

const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// Wall time has whole milliseconds.
const A_MOMENT: Duration = Duration::from_millis(1);
/// So that there is always a next step in bounded time.
const LONGEST_WAIT: Duration = Duration::from_secs(400 * 86_400);

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
