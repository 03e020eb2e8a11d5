//! Keyrings: several keys of one purpose, one of them primary, and the life of each.

mod error;
mod info;
mod record;
mod sealing;
mod tink;

pub use error::KeyringError;
pub use info::{KeyInfo, KeyStatus};

use crate::keyset::{MOST_KEYS, Prefix};
use crate::one_shot::DataKey;
use crate::stream::StreamKey;
use crate::{CryptoError, KeyTemplate, Secret, random};
use dwcp_base::UnixTime;
use record::Tombstone;
use std::fmt;

/// Several keys of one purpose: new data is sealed under the primary, older keys go on opening until they are retired.
///
/// A keyring is either for messages ([`KeyTemplate::Aead`]) or for streams ([`KeyTemplate::Stream`]). It holds at most 128 keys
/// and remembers the last 1024 that were destroyed. Changes happen in memory:
/// [`KeyringFile::save`](crate::KeyringFile::save) makes them last.
///
/// # Security
/// A key for messages with 96-bit nonces may seal 2^32 of them (SP 800-38D §8.3), and stops there. Its count is kept by this
/// value, and by a [`KeyringFile`](crate::KeyringFile) as of its last save. Nobody adds up what several processes, machines or
/// copies of a keyring seal between saves: a count that were written before each message could still be rolled back with its
/// file. Where many seal under one keyring at such rates, let its keys be XChaCha20-Poly1305, whose nonces are long enough to
/// need no count, or rotate so often that all of them together stay below the limit.
pub struct Keyring {
    primary: u32,
    /// What kind of key the primary is.
    template: KeyTemplate,
    keys: Vec<Held>,
    /// In the order of their destruction.
    destroyed: Vec<Tombstone>,
}

/// A key that is there, in use or retired.
struct Held {
    id: u32,
    enabled: bool,
    prefix: Prefix,
    key: AnyKey,
    created: Option<UnixTime>,
    changed: Option<UnixTime>,
}

enum AnyKey {
    Data(Box<DataKey>),
    Stream(StreamKey),
}

impl Keyring {
    /// A keyring with one fresh key, which is its primary.
    ///
    /// # Errors
    /// [`KeyringError::NotMade`] when the operating system gives no randomness.
    pub fn create(template: KeyTemplate, now: UnixTime) -> Result<Self, KeyringError> {
        let mut keyring = Self { primary: 0, template, keys: Vec::new(), destroyed: Vec::new() };
        keyring.primary = keyring.insert(template, now)?;
        Ok(keyring)
    }

    /// Adds a fresh key and returns its id. It opens, but new data is not sealed under it before [`promote`](Self::promote),
    /// so that it can reach every place that opens first.
    ///
    /// # Errors
    /// [`KeyringError::WrongKind`] for a key of the other purpose, [`KeyringError::Full`] at 128 keys,
    /// [`KeyringError::NotMade`] without randomness.
    pub fn add(&mut self, template: KeyTemplate, now: UnixTime) -> Result<u32, KeyringError> {
        if !self.template.goes_with(template) {
            return Err(self.wrong_kind());
        }
        self.insert(template, now)
    }

    /// Makes `id` the primary: new data is sealed under it from now on.
    ///
    /// # Errors
    /// [`KeyringError::RetiredKey`], [`KeyringError::DestroyedKey`] or [`KeyringError::UnknownKey`].
    pub fn promote(&mut self, id: u32, now: UnixTime) -> Result<(), KeyringError> {
        let primary = self.primary;
        let held = self.held_mut(id)?;
        if !held.enabled {
            return Err(KeyringError::RetiredKey { id });
        }
        if primary != id {
            held.changed = Some(now);
            (self.primary, self.template) = (id, held.key.template());
        }
        Ok(())
    }

    /// Adds a fresh key of the primary's kind, makes it the primary and returns its id. The others go on opening: nothing
    /// has to be sealed again.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn rotate(&mut self, now: UnixTime) -> Result<u32, KeyringError> {
        let id = self.insert(self.template, now)?;
        self.primary = id;
        Ok(id)
    }

    /// Takes a key out of use: it neither seals nor opens until it is [restored](Self::restore). It is a rehearsal for
    /// [`destroy`](Self::destroy): what still needs the key says so. A key that is retired already stays so.
    ///
    /// # Errors
    /// [`KeyringError::PrimaryKey`], [`KeyringError::DestroyedKey`] or [`KeyringError::UnknownKey`].
    pub fn retire(&mut self, id: u32, now: UnixTime) -> Result<(), KeyringError> {
        self.set_enabled(id, false, now)
    }

    /// Takes a retired key back into use. A key that is in use stays so.
    ///
    /// # Errors
    /// [`KeyringError::DestroyedKey`] or [`KeyringError::UnknownKey`].
    pub fn restore(&mut self, id: u32, now: UnixTime) -> Result<(), KeyringError> {
        self.set_enabled(id, true, now)
    }

    /// Wipes a key, in use or retired: whatever only it could open is lost for good. What is left is that there was one.
    ///
    /// # Errors
    /// [`KeyringError::PrimaryKey`], [`KeyringError::UnknownKey`], and [`KeyringError::DestroyedKey`] when it happened before.
    ///
    /// # Security
    /// Copies of the keyring's file, in backups and snapshots, still hold the key for whoever can unwrap them, and a file
    /// system may keep the bytes of the replaced file for a while.
    pub fn destroy(&mut self, id: u32, now: UnixTime) -> Result<(), KeyringError> {
        let created = self.held_mut(id)?.created;
        if id == self.primary {
            return Err(KeyringError::PrimaryKey { id });
        }
        self.keys.retain(|held| held.id != id);
        self.bury(Tombstone { id, created, destroyed: Some(now) });
        Ok(())
    }

    /// Every key without its bytes: those that are there in the order they came, then those that were destroyed.
    pub fn keys(&self) -> Vec<KeyInfo> {
        let held = self.keys.iter().map(|held| KeyInfo {
            id: held.id,
            status: if held.enabled { KeyStatus::Enabled } else { KeyStatus::Retired },
            primary: held.id == self.primary,
            template: Some(held.key.template()),
            created: held.created,
            changed: held.changed,
            sealed_messages: held.key.sealed_messages(),
        });
        held.chain(self.destroyed.iter().map(Tombstone::info)).collect()
    }

    /// The id of the primary key.
    pub fn primary(&self) -> u32 {
        self.primary
    }

    /// What kind of key the primary is, and the next rotation makes.
    pub fn template(&self) -> KeyTemplate {
        self.template
    }

    fn insert(&mut self, template: KeyTemplate, now: UnixTime) -> Result<u32, KeyringError> {
        if self.keys.len() >= MOST_KEYS {
            return Err(KeyringError::Full { limit: MOST_KEYS });
        }
        let not_made = |source| KeyringError::NotMade { source };
        let key = AnyKey::generate(template).map_err(not_made)?;
        let id = self.fresh_id().map_err(not_made)?;
        let prefix = if matches!(key, AnyKey::Data(_)) { Prefix::Tink } else { Prefix::Raw };
        self.keys.push(Held { id, enabled: true, prefix, key, created: Some(now), changed: None });
        Ok(id)
    }

    /// A random id that no key of the keyring has or had. Random, so that two keyrings rarely share one.
    fn fresh_id(&self) -> Result<u32, CryptoError> {
        loop {
            let id = u32::from_be_bytes(random::array()?);
            let taken = self.keys.iter().any(|held| held.id == id) || self.is_destroyed(id);
            if id != 0 && !taken {
                return Ok(id);
            }
        }
    }

    fn set_enabled(&mut self, id: u32, enabled: bool, now: UnixTime) -> Result<(), KeyringError> {
        let primary = self.primary;
        let held = self.held_mut(id)?;
        if !enabled && id == primary {
            return Err(KeyringError::PrimaryKey { id });
        }
        if held.enabled != enabled {
            held.enabled = enabled;
            held.changed = Some(now);
        }
        Ok(())
    }

    fn bury(&mut self, tombstone: Tombstone) {
        if self.destroyed.len() >= record::MOST_DESTROYED {
            self.destroyed.remove(0);
        }
        self.destroyed.push(tombstone);
    }

    fn is_destroyed(&self, id: u32) -> bool {
        self.destroyed.iter().any(|tombstone| tombstone.id == id)
    }

    fn held_mut(&mut self, id: u32) -> Result<&mut Held, KeyringError> {
        let destroyed = self.is_destroyed(id);
        match self.keys.iter_mut().find(|held| held.id == id) {
            Some(held) => Ok(held),
            None if destroyed => Err(KeyringError::DestroyedKey { id }),
            None => Err(KeyringError::UnknownKey { id }),
        }
    }

    /// All keys that are there, the primary before the others.
    fn primary_first(&self) -> impl Iterator<Item = &Held> {
        let primary = self.keys.iter().filter(|held| held.id == self.primary);
        primary.chain(self.keys.iter().filter(|held| held.id != self.primary))
    }

    fn wrong_kind(&self) -> KeyringError {
        KeyringError::WrongKind { streams: matches!(self.template, KeyTemplate::Stream(_)) }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.keys()).finish()
    }
}

impl AnyKey {
    fn generate(template: KeyTemplate) -> Result<Self, CryptoError> {
        match template {
            KeyTemplate::Aead(algorithm) => DataKey::generate(algorithm).map(|key| Self::Data(Box::new(key))),
            KeyTemplate::Stream(parameters) => StreamKey::generate(parameters).map(Self::Stream),
        }
    }

    fn new(template: KeyTemplate, material: Secret) -> Result<Self, CryptoError> {
        match template {
            KeyTemplate::Aead(algorithm) => {
                DataKey::new(algorithm, material).map(|key| Self::Data(Box::new(key)))
            }
            KeyTemplate::Stream(parameters) => StreamKey::tink(parameters, material).map(Self::Stream),
        }
    }

    fn template(&self) -> KeyTemplate {
        match self {
            Self::Data(key) => KeyTemplate::Aead(key.algorithm()),
            Self::Stream(key) => KeyTemplate::Stream(key.parameters()),
        }
    }

    fn sealed_messages(&self) -> u64 {
        match self {
            Self::Data(key) => key.sealed_messages(),
            Self::Stream(_) => 0,
        }
    }

    /// The same key with a count that was stored; `None` when there is nothing to count.
    fn counted(&self, sealed: u64) -> Option<Self> {
        match self {
            Self::Data(key) => {
                let material = Secret::copy_of(key.material().expose());
                let key = DataKey::with_count(key.algorithm(), material, sealed).ok()?;
                Some(Self::Data(Box::new(key)))
            }
            Self::Stream(_) => None,
        }
    }

    fn material(&self) -> &Secret {
        match self {
            Self::Data(key) => key.material(),
            Self::Stream(key) => key.material(),
        }
    }
}
