//! A directory for the files of a tour that are to stay.

use dwcp_base::{Disk, LocalDisk};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A directory that was found empty and fit to be written to.
#[derive(Clone, Debug)]
pub struct KeptDir(PathBuf);

impl KeptDir {
    /// Takes `path`, which is made where it does not exist yet.
    ///
    /// # Errors
    /// [`io::ErrorKind::DirectoryNotEmpty`] where something is in it already: the tour would mix its files with those of
    /// others, or find an authority where it makes one. Else what the operating system said.
    pub fn claim(path: &Path) -> io::Result<Self> {
        match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => return Err(io::ErrorKind::DirectoryNotEmpty.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => LocalDisk.make_dir(path)?,
            Err(error) => return Err(error),
        }
        // Permissions alone do not tell: the file system may be read-only or full.
        let trial = path.join("trial");
        LocalDisk.replace(&trial, b"x", false)?;
        fs::remove_file(&trial)?;
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}
