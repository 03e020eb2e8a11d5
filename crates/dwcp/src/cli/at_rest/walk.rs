//! What lies below a directory.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// Everything below a directory, by its name there.
#[derive(Default)]
pub(super) struct Found {
    /// Regular files, in the order of their names.
    pub(super) files: Vec<Entry>,
    /// Directories with nothing in them.
    pub(super) empty: Vec<PathBuf>,
    /// Links, devices and temporary files.
    pub(super) others: u64,
    /// What could not be looked at.
    pub(super) unread: Vec<(PathBuf, io::Error)>,
}

/// A regular file.
pub(super) struct Entry {
    /// Below the directory.
    pub(super) name: PathBuf,
    pub(super) metadata: Metadata,
}

impl Found {
    /// Looks below `root`. Links are not followed: they could lead out, or around in a circle.
    pub(super) fn below(root: &Path) -> Self {
        let mut found = Self::default();
        found.collect(root, Path::new(""), 0);
        found
    }

    fn collect(&mut self, root: &Path, below: &Path, depth: usize) {
        match names(&root.join(below), depth) {
            Ok(names) if names.is_empty() => self.empty.push(below.to_owned()),
            Ok(names) => names.into_iter().for_each(|name| self.look(root, below.join(name), depth)),
            Err(error) => self.unread.push((below.to_owned(), error)),
        }
    }

    fn look(&mut self, root: &Path, name: PathBuf, depth: usize) {
        match fs::symlink_metadata(root.join(&name)) {
            Ok(there) if there.is_dir() => self.collect(root, &name, depth + 1),
            Ok(metadata) if metadata.is_file() && !is_temporary(&name) => {
                self.files.push(Entry { name, metadata });
            }
            Ok(_) => self.others += 1,
            // Removed since its directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.unread.push((name, error)),
        }
    }
}

fn names(directory: &Path, depth: usize) -> io::Result<Vec<std::ffi::OsString>> {
    if depth > DEEPEST {
        return Err(io::Error::other("the directories are nested too deep"));
    }
    let mut names: Vec<_> =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    names.sort();
    Ok(names)
}

/// What a run that was killed leaves beside an output is no file of anybody's.
fn is_temporary(name: &Path) -> bool {
    let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(parts) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")) else { return false };
    let mut parts = parts.rsplit('.');
    let mut is = |hex: bool| {
        parts.next().is_some_and(|part| {
            let digit = |char: char| if hex { char.is_ascii_hexdigit() } else { char.is_ascii_digit() };
            !part.is_empty() && part.chars().all(digit) && (!hex || part.len() == 16)
        })
    };
    is(true) && is(false) && is(false)
}

const DEEPEST: usize = 200;
