//! A directory of a test run, gone when it is over.

use crate::report::{Failed, failed};
use std::fs;
use std::path::{Path, PathBuf};

/// A fresh directory under the system's temporary one; removed with all that is in it when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// `name` says whose it is; the process number keeps two runs apart.
    pub(crate) fn new(name: &str) -> Result<Self, Failed> {
        Self::within(&std::env::temp_dir(), name)
    }

    /// The same in a directory of the caller's choice.
    pub(crate) fn within(parent: &Path, name: &str) -> Result<Self, Failed> {
        let path = parent.join(format!("dwcp-{name}-{}", std::process::id()));
        fs::create_dir(&path).map_err(|e| failed(format!("{}: {e}", path.display())))?;
        Ok(Self(path))
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A directory in it, made if it is not there.
    pub(crate) fn directory(&self, name: &str) -> Result<PathBuf, Failed> {
        let path = self.path(name);
        fs::create_dir_all(&path).map_err(|e| failed(format!("{}: {e}", path.display())))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in a temporary directory is no reason to fail.
        let _ = fs::remove_dir_all(&self.0);
    }
}
