//! Files that the verbs write: their places are found good before anything is issued for them.

use crate::cli::exit::{Exit, Failure};
use dwcp_base::{Disk, LocalDisk, StagedFile};
use std::fs::File;
use std::io::{self, Read, Write};
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
pub(in crate::cli) struct Target {
    path: PathBuf,
    staged: Box<dyn StagedFile>,
}

impl Target {
    /// Begins it: after this its directory is there and can be written to.
    pub(in crate::cli) fn begin(path: &Path, secret: bool) -> Result<Self, Failure> {
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
        if !secret {
            spare(&real)?;
        }
        let staged = LocalDisk.stage(&real, secret).map_err(|error| failed(path, &error))?;
        Ok(Self { path: path.to_owned(), staged })
    }

    /// Writes it and puts it in its place.
    pub(in crate::cli) fn write(mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.staged.write_all(bytes).and_then(|()| self.staged.commit());
        written.map_err(|error| failed(&self.path, &error))
    }
}

/// Refuses to put something public in the place of a private key, or of what an authority consists of: a slip in `--out` would be
/// the end of either.
fn spare(path: &Path) -> Result<(), Failure> {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning));
    if read.is_ok() && beginning.windows(KEY.len()).any(|window| window == KEY) {
        return Err(failed(path, &io::Error::other("it is there and holds a private key")));
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let beside = |name| path.parent().is_some_and(|parent| parent.join(name).exists());
    if PARTS.contains(&name) && beside("index") && beside("ca.key") {
        return Err(failed(path, &io::Error::other("it is a part of an authority")));
    }
    Ok(())
}

const KEY: &[u8] = b"PRIVATE KEY-----";
/// A key of any kind that is read here is shorter, comments included.
const BEGINNING: u64 = 64 << 10;
/// What stands in an authority's directory beside its index.
const PARTS: [&str; 4] = ["ca.crt", "ca.key", "issuers.crt", "urls"];

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
