//! The files of the repository: tracked ones and new ones that are not ignored.

use crate::report::{Failed, failed};
use crate::run;
use std::path::{Path, PathBuf};

/// The top of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// One text file; binary files have an empty text, since only their names are judged.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// Relative to the top, with forward slashes.
    pub(crate) path: String,
    /// Its content, line ends as in the file.
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The crate directory (`crates/dwcp-pki`) this file belongs to.
    pub(crate) fn crate_dir(&self) -> Option<&str> {
        let mut slashes = self.path.match_indices('/').map(|(at, _)| at);
        if !self.path.starts_with("crates/") {
            return self.path.starts_with("xtask/").then_some("xtask");
        }
        self.path.get(..slashes.nth(1)?)
    }

    /// Lines with their numbers, counted from one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All files of the repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// In the order git lists them.
    pub(crate) files: Vec<SourceFile>,
}

impl Tree {
    /// Reads what `git ls-files` lists, new files included.
    pub(crate) fn read() -> Result<Self, Failed> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = run::output(run::command("git", &arguments))?;
        let mut paths: Vec<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        let mut files = Vec::new();
        for path in paths {
            let full = root().join(path);
            // A file that was deleted but not yet committed is listed too.
            if !full.is_file() {
                continue;
            }
            let bytes = std::fs::read(&full).map_err(|e| failed(format!("can not read {path}: {e}")))?;
            let text = String::from_utf8(bytes).unwrap_or_default();
            files.push(SourceFile { path: path.to_owned(), text });
        }
        Ok(Self { files })
    }

    /// The Rust sources.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file =
            |(path, text): &(&str, &str)| SourceFile { path: (*path).to_owned(), text: (*text).to_owned() };
        Self { files: files.iter().map(file).collect() }
    }
}
