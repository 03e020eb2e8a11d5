//! A directory with a keyring file in it, and times.

use dwcp_base::{Disk, LocalDisk, UnixTime};
use dwcp_crypto::kek::{FileKek, KeyEncryptionKey, at_once};
use dwcp_crypto::{DataAlgorithm, KeyTemplate, Keyring, KeyringFile, KeyringFileError};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const AES: KeyTemplate = KeyTemplate::Aead(DataAlgorithm::Aes256Gcm);
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
pub(crate) const LATER: UnixTime = UnixTime::from_secs(1_790_000_060);
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A directory with a keyring file and its key file.
pub(crate) struct Lab {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) kek: FileKek,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let kek = FileKek::create(&directory.path().join("kek"), &LocalDisk, NOW).unwrap();
        let lab = Self { path: directory.path().join("keyring"), directory, kek };
        lab.create(Arc::new(LocalDisk)).unwrap();
        lab
    }

    pub(crate) fn create(&self, disk: Arc<dyn Disk>) -> Result<KeyringFile, KeyringFileError> {
        let keyring = Keyring::create(AES, NOW).unwrap();
        at_once(KeyringFile::create(&self.path, disk, keyring, &self.kek, NOW, DEADLINE))
    }

    pub(crate) fn load_with(
        &self,
        disk: Arc<dyn Disk>,
        kek: &dyn KeyEncryptionKey,
    ) -> Result<KeyringFile, KeyringFileError> {
        at_once(KeyringFile::load(&self.path, disk, kek, DEADLINE))
    }

    pub(crate) fn load(&self) -> KeyringFile {
        self.load_with(Arc::new(LocalDisk), &self.kek).unwrap()
    }

    pub(crate) fn text(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    /// The files of the directory that are neither keyring, key file nor their locks.
    pub(crate) fn left_over(&self) -> Vec<String> {
        let names = fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let known = ["kek", "keyring", ".kek.lock", ".keyring.lock"];
        names.map(|name| name.into_string().unwrap()).filter(|name| !known.contains(&name.as_str())).collect()
    }
}
