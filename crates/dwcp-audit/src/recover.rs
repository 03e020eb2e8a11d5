//! Opening a log: finds its end, cuts back what a power loss left half-written, refuses anything else that is amiss.

use crate::chain::Tip;
use crate::checkpoint::{Checkpoint, HEAD};
use crate::error::{OpenError, VerifyError, Violation};
use crate::log::{Log, Trust};
use crate::segment;
use crate::verify::acknowledged;
use crate::walk::{Walk, tampered};
use dwcp_base::{Disk, UnixTime};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A log ready to be added to, and how many bytes were cut back to get there.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    dir: &Path,
    segment_bytes: u64,
    now: UnixTime,
) -> Result<(Log, u64), OpenError> {
    disk.make_dir(dir).map_err(unwritable(dir))?;
    let lock = lock(dir)?;
    remove_leftovers(dir);
    let start = match acknowledged(dir) {
        Ok(checkpoint) => checkpoint,
        Err(VerifyError::Missing { .. }) => {
            // The checkpoint comes first, so that there is never a segment without one.
            let start = Checkpoint::new(Tip::START, now, 1, 0);
            let head = dir.join(HEAD);
            disk.replace(&head, start.to_line().as_bytes(), true).map_err(unwritable(&head))?;
            start
        }
        Err(broken) => return Err(OpenError::Broken(broken)),
    };
    let end = find_end(dir, &start).map_err(OpenError::Broken)?;
    let log = Log {
        disk,
        dir: dir.to_owned(),
        segment_bytes,
        tip: end.tip,
        segment: end.segment,
        length: end.length,
        file: None,
        seen: None,
        trust: Trust::Sound,
        _lock: lock,
    };
    // Whole lines after the checkpoint may be in memory alone, and the next batch may go to another segment: they are
    // put on disk before anything follows on them. Cutting syncs too.
    if end.torn > 0 || end.tip.sequence > start.sequence() {
        secure(&log)?;
    }
    Ok((log, end.torn))
}

struct End {
    tip: Tip,
    segment: u64,
    length: u64,
    torn: u64,
}

/// Checks the chain from the segment of the checkpoint on; what lies before it is left to the full check.
fn find_end(dir: &Path, checkpoint: &Checkpoint) -> Result<End, VerifyError> {
    let highest = segment::highest(dir)?;
    if highest == 0 && checkpoint.sequence() == 0 {
        return Ok(End { tip: Tip::START, segment: 0, length: 0, torn: 0 });
    }
    let first = checkpoint.segment();
    for earlier in 1..first {
        if !dir.join(segment::name(earlier)).is_file() {
            return Err(tampered(earlier, 1, 0, 1, Violation::MissingSegment));
        }
    }
    let mut walk = Walk::from(dir, first, Some(before(dir, first)?), Some(*checkpoint))?;
    while walk.step()?.is_some() {}
    Ok(End { tip: walk.tip(), segment: walk.segment(), length: walk.offset(), torn: walk.torn() })
}

/// The entry that segment `first` follows on.
fn before(dir: &Path, first: u64) -> Result<Tip, VerifyError> {
    let Some(previous) = first.checked_sub(1).filter(|n| *n > 0) else { return Ok(Tip::START) };
    let path = dir.join(segment::name(previous));
    match segment::last_entry(dir, previous) {
        Ok(Some(entry)) => Ok(Tip { sequence: entry.sequence(), hash: entry.hash() }),
        Ok(None) => Err(tampered(previous, 1, 0, 1, Violation::Unterminated)),
        Err(source) => Err(VerifyError::Unreadable { path, source }),
    }
}

/// Makes the last segment end after the last entry that holds, on stable storage.
fn secure(log: &Log) -> Result<(), OpenError> {
    let path = log.dir.join(segment::name(log.segment));
    let mut file = log.disk.append(&path).map_err(unwritable(&path))?;
    file.truncate(log.length).and_then(|()| file.sync()).map_err(unwritable(&path))
}

/// The lock belongs to the open file, so it ends with its holder, however that ends.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path).map_err(unwritable(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

/// Temporary files of replacements that a crash cut short. They mean nothing, so neither does a failure to remove one.
fn remove_leftovers(dir: &Path) {
    let Ok(files) = std::fs::read_dir(dir) else { return };
    for file in files.flatten() {
        let name = file.file_name();
        let ours = name
            .to_str()
            .is_some_and(|n| n.ends_with(".tmp") && (n.starts_with(".head.") || n.starts_with(".log-")));
        if ours {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}
