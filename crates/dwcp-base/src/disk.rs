//! The seam under everything that writes to disk, so that each failing system call can be tried.

use std::io::{self, Write};
use std::path::Path;

/// The writes the stack makes. [`LocalDisk`](crate::LocalDisk) makes them for real; [`FaultyDisk`](crate::FaultyDisk) fails the one a
/// test picks. More than two methods: see `docs/adr/0002-storage-seam.md`.
pub trait Disk: Send + Sync {
    /// Makes `path` hold exactly `bytes`: temporary file beside it, fsync, rename, fsync of the directory. The file is
    /// readable by its owner only (0600) when `secret`, else 0644; never through umask alone.
    ///
    /// # Errors
    /// Whatever the operating system says. `path` then holds the old content or the new, whole either way, and which of
    /// them survives a power loss is open: the sync of the directory comes after the rename. Repeat the call. The
    /// temporary file is gone.
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> io::Result<()>;

    /// Begins a file that appears at `path` when it is whole, for contents too long to hold: a temporary file beside it, 0600 when
    /// `secret`, else 0644. Nothing is at `path`, or what was there before, until [`StagedFile::commit`].
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn stage(&self, path: &Path, secret: bool) -> io::Result<Box<dyn StagedFile>>;

    /// Opens `path` (created 0600 if absent) to add to its end.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn append(&self, path: &Path) -> io::Result<Box<dyn SyncedFile>>;

    /// Makes a directory and its parents, 0700 where they are new, and returns once their names are on stable storage.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn make_dir(&self, path: &Path) -> io::Result<()>;
}

/// A file that is being written and is not there yet. Dropped before its commit it is removed; after a failed write it can not be
/// committed.
pub trait StagedFile: Write + Send {
    /// Puts the file in its place: fsync, rename, fsync of the directory.
    ///
    /// # Errors
    /// Whatever the operating system says; see [`Disk::replace`] for what is at the path then.
    fn commit(self: Box<Self>) -> io::Result<()>;
}

/// A file that grows at its end and says when its bytes are on disk.
pub trait SyncedFile: Write + Send {
    /// Returns once all that was written is on stable storage.
    ///
    /// # Errors
    /// Whatever the operating system says. After an error nothing may be taken as durable, and a later success does
    /// not clear it: the kernel drops dirty pages it failed to write.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file back to `length` bytes, to take back a half-written entry.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}
