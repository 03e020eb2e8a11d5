//! The log on disk, and what becomes of it when a write fails.

use crate::chain::Tip;
use crate::checkpoint::{Checkpoint, HEAD};
use crate::encode::Parts;
use crate::error::OpenError;
use crate::queue::Queued;
use crate::segment;
use dwcp_base::{Disk, SyncedFile, UnixTime};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The end of the log that grows. One batch of entries is one write and one sync; then the checkpoint follows.
pub(crate) struct Log {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) segment_bytes: u64,
    /// The last entry known to be on disk.
    pub(crate) tip: Tip,
    /// The current segment; 0 before the first.
    pub(crate) segment: u64,
    /// Where entry `tip` ends in it.
    pub(crate) length: u64,
    pub(crate) file: Option<Box<dyn SyncedFile>>,
    /// The same file opened a second time, to know it again: while it is open, no other file gets its number.
    pub(crate) seen: Option<File>,
    pub(crate) trust: Trust,
    /// Held for as long as the log may be written.
    pub(crate) _lock: File,
}

/// How far the current segment can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It may be added to.
    Sound,
    /// It holds the entries up to `tip`, and nothing is added to it any more.
    Retired,
    /// It may hold more than `tip` says and has to be cut back first.
    Doubtful,
}

/// Why a batch is not acknowledged.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// The operation failed.
    Disk { operation: &'static str, source: io::Error },
    /// The segment is not as long as what was written to it, is another file, or is gone.
    Interfered { segment: u64 },
}

impl CommitError {
    /// As the error of opening a log in `dir`.
    pub(crate) fn into_open(self, dir: &Path) -> OpenError {
        match self {
            Self::Disk { source, .. } => OpenError::Io { path: dir.to_owned(), source },
            Self::Interfered { segment } => OpenError::Io {
                path: dir.join(segment::name(segment)),
                source: io::Error::other("the file was changed by somebody else"),
            },
        }
    }
}

impl Log {
    /// Puts `batch` on disk, in a new segment after any failure and when the current one is full.
    ///
    /// After an error the entries are not on disk as far as this log is concerned, and the call is to be repeated.
    pub(crate) fn write(&mut self, batch: &[Queued]) -> Result<(), CommitError> {
        if self.trust == Trust::Doubtful {
            self.cut_back()?;
        }
        let mut lines = String::new();
        let mut tip = self.tip;
        for queued in batch {
            let parts = Parts::of_event(queued.sequence, queued.time, &queued.event, tip.hash);
            tip = Tip { sequence: queued.sequence, hash: parts.write_line(&mut lines) };
        }
        let added = lines.len() as u64;
        let full = self.length > 0 && self.length + added > self.segment_bytes;
        if self.segment == 0 || full || self.trust != Trust::Sound {
            self.begin_segment(lines.as_bytes())?;
        } else {
            self.add(lines.as_bytes())?;
        }
        self.tip = tip;
        Ok(())
    }

    /// Replaces the checkpoint by one that names the last entry.
    pub(crate) fn acknowledge(&mut self, now: UnixTime) -> Result<Checkpoint, CommitError> {
        let checkpoint = Checkpoint::new(self.tip, now, self.segment.max(1), self.length);
        let line = checkpoint.to_line();
        self.disk.replace(&self.dir.join(HEAD), line.as_bytes(), true).map_err(|source| {
            // The entries are on disk, so they stay; but no further one is added to this file.
            self.trust = Trust::Retired;
            CommitError::Disk { operation: "replacing the checkpoint", source }
        })?;
        Ok(checkpoint)
    }

    /// A new file, synced before it gets its name. It is written whole, so that a failure leaves no half of it; if
    /// only the sync of the directory fails, the next attempt replaces the file by a new one.
    fn begin_segment(&mut self, bytes: &[u8]) -> Result<(), CommitError> {
        (self.file, self.seen) = (None, None);
        self.trust = Trust::Retired;
        let path = self.dir.join(segment::name(self.segment + 1));
        self.disk.replace(&path, bytes, true).map_err(disk("writing a new segment"))?;
        self.segment += 1;
        self.length = bytes.len() as u64;
        // If it can not be opened now, it will be judged by its length alone until it is.
        self.seen = segment::open(&path).ok();
        self.trust = Trust::Sound;
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), CommitError> {
        let path = self.dir.join(segment::name(self.segment));
        self.trust = Trust::Doubtful;
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                self.judge(self.length)?;
                self.disk.append(&path).map_err(disk("opening the segment"))?
            }
        };
        if self.seen.is_none() {
            self.seen = Some(segment::open(&path).map_err(disk("opening the segment"))?);
        }
        file.write_all(bytes).map_err(disk("writing to the segment"))?;
        file.sync().map_err(disk("syncing the segment"))?;
        self.judge(self.length + bytes.len() as u64)?;
        self.length += bytes.len() as u64;
        self.file = Some(file);
        self.trust = Trust::Sound;
        Ok(())
    }

    /// Takes back what a failed write or sync may have left, so that the next segment follows on what is certain.
    fn cut_back(&mut self) -> Result<(), CommitError> {
        self.file = None;
        let path = self.dir.join(segment::name(self.segment));
        if self.look(&path)?.is_none_or(|m| m.len() < self.length) {
            self.trust = Trust::Retired;
            return Err(CommitError::Interfered { segment: self.segment });
        }
        let mut file = self.disk.append(&path).map_err(disk("opening the segment"))?;
        file.truncate(self.length).map_err(disk("cutting the segment back"))?;
        file.sync().map_err(disk("syncing the segment"))?;
        self.trust = Trust::Retired;
        Ok(())
    }

    /// A file that was deleted, replaced, cut or added to behind our back is not the one we wrote, or not as long.
    ///
    /// What is there then is evidence of its own: it is left alone, and the log that verifies ends there. A file that
    /// can merely not be looked at stays doubtful instead, so that its entries are taken back before they are repeated.
    fn judge(&mut self, length: u64) -> Result<(), CommitError> {
        let path = self.dir.join(segment::name(self.segment));
        if self.look(&path)?.is_some_and(|m| m.len() == length) {
            return Ok(());
        }
        self.trust = Trust::Retired;
        Err(CommitError::Interfered { segment: self.segment })
    }

    /// The segment that was written, as it is now; `None` when it is gone or another file is in its place.
    fn look(&self, path: &Path) -> Result<Option<Metadata>, CommitError> {
        let there = match std::fs::metadata(path) {
            Ok(there) => there,
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(disk("looking at the segment")(source)),
        };
        let ours = match &self.seen {
            Some(seen) => is_same(&seen.metadata().map_err(disk("looking at the segment"))?, &there),
            None => true,
        };
        Ok((there.is_file() && ours).then_some(there))
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere files have no number that the standard library tells: the length alone has to do.
#[cfg(not(unix))]
fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
    true
}

fn disk(operation: &'static str) -> impl FnOnce(io::Error) -> CommitError {
    move |source| CommitError::Disk { operation, source }
}
