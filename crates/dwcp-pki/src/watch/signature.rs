//! What a file is at a moment: the way to it, which costs a few `lstat`, and what it holds, which costs reading it.

use dwcp_base::{SecretFileError, read_bounded};
use dwcp_crypto::Secret;
use dwcp_crypto::digest::sha256;
use std::fs::Metadata;
use std::path::Path;

/// Each link and the file at the end. Two that are equal say that nobody has touched the file since; where somebody wrote within
/// the grain of the file system's clock, only the content can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) hops: Vec<HopStamp>,
    pub(super) end: WayEnd,
}

/// Where a way ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WayEnd {
    /// At a regular file.
    File,
    /// At a directory, FIFO, socket or device.
    Irregular,
    /// Where something is not there.
    Missing,
    /// Where this process may not look.
    Barred,
    /// In a loop of links.
    Endless,
}

/// One link, or the file.
#[cfg(unix)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HopStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    mode: u32,
}

#[cfg(unix)]
impl HopStamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            mode: metadata.mode(),
        }
    }

    fn mode(&self) -> u32 {
        self.mode & 0o7777
    }
}

/// One link, or the file. Systems other than Unix have neither inodes nor a time of change.
#[cfg(not(unix))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HopStamp {
    size: u64,
    modified: Option<std::time::SystemTime>,
    created: Option<std::time::SystemTime>,
}

#[cfg(not(unix))]
impl HopStamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok(), created: metadata.created().ok() }
    }

    fn mode(&self) -> u32 {
        0
    }
}

/// What a load of the file would find: this, and no date, says whether it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// SHA-256 of its bytes, and its permission bits: a key that others can read is refused.
    Bytes { digest: [u8; 32], mode: u32 },
    /// Nothing that is read: no regular file, or none that this process can read.
    None(WayEnd),
    /// More than a file of its kind can be; not read. Its size.
    Oversized(u64),
}

impl Content {
    /// Reads the file at the end of `path`, at most `limit` bytes of it, from one descriptor. `stamp` is from before.
    pub(super) fn of(path: &Path, limit: u64, stamp: &Stamp) -> Self {
        let Some(last) = stamp.hops.last().filter(|_| stamp.end == WayEnd::File) else {
            return Self::None(stamp.end);
        };
        // It may be a key.
        match read_bounded(path, limit).map(Secret::from) {
            Ok(bytes) => Self::Bytes { digest: sha256(bytes.expose()), mode: last.mode() },
            Err(SecretFileError::TooLarge { .. }) => Self::Oversized(last.size),
            Err(SecretFileError::NotAFile { .. }) => Self::None(WayEnd::Irregular),
            Err(SecretFileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Self::None(WayEnd::Missing)
            }
            Err(_) => Self::None(WayEnd::Barred),
        }
    }
}
