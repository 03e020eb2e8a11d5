//! The one writer of a cache.

use super::keeping::{self, Kind};
use super::record::Record;
use super::{AccountRecord, Cache, CacheError, LastRecord, OrderRecord, PauseCause, PauseRecord, private};
use crate::NamesDigest;
use dwcp_base::UnixTime;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

/// A cache that no other process and no other task writes to. It reads as the [`Cache`] does, and has what writes besides.
#[derive(Debug)]
#[must_use = "dropping it gives the turn to another process"]
pub struct LockedCache {
    cache: Cache,
    /// Closed last: with it goes the lock.
    _lock: File,
}

impl LockedCache {
    pub(super) async fn wait(cache: &Cache, patience: Duration) -> Result<Self, CacheError> {
        private::check_directory(&cache.directory)?;
        let path = cache.directory.join(LOCK);
        let file = private::open_lock(&path)?;
        let (mut waited, mut pause) = (Duration::ZERO, SHORTEST_PAUSE);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { cache: cache.clone(), _lock: file }),
                // The operating system has no lock that a task can wait for.
                Err(TryLockError::WouldBlock) if waited < patience => {
                    let pausing = pause.min(patience - waited);
                    tokio::time::sleep(pausing).await;
                    waited += pausing;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(CacheError::Busy { path }),
                Err(TryLockError::Error(error)) => return Err(private::failed("lock", &path, error)),
            }
        }
    }

    /// Keeps an account; `deadline` is what the key-encryption key has. One with another key that lies there stays beside it under the name
    /// with `.previous`, one generation deep, also when it can not be read: a key is never lost by being written over.
    ///
    /// Write a new key as [`Unconfirmed`](super::AccountStanding::Unconfirmed) before the authority is asked for an account, and again with the
    /// account's URL: a process that ends in between then asks with the same key, and gets the same account.
    ///
    /// # Errors
    /// [`CacheError`] when it could not be sealed or written; what was there before is.
    pub async fn put_account(
        &self,
        record: &AccountRecord,
        now: UnixTime,
        deadline: Duration,
    ) -> Result<(), CacheError> {
        let path = self.path(Kind::Account, &[&record.directory]);
        let text = record.checked_text().map_err(|bad| unfit(Kind::Account, bad.line))?;
        let kek = self.kek.as_deref();
        let bytes = keeping::sealed_account(&path, text, kek, now, deadline).await?;
        if let Some(before) = private::read(&path, keeping::MOST_SEALED)? {
            let same = keeping::open_account(&path, &before, kek, deadline)
                .await
                .is_ok_and(|before| before.key.expose() == record.key.expose());
            if !same {
                let mut previous = OsString::from(&path);
                previous.push(PREVIOUS);
                self.write(Path::new(&previous), &before)?;
            }
        }
        self.write(&path, &bytes)
    }

    /// Keeps an order from its begin on, in place of another one for the same names at the same authority.
    ///
    /// # Errors
    /// [`CacheError`] when it does not fit into a record or could not be written.
    pub fn put_order(&self, record: &OrderRecord) -> Result<(), CacheError> {
        let path = self.order_path(&record.directory, &NamesDigest::of(&record.names));
        self.put(Kind::Order, &path, record)
    }

    /// Forgets an order, which ended or is of no use.
    ///
    /// # Errors
    /// [`CacheError::Storage`] when it could not be removed. A crash can bring it back: an order that ended says so when it is looked at.
    pub fn clear_order(&self, directory: &str, names: &NamesDigest) -> Result<(), CacheError> {
        remove(&self.order_path(directory, names))
    }

    /// Keeps what was issued last for a set of names.
    ///
    /// # Errors
    /// As [`put_order`](Self::put_order).
    pub fn put_last(&self, record: &LastRecord) -> Result<(), CacheError> {
        self.put(Kind::Last, &self.last_path(&record.names), record)
    }

    /// Keeps when an authority may be asked again, in place of another pause with the same cause.
    ///
    /// # Errors
    /// As [`put_order`](Self::put_order).
    pub fn put_pause(&self, record: &PauseRecord) -> Result<(), CacheError> {
        self.put(Kind::Pause, &self.pause_path(&record.directory, record.cause), record)
    }

    /// Forgets the pauses for these names, whoever wanted them: the authority issued.
    ///
    /// # Errors
    /// [`CacheError::Storage`] when it could not be removed.
    pub fn clear_pauses(&self, directory: &str, names: &NamesDigest) -> Result<(), CacheError> {
        let own = PauseCause::Failures { names: *names, count: 1 };
        let removed = remove(&self.pause_path(directory, PauseCause::Authority));
        remove(&self.pause_path(directory, own)).and(removed)
    }

    fn put(&self, kind: Kind, path: &Path, record: &impl Record) -> Result<(), CacheError> {
        let text = record.checked_text().map_err(|bad| unfit(kind, bad.line))?;
        self.write(path, &text)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
        private::check_directory(&self.directory)?;
        // Secret or not: whoever can read an order can tell who is about to get a certificate for what.
        self.disk.replace(path, bytes, true).map_err(|error| private::failed("write", path, error))
    }
}

impl Deref for LockedCache {
    type Target = Cache;

    fn deref(&self) -> &Cache {
        &self.cache
    }
}

fn remove(path: &Path) -> Result<(), CacheError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(private::failed("remove", path, error)),
        _ => Ok(()),
    }
}

fn unfit(kind: Kind, line: usize) -> CacheError {
    CacheError::Unfit { kind: kind.as_str(), line }
}

const LOCK: &str = "lock";
const PREVIOUS: &str = ".previous";
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
