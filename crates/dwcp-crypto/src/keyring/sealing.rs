//! Messages sealed and opened under a keyring, and the keys that streams are tried with.

use super::{AnyKey, Held, Keyring, KeyringError};
use crate::keyset::{PREFIX, Prefix};
use crate::one_shot::DataKey;
use crate::stream::StreamKey;
use crate::{CryptoError, Secret};

impl Keyring {
    /// Seals a message under the primary key: Tink's prefix that names the key (5 bytes, none for an imported RAW key), then
    /// nonce, ciphertext and tag. `aad` is authenticated with it and not part of the result.
    ///
    /// # Errors
    /// [`KeyringError::WrongKind`] for a keyring of streams, [`KeyringError::NotSealed`] when the primary has sealed all it
    /// may or there is no randomness.
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let held = self.primary_first().next().ok_or(KeyringError::UnknownKey { id: self.primary })?;
        let AnyKey::Data(key) = &held.key else { return Err(self.wrong_kind()) };
        let prefix = held.prefix.bytes(held.id);
        key.seal_prefixed(prefix.as_ref().map_or(&[], |bytes| bytes), aad, plaintext)
            .map_err(|source| KeyringError::NotSealed { id: held.id, source })
    }

    /// Opens a message with the key that its prefix names. Messages without a prefix are opened by the RAW keys of an
    /// imported keyset, each of which is tried, as Tink does.
    ///
    /// # Errors
    /// [`KeyringError::UnknownKey`], [`KeyringError::RetiredKey`] or [`KeyringError::DestroyedKey`] with the id of the key that
    /// would be needed, [`KeyringError::NotOpened`] when the message is not authentic, [`KeyringError::WrongKind`] for a keyring
    /// of streams.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyringError> {
        self.open_with(sealed, |key, body| key.open(aad, body))
    }

    /// As [`open`](Self::open), into memory that is wiped.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_secret(&self, aad: &[u8], sealed: &[u8]) -> Result<Secret, KeyringError> {
        self.open_with(sealed, |key, body| key.open_secret(aad, body))
    }

    /// The keys in use that may have sealed a stream, with their ids, the primary first: streams do not say which key they
    /// need, so they are tried, as Tink does. Empty for a keyring of messages.
    pub fn stream_keys(&self) -> impl Iterator<Item = (u32, &StreamKey)> {
        self.streams(true)
    }

    /// The retired keys of streams, with their ids. When no key in use fits a stream and one of these does, the stream is
    /// sealed under a retired key: say so, and release nothing of it.
    pub fn retired_keys(&self) -> impl Iterator<Item = (u32, &StreamKey)> {
        self.streams(false)
    }

    fn streams(&self, enabled: bool) -> impl Iterator<Item = (u32, &StreamKey)> {
        self.primary_first().filter(move |held| held.enabled == enabled).filter_map(|held| match &held.key {
            AnyKey::Stream(key) => Some((held.id, key)),
            AnyKey::Data(_) => None,
        })
    }

    fn open_with<T>(
        &self,
        sealed: &[u8],
        open: impl Fn(&DataKey, &[u8]) -> Result<T, CryptoError>,
    ) -> Result<T, KeyringError> {
        if matches!(self.template, crate::KeyTemplate::Stream(_)) {
            return Err(self.wrong_kind());
        }
        let (named, mut failure) = (self.named_by(sealed), CryptoError::NotAuthentic);
        if let Named::Held(held, key, body) = named
            && held.enabled
        {
            match open(key, body) {
                Ok(opened) => return Ok(opened),
                Err(error) => failure = error,
            }
        }
        for key in self.raw_keys(true).map(|(_, key)| key) {
            if let Ok(opened) = open(key, sealed) {
                return Ok(opened);
            }
        }
        Err(self.why_not(named, failure, |key| open(key, sealed).is_ok()))
    }

    /// What to tell when nothing opened the message.
    fn why_not(
        &self,
        named: Named<'_>,
        source: CryptoError,
        opens: impl Fn(&DataKey) -> bool,
    ) -> KeyringError {
        match named {
            Named::Held(held, ..) if !held.enabled => return KeyringError::RetiredKey { id: held.id },
            Named::Held(..) => return KeyringError::NotOpened { source },
            Named::Destroyed(id) => return KeyringError::DestroyedKey { id },
            Named::Unknown(_) | Named::Nobody => {}
        }
        // A message without prefix names nobody: only trying tells that a retired key would be needed.
        if let Some((id, _)) = self.raw_keys(false).find(|(_, key)| opens(key)) {
            return KeyringError::RetiredKey { id };
        }
        match named {
            // With RAW keys there, the first bytes may as well be those of a nonce.
            Named::Unknown(id) if self.keys.iter().all(|held| held.prefix != Prefix::Raw) => {
                KeyringError::UnknownKey { id }
            }
            _ => KeyringError::NotOpened { source },
        }
    }

    fn named_by<'a>(&'a self, sealed: &'a [u8]) -> Named<'a> {
        let Some((prefix, body)) = sealed.split_first_chunk::<PREFIX>() else { return Named::Nobody };
        let [kind, id @ ..] = *prefix;
        let id = u32::from_be_bytes(id);
        for held in &self.keys {
            if let (Some(bytes), AnyKey::Data(key)) = (held.prefix.bytes(held.id), &held.key)
                && bytes == *prefix
            {
                return Named::Held(held, key, body);
            }
        }
        match kind {
            0 | 1 if self.is_destroyed(id) => Named::Destroyed(id),
            1 => Named::Unknown(id),
            _ => Named::Nobody,
        }
    }

    fn raw_keys(&self, enabled: bool) -> impl Iterator<Item = (u32, &DataKey)> {
        let wanted = move |held: &&Held| held.enabled == enabled && held.prefix == Prefix::Raw;
        self.primary_first().filter(wanted).filter_map(|held| match &held.key {
            AnyKey::Data(key) => Some((held.id, key.as_ref())),
            AnyKey::Stream(_) => None,
        })
    }
}

/// Whom the first five bytes of a message name.
#[derive(Clone, Copy)]
enum Named<'a> {
    Held(&'a Held, &'a DataKey, &'a [u8]),
    Destroyed(u32),
    Unknown(u32),
    Nobody,
}
