//! From file to file: what is sealed or opened appears under its name when it is whole, and the source is only read.

use super::{StreamFormat, StreamKey, open_all, seal_all};
use dwcp_base::Disk;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// Seals all of `from` into the file `to`, which appears whole (0600, synced to disk) or not at all; one that is there is
/// replaced. Returns the bytes of plaintext.
///
/// `progress` is told the bytes done so far and may end the work by an error; nothing is left at `to` then.
///
/// # Errors
/// What disk or reader say; when the directory could not be synced after the rename, the new file is there, whole, and may not survive a
/// power loss. [`io::ErrorKind::InvalidInput`] when `to` is there and no regular file (a link, a device, a directory), or a
/// [refusal](super::refusal) as of [`StreamEncryptor::new`](super::StreamEncryptor::new).
pub fn seal_to_file(
    key: &StreamKey,
    format: StreamFormat,
    aad: &[u8],
    from: &mut dyn Read,
    to: &Path,
    disk: &dyn Disk,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> io::Result<u64> {
    replaceable(to)?;
    let mut staged = disk.stage(to, true)?;
    let length = seal_all(key, format, aad, from, &mut staged, progress)?;
    staged.commit()?;
    Ok(length)
}

/// Opens all of `from` into the file `to`, which appears (0600, synced to disk) once every byte of it is authentic and the
/// end is proven, or not at all. Returns the bytes of plaintext and which of `keys` it was.
///
/// # Errors
/// As [`seal_to_file`], with refusals as of [`StreamDecryptor::new`](super::StreamDecryptor::new).
pub fn open_to_file<'k, K>(
    keys: K,
    format: StreamFormat,
    aad: &[u8],
    from: &mut dyn Read,
    to: &Path,
    disk: &dyn Disk,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> io::Result<(u64, usize)>
where
    K: IntoIterator<Item = &'k StreamKey> + Clone,
{
    replaceable(to)?;
    let mut staged = disk.stage(to, true)?;
    let opened = open_all(keys, format, aad, from, &mut staged, progress)?;
    staged.commit()?;
    Ok(opened)
}

/// A rename would put a file in the place of a device, or of a link that was meant to be followed.
fn replaceable(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "what is there is not a regular file"))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
