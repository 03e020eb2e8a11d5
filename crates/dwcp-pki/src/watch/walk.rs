//! The way from a path to the file at its end: every symbolic link on it, and every name whose change would lead elsewhere.

use super::signature::{HopStamp, Stamp, WayEnd};
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// What was met on the way, at most 40 links and 256 names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) stamp: Stamp,
    /// Names in directories: a link, the file, the directories that hold those. Whatever makes the path mean another file is an
    /// event of one of them.
    pub(super) names: BTreeSet<PathBuf>,
}

/// Follows `path`, which is absolute. Reads no file and opens none.
pub(super) fn walk(path: &Path) -> Walk {
    let mut way = Way { at: PathBuf::new(), hops: Vec::new(), names: BTreeSet::new() };
    let end = way.follow(path);
    Walk { stamp: Stamp { hops: way.hops, end }, names: way.names }
}

struct Way {
    at: PathBuf,
    hops: Vec<HopStamp>,
    names: BTreeSet<PathBuf>,
}

impl Way {
    fn follow(&mut self, path: &Path) -> WayEnd {
        let mut ahead: VecDeque<Step> = path.components().map(Step::from).collect();
        let (mut links, mut steps) = (0, 0);
        while let Some(step) = ahead.pop_front() {
            steps += 1;
            if steps > MOST_NAMES {
                return WayEnd::Endless;
            }
            let name = match step {
                Step::Start(start) => {
                    self.at.push(start);
                    continue;
                }
                // Links are resolved as they are met, so what is above is above in truth.
                Step::Up => {
                    self.at.pop();
                    continue;
                }
                Step::Stay => continue,
                Step::Into(name) => name,
            };
            let next = self.at.join(name);
            let metadata = match fs::symlink_metadata(&next) {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.note(&next);
                    let missing = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
                    return if missing { WayEnd::Missing } else { WayEnd::Barred };
                }
            };
            if metadata.is_symlink() {
                self.note(&next);
                self.hops.push(HopStamp::of(&metadata));
                links += 1;
                let Ok(target) = fs::read_link(&next) else { return WayEnd::Barred };
                if links > MOST_LINKS {
                    return WayEnd::Endless;
                }
                for component in target.components().rev() {
                    ahead.push_front(component.into());
                }
            } else if ahead.iter().all(|step| matches!(step, Step::Stay)) {
                self.note(&next);
                self.hops.push(HopStamp::of(&metadata));
                return if metadata.is_file() { WayEnd::File } else { WayEnd::Irregular };
            } else {
                self.at = next;
            }
        }
        // Nothing but a root, or a way that ended in `..`.
        WayEnd::Irregular
    }

    /// This name, and that of the directory it is in: a directory that was moved away comes back in the one above.
    fn note(&mut self, name: &Path) {
        self.names.insert(name.to_owned());
        if self.at.file_name().is_some() {
            self.names.insert(self.at.clone());
        }
    }
}

/// A component that owns its name.
enum Step {
    Start(OsString),
    Up,
    Stay,
    Into(OsString),
}

impl From<Component<'_>> for Step {
    fn from(component: Component<'_>) -> Self {
        match component {
            Component::Prefix(_) | Component::RootDir => Self::Start(component.as_os_str().to_owned()),
            Component::ParentDir => Self::Up,
            Component::CurDir => Self::Stay,
            Component::Normal(name) => Self::Into(name.to_owned()),
        }
    }
}

/// As Linux has it (path_resolution(7)).
const MOST_LINKS: usize = 40;
const MOST_NAMES: usize = 256;

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_chain_of_links_is_followed_and_every_name_on_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("secret/..2026")).unwrap();
        fs::write(root.join("secret/..2026/tls.crt"), b"x").unwrap();
        symlink("..2026", root.join("secret/..data")).unwrap();
        symlink("..data/tls.crt", root.join("secret/tls.crt")).unwrap();
        let walk = walk(&root.join("secret/tls.crt"));
        assert_eq!((walk.stamp.end, walk.stamp.hops.len()), (WayEnd::File, 3));
        for name in ["secret", "secret/tls.crt", "secret/..data", "secret/..2026", "secret/..2026/tls.crt"] {
            assert!(walk.names.contains(&root.join(name)), "{name} in {:?}", walk.names);
        }
    }

    #[test]
    fn loops_gaps_and_what_is_no_file_end_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        symlink("../../../../../../../..", root.join("up")).unwrap();
        assert_eq!(walk(&root.join("a")).stamp.end, WayEnd::Endless);
        assert_eq!(walk(&root.join("none/of/this")).stamp.end, WayEnd::Missing);
        assert_eq!(walk(&root).stamp.end, WayEnd::Irregular);
        assert_eq!(walk(&root.join("up")).stamp.end, WayEnd::Irregular);
        let gap = walk(&root.join("none/of/this"));
        assert!(gap.names.contains(&root.join("none")), "where it would come to be: {:?}", gap.names);
    }
}
