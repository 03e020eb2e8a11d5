//! Small records in a directory: read within a bound, written whole and synced, and the lock in front of them.

use super::error::EnrollError;
use dwcp_base::{Disk, SecretFileError, read_bounded};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

/// The bytes of a record; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, EnrollError> {
    match read_bounded(path, LARGEST) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(SecretFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(SecretFileError::Io { source, .. }) => Err(EnrollError::storage("read", path, source)),
        Err(_) => Err(EnrollError::Record { path: path.to_owned() }),
    }
}

/// Returns once the record is on stable storage.
pub(super) fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), EnrollError> {
    if bytes.len() as u64 > LARGEST {
        return Err(EnrollError::Record { path: path.to_owned() });
    }
    disk.replace(path, bytes, true).map_err(|source| EnrollError::storage("write", path, source))
}

/// The names of the files in a directory that `wanted` reads something from, in no order; none where it does not exist.
pub(super) fn list<T>(directory: &Path, wanted: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, EnrollError> {
    let failed = |source| EnrollError::storage("read", directory, source);
    let files = match std::fs::read_dir(directory) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for file in files {
        let name = file.map_err(failed)?.file_name();
        found.extend(name.to_str().and_then(&wanted));
    }
    Ok(found)
}

/// Shuts out every other thread and process, within `patience`; the lock goes with the file, also by a crash.
pub(super) fn lock(path: &Path, patience: Duration) -> Result<File, EnrollError> {
    let failed = |source| EnrollError::storage("lock", path, source);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(failed)?;
    let (mut waited, mut pause) = (Duration::ZERO, Duration::from_millis(1));
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if waited < patience => {
                // The operating system has no lock with a time limit; whoever holds this one waits for a disk.
                std::thread::sleep(pause);
                waited += pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(TryLockError::WouldBlock) => return Err(EnrollError::Busy { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

const LONGEST_PAUSE: Duration = Duration::from_millis(16);
/// Of a token's record and of a member's, in bytes.
pub(super) const LARGEST: u64 = 128 << 10;
