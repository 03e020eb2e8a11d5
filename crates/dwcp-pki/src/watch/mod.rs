//! Files that other tools replace: what changed, when it is worth a load, and when a change that was not loaded is an alarm.
//!
//! Three things are looked at. **Events** of the directories on the way to each file, every symbolic link on it included, say at once
//! that something happened. **Stamps** (who is at the end of the way, size, dates, mode) are compared every second, for file systems that
//! tell nothing. **Contents** are hashed where a stamp changed and every 30 s besides: they decide whether a file has changed.
//!
//! ```no_run
//! use dwcp_pki::watch::{Changes, FileWatch, NotLoaded, WatchedFile};
//! use dwcp_pki::{CertificateStore, Credential};
//! use std::path::Path;
//! use std::time::Duration;
//!
//! fn follow(store: &CertificateStore) {
//!     let (cert, key) = (Path::new("/etc/tls/tls.crt"), Path::new("/etc/tls/tls.key"));
//!     let mut watch = FileWatch::new([WatchedFile::new(cert, 1 << 20), WatchedFile::new(key, 16 << 10)]);
//!     loop {
//!         let Changes::Load(_) = watch.wait(Duration::from_secs(60)) else { continue };
//!         let loaded = Credential::load(cert, key).ok().and_then(|pair| store.install_credential(pair).ok());
//!         match loaded {
//!             Some(_) => watch.loaded(),
//!             None if watch.refused() == NotLoaded::Alarm => eprintln!("the files changed and can not be loaded"),
//!             None => {}
//!         }
//!     }
//! }
//! ```

mod bell;
mod core;
#[cfg(test)]
mod core_tests;
mod events;
mod signature;
mod walk;

pub use bell::Waker;
pub use core::NotLoaded;

use self::core::{Core, Step};
use dwcp_base::{Clock, SystemClock, Tick};
use events::Events;
use signature::{Content, Stamp};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A file to follow, and how large one of its kind can be: one that is larger is known by its size alone and not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchedFile {
    path: PathBuf,
    limit: u64,
}

impl WatchedFile {
    /// `path` may be a symbolic link, and lead over others; a relative one starts at the directory of now.
    pub fn new(path: impl AsRef<Path>, limit: u64) -> Self {
        let path = path.as_ref();
        Self { path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()), limit }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What a look or a wait came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Changes {
    /// Nothing to do.
    Still,
    /// The set should be loaded: these files hold something else than what is in force. None of them where the last load read while
    /// somebody wrote, so that only another one can tell what it got. Say [`loaded`](FileWatch::loaded) or
    /// [`refused`](FileWatch::refused) afterwards.
    Load(Vec<PathBuf>),
    /// Files that could not be loaded are gone: all hold what is in force again.
    Back,
}

/// Follows a set of files that are loaded together, all of them or none.
///
/// What the files hold when the watch is made counts as in force: make it first, load then. Each change asks for a load at once; one that
/// failed is asked for again 10, 50, 250 ms and 1 s after the change, since certificate and key can not be replaced at one moment,
/// then every 30 s. Files that are missing, irregular (they are never opened), too large or unreadable are contents like others.
///
/// At most 4 096 directories are watched. No thread of yours is taken; the events have one of their own.
pub struct FileWatch {
    files: Vec<WatchedFile>,
    core: Core,
    events: Option<Events>,
    waker: Waker,
    clock: Arc<dyn Clock>,
    /// When the load that is under way began.
    loading: Option<Tick>,
}

impl FileWatch {
    /// Follows `files` by events and by polling.
    pub fn new(files: impl IntoIterator<Item = WatchedFile>) -> Self {
        Self::made(files, Arc::new(SystemClock::new()), Some(Events::new))
    }

    /// The same by polling alone, with a clock of your own.
    pub fn polling(files: impl IntoIterator<Item = WatchedFile>, clock: Arc<dyn Clock>) -> Self {
        Self::made(files, clock, None)
    }

    fn made(
        files: impl IntoIterator<Item = WatchedFile>,
        clock: Arc<dyn Clock>,
        events: Option<fn(Waker) -> Events>,
    ) -> Self {
        let files: BTreeSet<WatchedFile> = files.into_iter().collect();
        let files = Vec::from_iter(files);
        let waker = Waker::default();
        let events = events.map(|events| events(waker.clone()));
        let now = clock.tick();
        let mut watch = Self { files, core: Core::new([], now), events, waker, clock, loading: None };
        // Before the contents are read, so that no change falls in between.
        let stamps = watch.stamps();
        let read = |(file, stamp): (&WatchedFile, Stamp)| {
            let content = Content::of(&file.path, file.limit, &stamp);
            (stamp, content)
        };
        watch.core = Core::new(watch.files.iter().zip(stamps).map(read), now);
        watch
    }

    /// What is followed, by path.
    pub fn files(&self) -> &[WatchedFile] {
        &self.files
    }

    /// Waits until there is something to do, at most `limit`.
    pub fn wait(&mut self, limit: Duration) -> Changes {
        let end = self.clock.tick().plus(limit);
        loop {
            let changes = self.look();
            let now = self.clock.tick();
            if changes != Changes::Still || now >= end {
                return changes;
            }
            // A writer that never stops must not take all of the processor.
            std::thread::sleep(self.core.earliest().min(end).since(now));
            self.waker.wait(self.core.next().min(end).since(self.clock.tick()));
        }
    }

    /// Looks now. Reads the files that were touched.
    pub fn look(&mut self) -> Changes {
        self.waker.hush();
        let stamps = self.stamps();
        let (files, now) = (&self.files, self.clock.tick());
        let read = |at: usize, stamp: &Stamp| match files.get(at) {
            Some(file) => Content::of(&file.path, file.limit, stamp),
            None => Content::None(signature::WayEnd::Missing),
        };
        match self.core.look(stamps, read, now) {
            Step::Wait => Changes::Still,
            Step::Back => Changes::Back,
            Step::Load => {
                self.loading = Some(self.clock.tick());
                Changes::Load(self.unlike())
            }
        }
    }

    /// What was asked for is in force.
    pub fn loaded(&mut self) {
        let stamps = self.stamps();
        let now = self.clock.tick();
        let began = self.loading.take().unwrap_or(now);
        self.core.loaded(&stamps, began, now);
    }

    /// What was asked for could not be loaded; what was in force still is.
    pub fn refused(&mut self) -> NotLoaded {
        let now = self.clock.tick();
        let began = self.loading.take().unwrap_or(now);
        self.core.refused(began, now)
    }

    /// Asks for a load at the next look, whatever the files hold: something else that a load depends on has changed.
    pub fn again(&mut self) {
        self.core.again();
    }

    /// The files that hold something else than what is in force.
    pub fn unlike(&self) -> Vec<PathBuf> {
        self.core.unlike().filter_map(|at| self.files.get(at)).map(|file| file.path.clone()).collect()
    }

    /// How long until the next look, events aside.
    pub fn pause(&self) -> Duration {
        self.core.next().since(self.clock.tick())
    }

    /// Wakes [`wait`](Self::wait), and tells whoever listens to events.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Why there are no events, where there should be some: the files are polled every second all the same.
    pub fn degraded(&self) -> Option<&str> {
        self.events.as_ref().and_then(Events::trouble)
    }

    /// What is at the end of each way now, with watches on what the ways lead through.
    fn stamps(&mut self) -> Vec<Stamp> {
        for _ in 0..ROUNDS {
            let walks: Vec<_> = self.files.iter().map(|file| walk::walk(&file.path)).collect();
            let (stamps, names): (Vec<Stamp>, Vec<_>) =
                walks.into_iter().map(|walk| (walk.stamp, walk.names)).unzip();
            let Some(events) = &mut self.events else { return stamps };
            events.begin();
            if !events.arm(names.into_iter().flatten().collect()) {
                return stamps;
            }
            // A watch that is new has not seen what happened until now.
        }
        self.files.iter().map(|file| walk::walk(&file.path).stamp).collect()
    }
}

impl fmt::Debug for FileWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileWatch").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Ways that change each time they are looked at are left to polling.
const ROUNDS: usize = 3;
