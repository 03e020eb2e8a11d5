//! A certificate chain and the private key that belongs to it, which exist only as a pair.

use crate::{CertificateChain, KeyFileError, KeyPin, ParseError, SubjectName, key_file};
use dwcp_base::{Blame, Coded, Disk, SecretFileError, UnixTime};
use dwcp_crypto::{CryptoError, SigningKey};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A chain and its key. The constructors refuse a key that is not the leaf's, so a pair that was torn apart by a writer in
/// between two reads is never served.
pub struct Credential {
    chain: CertificateChain,
    key: SigningKey,
}

impl Credential {
    /// Joins a chain and a key: the leaf's public key must be the key's, and a signature made with the one must verify
    /// under the other.
    ///
    /// # Errors
    /// [`CredentialError::KeyMismatch`] when they do not belong together; [`CredentialError::Signing`] when the key does not
    /// sign.
    pub fn new(chain: CertificateChain, key: SigningKey) -> Result<Self, CredentialError> {
        if KeyPin::of_key(&key) != chain.leaf().key_pin() || !signs_for(&chain, &key)? {
            return Err(CredentialError::KeyMismatch);
        }
        Ok(Self { chain, key })
    }

    /// Reads a chain in PEM (leaf first, at most 1 MiB) and a key in PEM (PKCS#8, SEC1 or PKCS#1) that its owner alone can read.
    ///
    /// # Errors
    /// [`CredentialError`]: a file that can not be read or is malformed, a key that others can read, or a pair that does not
    /// belong together, as a writer that replaces one file after the other shows for a moment.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, CredentialError> {
        let text = dwcp_base::read_bounded(certificate, LARGEST_CHAIN_FILE).map_err(CredentialError::File)?;
        let chain = CertificateChain::from_pem(&text).map_err(CredentialError::Chain)?;
        Self::new(chain, key_file::read(key).map_err(CredentialError::Key)?)
    }

    /// Writes `PREFIX.key` (0600) and `PREFIX.crt`.
    ///
    /// Two files can not be replaced at once. So the pair is first staged beside them, as `PREFIX.next.key` and then
    /// `PREFIX.next.crt`, and [`load_saved`](Self::load_saved) takes it from there when a crash left the two torn. The staged
    /// pair stays.
    ///
    /// # Errors
    /// [`CredentialError::Write`] with the file that failed; what was complete before can still be loaded, if not the new pair.
    pub fn save(&self, disk: &dyn Disk, prefix: &Path) -> Result<(), CredentialError> {
        self.stage(disk, prefix)?;
        self.commit(disk, prefix)
    }

    /// The first half of [`save`](Self::save): the pair lies beside the one in force, and nothing else has changed.
    pub(crate) fn stage(&self, disk: &dyn Disk, prefix: &Path) -> Result<(), CredentialError> {
        Self::mend(disk, prefix)?;
        self.write(disk, prefix, [NEXT_KEY, NEXT_CHAIN])
    }

    /// Where the two files are halves because the disk failed in between, what is staged is the only whole pair there is: it takes their
    /// place before anything is written over it.
    fn mend(disk: &dyn Disk, prefix: &Path) -> Result<(), CredentialError> {
        let key = with_suffix(prefix, KEY);
        match Self::load(&with_suffix(prefix, CHAIN), &key) {
            Err(error) if error.may_be_torn(&key) => match Self::load_staged(prefix) {
                Ok(Some(staged)) => staged.commit(disk, prefix),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The second half. Only once the first one succeeded: what is staged is all that is whole while this replaces one file after the
    /// other.
    pub(crate) fn commit(&self, disk: &dyn Disk, prefix: &Path) -> Result<(), CredentialError> {
        self.write(disk, prefix, [KEY, CHAIN])
    }

    fn write(&self, disk: &dyn Disk, prefix: &Path, [key, chain]: [&str; 2]) -> Result<(), CredentialError> {
        let write = |suffix: &str, bytes: &[u8], secret| {
            let path = with_suffix(prefix, suffix);
            disk.replace(&path, bytes, secret).map_err(|source| CredentialError::Write { path, source })
        };
        let secret = key_file::private_key_pem(&self.key).map_err(CredentialError::Chain)?;
        write(key, secret.expose(), true)?;
        write(chain, self.chain.to_pem().as_bytes(), false)
    }

    /// Reads the pair that was staged last. `None` where there is none, or a crash left it torn.
    ///
    /// # Errors
    /// As [`load`](Self::load), for files that are there and can not be used.
    pub(crate) fn load_staged(prefix: &Path) -> Result<Option<Self>, CredentialError> {
        match Self::load(&with_suffix(prefix, NEXT_CHAIN), &with_suffix(prefix, NEXT_KEY)) {
            Ok(credential) => Ok(Some(credential)),
            Err(CredentialError::KeyMismatch) => Ok(None),
            Err(
                CredentialError::File(SecretFileError::Io { source, .. })
                | CredentialError::Key(KeyFileError::File { source: SecretFileError::Io { source, .. } }),
            ) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads what [`save`](Self::save) wrote, also when it was interrupted: the staged pair counts where the two files are of
    /// two pairs, and where the key is there and the certificate is not, as a first `save` may leave them.
    ///
    /// # Security
    /// Where both files are gone nothing is loaded: whoever removes them gives the pair up, and the staged one with it.
    ///
    /// # Errors
    /// As [`load`](Self::load) for `PREFIX.crt` and `PREFIX.key`, when neither these nor the staged pair belong together.
    pub fn load_saved(prefix: &Path) -> Result<Self, CredentialError> {
        let load = |chain, key| Self::load(&with_suffix(prefix, chain), &with_suffix(prefix, key));
        match load(CHAIN, KEY) {
            Ok(credential) => Ok(credential),
            Err(error) if error.may_be_torn(&with_suffix(prefix, KEY)) => {
                load(NEXT_CHAIN, NEXT_KEY).map_err(|_| error)
            }
            Err(error) => Err(error),
        }
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &CertificateChain {
        &self.chain
    }

    /// The private key of the leaf.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The start of the leaf's life.
    pub fn not_before(&self) -> UnixTime {
        self.chain.leaf().not_before()
    }

    /// The end of the leaf's life.
    pub fn not_after(&self) -> UnixTime {
        self.chain.leaf().not_after()
    }

    /// The leaf's names.
    pub fn names(&self) -> &[SubjectName] {
        self.chain.leaf().names()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("leaf", self.chain.leaf()).field("key", &self.key).finish()
    }
}

/// Why there is no credential, or why it was not written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The private key is not the one that the certificate is for.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// The key does not sign.
    #[error("the private key does not sign")]
    Signing(#[source] CryptoError),
    /// The certificate file can not be read.
    #[error("the certificate file was not read")]
    File(#[source] SecretFileError),
    /// The certificates are malformed.
    #[error("the certificate chain is not usable")]
    Chain(#[source] ParseError),
    /// The key file can not be read or is open to others.
    #[error("the private key is not usable")]
    Key(#[source] KeyFileError),
    /// A file can not be written.
    #[error("can not write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl CredentialError {
    /// Whether an interrupted `save` may have left this behind.
    fn may_be_torn(&self, key: &Path) -> bool {
        match self {
            Self::KeyMismatch => true,
            Self::File(SecretFileError::Io { source, .. }) => {
                source.kind() == io::ErrorKind::NotFound && key.exists()
            }
            _ => false,
        }
    }
}

impl Coded for CredentialError {
    fn code(&self) -> &'static str {
        match self {
            Self::KeyMismatch => "pki.credential.mismatch",
            Self::Signing(_) => "pki.credential.unsigned",
            Self::File(source) => source.code(),
            Self::Chain(source) => source.code(),
            Self::Key(source) => source.code(),
            Self::Write { .. } => "pki.credential.unwritten",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// Signs a fixed text and verifies it as a peer would.
fn signs_for(chain: &CertificateChain, key: &SigningKey) -> Result<bool, CredentialError> {
    let signature = key.sign(PROBE).map_err(CredentialError::Signing)?;
    let Ok(raw) = chain.leaf().raw() else { return Ok(false) };
    Ok(crate::signature::is_made_by(raw.key_info, key.key_type(), PROBE, &signature))
}

pub(crate) fn with_suffix(prefix: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(prefix);
    path.push(suffix);
    path.into()
}

/// Longer than any hash, and no handshake signs anything that starts like it (RFC 9846 §4.4.3 starts with 64 spaces).
const PROBE: &[u8] =
    b"dwcp: does this key belong to this certificate? Nothing else is said by this signature.";
const LARGEST_CHAIN_FILE: u64 = 1 << 20;
const KEY: &str = ".key";
const CHAIN: &str = ".crt";
const NEXT_KEY: &str = ".next.key";
const NEXT_CHAIN: &str = ".next.crt";
