//! Files that the verbs write: their places are found good before anything is issued for them.

use crate::cli::exit::{Exit, Failure};
use dwcp_base::{Disk, LocalDisk, StagedFile};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// `PREFIX.EXTENSION`.
pub(super) fn with_extension(prefix: &Path, extension: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    PathBuf::from(path)
}

/// A file that is going to be written, by rename. What is public goes through a symbolic link to the file at its end; a secret takes
/// the link's place, since whoever made the link may not have meant it for one. Nothing else is ever replaced.
pub(super) struct Target {
    path: PathBuf,
    staged: Box<dyn StagedFile>,
}

impl Target {
    /// Begins it: after this its directory is there and can be written to.
    pub(super) fn begin(path: &Path, secret: bool) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            let why = "this is written to files alone";
            let what = "- is no file";
            return Err(Failure::plain(Exit::Usage, what, why, "name a file"));
        }
        let odd = || failed(path, &io::Error::other("it is there and no regular file"));
        let there = path.symlink_metadata();
        let real = match (there, path.metadata()) {
            (Ok(link), Ok(end)) if link.is_symlink() && end.is_file() && !secret => {
                path.canonicalize().map_err(|error| failed(path, &error))?
            }
            (Ok(link), Ok(end)) if !link.is_symlink() && !end.is_file() => return Err(odd()),
            (Ok(link), Ok(end)) if link.is_symlink() && !end.is_file() => return Err(odd()),
            // Also a link that leads nowhere: the link is replaced.
            _ => path.to_owned(),
        };
        let staged = LocalDisk.stage(&real, secret).map_err(|error| failed(path, &error))?;
        Ok(Self { path: path.to_owned(), staged })
    }

    /// Writes it and puts it in its place.
    pub(super) fn write(mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.staged.write_all(bytes).and_then(|()| self.staged.commit());
        written.map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let fix = "name a file in a place this user can write to, with room on it";
    Failure::new(Exit::Failure, format!("{} was not written", path.display()), error, fix)
}

/// Writes a public file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    Target::begin(path, false)?.write(bytes)
}

/// A certificate or a request, with comments.
pub(super) const MAX_PEM: u64 = 1 << 20;
