//! What an ACME client has to remember: accounts, orders, what was issued last, and when an authority may be asked again.

mod account;
mod error;
mod keeping;
mod last;
mod lines;
mod locked;
mod order;
mod pause;
mod private;
mod record;

pub use account::{AccountRecord, AccountStanding};
pub use error::CacheError;
pub use last::{KeptAdvice, LastRecord};
pub use lines::BadLine;
pub use locked::LockedCache;
pub use order::OrderRecord;
pub use pause::{PauseCause, PauseRecord};

use crate::NamesDigest;
use dwcp_base::Disk;
use dwcp_crypto::{KeyEncryptionKey, digest};
use keeping::Kind;
use record::Record;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A directory of records, each whole or not there, whatever fails: `docs/formats/acme-cache.md` has their layout.
///
/// The directory has the mode 0700 and the files 0600. A file is called by the digest of what it is about, so no name of a configuration and no
/// URL of an authority gets into a path. Reading takes no lock, since a file is replaced at once; writing is what a [`LockedCache`] does, of
/// which there is one at a time among all processes.
///
/// # Security
/// What others could have prepared is refused rather than read: links, files with a second name, files and directories of another user or with
/// any permission for group or others, a parent in which everybody may rename. A file is judged and read through one descriptor.
#[derive(Clone)]
pub struct Cache {
    directory: Arc<Path>,
    disk: Arc<dyn Disk>,
    kek: Option<Arc<dyn KeyEncryptionKey>>,
}

impl Cache {
    /// Opens `directory`, or makes it and its parents. Links on the way to it are followed once, now.
    ///
    /// # Errors
    /// [`CacheError`] when it can not be made, is open to others, or belongs to somebody else.
    pub fn open(directory: &Path, disk: Arc<dyn Disk>) -> Result<Self, CacheError> {
        disk.make_dir(directory).map_err(|error| private::failed("make", directory, error))?;
        let directory =
            directory.canonicalize().map_err(|error| private::failed("look at", directory, error))?;
        private::check_directory(&directory)?;
        Ok(Self { directory: directory.into(), disk, kek: None })
    }

    /// Seals accounts under `kek` from now on (purpose [`Envelope::ACME_ACCOUNT`](dwcp_crypto::Envelope::ACME_ACCOUNT)). One that lies there
    /// unsealed is still read, and sealed when it is written next.
    #[must_use]
    pub fn with_kek(mut self, kek: Arc<dyn KeyEncryptionKey>) -> Self {
        self.kek = Some(kek);
        self
    }

    /// The account at the authority with this directory URL, if one was ever kept. `deadline` is what the key-encryption key has.
    ///
    /// # Errors
    /// [`CacheError`] when there is something that can not be read, or not be opened.
    pub async fn account(
        &self,
        directory: &str,
        deadline: Duration,
    ) -> Result<Option<AccountRecord>, CacheError> {
        let path = self.path(Kind::Account, &[directory]);
        let Some(bytes) = private::read(&path, keeping::MOST_SEALED)? else { return Ok(None) };
        let record = keeping::open_account(&path, &bytes, self.kek.as_deref(), deadline).await?;
        if record.directory != directory {
            return Err(CacheError::Misplaced { path });
        }
        Ok(Some(record))
    }

    /// The order for these names at the authority with this directory URL, if one was begun and did not end.
    ///
    /// # Errors
    /// [`CacheError`] when there is something that can not be read.
    pub fn order(&self, directory: &str, names: &NamesDigest) -> Result<Option<OrderRecord>, CacheError> {
        let fits =
            |record: &OrderRecord| record.directory == directory && NamesDigest::of(&record.names) == *names;
        self.read(&self.order_path(directory, names), fits)
    }

    /// The newest certificate for these names, of whatever authority.
    ///
    /// # Errors
    /// [`CacheError`] when there is something that can not be read.
    pub fn last(&self, names: &NamesDigest) -> Result<Option<LastRecord>, CacheError> {
        self.read(&self.last_path(names), |record: &LastRecord| record.names == *names)
    }

    /// The newest pause that the authority with this directory URL asked for, over or not.
    ///
    /// # Errors
    /// [`CacheError`] when there is something that can not be read.
    pub fn pause(&self, directory: &str) -> Result<Option<PauseRecord>, CacheError> {
        let asked_for =
            |record: &PauseRecord| record.directory == directory && record.cause == PauseCause::Authority;
        self.read(&self.pause_path(directory, PauseCause::Authority), asked_for)
    }

    /// The newest pause of our own making after attempts for these names at the authority with this directory URL, over or not.
    ///
    /// # Errors
    /// [`CacheError`] when there is something that can not be read.
    pub fn pause_after_failures(
        &self,
        directory: &str,
        names: &NamesDigest,
    ) -> Result<Option<PauseRecord>, CacheError> {
        let path = self.pause_path(directory, PauseCause::Failures { names: *names, count: 1 });
        let of_names = |record: &PauseRecord| {
            record.directory == directory
                && matches!(record.cause, PauseCause::Failures { names: of, .. } if of == *names)
        };
        self.read(&path, of_names)
    }

    /// Waits for its turn among all processes, at most `patience`, and holds the cache until the guard is dropped, also by a crash. An order
    /// holds it from its begin to its end, so two processes with one cache do not both make an account or begin an order.
    ///
    /// # Errors
    /// [`CacheError::Busy`] when another process, or another task of this one, holds it for longer; [`CacheError::Storage`] where there are no locks.
    pub async fn lock(&self, patience: Duration) -> Result<LockedCache, CacheError> {
        LockedCache::wait(self, patience).await
    }

    fn order_path(&self, directory: &str, names: &NamesDigest) -> PathBuf {
        self.path(Kind::Order, &[directory, &names.to_string()])
    }

    fn pause_path(&self, directory: &str, cause: PauseCause) -> PathBuf {
        match cause {
            PauseCause::Authority => self.path(Kind::Pause, &[directory]),
            PauseCause::Failures { names, .. } => self.path(Kind::Pause, &[directory, &names.to_string()]),
        }
    }

    fn last_path(&self, names: &NamesDigest) -> PathBuf {
        self.directory.join(format!("{}-{names}", Kind::Last.as_str()))
    }

    /// Digests alone get into a path.
    fn path(&self, kind: Kind, about: &[&str]) -> PathBuf {
        let digest = digest::sha256(about.join("\n").as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.directory.join(format!("{}-{hex}", kind.as_str()))
    }

    fn read<R: Record>(&self, path: &Path, fits: impl FnOnce(&R) -> bool) -> Result<Option<R>, CacheError> {
        let Some(bytes) = private::read(path, MOST_RECORD)? else { return Ok(None) };
        let record = R::parse(&bytes)
            .map_err(|bad| CacheError::Malformed { path: path.to_owned(), line: bad.line })?;
        if fits(&record) { Ok(Some(record)) } else { Err(CacheError::Misplaced { path: path.to_owned() }) }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sealed = self.kek.is_some();
        f.debug_struct("Cache")
            .field("directory", &self.directory)
            .field("sealed", &sealed)
            .finish_non_exhaustive()
    }
}

/// The longest record: an order for a hundred of the longest names.
const MOST_RECORD: usize = 32 << 10;

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
