//! Small secrets sealed for rest: each under a random key of its own, which a key-encryption key wraps.

use crate::binding::Binding;
use crate::kek::{KekError, KeyEncryptionKey, Wrapping, is_name};
use crate::one_shot::{DataAlgorithm, DataKey};
use crate::{CryptoError, Secret, base64, random};
use dwcp_base::{Blame, Coded, UnixTime};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A secret of at most 512 KiB, sealed for one purpose: the key of a certificate authority, an ACME account, a node's state.
///
/// `docs/formats/keyring.md` has the layout. Purpose, wrapping and time are authenticated with the secret; nothing in the text is
/// secret.
///
/// ```
/// use dwcp_crypto::kek::{self, FileKek};
/// use dwcp_crypto::{Envelope, Secret};
/// # use dwcp_base::{LocalDisk, UnixTime};
/// # use std::time::Duration;
/// # let dir = tempfile::tempdir()?;
/// # let now = UnixTime::from_secs(1_790_000_000);
/// # let deadline = Duration::from_secs(10);
/// let kek = FileKek::create(&dir.path().join("kek"), &LocalDisk, now)?;
/// let secret = Secret::from(b"the key of the authority".to_vec());
/// let envelope = kek::at_once(Envelope::seal(Envelope::CA_KEY, &secret, &kek, now, deadline))?;
/// let text = envelope.to_json();
///
/// let envelope = Envelope::from_json(text.as_bytes())?;
/// assert_eq!(kek::at_once(envelope.open(Envelope::CA_KEY, &kek, deadline))?.expose(), secret.expose());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    purpose: String,
    wrapping: Wrapping,
    sealed: Vec<u8>,
}

impl Envelope {
    /// Seals `secret` for `purpose`: 1 to 32 characters of `a`–`z`, `0`–`9` and `-`. `deadline` is what `kek` has.
    ///
    /// # Errors
    /// [`EnvelopeError::Kek`] when the key was not wrapped, [`EnvelopeError::TooLarge`], [`EnvelopeError::Purpose`] for a name that
    /// is none, [`EnvelopeError::Crypto`] without randomness.
    pub async fn seal(
        purpose: &str,
        secret: &Secret,
        kek: &dyn KeyEncryptionKey,
        now: UnixTime,
        deadline: Duration,
    ) -> Result<Self, EnvelopeError> {
        if !is_name(purpose) {
            return Err(EnvelopeError::Purpose);
        }
        if secret.len() > MOST_SECRET {
            return Err(EnvelopeError::TooLarge { limit: MOST_SECRET });
        }
        let (wrapping, key) = fresh(purpose, kek, now, deadline).await?;
        let sealed = key.seal(binding(purpose, &wrapping).bytes(), secret.expose())?;
        Ok(Self { purpose: purpose.to_owned(), wrapping, sealed })
    }

    /// Opens what was sealed for `purpose`.
    ///
    /// # Errors
    /// [`EnvelopeError::Purpose`] when it was sealed for another, [`EnvelopeError::Kek`] when the key was not unwrapped,
    /// [`EnvelopeError::Damaged`] when anything in it was altered.
    pub async fn open(
        &self,
        purpose: &str,
        kek: &dyn KeyEncryptionKey,
        deadline: Duration,
    ) -> Result<Secret, EnvelopeError> {
        if self.purpose != purpose {
            return Err(EnvelopeError::Purpose);
        }
        let key = unwrapped(purpose, &self.wrapping, kek, deadline).await?;
        let binding = binding(purpose, &self.wrapping);
        key.open_secret(binding.bytes(), &self.sealed).map_err(|_| EnvelopeError::Damaged)
    }

    /// The same secret under another key-encryption key: a passphrase that changes, a key file that was rotated. Inside, the
    /// key that `old` wrapped is replaced, so that nothing of the old text and the old passphrase opens the new text.
    /// `deadline` is what each of the two has.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`seal`](Self::seal); this envelope stays what it is.
    pub async fn rewrap(
        &self,
        old: &dyn KeyEncryptionKey,
        new: &dyn KeyEncryptionKey,
        now: UnixTime,
        deadline: Duration,
    ) -> Result<Self, EnvelopeError> {
        let secret = self.open(&self.purpose, old, deadline).await?;
        Self::seal(&self.purpose, &secret, new, now, deadline).await
    }

    /// What it was sealed for, as its text says: believed only once it opened.
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// How its key is wrapped, and since when.
    pub fn wrapping(&self) -> &Wrapping {
        &self.wrapping
    }

    /// Reads an envelope of at most 1 MiB of text. Nothing of it is believed before it opens.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`], [`EnvelopeError::Version`] for one of a later version, [`EnvelopeError::Malformed`] for everything
    /// else that is no envelope.
    pub fn from_json(text: &[u8]) -> Result<Self, EnvelopeError> {
        if text.len() > MOST_TEXT {
            return Err(EnvelopeError::TooLarge { limit: MOST_TEXT });
        }
        let version: Version = serde_json::from_slice(text).map_err(malformed)?;
        if version.dwcp_envelope != VERSION {
            return Err(EnvelopeError::Version { found: version.dwcp_envelope });
        }
        let read: Text = serde_json::from_slice(text).map_err(malformed)?;
        let sealed = base64::decode(&read.sealed).ok_or(EnvelopeError::Damaged)?;
        if !is_name(&read.purpose) {
            return Err(EnvelopeError::Purpose);
        }
        Ok(Self { purpose: read.purpose, wrapping: read.wrapping, sealed })
    }

    /// The text of the envelope, with line breaks and a final one.
    pub fn to_json(&self) -> String {
        let text = Text {
            dwcp_envelope: VERSION,
            purpose: self.purpose.clone(),
            wrapping: self.wrapping.clone(),
            sealed: base64::encode(&self.sealed),
        };
        // These types have no member that could fail to be written.
        let mut text = serde_json::to_string_pretty(&text).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The purpose of an authority's private key.
    pub const CA_KEY: &str = "ca-key";
    /// The purpose of an ACME account's key.
    pub const ACME_ACCOUNT: &str = "acme-account";
    /// The purpose of what a node keeps between starts.
    pub const NODE_STATE: &str = "node-state";
}

/// Why an envelope was not made, read or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The secret or the text is larger than envelopes are.
    #[error("the envelope has more than {limit} bytes")]
    TooLarge {
        /// The most that is taken.
        limit: usize,
    },
    /// The text is no envelope.
    #[error("the text is no envelope from line {line}, column {column} on")]
    Malformed {
        /// The line, counted from one.
        line: usize,
        /// The column, counted from one.
        column: usize,
    },
    /// It was made by a later version.
    #[error("the envelope has version {found}, which is not known here")]
    Version {
        /// Its version.
        found: u32,
    },
    /// It was sealed for something else, or the purpose is no name.
    #[error("the envelope is not for this purpose")]
    Purpose,
    /// The key inside was not wrapped or unwrapped.
    #[error("the envelope's key is not to be had")]
    Kek {
        /// Why.
        source: KekError,
    },
    /// The key is right, and what it sealed was altered.
    #[error("the envelope is damaged")]
    Damaged,
    /// Nothing was sealed.
    #[error("nothing was sealed")]
    Crypto {
        /// Why.
        source: CryptoError,
    },
}

impl From<KekError> for EnvelopeError {
    fn from(source: KekError) -> Self {
        Self::Kek { source }
    }
}

impl From<CryptoError> for EnvelopeError {
    fn from(source: CryptoError) -> Self {
        Self::Crypto { source }
    }
}

impl Coded for EnvelopeError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "crypto.envelope.oversized",
            Self::Malformed { .. } => "crypto.envelope.malformed",
            Self::Version { .. } => "crypto.envelope.unknown",
            Self::Purpose => "crypto.envelope.mismatched",
            Self::Kek { source } => source.code(),
            Self::Damaged => "crypto.envelope.damaged",
            Self::Crypto { source } => source.code(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Kek { source } => source.blame(),
            Self::Crypto { source } => source.blame(),
            _ => Blame::Local,
        }
    }
}

/// A fresh data key, wrapped for `purpose`.
pub(crate) async fn fresh(
    purpose: &str,
    kek: &dyn KeyEncryptionKey,
    now: UnixTime,
    deadline: Duration,
) -> Result<(Wrapping, DataKey), KekError> {
    let key = Secret::build(DataAlgorithm::Aes256Gcm.key_len(), random::fill)?;
    let wrapped = kek.wrap(&key, purpose.as_bytes(), deadline).await?;
    Ok((Wrapping::new(wrapped, now), DataKey::new(DataAlgorithm::Aes256Gcm, key)?))
}

/// The data key of `wrapping`, which was wrapped for `purpose`.
pub(crate) async fn unwrapped(
    purpose: &str,
    wrapping: &Wrapping,
    kek: &dyn KeyEncryptionKey,
    deadline: Duration,
) -> Result<DataKey, KekError> {
    let key = kek.unwrap(wrapping.key(), purpose.as_bytes(), deadline).await?;
    DataKey::new(DataAlgorithm::Aes256Gcm, key).map_err(|_| KekError::Damaged)
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Text {
    dwcp_envelope: u32,
    purpose: String,
    wrapping: Wrapping,
    sealed: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    dwcp_envelope: u32,
}

fn binding(purpose: &str, wrapping: &Wrapping) -> Binding {
    let mut binding = Binding::default();
    binding.field(b"dwcp envelope 1").field(purpose.as_bytes());
    wrapping.bind(&mut binding);
    binding
}

fn malformed(error: serde_json::Error) -> EnvelopeError {
    EnvelopeError::Malformed { line: error.line(), column: error.column() }
}

const VERSION: u32 = 1;
const MOST_TEXT: usize = 1024 * 1024;
const MOST_SECRET: usize = 512 * 1024;
