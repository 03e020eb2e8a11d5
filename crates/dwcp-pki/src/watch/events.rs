//! Events of the file system, of directories alone: a file that is replaced takes a watch on itself along. The one file that names
//! `notify`.

use super::bell::Waker;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Watches on directories, at most 4 096.
pub(super) struct Events {
    watcher: Option<RecommendedWatcher>,
    /// What each watch is on: the kernel's goes with the directory when that is moved, and ends with it.
    armed: BTreeMap<PathBuf, DirId>,
    interest: Arc<Mutex<Interest>>,
    waker: Waker,
    trouble: Option<String>,
}

/// What the handler of events compares with.
#[derive(Default)]
struct Interest {
    names: BTreeSet<PathBuf>,
    /// Directories that are watched.
    dirs: BTreeSet<PathBuf>,
    /// Directories whose watch ended or went elsewhere.
    lost: BTreeSet<PathBuf>,
}

impl Events {
    pub(super) fn new(waker: Waker) -> Self {
        let mut events = Self {
            watcher: None,
            armed: BTreeMap::new(),
            interest: Arc::default(),
            waker,
            trouble: Some("not begun".to_owned()),
        };
        events.begin();
        events
    }

    /// Tries again to have events where there are none.
    pub(super) fn begin(&mut self) {
        if self.watcher.is_some() {
            return;
        }
        let (interest, waker) = (Arc::clone(&self.interest), self.waker.clone());
        let handler = move |event: notify::Result<notify::Event>| {
            if concerns(event, &interest) {
                waker.wake();
            }
        };
        match notify::recommended_watcher(handler) {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.armed.clear();
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(error.to_string()),
        }
    }

    /// Watches the directories that `names` are in and no others. True when a watch is new: what happened before it came about made
    /// no event.
    pub(super) fn arm(&mut self, names: BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let wanted: BTreeMap<PathBuf, DirId> = names
            .iter()
            .filter_map(|name| name.parent())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter_map(|dir| Some((dir.to_owned(), DirId::of(dir)?)))
            .collect();
        let lost = {
            let mut interest = self.interest.lock().unwrap_or_else(PoisonError::into_inner);
            interest.names = names;
            interest.dirs = wanted.keys().cloned().collect();
            std::mem::take(&mut interest.lost)
        };
        self.armed.retain(|dir, id| {
            let stays = wanted.get(dir) == Some(id) && !lost.contains(dir);
            if !stays {
                // It may have ended by itself.
                let _ = watcher.unwatch(dir);
            }
            stays
        });
        self.trouble = None;
        let mut new = false;
        for (dir, id) in wanted {
            if self.armed.contains_key(&dir) {
                continue;
            }
            if self.armed.len() >= MOST {
                self.trouble = Some(format!("more than {MOST} directories"));
                break;
            }
            match watcher.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.armed.insert(dir, id);
                    new = true;
                }
                Err(error) => self.trouble = Some(error.to_string()),
            }
        }
        new
    }

    /// Why there are no events, or not of all directories.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

/// Whether it is worth a look.
fn concerns(event: notify::Result<notify::Event>, interest: &Mutex<Interest>) -> bool {
    // An error may stand for events that were lost.
    let Ok(event) = event else { return true };
    match event.kind {
        // Reading is no change.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
        EventKind::Access(_) => return false,
        _ if event.need_rescan() => return true,
        _ => {}
    }
    let mut interest = interest.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
        let lost = event.paths.iter().filter(|path| interest.dirs.contains(*path)).cloned();
        let lost: Vec<PathBuf> = lost.collect();
        interest.lost.extend(lost);
    }
    // Elsewhere events name what is in a directory in other ways.
    !cfg!(target_os = "linux") || event.paths.iter().any(|path| interest.names.contains(path))
}

/// Which directory has a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DirId(Option<(u64, u64)>, Option<std::time::SystemTime>);

impl DirId {
    fn of(dir: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(dir).ok().filter(|metadata| metadata.is_dir())?;
        #[cfg(unix)]
        let inode = Some((
            std::os::unix::fs::MetadataExt::dev(&metadata),
            std::os::unix::fs::MetadataExt::ino(&metadata),
        ));
        #[cfg(not(unix))]
        let inode = None;
        // Inodes are used again.
        Some(Self(inode, metadata.created().ok()))
    }
}

const MOST: usize = 4_096;
