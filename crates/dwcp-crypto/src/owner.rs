//! Who a file belongs to stays so when somebody else may replace it: root, at the moment of need.

use dwcp_base::Disk;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Replaces the secret file at `path`, which goes on belonging to whom it belonged. A file that is new belongs to its maker.
///
/// # Errors
/// As [`Disk::replace`].
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let before = Owner::of(path);
    disk.replace(path, bytes, true)?;
    if let Some(before) = before.filter(|before| Owner::of(path).is_some_and(|now| now != *before)) {
        before.take(path);
    }
    Ok(())
}

/// Gives `file`, which was just made beside `path`, to whom `path` belongs, if there is such a file.
pub(crate) fn follow(path: &Path, file: &File) {
    if let Some(owner) = Owner::of(path) {
        owner.take_open(file);
    }
}

/// User and group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    #[cfg(unix)]
    user: u32,
    #[cfg(unix)]
    group: u32,
}

/// Only root can give files away, so others are refused and nothing is lost by it: the file is theirs then.
#[cfg(unix)]
impl Owner {
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let there = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Self { user: there.uid(), group: there.gid() })
    }

    fn take(self, path: &Path) {
        let _ = std::os::unix::fs::lchown(path, Some(self.user), Some(self.group));
    }

    fn take_open(self, file: &File) {
        let _ = std::os::unix::fs::fchown(file, Some(self.user), Some(self.group));
    }
}

#[cfg(not(unix))]
impl Owner {
    fn of(path: &Path) -> Option<Self> {
        fs::symlink_metadata(path).ok().map(|_| Self {})
    }

    fn take(self, _path: &Path) {}

    fn take_open(self, _file: &File) {}
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::lock;
    use dwcp_base::LocalDisk;
    use std::os::unix::fs::{MetadataExt, chown};

    #[test]
    fn what_root_replaces_stays_its_owners() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keyring");
        replace(&LocalDisk, &path, b"new").unwrap();
        let maker = fs::metadata(&path).unwrap().uid();
        if maker != 0 {
            replace(&LocalDisk, &path, b"newer").unwrap();
            assert_eq!(fs::metadata(&path).unwrap().uid(), maker);
            return;
        }
        chown(&path, Some(12_345), Some(54_321)).unwrap();
        replace(&LocalDisk, &path, b"newer").unwrap();
        let there = fs::metadata(&path).unwrap();
        assert_eq!((there.uid(), there.gid(), there.mode() & 0o777), (12_345, 54_321, 0o600));
        // Otherwise its owner could never change it again.
        drop(lock::lock(&path));
        assert_eq!(fs::metadata(lock::lock_path(&path)).unwrap().uid(), 12_345);
    }
}
