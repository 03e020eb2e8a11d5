//! Data under a passphrase: one value that seals, opens, changes its key and is gone when it is erased.

mod schedule;
mod stored;

use crate::{CryptoError, DataAlgorithm, DataKey, Kdf, KdfParams, NewPassphrase, Passphrase};
use schedule::{Form, Header, Schedule};
use std::fmt;

/// How new data is sealed: AES-256-GCM under a key of Argon2id with 64 MiB, 3 passes and 4 lanes, unless told otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EncryptionConfig {
    /// What seals.
    pub algorithm: DataAlgorithm,
    /// What derivation from the passphrase costs.
    pub kdf: KdfParams,
}

/// Seals and opens data with a key from a passphrase, and opens what was sealed before the passphrase changed.
///
/// What it seals begins with `0x01` and the four bytes of the key's id, as Tink's does, then come nonce, ciphertext and tag. To open
/// it in another process takes the passphrase and [`stored`](Self::stored), which is public and as worth keeping as the data.
///
/// Each message is sealed whole, in memory; a key seals at most [`DataAlgorithm::message_limit`] of them, as counted by this value
/// since it was made: who opens the stored text again and again adds the counts up. To seal for many recipients, to
/// change a passphrase without deriving anew for each file, or to destroy single keys, take a keyring.
///
/// # Security
/// Whoever has the stored text can try passphrases at the price of one derivation each: it is the passphrase that carries the
/// weight. Older texts still open what is older, under the older passphrase: rotating protects what is sealed from now
/// on, and not against somebody who kept a copy of both. That a message is missing or old does not show.
#[must_use]
pub struct DataEncryptor {
    newest: Version,
    /// The latest first.
    older: Vec<Version>,
    stored: String,
}

impl DataEncryptor {
    /// A new key from `passphrase` and a fresh salt. Derivation blocks, see [`Kdf::derive`].
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when there is no salt to be had; else as [`Kdf::derive`].
    pub fn create(passphrase: &NewPassphrase, config: EncryptionConfig) -> Result<Self, CryptoError> {
        Self::fresh(passphrase, config, [].into_iter()).map(|(newest, stored)| Self::of(newest, stored))
    }

    /// The encryptor that `stored` describes, with the keys before it that it holds.
    ///
    /// # Errors
    /// [`CryptoError::WrongPassphrase`] when `passphrase` does not lead to the key that `stored` commits to, or any byte of
    /// `stored` was changed; [`CryptoError::InvalidParameters`] and [`CryptoError::ExcessiveParameters`] as
    /// [`Kdf::from_phc`], and for more than 2048 bytes; else as [`Kdf::derive`].
    pub fn open(passphrase: &Passphrase, stored: &str) -> Result<Self, CryptoError> {
        let text = stored::read(stored)?;
        let schedule = Schedule::derive(passphrase, &text.header)?;
        let older = text.unseal(&schedule)?;
        Ok(Self { newest: schedule.version(text.header)?, older, stored: stored.to_owned() })
    }

    /// An encryptor for data of the original format: `nonce || ciphertext || tag` without associated data, under the derived
    /// bytes themselves. `kdf` is parameters and salt as they were used then, for example
    /// `$argon2id$v=19$m=65536,t=1,p=4$…` or `$pbkdf2-sha256$i=100000$…`; see [`Kdf::from_phc`].
    ///
    /// It opens only, until it is [rotated](Self::rotate). Nothing was stored then that could tell a wrong passphrase: with one, all data
    /// is [`CryptoError::NotAuthentic`].
    ///
    /// # Errors
    /// As [`Kdf::derive`].
    pub fn open_original(
        passphrase: &Passphrase,
        algorithm: DataAlgorithm,
        kdf: Kdf,
    ) -> Result<Self, CryptoError> {
        let header = Header { form: Form::Original, algorithm, kdf };
        let schedule = Schedule::derive(passphrase, &header)?;
        let stored = stored::write(&header, &schedule, [].into_iter())?;
        Ok(Self::of(schedule.version(header)?, stored))
    }

    /// Seals `plaintext` and binds it to `aad`, which is not stored and must be shown again to decrypt. The result is 5 bytes and
    /// [`DataAlgorithm::overhead`] longer.
    ///
    /// # Errors
    /// [`CryptoError::LegacyKey`] when the newest key was derived more cheaply than new data may be, or belongs to the original
    /// format; else as [`DataKey::seal`].
    pub fn encrypt(&self, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.newest.may_seal {
            return Err(CryptoError::LegacyKey);
        }
        self.newest.key.seal_prefixed(&self.newest.prefix(), aad, plaintext)
    }

    /// Opens what the newest key or one before it sealed.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`] when `sealed` or `aad` is not what was sealed, or was sealed with a key that is not here.
    pub fn decrypt(&self, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let versions = || std::iter::once(&self.newest).chain(&self.older);
        for version in versions().filter(|version| version.form == Form::Tink) {
            let opened = sealed.strip_prefix(&version.prefix()).map(|rest| version.key.open(aad, rest));
            if let Some(Ok(plaintext)) = opened {
                return Ok(plaintext);
            }
        }
        // The original has no prefix to go by: a nonce of its may even begin like one. It had no associated data either.
        for version in versions().filter(|version| version.form == Form::Original && aad.is_empty()) {
            if let Ok(plaintext) = version.key.open(aad, sealed) {
                return Ok(plaintext);
            }
        }
        Err(CryptoError::NotAuthentic)
    }

    /// Seals with a new key from `passphrase` from now on; what was sealed before still opens. [`stored`](Self::stored) changes and
    /// must be stored anew: it holds the keys so far, sealed under the new one, so that the old passphrase is not needed again.
    ///
    /// # Security
    /// Whoever knows an older passphrase and its stored text can still make messages that this encryptor opens. When one leaked, create a
    /// new encryptor and seal anew what is there.
    ///
    /// # Errors
    /// [`CryptoError::TooManyKeys`] after 16 rotations: create a new encryptor and seal anew what is there. Else as
    /// [`create`](Self::create). After an error all is as it was.
    pub fn rotate(
        &mut self,
        passphrase: &NewPassphrase,
        config: EncryptionConfig,
    ) -> Result<(), CryptoError> {
        if self.older.len() >= MAX_OLDER {
            return Err(CryptoError::TooManyKeys);
        }
        let older = std::iter::once(&self.newest).chain(&self.older);
        let (newest, stored) = Self::fresh(passphrase, config, older)?;
        self.older.insert(0, std::mem::replace(&mut self.newest, newest));
        self.stored = stored;
        Ok(())
    }

    /// Wipes all keys. Dropping does the same; this says that it is meant. What was sealed stays sealed for whoever knows a passphrase.
    pub fn erase(self) {}

    /// What [`open`](Self::open) needs beside the passphrase: one line of text without anything secret in the clear.
    pub fn stored(&self) -> &str {
        &self.stored
    }

    /// The algorithm that new data is sealed with.
    pub fn algorithm(&self) -> DataAlgorithm {
        self.newest.key.algorithm()
    }

    /// The id of the newest key, as it stands at the beginning of what it seals, big-endian. It is derived from the key.
    pub fn key_id(&self) -> u32 {
        u32::from_be_bytes(self.newest.id)
    }

    /// How many messages the newest key sealed since this value was made.
    pub fn sealed_messages(&self) -> u64 {
        self.newest.key.sealed_messages()
    }

    fn of(newest: Version, stored: String) -> Self {
        Self { newest, older: vec![], stored }
    }

    fn fresh<'v>(
        passphrase: &NewPassphrase,
        config: EncryptionConfig,
        older: impl Iterator<Item = &'v Version>,
    ) -> Result<(Version, String), CryptoError> {
        let kdf = Kdf::fresh(config.kdf)?;
        let header = Header { form: Form::Tink, algorithm: config.algorithm, kdf };
        let schedule = Schedule::derive(passphrase.passphrase(), &header)?;
        let stored = stored::write(&header, &schedule, older)?;
        Ok((schedule.version(header)?, stored))
    }
}

impl fmt::Debug for DataEncryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, older) = (self.key_id(), self.older.len());
        write!(f, "DataEncryptor({:?}, key {id:08x}, {older} older)", self.algorithm())
    }
}

/// One key, and how to recognize what it sealed.
struct Version {
    form: Form,
    id: [u8; 4],
    key: DataKey,
    may_seal: bool,
}

impl Version {
    fn prefix(&self) -> [u8; 5] {
        let [a, b, c, d] = self.id;
        [TINK, a, b, c, d]
    }
}

/// How many keys before the newest are kept.
const MAX_OLDER: usize = 16;
/// The first byte of what a key with an id sealed.
const TINK: u8 = 0x01;

#[cfg(test)]
mod tests;
