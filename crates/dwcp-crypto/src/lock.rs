//! One writer at a time for a file that is replaced whole: a lock beside it, since the file itself changes its identity.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there is no lock.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another process has held it for ten seconds.
    Busy,
    /// The file system refused.
    Io(io::Error),
}

/// Takes the lock of `path` within ten seconds; it goes when the file is closed, also by a crash. The lock's own file stays:
/// to remove it would let two writers lock two files.
pub(crate) fn lock(path: &Path) -> Result<File, LockError> {
    lock_within(path, PATIENCE)
}

/// Where the lock of `path` lies: in the same directory, under a hidden name.
pub(crate) fn lock_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    path.with_file_name(name)
}

/// The file that `path` leads to through symbolic links: what is read, locked and replaced is one file then, and a link stays a
/// link. A path to nothing stays itself.
pub(crate) fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn lock_within(path: &Path, patience: Duration) -> Result<File, LockError> {
    let file = open(&lock_path(path)).map_err(LockError::Io)?;
    let (mut waited, mut pause) = (Duration::ZERO, SHORTEST_PAUSE);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if waited < patience => {
                // The operating system has no lock with a time limit; whoever holds this one derives a key or waits for a disk.
                std::thread::sleep(pause);
                waited += pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(TryLockError::WouldBlock) => return Err(LockError::Busy),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
    }
}

/// Opens the lock's file, or makes it; what is there and is no regular file is neither followed nor waited for.
fn open(lock: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(lock) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    if !fs::symlink_metadata(lock)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "what is in the place of the lock is no regular file",
        ));
    }
    OpenOptions::new().read(true).write(true).open(lock)
}

/// Far longer than a healthy holder needs, which derives a key and writes a small file.
const PATIENCE: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_that_hangs_is_not_waited_for_without_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keyring");
        let held = lock(&path).unwrap();
        assert!(matches!(lock_within(&path, Duration::from_millis(30)), Err(LockError::Busy)));
        drop(held);
        assert!(lock_within(&path, Duration::ZERO).is_ok());
        assert!(directory.path().join(".keyring.lock").is_file());
    }

    #[test]
    fn a_holder_that_lets_go_in_time_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keyring");
        let held = lock(&path).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| lock(&path).map(|_| ()));
            std::thread::sleep(Duration::from_millis(30));
            drop(held);
            assert!(waiting.join().unwrap().is_ok());
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keyring");
        let elsewhere = directory.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, lock_path(&path)).unwrap();
        assert!(matches!(lock(&path), Err(LockError::Io(_))));
        assert!(!elsewhere.exists());
    }

    #[test]
    fn where_nothing_can_be_made_there_is_no_lock() {
        let path = Path::new("/nonexistent/keyring");
        assert!(matches!(lock(path), Err(LockError::Io(_))));
        assert_eq!(real(path), path);
    }
}
