//! What a slot keeps on disk: its pair, the pair that is to follow, and its schedule.

use super::life::Life;
use super::record::{BadRecord, ScheduleRecord};
use crate::credential::with_suffix;
use crate::{Credential, CredentialError};
use dwcp_base::{Coded, Disk, SecretFileError, UnixTime, read_bounded};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// `PREFIX.key` and `.crt`, `PREFIX.next.key` and `.next.crt`, `PREFIX.renewal`.
pub(super) struct Files {
    disk: Arc<dyn Disk>,
    prefix: PathBuf,
    /// Who writes the schedule takes it before reading what to write, so that the newest is what stays.
    writing: Mutex<()>,
    /// Who writes a pair: one after the other.
    pairs: Mutex<()>,
}

impl Files {
    pub(super) fn new(disk: Arc<dyn Disk>, prefix: PathBuf) -> Self {
        Self { disk, prefix, writing: Mutex::default(), pairs: Mutex::default() }
    }

    /// Lays a pair beside the one in force.
    pub(super) fn stage(&self, credential: &Credential) -> Result<(), CredentialError> {
        let _pairs = locked(&self.pairs);
        credential.stage(&*self.disk, &self.prefix)
    }

    /// Puts a pair in the place of the one in force. One that does not lie staged is staged first: without that a crash in between would
    /// leave two halves.
    pub(super) fn commit(&self, credential: &Credential) -> Result<(), CredentialError> {
        let _pairs = locked(&self.pairs);
        self.put(credential)
    }

    /// The same with what `wanted` gives once it is this writer's turn; nothing is written where it gives nothing, or where a newer pair
    /// that is good at `now` lies there: somebody put it there, and it is about to be loaded.
    pub(super) fn commit_again(
        &self,
        now: UnixTime,
        wanted: impl FnOnce() -> Option<Arc<Credential>>,
    ) -> Result<bool, CredentialError> {
        let _pairs = locked(&self.pairs);
        let Some(credential) = wanted() else { return Ok(false) };
        let there = Credential::load_saved(&self.prefix).ok().map(|there| Life::of(&there));
        let newer = |there: Life| {
            there.is_newer_than(&Life::of(&credential)) && there.not_before <= now && now < there.not_after
        };
        if !there.is_some_and(newer) {
            self.put(&credential)?;
        }
        Ok(true)
    }

    /// In a writer's turn.
    fn put(&self, credential: &Credential) -> Result<(), CredentialError> {
        if !matches!(self.staged(), Ok(Some(staged)) if staged.chain() == credential.chain()) {
            credential.stage(&*self.disk, &self.prefix)?;
        }
        credential.commit(&*self.disk, &self.prefix)
    }

    pub(super) fn staged(&self) -> Result<Option<Credential>, CredentialError> {
        Credential::load_staged(&self.prefix)
    }

    /// The schedule that was kept; `None` where none was.
    pub(super) fn schedule(&self) -> Result<Option<ScheduleRecord>, &'static str> {
        let path = with_suffix(&self.prefix, SCHEDULE);
        match read_bounded(&path, ScheduleRecord::LONGEST as u64) {
            Ok(bytes) => ScheduleRecord::parse(&bytes).map(Some).map_err(|error: BadRecord| error.code()),
            Err(SecretFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.code()),
        }
    }

    pub(super) fn write_schedule(&self, record: &ScheduleRecord) -> io::Result<()> {
        self.disk.replace(&with_suffix(&self.prefix, SCHEDULE), record.to_text().as_bytes(), false)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ()> {
        locked(&self.writing)
    }
}

fn locked(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error and its causes in one line of at most 1024 characters: a provider's text may come from a stranger.
pub(super) fn whole_text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.chars().filter(|character| !character.is_control()).take(1_024).collect()
}

const SCHEDULE: &str = ".renewal";
