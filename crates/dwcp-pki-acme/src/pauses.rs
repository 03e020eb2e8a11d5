//! When an authority is not asked: since it said so, or since it failed us.

use crate::error::unread;
use crate::state::told;
use crate::{
    AcmeError, AcmeIssuer, AcmeProvider, Cache, Event, LockedCache, NamesDigest, PauseCause, PauseRecord,
    Said,
};
use dwcp_base::UnixTime;
use std::time::Duration;

impl AcmeProvider {
    /// Why an authority is not asked yet for these names, if so: as the disk knows, and where that failed as this process does. With `at_once` a pause
    /// of our own making does not count.
    pub(crate) fn paused(
        &self,
        cache: &Cache,
        issuer: &AcmeIssuer,
        names: &NamesDigest,
        at_once: bool,
    ) -> Option<AcmeError> {
        let (now, directory) = (self.clock.unix(), issuer.directory.as_str());
        let observer = &*self.observer;
        let kept = unread("pause", cache.pause(directory), observer);
        let own = unread("pause", cache.pause_after_failures(directory, names), observer);
        let known = self.locked_pauses().clone();
        let counts = |pause: &PauseRecord| match pause.cause {
            PauseCause::Authority => true,
            PauseCause::Failures { names: of, .. } => of == *names && !at_once,
        };
        let holds =
            |pause: &PauseRecord| pause.directory == directory && counts(pause) && !pause.left(now).is_zero();
        let longest = kept.into_iter().chain(own).chain(known).filter(holds).max_by_key(|pause| pause.to)?;
        Some(of(&longest))
    }

    /// Leaves an authority alone after an error, where that is to be: as long as it said, else the longer the more often it failed. Gives the end of
    /// the pause.
    pub(crate) fn pause_after(
        &self,
        cache: &LockedCache,
        issuer: &AcmeIssuer,
        names: &NamesDigest,
        error: &AcmeError,
    ) -> Option<UnixTime> {
        let (now, directory, message) = (self.clock.unix(), issuer.directory.as_str(), told(error));
        let observer = &*self.observer;
        let record = match error.retry_after() {
            Some(asked) => PauseRecord::new(directory, now, asked, &message),
            None if costs_the_authority(error) => {
                let kept = unread("pause", cache.pause_after_failures(directory, names), observer);
                let before = self.locked_pauses().iter().find(|one| same(one, directory, names)).cloned();
                let failed = kept.or(before).map_or(0, |pause| failures(&pause, now));
                // An authority that was not reached is no worse off for it: it is asked again as soon as it is back.
                let reached = !matches!(error, AcmeError::Https(_));
                let count = if reached { failed.saturating_add(1) } else { 1 };
                PauseRecord::after_failures(directory, *names, count, now, &message)
            }
            None => return None,
        };
        let last = unread("last", cache.last(names), observer);
        let record = match last.map(|last| now.until(last.not_after)) {
            // Whatever is asked for, several attempts are made before the certificate in force ends.
            Some(left) if !left.is_zero() => record.at_most((left / 4).max(SHORTEST)),
            _ => record,
        };
        self.tell_unsaved("pause", cache.put_pause(&record));
        let (to, pause) = (record.to, record.left(now));
        let mut known = self.locked_pauses();
        known.retain(|one| {
            let replaced = one.directory == record.directory && one.cause.is_of(&record.cause);
            !(replaced || one.left(now).is_zero())
        });
        known.push(record);
        drop(known);
        observer.observe(&Event::IssuerPaused { issuer: issuer.name.clone(), pause, message });
        Some(to)
    }

    /// The authority issued: it may be asked.
    pub(crate) fn end_pauses(&self, cache: &LockedCache, issuer: &AcmeIssuer, names: &NamesDigest) {
        let directory = issuer.directory.as_str();
        self.tell_unsaved("pause", cache.clear_pauses(directory, names));
        let over = |one: &PauseRecord| {
            one.directory == directory && one.cause == PauseCause::Authority || same(one, directory, names)
        };
        self.locked_pauses().retain(|one| !over(one));
    }

    /// The pause that an authority asked for and that holds.
    pub(crate) fn asked_to_wait(&self, issuer: &AcmeIssuer) -> Option<PauseRecord> {
        let kept = unread("pause", self.cache.pause(issuer.directory.as_str()), &*self.observer);
        kept.filter(|pause| !pause.left(self.clock.unix()).is_zero())
    }
}

/// The error of an authority that is not asked.
pub(crate) fn of(pause: &PauseRecord) -> AcmeError {
    AcmeError::Paused { until: pause.to, cause: pause.cause, reason: Said::new(&pause.reason) }
}

impl PauseCause {
    /// Whether both are the authority's, or both for the same names.
    fn is_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Authority, Self::Authority) => true,
            (Self::Failures { names, .. }, Self::Failures { names: others, .. }) => names == others,
            _ => false,
        }
    }
}

fn same(pause: &PauseRecord, directory: &str, names: &NamesDigest) -> bool {
    pause.directory == directory && pause.cause.is_of(&PauseCause::Failures { names: *names, count: 1 })
}

/// How many failures in a row a pause stands for; those of long ago do not count.
fn failures(pause: &PauseRecord, now: UnixTime) -> u32 {
    match pause.cause {
        PauseCause::Failures { count, .. } if pause.to.until(now) < PauseRecord::LONGEST => count,
        _ => 0,
    }
}

/// Whether the authority had work with what failed, so that it is not to be repeated at once by a process that is started over and over. What is
/// wrong with our own settings or records it does not hear of.
fn costs_the_authority(error: &AcmeError) -> bool {
    let ours = matches!(
        error,
        AcmeError::ExternalAccountMissing
            | AcmeError::ExternalAccountFile(_)
            | AcmeError::ExternalAccountKey
            | AcmeError::Profile { .. }
            | AcmeError::Paused { .. }
    );
    !ours && !error.is_our_own()
}

const SHORTEST: Duration = Duration::from_secs(60);
