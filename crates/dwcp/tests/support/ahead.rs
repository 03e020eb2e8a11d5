//! Another wall clock than the machine's.

use super::{command, have};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A wall clock that is ahead of the machine's, for whoever is started under it. Timers run as ever.
pub(crate) struct Ahead {
    library: PathBuf,
    file: PathBuf,
}

impl Ahead {
    /// `None` where there is no libfaketime.
    pub(crate) fn new(dir: &Path) -> Option<Self> {
        if !have("faketime") {
            return None;
        }
        let places = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
        let mut libraries =
            places.chain([PathBuf::from("/usr/lib")]).map(|place| place.join("faketime/libfaketimeMT.so.1"));
        let library = libraries.find(|library| library.exists()).expect("faketime has its library");
        let clock = Self { library, file: dir.join("clock") };
        clock.set(0);
        Some(clock)
    }

    /// So many hours after the machine's clock, or before it.
    pub(crate) fn set_hours(&self, hours: i64) {
        self.set(hours * 3_600);
    }

    /// The same in seconds.
    pub(crate) fn set(&self, seconds: i64) {
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{seconds:+}\n")).unwrap();
        fs::rename(next, &self.file).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = command();
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        command
    }
}
