//! The storage seam on the local file system.

use crate::disk::{Disk, StagedFile, SyncedFile};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The local file system.
///
/// # Security
/// A crash can leave the temporary file of a [`replace`](Disk::replace) behind, with a key in it. The next successful
/// replacement of the same secret file removes those that are more than an hour older than itself; younger ones may
/// be another writer's. In a large directory it is the first replacement by a process that looks, and then one a minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
        let mut staged = Staged::begin(beside(path)?, path, secret)?;
        staged.write_all(bytes)?;
        Box::new(staged).commit()
    }

    fn stage(&self, path: &Path, secret: bool) -> io::Result<Box<dyn StagedFile>> {
        Ok(Box::new(Staged::begin(beside(path)?, path, secret)?))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn SyncedFile>> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        owner_only(&mut options, 0o600);
        let file = options.open(path)?;
        // Empty is also what a process leaves that was killed before its new file's name was durable.
        if file.metadata()?.len() == 0 {
            sync_dir(path)?;
        }
        Ok(Box::new(LocalFile(file)))
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        let new: Vec<&Path> =
            path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        if new.is_empty() {
            // Whoever made it may have been killed before this; but the parent need not be readable for us.
            let _ = sync_dir(path);
        }
        new.into_iter().rev().try_for_each(sync_dir)
    }
}

struct LocalFile(File);

impl Write for LocalFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl SyncedFile for LocalFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}

/// A temporary file that is removed unless it gets its name.
struct Staged {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    secret: bool,
    placed: bool,
    failed: bool,
}

impl Staged {
    fn begin(temporary: PathBuf, path: &Path, secret: bool) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        owner_only(&mut options, if secret { 0o600 } else { 0o644 });
        // A name that is taken belongs to another writer, and so does its file.
        let file = options.open(&temporary)?;
        // So that nobody takes it for a left-over; where there are no locks, its age has to do.
        let _ = file.try_lock();
        Ok(Self { file, temporary, path: path.to_owned(), secret, placed: false, failed: false })
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.failed |= written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl StagedFile for Staged {
    fn commit(mut self: Box<Self>) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("a write to the file failed before"));
        }
        self.file.sync_all()?;
        let at = self.file.metadata().and_then(|m| m.modified());
        fs::rename(&self.temporary, &self.path)?;
        self.placed = true;
        if let (true, Ok(at)) = (self.secret, at) {
            remove_leftovers(&self.path, at);
        }
        sync_dir(&self.path)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.placed {
            // What failed is the write; that the left-over can not be removed either adds nothing for the caller.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A name in the same directory that no other writer picks: process numbers and counters repeat in containers.
fn beside(path: &Path) -> io::Result<PathBuf> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let (process, count) = (std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    let random = RandomState::new().hash_one(count);
    let mut temporary =
        prefix(path).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    temporary.push(format!("{process}.{count}.{random:016x}{SUFFIX}"));
    Ok(path.with_file_name(temporary))
}

/// What the temporary files of `path` begin with.
fn prefix(path: &Path) -> Option<OsString> {
    let name = path.file_name()?;
    let mut prefix = OsString::from(".");
    match name.to_str().filter(|name| name.len() > LONGEST_STEM) {
        // The whole would be longer than a name may be.
        Some(long) => prefix.push(long.chars().take(LONGEST_STEM / 4).collect::<String>()),
        None => prefix.push(name),
    }
    prefix.push(".");
    Some(prefix)
}

/// Removes temporary files beside `path` from long before `now`, which is the file system's own time. Nothing depends on it,
/// so it does what it can; a large directory is looked through once a minute, or thousands of files would take hours.
fn remove_leftovers(path: &Path, now: SystemTime) {
    static LARGE: Mutex<Option<(PathBuf, SystemTime)>> = Mutex::new(None);
    let (Some(prefix), place) = (prefix(path), parent(path)) else { return };
    let recently = |at: &SystemTime| now.duration_since(*at).is_ok_and(|age| age < PAUSE);
    let mut large = LARGE.lock().unwrap_or_else(PoisonError::into_inner);
    if large.as_ref().is_some_and(|(known, at)| known == place && recently(at)) {
        return;
    }
    let Ok(files) = fs::read_dir(place) else { return };
    let mut count = 0;
    for file in files.flatten() {
        count += 1;
        let name = file.file_name();
        let number = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes())
            .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
        let ours = number.is_some_and(is_number);
        let old = || file.metadata().is_ok_and(|m| m.is_file() && m.modified().is_ok_and(|t| is_old(t, now)));
        let left = || File::open(file.path()).is_ok_and(|file| file.try_lock().is_ok());
        if ours && old() && left() {
            let _ = fs::remove_file(file.path());
        }
    }
    *large = (count > MANY).then(|| (place.to_owned(), now));
}

/// Process, count and, since there is one, a random part: as [`beside`] makes them, of this file and not of `name.7`.
fn is_number(number: &[u8]) -> bool {
    let mut parts = number.split(|byte| *byte == b'.');
    let mut decimal =
        || parts.next().is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
    let two = decimal() && decimal();
    two && parts.next().is_none_or(|last| last.len() == 16) && parts.next().is_none()
}

fn is_old(written: SystemTime, now: SystemTime) -> bool {
    now.duration_since(written).is_ok_and(|age| age > LEFT_OVER)
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions, mode: u32) {
    std::os::unix::fs::OpenOptionsExt::mode(options, mode);
}

#[cfg(not(unix))]
fn owner_only(_options: &mut OpenOptions, _mode: u32) {}

/// A rename or a new name is durable only once its directory is (POSIX leaves it open; ext4 and XFS need it).
fn sync_dir(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(parent(path))?.sync_all()?;
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

const SUFFIX: &str = ".tmp";
/// Files of a large directory, and how long it is left alone.
const MANY: usize = 256;
const PAUSE: Duration = Duration::from_secs(60);
/// Names have 255 bytes at most on usual file systems; this leaves room for the number.
const LONGEST_STEM: usize = 200;
/// Longer than any write takes that will still be finished.
const LEFT_OVER: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_p10_a_temporary_name_that_is_taken_stays_its_owners() {
        let dir = std::env::temp_dir().join(format!("dwcp-base-taken-{}", std::process::id()));
        LocalDisk.make_dir(&dir).unwrap();
        let (path, taken) = (dir.join("key"), dir.join(".key.1.0.tmp"));
        fs::write(&taken, b"half of another writer's key").unwrap();
        let error = Staged::begin(taken.clone(), &path, true).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&taken).unwrap(), b"half of another writer's key");
        assert!(!path.exists());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn temporary_names_differ_by_more_than_process_and_count() {
        let random = |path: PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            name.strip_suffix(SUFFIX).unwrap().rsplit_once('.').unwrap().1.to_owned()
        };
        let names: std::collections::BTreeSet<String> =
            (0..100).map(|_| random(beside(Path::new("a/key")).unwrap())).collect();
        assert_eq!(names.len(), 100);
        assert!(names.iter().all(|name| name.len() == 16));
        assert!(beside(Path::new("/")).is_err());
    }
}
