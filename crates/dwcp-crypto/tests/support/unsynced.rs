//! A disk whose directories can not be synced.

use dwcp_base::{Disk, LocalDisk, StagedFile, SyncedFile};
use std::io;
use std::path::Path;

/// A disk that replaces the file and then says that it did not: its directory could not be synced.
pub(crate) struct Unsynced;

impl Disk for Unsynced {
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
        LocalDisk.replace(path, bytes, secret)?;
        Err(io::Error::other("injected after the rename"))
    }

    fn stage(&self, path: &Path, secret: bool) -> io::Result<Box<dyn StagedFile>> {
        LocalDisk.stage(path, secret)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn SyncedFile>> {
        LocalDisk.append(path)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        LocalDisk.make_dir(path)
    }
}
