//! The key of an authority: in a file, in a file and sealed, or where this process never sees it.

use super::{AuthorityError, directory, index};
use crate::KeyPin;
use crate::key_file::{self, KeyFileError};
use dwcp_base::{Disk, SecretFileError, UnixTime, read_secret};
use dwcp_crypto::kek::KeyEncryptionKey;
use dwcp_crypto::{CryptoError, Envelope, KeyType, Secret, Signer, SigningKey};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An authority's key with what its directory holds of it.
pub struct AuthorityKey {
    signer: Arc<dyn Signer>,
    /// What `ca.key` holds; nothing where the key is elsewhere.
    file: Option<Secret>,
}

/// How a directory holds its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStorage {
    /// As PKCS#8 in PEM: whoever reads the file is the authority.
    Plain,
    /// Sealed under a key-encryption key.
    Sealed,
    /// Not at all: it is in a module of its own.
    Elsewhere,
}

impl AuthorityKey {
    /// A fresh key that lies in the directory as PKCS#8.
    ///
    /// # Errors
    /// [`AuthorityError::Crypto`] without randomness.
    pub fn generate(key_type: KeyType) -> Result<Self, AuthorityError> {
        let key = generated(key_type)?;
        let file = key_file::private_key_pem(&key)
            .map_err(|source| AuthorityError::Key { source: KeyFileError::Format { source } })?;
        Ok(Self { signer: Arc::new(key), file: Some(file) })
    }

    /// A fresh key that lies in the directory sealed under `kek`, which has `deadline` to wrap.
    ///
    /// # Errors
    /// [`AuthorityError::Unsealed`] when it was not wrapped, [`AuthorityError::Crypto`] without randomness.
    pub async fn generate_sealed(
        key_type: KeyType,
        kek: &dyn KeyEncryptionKey,
        now: UnixTime,
        deadline: Duration,
    ) -> Result<Self, AuthorityError> {
        let key = generated(key_type)?;
        let file = sealed(key.pkcs8(), kek, now, deadline).await?;
        Ok(Self { signer: Arc::new(key), file: Some(file) })
    }

    /// A key that a module holds, and the directory does not.
    pub fn elsewhere(signer: Arc<dyn Signer>) -> Self {
        Self { signer, file: None }
    }

    /// The key of the authority in `directory`, which lies there in clear.
    ///
    /// # Errors
    /// [`AuthorityError::Sealed`] when it does not, [`AuthorityError::Key`] for a file that others can read or that holds no key.
    pub fn read(directory: &Path) -> Result<Self, AuthorityError> {
        let text = text(directory)?;
        if is_sealed(&text) {
            return Err(AuthorityError::Sealed);
        }
        let key = key_file::parse(&text)
            .and_then(of_an_authority)
            .map_err(|source| AuthorityError::Key { source })?;
        Ok(Self { signer: Arc::new(key), file: Some(text) })
    }

    /// The key of the authority in `directory`, which was sealed under `kek`; it has `deadline` to unwrap.
    ///
    /// # Errors
    /// [`AuthorityError::Unsealed`] with a wrong key-encryption key, and for a key that lies in clear, since whoever expects it
    /// to be sealed should know; [`AuthorityError::Key`] as for [`read`](Self::read).
    pub async fn unseal(
        directory: &Path,
        kek: &dyn KeyEncryptionKey,
        deadline: Duration,
    ) -> Result<Self, AuthorityError> {
        let text = text(directory)?;
        if !is_sealed(&text) {
            return Err(AuthorityError::NotSealed);
        }
        let envelope = Envelope::from_json(text.expose()).map_err(AuthorityError::unsealed)?;
        let pkcs8 = envelope.open(Envelope::CA_KEY, kek, deadline).await.map_err(AuthorityError::unsealed)?;
        let key = SigningKey::from_pkcs8(pkcs8)
            .map_err(|source| KeyFileError::Key { source })
            .and_then(of_an_authority)
            .map_err(|source| AuthorityError::Key { source })?;
        Ok(Self { signer: Arc::new(key), file: Some(text) })
    }

    /// Seals the key of the authority in `directory`, which lies there in clear, in its place. Its clear bytes can stay in old
    /// blocks of the disk and in backups: where that matters make a new authority.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`generate_sealed`](Self::generate_sealed); [`AuthorityError::KeyMismatch`] for a key that is not the
    /// authority's; [`AuthorityError::Storage`] when the file was not replaced, [`AuthorityError::Unsynced`] when it was and may not
    /// last: keep what unseals it.
    pub async fn seal(
        disk: &dyn Disk,
        directory: &Path,
        kek: &dyn KeyEncryptionKey,
        now: UnixTime,
        deadline: Duration,
    ) -> Result<(), AuthorityError> {
        // Of two who seal at once the second finds a sealed key.
        let _lock = index::lock(&directory.join(directory::INDEX))?;
        let clear = text(directory)?;
        if is_sealed(&clear) {
            return Err(AuthorityError::Sealed);
        }
        let key = key_file::parse(&clear).map_err(|source| AuthorityError::Key { source })?;
        if KeyPin::of_key(&key) != directory::read_line(directory)?.own().key_pin() {
            return Err(AuthorityError::KeyMismatch);
        }
        let file = sealed(key.pkcs8(), kek, now, deadline).await?;
        let named = directory.join(directory::KEY);
        // The clear key is at the end of a link.
        let path = named.canonicalize().map_err(|e| AuthorityError::storage("read", named, e))?;
        disk.replace(&path, file.expose(), true).map_err(|source| match text(directory) {
            Ok(there) if is_sealed(&there) => AuthorityError::Unsynced { path, source },
            _ => AuthorityError::storage("write", path, source),
        })
    }

    /// How the authority in `directory` holds its key, as far as its files tell.
    ///
    /// # Errors
    /// [`AuthorityError::Key`] for a file that can not be read or that others can read.
    pub fn storage(directory: &Path) -> Result<KeyStorage, AuthorityError> {
        match text(directory) {
            Ok(text) if is_sealed(&text) => Ok(KeyStorage::Sealed),
            Ok(_) => Ok(KeyStorage::Plain),
            Err(AuthorityError::Key {
                source: KeyFileError::File { source: SecretFileError::Io { source, .. } },
            }) if source.kind() == std::io::ErrorKind::NotFound => Ok(KeyStorage::Elsewhere),
            Err(error) => Err(error),
        }
    }

    pub(super) fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
    }

    pub(super) fn file(&self) -> Option<&Secret> {
        self.file.as_ref()
    }

    pub(super) fn into_signer(self) -> Arc<dyn Signer> {
        self.signer
    }
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityKey").field("key_type", &self.signer.key_type()).finish_non_exhaustive()
    }
}

/// An authority signs with ECDSA or Ed25519.
fn of_an_authority(key: SigningKey) -> Result<SigningKey, KeyFileError> {
    match key.key_type() {
        KeyType::Rsa => Err(KeyFileError::Key { source: CryptoError::InvalidKey }),
        _ => Ok(key),
    }
}

fn generated(key_type: KeyType) -> Result<SigningKey, AuthorityError> {
    SigningKey::generate(key_type).map_err(|source| AuthorityError::Crypto { source })
}

async fn sealed(
    pkcs8: &Secret,
    kek: &dyn KeyEncryptionKey,
    now: UnixTime,
    deadline: Duration,
) -> Result<Secret, AuthorityError> {
    let envelope = Envelope::seal(Envelope::CA_KEY, pkcs8, kek, now, deadline).await;
    Ok(Secret::from(envelope.map_err(AuthorityError::unsealed)?.to_json().into_bytes()))
}

fn text(directory: &Path) -> Result<Secret, AuthorityError> {
    let failed = |source: SecretFileError| AuthorityError::Key { source: KeyFileError::File { source } };
    read_secret(&directory.join(directory::KEY), LARGEST).map(Secret::from).map_err(failed)
}

/// PEM begins with a dash, and an envelope is a JSON object.
fn is_sealed(text: &Secret) -> bool {
    text.expose().trim_ascii_start().first() == Some(&b'{')
}

const LARGEST: u64 = 16 << 10;
