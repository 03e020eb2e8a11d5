//! A keyring in a file: loaded, changed and replaced whole, by one writer at a time.

use super::document::Document;
use super::{KeyStatus, Keyring, KeyringError, KeyringFileError};
use crate::digest::sha256;
use crate::envelope::{fresh, unwrapped};
use crate::kek::{KeyEncryptionKey, Wrapping};
use crate::lock::{LockError, lock, lock_path, real};
use crate::one_shot::DataKey;
use dwcp_base::{Disk, UnixTime, read_bounded};
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A keyring that lies in a file, wrapped by a key-encryption key.
///
/// `docs/formats/keyring.md` has the layout. The file is written with mode 0600 and replaced as a whole: after a crash it is the
/// old one or the new one. It is read with any mode, since whoever reads it still lacks the key-encryption key; that of a
/// guessable passphrase is guessed, though. At most 1 MiB is read.
///
/// Whoever changes it holds an exclusive lock on a file beside it (`.NAME.lock`, which stays). Symbolic links to it are followed
/// and kept.
pub struct KeyringFile {
    /// Without symbolic links.
    path: PathBuf,
    /// As it was named.
    named: PathBuf,
    disk: Arc<dyn Disk>,
    keyring: Keyring,
    wrapping: Wrapping,
    data_key: DataKey,
    /// SHA-256 of the file as it was loaded or saved last.
    known: [u8; 32],
    /// Held from before the file was read, when it was opened to be changed.
    lock: Option<File>,
}

impl KeyringFile {
    /// Puts a keyring into a new file. `deadline` is what `kek` has to wrap its key.
    ///
    /// # Errors
    /// [`KeyringFileError::AlreadyExists`] when anything is at `path`, [`KeyringFileError::Kek`], [`KeyringFileError::Storage`],
    /// [`KeyringFileError::Busy`].
    pub async fn create(
        path: &Path,
        disk: Arc<dyn Disk>,
        keyring: Keyring,
        kek: &dyn KeyEncryptionKey,
        now: UnixTime,
        deadline: Duration,
    ) -> Result<Self, KeyringFileError> {
        let lock = locked(path)?;
        if fs::symlink_metadata(path).is_ok() {
            return Err(KeyringFileError::AlreadyExists { path: path.to_owned() });
        }
        let (wrapping, data_key) = fresh(PURPOSE, kek, now, deadline).await?;
        let known = write(path, disk.as_ref(), &Document::seal(&keyring, &wrapping, &data_key)?)?;
        drop(lock);
        let named = path.to_owned();
        Ok(Self { path: real(path), named, disk, keyring, wrapping, data_key, known, lock: None })
    }

    /// Loads a keyring to use it. `deadline` is what `kek` has to unwrap its key.
    ///
    /// # Errors
    /// [`KeyringFileError::Kek`] with [`KekError::WrongKey`](crate::KekError::WrongKey) for a wrong passphrase or key file,
    /// [`KeyringFileError::Damaged`], [`KeyringFileError::Malformed`] and [`KeyringFileError::Version`] for a file that is not what
    /// was written, [`KeyringFileError::Read`] when there is none.
    pub async fn load(
        path: &Path,
        disk: Arc<dyn Disk>,
        kek: &dyn KeyEncryptionKey,
        deadline: Duration,
    ) -> Result<Self, KeyringFileError> {
        Self::load_real((real(path), path.to_owned()), disk, kek, deadline).await
    }

    /// Loads a keyring to change it: others that want to change it wait until this value is dropped, for ten seconds at most.
    /// It blocks the thread while it waits for them.
    ///
    /// # Errors
    /// [`KeyringFileError::Busy`], else as [`load`](Self::load).
    pub async fn edit(
        path: &Path,
        disk: Arc<dyn Disk>,
        kek: &dyn KeyEncryptionKey,
        deadline: Duration,
    ) -> Result<Self, KeyringFileError> {
        let (path, named) = (real(path), path.to_owned());
        // A path to nothing gets no lock beside it.
        read(&path)?;
        let lock = locked(&path)?;
        let mut loaded = Self::load_real((path, named), disk, kek, deadline).await?;
        loaded.lock = Some(lock);
        Ok(loaded)
    }

    /// How the file in `path` says that its key is wrapped. Nothing of it is authenticated: it is for what has to be known
    /// before there is a key-encryption key, such as which kind to ask for.
    ///
    /// # Errors
    /// [`KeyringFileError::Read`], [`KeyringFileError::Malformed`], [`KeyringFileError::Version`].
    pub fn wrapping_in(path: &Path) -> Result<Wrapping, KeyringFileError> {
        Ok(Document::read(&read(&real(path))?)?.wrapping)
    }

    /// Whether the file that its path leads to now has the key `id`, enabled: what takes long asks before it relies on a key that
    /// others may have destroyed meanwhile. A file that others changed is believed without its key, since it may be wrapped anew.
    ///
    /// # Errors
    /// As [`wrapping_in`](Self::wrapping_in).
    pub fn still_has(&self, id: u32) -> Result<bool, KeyringFileError> {
        let text = read(&real(&self.named))?;
        if sha256(&text) == self.known {
            return Ok(self
                .keyring
                .keys()
                .iter()
                .any(|key| key.id == id && key.status == KeyStatus::Enabled));
        }
        Ok(Document::read(&text)?.has_enabled(id))
    }

    /// The keyring, to seal and open with.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// How its key is wrapped, and since when: see [`Wrapping::is_due`].
    pub fn wrapping(&self) -> &Wrapping {
        &self.wrapping
    }

    /// Changes the keyring, here and in the file: first in a copy, which is written and then takes the keyring's place. So
    /// nothing is ever sealed under a key that is not on disk.
    ///
    /// # Errors
    /// What `change` returned, as [`KeyringFileError::Keyring`]; [`KeyringFileError::Changed`] when the file was replaced since it was
    /// loaded; [`KeyringFileError::Weak`] when its wrapping protects no new keys; [`KeyringFileError::Busy`];
    /// [`KeyringFileError::Storage`]. The keyring here stays as it was then, and so does the file, except with
    /// [`KeyringFileError::Unsynced`]: load it again, and save it again before anything is sealed under a key that is new.
    pub fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Keyring) -> Result<T, KeyringError>,
    ) -> Result<T, KeyringFileError> {
        if !self.wrapping.is_current() {
            return Err(KeyringFileError::Weak);
        }
        let _lock = self.locked_and_unchanged()?;
        let mut copy = self.keyring.duplicate().map_err(|source| KeyringFileError::Keyring { source })?;
        let done = change(&mut copy).map_err(|source| KeyringFileError::Keyring { source })?;
        self.known =
            write(&self.path, self.disk.as_ref(), &Document::seal(&copy, &self.wrapping, &self.data_key)?)?;
        self.keyring = copy;
        Ok(done)
    }

    /// Writes the keyring again, with the counts of what its keys have sealed.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub fn save(&mut self) -> Result<(), KeyringFileError> {
        self.change(|_| Ok(()))
    }

    /// Wraps the keyring under another key-encryption key, or the same anew. The keyset is sealed under a fresh key, so that
    /// nothing of the old file and the old passphrase opens the new file; what was sealed under the keyring stays as it is.
    ///
    /// # Errors
    /// [`KeyringFileError::Kek`] when the new key is not wrapped, else as [`change`](Self::change). The file opens with the old
    /// key-encryption key then, or, with [`KeyringFileError::Unsynced`], with the new one: keep both until this succeeds.
    pub async fn rewrap(
        &mut self,
        kek: &dyn KeyEncryptionKey,
        now: UnixTime,
        deadline: Duration,
    ) -> Result<(), KeyringFileError> {
        let (wrapping, data_key) = fresh(PURPOSE, kek, now, deadline).await?;
        let _lock = self.locked_and_unchanged()?;
        let text = Document::seal(&self.keyring, &wrapping, &data_key)?;
        self.known = write(&self.path, self.disk.as_ref(), &text)?;
        (self.wrapping, self.data_key) = (wrapping, data_key);
        Ok(())
    }

    async fn load_real(
        (path, named): (PathBuf, PathBuf),
        disk: Arc<dyn Disk>,
        kek: &dyn KeyEncryptionKey,
        deadline: Duration,
    ) -> Result<Self, KeyringFileError> {
        let text = read(&path)?;
        let document = Document::read(&text)?;
        let data_key = unwrapped(PURPOSE, &document.wrapping, kek, deadline).await?;
        let keyring = document.open(&data_key)?;
        let known = sha256(&text);
        let wrapping = document.wrapping;
        Ok(Self { path, named, disk, keyring, wrapping, data_key, known, lock: None })
    }

    /// The lock, unless it is held already, once the file is still the one that is known here.
    fn locked_and_unchanged(&self) -> Result<Option<File>, KeyringFileError> {
        let lock = if self.lock.is_none() { Some(locked(&self.path)?) } else { None };
        if sha256(&read(&self.path)?) != self.known {
            return Err(KeyringFileError::Changed { path: self.path.clone() });
        }
        Ok(lock)
    }
}

impl fmt::Debug for KeyringFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringFile")
            .field("path", &self.path)
            .field("keyring", &self.keyring)
            .field("wrapping", &self.wrapping)
            .finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyringFileError> {
    read_bounded(path, MOST_TEXT).map_err(|source| KeyringFileError::Read { source })
}

fn write(path: &Path, disk: &dyn Disk, text: &str) -> Result<[u8; 32], KeyringFileError> {
    let written = sha256(text.as_bytes());
    disk.replace(path, text.as_bytes(), true).map_err(|source| {
        // After the rename only the sync of the directory can fail.
        let replaced = read(path).is_ok_and(|there| sha256(&there) == written);
        let path = path.to_owned();
        if replaced {
            KeyringFileError::Unsynced { path, source }
        } else {
            KeyringFileError::Storage { action: "write", path, source }
        }
    })?;
    Ok(written)
}

fn locked(path: &Path) -> Result<File, KeyringFileError> {
    lock(path).map_err(|error| match error {
        LockError::Busy => KeyringFileError::Busy { path: lock_path(path) },
        LockError::Io(source) => KeyringFileError::Storage { action: "lock", path: lock_path(path), source },
    })
}

/// What the data key of a keyring is wrapped for.
const PURPOSE: &str = "keyring";
/// Far more than 128 keys and the memory of 1024 destroyed ones need.
const MOST_TEXT: u64 = 1024 * 1024;
