//! The lock that every process takes before it reads or writes an index.

use crate::authority::AuthorityError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Takes the lock within ten seconds; it goes when the file is closed, also by a crash.
pub(in crate::authority) fn lock(directory: &Path) -> Result<File, AuthorityError> {
    lock_within(directory, PATIENCE)
}

fn lock_within(directory: &Path, patience: Duration) -> Result<File, AuthorityError> {
    let path = &directory.join(LOCK);
    let failed = |e| AuthorityError::storage("lock", path, e);
    // An existing file is opened for reading alone, so that a directory on a read-only mount can be shown.
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?
        }
        Err(e) => return Err(failed(e)),
    };
    let (mut waited, mut pause) = (Duration::ZERO, SHORTEST_PAUSE);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if waited < patience => {
                // The operating system has no lock with a time limit; whoever holds this one waits for a disk.
                std::thread::sleep(pause);
                waited += pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(TryLockError::WouldBlock) => return Err(AuthorityError::IndexBusy { path: path.clone() }),
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
    }
}

const LOCK: &str = "lock";
/// Far longer than a healthy holder needs, which writes a line or reads the log once.
const PATIENCE: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_base::Coded;

    #[test]
    fn a_holder_that_hangs_is_not_waited_for_without_end() {
        let directory = tempfile::tempdir().unwrap();
        let held = lock(directory.path()).unwrap();
        let error = lock_within(directory.path(), Duration::from_millis(30)).unwrap_err();
        assert_eq!(error.code(), "pki.index.busy");
        drop(held);
        assert!(lock_within(directory.path(), Duration::ZERO).is_ok());
    }

    #[test]
    fn a_holder_that_lets_go_in_time_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let held = lock(directory.path()).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| lock(directory.path()).map(|_| ()));
            std::thread::sleep(Duration::from_millis(30));
            drop(held);
            assert!(waiting.join().unwrap().is_ok());
        });
    }
}
