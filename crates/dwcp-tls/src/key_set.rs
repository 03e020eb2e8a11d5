//! The secrets that ticket keys of several processes are derived from (`docs/formats/ticket-keys.md`).

use crate::session_ticket::TicketKeyName;
use crate::ticket_key::{NAME, SECRET, TicketKey};
use dwcp_base::UnixTime;
use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::kek::KeyEncryptionKey;
use dwcp_crypto::{CryptoError, Envelope, EnvelopeError, KekError, Secret, random};
use std::fmt;
use std::hash::{Hash as Hashed, Hasher};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// One to four secrets: the first seals tickets, all of them open. Wiped when the last clone goes; clones share everything.
///
/// It comes through an inherited descriptor ([`from_descriptor`](Self::from_descriptor)) or out of an envelope
/// ([`from_envelope`](Self::from_envelope)). There is no way to read it from a plain file: a copy of that file would open the
/// tickets of every process.
#[derive(Clone)]
pub struct TicketKeySet {
    secrets: Arc<[Secret]>,
    name: TicketKeyName,
}

/// A set and the listener whose tickets it seals; those of another listener do not open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SharedTickets {
    keys: TicketKeySet,
    listener: String,
}

/// Why there is no set.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TicketKeysError {
    /// It is not laid out as a set of version 1, or was altered on the way.
    #[error("these are no ticket keys of version 1")]
    Malformed,
    /// The descriptor is that of a file, a terminal or a device.
    #[error("ticket keys are read from a pipe or a socket, never from a file")]
    NotAPipe,
    /// The descriptor could not be read to the end of the set.
    #[error("the ticket keys could not be read")]
    Io(#[source] io::Error),
    /// The envelope was not opened, or the set not sealed.
    #[error("the envelope of the ticket keys")]
    Envelope(#[source] EnvelopeError),
    /// The name of a listener is 1 to 64 bytes.
    #[error("a listener's name has 1 to 64 bytes")]
    Listener,
    /// There was no randomness.
    #[error("no ticket keys could be made")]
    Crypto(#[source] CryptoError),
}

impl TicketKeySet {
    /// What an envelope of these is sealed for.
    pub const PURPOSE: &'static str = "ticket-keys";

    /// A set of one fresh secret.
    ///
    /// # Errors
    /// [`TicketKeysError::Crypto`] when the operating system gives no randomness.
    pub fn generate() -> Result<Self, TicketKeysError> {
        let secret = Secret::build(SECRET, random::fill).map_err(TicketKeysError::Crypto)?;
        Self::of(vec![secret]).map_err(TicketKeysError::Crypto)
    }

    /// The set with a fresh secret before the others, of which the newest three stay. Hand it to every process: until then those that
    /// have it do not open what it seals.
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    pub fn rotated(&self) -> Result<Self, TicketKeysError> {
        let mut secrets = vec![Secret::build(SECRET, random::fill).map_err(TicketKeysError::Crypto)?];
        secrets.extend(self.secrets.iter().take(MOST_SECRETS - 1).map(copy));
        Self::of(secrets).map_err(TicketKeysError::Crypto)
    }

    /// Reads a set of at most 144 bytes from an inherited pipe or socket, which is closed then. It blocks until the set is there.
    ///
    /// # Errors
    /// [`TicketKeysError::NotAPipe`] for whatever is no pipe and no socket, before a byte is read; [`TicketKeysError::Io`],
    /// [`TicketKeysError::Malformed`].
    #[cfg(unix)]
    pub fn from_descriptor(descriptor: std::os::fd::OwnedFd) -> Result<Self, TicketKeysError> {
        use io::Read;
        use std::os::unix::fs::FileTypeExt;
        let mut file = std::fs::File::from(descriptor);
        let kind = file.metadata().map_err(TicketKeysError::Io)?.file_type();
        if !kind.is_fifo() && !kind.is_socket() {
            return Err(TicketKeysError::NotAPipe);
        }
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(TicketKeysError::Io)?;
        let rest = usize::from(count_of(header)?) * SECRET + CHECK;
        let whole = Secret::build(HEADER + rest, |whole| {
            let (head, rest) = whole.split_at_mut(HEADER.min(whole.len()));
            head.copy_from_slice(&header);
            file.read_exact(rest)
        });
        Self::from_bytes(&whole.map_err(TicketKeysError::Io)?)
    }

    /// Opens a set that was sealed for rest under a key of the caller's.
    ///
    /// # Errors
    /// [`TicketKeysError::Envelope`], [`TicketKeysError::Malformed`].
    pub async fn from_envelope(
        envelope: &Envelope,
        kek: &dyn KeyEncryptionKey,
        deadline: Duration,
    ) -> Result<Self, TicketKeysError> {
        let opened = envelope.open(Self::PURPOSE, kek, deadline).await;
        Self::from_bytes(&opened.map_err(TicketKeysError::Envelope)?)
    }

    /// Seals the set for rest; `now` and `deadline` are as [`Envelope::seal`] has them.
    ///
    /// # Errors
    /// [`TicketKeysError::Envelope`].
    pub async fn sealed(
        &self,
        kek: &dyn KeyEncryptionKey,
        now: UnixTime,
        deadline: Duration,
    ) -> Result<Envelope, TicketKeysError> {
        let sealed = Envelope::seal(Self::PURPOSE, &self.to_bytes(), kek, now, deadline).await;
        sealed.map_err(TicketKeysError::Envelope)
    }

    /// The set as it is written into a pipe.
    ///
    /// # Security
    /// Who reads these bytes opens the tickets of every process that has the set. They belong into a pipe or an envelope.
    pub fn to_bytes(&self) -> Secret {
        let mut bytes = Vec::with_capacity(LARGEST);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[VERSION, u8::try_from(self.secrets.len()).unwrap_or(0), 0, 0]);
        self.secrets.iter().for_each(|secret| bytes.extend_from_slice(secret.expose()));
        bytes.extend_from_slice(&self.name.0);
        Secret::from(bytes)
    }

    /// Reads a set as [`to_bytes`](Self::to_bytes) writes it.
    ///
    /// # Errors
    /// [`TicketKeysError::Malformed`].
    pub fn from_bytes(bytes: &Secret) -> Result<Self, TicketKeysError> {
        let malformed = || TicketKeysError::Malformed;
        let (header, rest) = bytes.expose().split_first_chunk::<HEADER>().ok_or_else(malformed)?;
        let count = usize::from(count_of(*header)?);
        let (secrets, check) = rest.split_at_checked(count * SECRET).ok_or_else(malformed)?;
        let secrets = secrets.chunks_exact(SECRET).map(|secret| Secret::from(secret.to_vec())).collect();
        let set = Self::of(secrets).map_err(TicketKeysError::Crypto)?;
        if check == set.name.0 { Ok(set) } else { Err(TicketKeysError::Malformed) }
    }

    /// What tells sets apart; it says nothing about the secrets.
    pub fn name(&self) -> TicketKeyName {
        self.name
    }

    /// The set for one listener: processes that serve it call it the same, in 1 to 64 bytes, and two listeners differently.
    ///
    /// # Errors
    /// [`TicketKeysError::Listener`].
    pub fn for_listener(&self, listener: &str) -> Result<SharedTickets, TicketKeysError> {
        if !(1..=64).contains(&listener.len()) {
            return Err(TicketKeysError::Listener);
        }
        Ok(SharedTickets { keys: self.clone(), listener: listener.to_owned() })
    }

    /// The ticket keys of one epoch, that of the first secret first.
    pub(crate) fn keys_of(&self, binding: &[u8; 32], epoch: u64) -> Result<Vec<TicketKey>, CryptoError> {
        let context = [&binding[..], &epoch.to_be_bytes()].concat();
        let key = |secret: &Secret| {
            let prk = Prk::extract(Hash::Sha256, b"", secret);
            let mut name = [0; NAME];
            prk.expand_label(b"ticket name", &context, &mut name)?;
            Ok(TicketKey::derived(name, prk.secret(b"ticket key", &context, SECRET)?))
        };
        self.secrets.iter().map(key).collect()
    }

    fn of(secrets: Vec<Secret>) -> Result<Self, CryptoError> {
        let all: Vec<&[u8]> = secrets.iter().map(Secret::expose).collect();
        let mut name = [0; CHECK];
        Prk::extract(Hash::Sha256, b"", &Secret::from(all.concat())).expand_label(
            b"ticket keys",
            b"",
            &mut name,
        )?;
        Ok(Self { secrets: secrets.into(), name: TicketKeyName(name) })
    }
}

impl SharedTickets {
    /// The set.
    pub fn keys(&self) -> &TicketKeySet {
        &self.keys
    }

    /// The listener's name.
    pub fn listener(&self) -> &str {
        &self.listener
    }
}

/// What [`at_once`](dwcp_crypto::kek::at_once) gives where a key can not be used without waiting.
impl From<KekError> for TicketKeysError {
    fn from(error: KekError) -> Self {
        Self::Envelope(error.into())
    }
}

impl PartialEq for TicketKeySet {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TicketKeySet {}

impl Hashed for TicketKeySet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for TicketKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketKeySet({}, {} secrets)", self.name, self.secrets.len())
    }
}

/// How many secrets follow, by a header that is one.
fn count_of(header: [u8; HEADER]) -> Result<u8, TicketKeysError> {
    match header {
        [b'D', b'W', b'T', b'K', VERSION, count @ 1..=4, 0, 0] => Ok(count),
        _ => Err(TicketKeysError::Malformed),
    }
}

fn copy(secret: &Secret) -> Secret {
    Secret::from(secret.expose().to_vec())
}

const MAGIC: &[u8] = b"DWTK";
const VERSION: u8 = 1;
const MOST_SECRETS: usize = 4;
const HEADER: usize = 8;
const CHECK: usize = 8;
const LARGEST: usize = HEADER + MOST_SECRETS * SECRET + CHECK;

#[cfg(test)]
#[path = "key_set_tests.rs"]
mod tests;
