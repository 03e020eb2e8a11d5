//! The issuance index: what was issued and revoked, on disk before anybody is told, shared by processes.

mod base;
mod commit;
mod entry;
mod lock;
mod log;

pub(super) use entry::IssuedEntry;
pub(super) use lock::lock;

use super::{AuthorityError, RevocationReason};
use crate::{KeyPin, Serial};
use commit::Queue;
use dwcp_base::{Disk, UnixTime};
use entry::Entry;
use log::Log;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The index of one authority. About 150 bytes of memory are held for each certificate ever issued.
pub(super) struct Index {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    state: Mutex<State>,
    /// Who waits to be written.
    queue: Queue,
}

struct State {
    log: Log,
    table: BTreeMap<Serial, Standing>,
    compromised: BTreeSet<KeyPin>,
    /// The serial of every revocation's line, in order: what came after a CRL is what a delta to it lists.
    revocations: Vec<Serial>,
}

impl State {
    fn new(log: Log) -> Self {
        Self { log, table: BTreeMap::new(), compromised: BTreeSet::new(), revocations: Vec::new() }
    }
}

/// What matters of a certificate once it is issued.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) not_after: UnixTime,
    pub(super) key_pin: KeyPin,
    pub(super) revoked: Option<Revocation>,
}

/// When and why a certificate was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When the authority was told.
    pub at: UnixTime,
    /// Why.
    pub reason: RevocationReason,
}

impl Index {
    /// Starts the index of a new authority: its first line is on disk when it returns. The caller holds the lock.
    pub(super) fn create(
        disk: Arc<dyn Disk>,
        directory: &Path,
        key_pin: KeyPin,
    ) -> Result<Self, AuthorityError> {
        let index = Self::over(disk, directory, key_pin);
        let mut state = index.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.log.append(index.disk.as_ref(), &Entry::Authority { key_pin })?;
        drop(state);
        Ok(index)
    }

    /// Opens the index of an authority that exists and reads all of it.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        key_pin: KeyPin,
    ) -> Result<Self, AuthorityError> {
        let index = Self::over(disk, directory, key_pin);
        drop(index.locked()?);
        Ok(index)
    }

    /// Shuts out every other thread and process, and reads what they added meanwhile: for showing it.
    pub(super) fn locked(&self) -> Result<Locked<'_>, AuthorityError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let file = lock(&self.directory)?;
        let State { log, table, compromised, revocations } = &mut *state;
        log.catch_up(|entry| apply(table, compromised, revocations, entry))?;
        Ok(Locked { index: self, state, _file: file })
    }

    /// As [`locked`](Self::locked), for answers that rest on what others added: a process that was killed between writing
    /// and syncing leaves lines that a power loss could still take, so they are synced first.
    pub(super) fn settled(&self) -> Result<Locked<'_>, AuthorityError> {
        let mut locked = self.locked()?;
        locked.state.log.settle(self.disk.as_ref())?;
        Ok(locked)
    }

    /// The size of the log: it changes whenever something was issued or revoked, here or in another process.
    pub(super) fn revision(&self) -> Result<u64, AuthorityError> {
        let path = self.directory.join(LOG);
        let metadata = std::fs::metadata(&path).map_err(|e| AuthorityError::storage("read", path, e))?;
        Ok(metadata.len())
    }

    fn over(disk: Arc<dyn Disk>, directory: &Path, key_pin: KeyPin) -> Self {
        let log = Log::new(directory.join(LOG), key_pin);
        Self {
            disk,
            directory: directory.to_owned(),
            state: Mutex::new(State::new(log)),
            queue: Queue::default(),
        }
    }
}

/// The index while nobody else can change it.
pub(super) struct Locked<'a> {
    index: &'a Index,
    state: MutexGuard<'a, State>,
    /// The lock goes with the file, after the state's.
    _file: File,
}

impl Locked<'_> {
    pub(super) fn standing(&self, serial: &Serial) -> Option<Standing> {
        self.state.table.get(serial).copied()
    }

    /// As [`Index::revision`], of what was read here.
    pub(super) fn revision(&self) -> u64 {
        self.state.log.read_to()
    }

    pub(super) fn is_compromised(&self, key: &KeyPin) -> bool {
        self.state.compromised.contains(key)
    }

    /// Every revoked certificate in ascending order of serials.
    pub(super) fn revoked(&self) -> impl Iterator<Item = (Serial, Standing, Revocation)> {
        self.state.table.iter().filter_map(|(serial, standing)| Some((*serial, *standing, standing.revoked?)))
    }

    /// Every entry of a certificate, oldest first, read from the disk.
    pub(super) fn issued(&self) -> Result<Vec<(IssuedEntry, Option<Revocation>)>, AuthorityError> {
        let mut found = Vec::new();
        self.state.log.replay(|entry| {
            if let Entry::Issued(issued) = entry {
                found.push(issued);
            }
        })?;
        let with_standing = |entry: IssuedEntry| {
            let revoked = self.standing(&entry.serial).and_then(|standing| standing.revoked);
            (entry, revoked)
        };
        Ok(found.into_iter().map(with_standing).collect())
    }

    /// Returns once the revocation's line is on stable storage.
    pub(super) fn add_revoked(
        &mut self,
        serial: Serial,
        revocation: Revocation,
    ) -> Result<(), AuthorityError> {
        self.write(&Entry::Revoked { at: revocation.at, serial, reason: revocation.reason })
    }

    /// The number for the next CRL: above every earlier one even if the directory came from a backup, since it starts
    /// from the time.
    pub(super) fn next_number(&self, now: UnixTime) -> Result<u64, AuthorityError> {
        let path = self.index.directory.join(NUMBER);
        let last = match dwcp_base::read_bounded(&path, 64) {
            Ok(bytes) => std::str::from_utf8(&bytes)
                .ok()
                .and_then(|text| text.trim().parse::<u64>().ok())
                .ok_or(AuthorityError::IndexCorrupt { path, line: 1, rule: "it is not a number" })?,
            Err(dwcp_base::SecretFileError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                0
            }
            Err(error) => return Err(AuthorityError::storage("read", path, std::io::Error::other(error))),
        };
        let clock = u64::try_from(now.secs()).unwrap_or(0);
        let next =
            last.checked_add(1).ok_or(AuthorityError::Defective { rule: "CRL numbers are used up" })?;
        Ok(next.max(clock))
    }

    /// Returns once `number` is on stable storage.
    pub(super) fn keep_number(&mut self, number: u64) -> Result<(), AuthorityError> {
        let path = self.index.directory.join(NUMBER);
        self.index
            .disk
            .replace(&path, format!("{number}\n").as_bytes(), false)
            .map_err(|e| AuthorityError::storage("write", path, e))
    }

    fn write(&mut self, entry: &Entry) -> Result<(), AuthorityError> {
        let State { log, table, compromised, revocations } = &mut *self.state;
        log.append(self.index.disk.as_ref(), entry)?;
        apply(table, compromised, revocations, entry.clone())
            .map_err(|rule| AuthorityError::Defective { rule })
    }
}

fn apply(
    table: &mut BTreeMap<Serial, Standing>,
    compromised: &mut BTreeSet<KeyPin>,
    revocations: &mut Vec<Serial>,
    entry: Entry,
) -> Result<(), &'static str> {
    match entry {
        Entry::Authority { .. } => Ok(()),
        Entry::Issued(IssuedEntry { serial, not_after, key_pin, .. }) => {
            match table.insert(serial, Standing { not_after, key_pin, revoked: None }) {
                Some(_) => Err("its serial was issued before"),
                None => Ok(()),
            }
        }
        Entry::Revoked { at, serial, reason } => {
            let standing = table.get_mut(&serial).ok_or("it revokes what was not issued")?;
            // A second line can make the reason graver; the time of the first stands.
            standing.revoked = Some(match standing.revoked {
                Some(first) if !reason.outweighs(first.reason) => first,
                Some(first) => Revocation { at: first.at, reason },
                None => Revocation { at, reason },
            });
            if reason.is_compromise() {
                compromised.insert(standing.key_pin);
            }
            revocations.push(serial);
            Ok(())
        }
    }
}

pub(super) const LOG: &str = "log";
pub(super) const NUMBER: &str = "crl-number";
pub(super) use base::FILE as BASE;
