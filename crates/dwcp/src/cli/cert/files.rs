//! Files that the verbs read and write.

use crate::cli::exit::{Exit, Failure};
use dwcp_base::{Disk, LocalDisk};
use std::path::{Path, PathBuf};

/// `PREFIX.EXTENSION`.
pub(super) fn with_extension(prefix: &Path, extension: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    PathBuf::from(path)
}

/// Writes a file, by rename; through a symbolic link to the file at its end, and never in the place of anything else.
pub(super) fn write(path: &Path, bytes: &[u8], secret: bool) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| {
        let fix = "name a file in a place this user can write to, with room on it; - is standard output";
        Failure::new(Exit::Failure, format!("{} was not written", path.display()), error, fix)
    };
    let target = match path.metadata() {
        Ok(metadata) if metadata.is_file() => path.canonicalize().map_err(|error| failed(&error))?,
        Ok(_) => return Err(failed(&std::io::Error::other("it is there and no regular file"))),
        // Also a link that leads nowhere: the link is replaced.
        Err(_) => path.to_owned(),
    };
    LocalDisk.replace(&target, bytes, secret).map_err(|error| failed(&error))
}

/// A certificate or a request, with comments.
pub(super) const MAX_PEM: u64 = 1 << 20;
