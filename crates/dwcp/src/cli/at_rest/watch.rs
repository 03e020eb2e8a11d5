//! What must not change while a file is being encrypted: the file itself, and the key's place in the keyring.

use dwcp_crypto::KeyringFile;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// Looks at a source and a keyring again and again.
pub(super) struct Watch<'a> {
    keyring: &'a KeyringFile,
    path: PathBuf,
    /// The keyring's file as it was known to be good.
    known: Option<Stamp>,
    key: u32,
    source: Option<(&'a File, Stamp)>,
}

/// Why what was made is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Changed {
    #[error("it changed while it was read")]
    Source,
    #[error("key {0} was destroyed or retired meanwhile")]
    Key(u32),
    #[error("the keyring can not be looked at any more")]
    Keyring(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl<'a> Watch<'a> {
    /// Watches `key` of the keyring in `path`, and the file that is read, if it is one.
    pub(super) fn new(
        keyring: &'a KeyringFile,
        path: &Path,
        key: u32,
        source: Option<&'a File>,
    ) -> io::Result<Self> {
        let source =
            source.map(|file| Ok::<_, io::Error>((file, Stamp::of(&file.metadata()?)))).transpose()?;
        Ok(Self { keyring, path: path.to_owned(), known: None, key, source })
    }

    /// Two calls of `stat`, and more only when the keyring is not the file it was.
    ///
    /// # Errors
    /// [`Changed`] within, or what the operating system says.
    pub(super) fn look(&mut self) -> io::Result<()> {
        if let Some((source, before)) = &self.source
            && Stamp::of(&source.metadata()?) != *before
        {
            return Err(io::Error::other(Changed::Source));
        }
        let lost =
            |error: Box<dyn std::error::Error + Send + Sync>| io::Error::other(Changed::Keyring(error));
        let now = Stamp::of(&fs::metadata(&self.path).map_err(|error| lost(error.into()))?);
        if self.known != Some(now) {
            if !self.keyring.still_has(self.key).map_err(|error| lost(error.into()))? {
                return Err(io::Error::other(Changed::Key(self.key)));
            }
            self.known = Some(now);
        }
        Ok(())
    }
}

/// Whether it is the same with every other file.
pub(super) fn is_of_the_key(error: &io::Error) -> bool {
    let changed = error.get_ref().and_then(|cause| cause.downcast_ref::<Changed>());
    matches!(changed, Some(Changed::Key(_) | Changed::Keyring(_)))
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<std::time::SystemTime>,
    #[cfg(unix)]
    inode: u64,
}

impl Stamp {
    fn of(there: &Metadata) -> Self {
        Self {
            length: there.len(),
            modified: there.modified().ok(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(there),
        }
    }
}
