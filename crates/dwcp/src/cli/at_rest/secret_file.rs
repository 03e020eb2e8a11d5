//! A secret that was put into a file for a keyring: without the keyring it opens nothing, and would be in the way.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that this command made; it is removed unless it is kept.
pub(super) struct SecretFile(Option<PathBuf>);

impl SecretFile {
    /// A file that nobody else has at that moment: two commands never put two passphrases into one.
    pub(super) fn write(path: &Path, line: &[u8]) -> io::Result<Self> {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        // What is half there opens nothing.
        let made = Self::made(path);
        file.write_all(line)?;
        file.sync_all()?;
        Ok(made)
    }

    /// One that was made elsewhere.
    pub(super) fn made(path: &Path) -> Self {
        Self(Some(path.to_owned()))
    }

    /// The keyring needs it from now on.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = fs::remove_file(path);
        }
    }
}
