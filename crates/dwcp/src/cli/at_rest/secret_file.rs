//! A passphrase that was made up goes to a file of its own before the keyring needs it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file that nobody else has at that moment (two commands never put two passphrases into one), and returns once it lasts.
///
/// It stays when the keyring does not come: another command may have begun to rely on it.
pub(in crate::cli) fn write(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(line).and_then(|()| file.sync_all());
    if written.is_err() {
        // What is half there opens nothing, and nobody else had it.
        let _ = fs::remove_file(path);
        return written;
    }
    if cfg!(unix) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
