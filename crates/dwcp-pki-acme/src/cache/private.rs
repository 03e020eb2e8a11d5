//! Files and directories that nobody else may have prepared or can look into.

use super::CacheError;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// Makes sure that a directory is one, ours, and closed to others, and that not everybody can put another one in its place.
pub(super) fn check_directory(directory: &Path) -> Result<(), CacheError> {
    let metadata = fs::symlink_metadata(directory).map_err(|error| failed("look at", directory, error))?;
    if !metadata.is_dir() {
        return Err(irregular(directory, "no directory"));
    }
    check_owner(directory, &metadata)?;
    check_mode(directory, &metadata)?;
    let Some(parent) = directory.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    let metadata = fs::metadata(parent).map_err(|error| failed("look at", parent, error))?;
    check_parent(parent, &metadata)
}

/// Reads a file of at most `limit` bytes; `None` where there is none. It is opened once, and what counts is judged on that descriptor, so
/// nothing can be swapped between check and read.
pub(super) fn read(path: &Path, limit: usize) -> Result<Option<Zeroizing<Vec<u8>>>, CacheError> {
    let mut options = OpenOptions::new();
    options.read(true);
    let file = match open(path, &mut options) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refusal("read", path, error)),
    };
    let metadata = check_file(path, &file)?;
    let too_large = || CacheError::TooLarge { path: path.to_owned(), limit };
    let length =
        usize::try_from(metadata.len()).ok().filter(|length| *length <= limit).ok_or_else(too_large)?;
    // One byte more than the size that was seen: a file that grew meanwhile shows itself without a reallocation.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    (&file).take(length as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed("read", path, error))?;
    if bytes.len() > length {
        return Err(failed("read", path, io::Error::other("the file grew while it was read")));
    }
    Ok(Some(bytes))
}

/// Opens the lock's file, or makes it.
pub(super) fn open_lock(path: &Path) -> Result<File, CacheError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = open(path, &mut options).map_err(|error| refusal("lock", path, error))?;
    check_file(path, &file)?;
    Ok(file)
}

fn check_file(path: &Path, file: &File) -> Result<Metadata, CacheError> {
    let metadata = file.metadata().map_err(|error| failed("look at", path, error))?;
    if !metadata.is_file() {
        return Err(irregular(path, "no regular file"));
    }
    check_owner(path, &metadata)?;
    check_mode(path, &metadata)?;
    check_links(path, &metadata)?;
    Ok(metadata)
}

/// Follows no link at the end of the path, and does not wait for the writer of a FIFO.
#[cfg(unix)]
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    // The bits are those of the operating system, which takes them as a signed number.
    options.mode(0o600).custom_flags(flags.cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.open(path)
}

#[cfg(unix)]
fn refusal(action: &'static str, path: &Path, error: io::Error) -> CacheError {
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return irregular(path, "a symbolic link");
    }
    failed(action, path, error)
}

#[cfg(not(unix))]
fn refusal(action: &'static str, path: &Path, error: io::Error) -> CacheError {
    failed(action, path, error)
}

#[cfg(unix)]
fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), CacheError> {
    use std::os::unix::fs::MetadataExt;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner == user { Ok(()) } else { Err(CacheError::Foreign { path: path.to_owned(), owner, user }) }
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &Metadata) -> Result<(), CacheError> {
    use std::os::unix::fs::MetadataExt;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(CacheError::Exposed { path: path.to_owned(), mode }) }
}

/// A second name may lie where others can reach it.
#[cfg(unix)]
fn check_links(path: &Path, metadata: &Metadata) -> Result<(), CacheError> {
    use std::os::unix::fs::MetadataExt;
    // None is a file that was replaced since it was opened: whole, and read once.
    if metadata.nlink() <= 1 { Ok(()) } else { Err(irregular(path, "a file with a second name")) }
}

/// Where everybody may write, the sticky bit has to keep names with their owners.
#[cfg(unix)]
fn check_parent(path: &Path, metadata: &Metadata) -> Result<(), CacheError> {
    use std::os::unix::fs::MetadataExt;
    let mode = metadata.mode() & 0o7777;
    let open = mode & 0o002 != 0 && mode & 0o1000 == 0;
    if open { Err(CacheError::Exposed { path: path.to_owned(), mode }) } else { Ok(()) }
}

// Permission bits and owners exist on Unix only: elsewhere they are not judged.
#[cfg(not(unix))]
fn check_owner(_path: &Path, _metadata: &Metadata) -> Result<(), CacheError> {
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _metadata: &Metadata) -> Result<(), CacheError> {
    Ok(())
}

#[cfg(not(unix))]
fn check_links(_path: &Path, _metadata: &Metadata) -> Result<(), CacheError> {
    Ok(())
}

#[cfg(not(unix))]
fn check_parent(_path: &Path, _metadata: &Metadata) -> Result<(), CacheError> {
    Ok(())
}

pub(super) fn failed(action: &'static str, path: &Path, source: io::Error) -> CacheError {
    CacheError::Storage { action, path: path.to_owned(), source }
}

fn irregular(path: &Path, what: &'static str) -> CacheError {
    CacheError::Irregular { path: path.to_owned(), what }
}
