//! A key-encryption key from a file.

use super::committed::{COMMITMENT_NAME, Committed};
use super::key_file::{self, FileKey, KekFileEntry, MOST_BYTES, MOST_KEYS};
use super::{BoxFuture, KekError, KekFileError, KeyEncryptionKey, WrappedKey, Wrapping};
use crate::Secret;
use crate::lock::{LockError, lock, lock_path, real};
use dwcp_base::{Disk, SecretFileError, UnixTime, read_secret};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Wraps keys under a key of a file that its owner alone can read, for machines that start without anybody to ask.
///
/// The file holds up to 64 keys, one a line: `dwcp-kek-1 NAME TIME BASE64`. The first wraps; all of them unwrap, so that
/// [`rotate`](Self::rotate) forgets nothing. Lines are taken out by hand, when nothing is wrapped under them any more.
///
/// # Security
/// It protects what lies elsewhere: a backup, another disk, another machine. Beside the data it keeps nobody out who can read both.
#[derive(Debug)]
pub struct FileKek {
    path: PathBuf,
    /// Never empty; the first wraps.
    keys: Vec<FileKey>,
}

impl FileKek {
    /// Makes a file with one fresh key, readable by its owner only.
    ///
    /// # Errors
    /// [`KekFileError::AlreadyExists`] when something is there, [`KekFileError::Storage`] when it can not be written.
    pub fn create(path: &Path, disk: &dyn Disk, now: UnixTime) -> Result<Self, KekFileError> {
        let _lock = locked(path)?;
        if fs::symlink_metadata(path).is_ok() {
            return Err(KekFileError::AlreadyExists { path: path.to_owned() });
        }
        let fresh = FileKey::generate(now).map_err(|source| KekFileError::Crypto { source })?;
        let made = Self { path: path.to_owned(), keys: vec![fresh] };
        made.write(disk)?;
        Ok(made)
    }

    /// Reads the keys of a file.
    ///
    /// # Errors
    /// [`KekFileError::Read`] when it is missing, more than 16 KiB or open to others, [`KekFileError::Malformed`] with the line that
    /// is no key, [`KekFileError::Empty`] when there is none.
    pub fn open(path: &Path) -> Result<Self, KekFileError> {
        let path = real(path);
        let keys = read(&path)?;
        Ok(Self { path, keys })
    }

    /// Puts a fresh key in the first place: it wraps from now on, and the others go on unwrapping. What was added to the file
    /// meanwhile is kept.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`create`](Self::create), and [`KekFileError::Full`] at 64 keys. The file is the old one then, or,
    /// when only its directory could not be synced, the new one; both hold every key that this value knows.
    pub fn rotate(&mut self, disk: &dyn Disk, now: UnixTime) -> Result<(), KekFileError> {
        let _lock = locked(&self.path)?;
        let mut keys = read(&self.path)?;
        if keys.len() >= MOST_KEYS {
            return Err(KekFileError::Full { path: self.path.clone(), limit: MOST_KEYS });
        }
        keys.insert(0, FileKey::generate(now).map_err(|source| KekFileError::Crypto { source })?);
        let rotated = Self { path: self.path.clone(), keys };
        rotated.write(disk)?;
        *self = rotated;
        Ok(())
    }

    /// The keys without their bytes, in the order of the file.
    pub fn entries(&self) -> Vec<KekFileEntry> {
        let entry = |(index, key): (usize, &FileKey)| KekFileEntry {
            name: key.name.clone(),
            created: key.created.time(),
            primary: index == 0,
        };
        self.keys.iter().enumerate().map(entry).collect()
    }

    /// Whether the key that wraps is older than [`Wrapping::LIFETIME`] and it is time to [rotate](Self::rotate).
    #[must_use]
    pub fn is_due(&self, now: UnixTime) -> bool {
        self.keys.first().is_some_and(|key| key.created.time().until(now) >= Wrapping::LIFETIME)
    }

    fn write(&self, disk: &dyn Disk) -> Result<(), KekFileError> {
        let text = key_file::write(&self.keys);
        disk.replace(&self.path, text.expose(), true).map_err(|source| KekFileError::Storage {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }

    fn wrap_now(&self, key: &Secret, context: &[u8]) -> Result<WrappedKey, KekError> {
        let ours = self.keys.first().ok_or(KekError::WrongKey)?;
        let committed = Committed::derive(&ours.key, &ours.name, context)?;
        let wrapped = committed.wrap(key)?;
        WrappedKey::new(KIND, [(NAME, ours.name.clone()), (COMMITMENT_NAME, committed.commitment())], wrapped)
    }

    fn unwrap_now(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<Secret, KekError> {
        wrapped.require_kind(KIND)?;
        let name = wrapped.parameter(NAME).unwrap_or_default();
        let ours = self.keys.iter().find(|key| key.name == name).ok_or(KekError::WrongKey)?;
        Committed::derive(&ours.key, name, context)?.unwrap(wrapped)
    }
}

impl KeyEncryptionKey for FileKek {
    fn wrap<'a>(
        &'a self,
        key: &'a Secret,
        context: &'a [u8],
        _deadline: Duration,
    ) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
        Box::pin(async move { self.wrap_now(key, context) })
    }

    fn unwrap<'a>(
        &'a self,
        wrapped: &'a WrappedKey,
        context: &'a [u8],
        _deadline: Duration,
    ) -> BoxFuture<'a, Result<Secret, KekError>> {
        Box::pin(async move { self.unwrap_now(wrapped, context) })
    }
}

fn read(path: &Path) -> Result<Vec<FileKey>, KekFileError> {
    let text =
        read_secret(path, MOST_BYTES).map_err(|source: SecretFileError| KekFileError::Read { source })?;
    let keys = key_file::read(&Secret::from(text))
        .map_err(|line| KekFileError::Malformed { path: path.to_owned(), line })?;
    if keys.is_empty() {
        return Err(KekFileError::Empty { path: path.to_owned() });
    }
    Ok(keys)
}

fn locked(path: &Path) -> Result<File, KekFileError> {
    lock(path).map_err(|error| match error {
        LockError::Busy => KekFileError::Busy { path: lock_path(path) },
        LockError::Io(source) => KekFileError::Storage { action: "lock", path: lock_path(path), source },
    })
}

const KIND: &str = "file";
/// The parameter that says which key of the file it was.
const NAME: &str = "key";
