//! What is disturbed: operations that replace one file, and what that file may be afterwards.

use super::disturb::{Act, Stage};
use super::ring::{Keys, Ring};
use crate::binary::{Binary, text};
use crate::dice::Dice;
use crate::report::{Failed, failed};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lengths of the two contents that take turns: some batches of segments, and a bit.
const LENGTHS: [usize; 2] = [6_000_001, 3_200_123];

/// Files in a directory that is disturbed, and what is needed to judge them in one that is not.
pub(super) struct Scene {
    dwcp: Binary,
    /// Safe.
    home: PathBuf,
    /// Disturbed.
    place: PathBuf,
    /// Which of the two contents is at `sealed`, and at `opened`.
    content: BTreeMap<Operation, usize>,
    ring: Ring,
}

/// Each replaces one file under `place`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// `encrypt file` over an earlier output.
    Encrypt,
    /// `decrypt file` over an earlier output.
    Decrypt,
    /// `keyring rotate`.
    Rotate,
    /// `keyring destroy` of an older key.
    Destroy,
    /// `keyring rewrap` with a key file that it makes.
    Rewrap,
}

/// An operation that is about to run.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) operation: Operation,
    pub(super) arguments: Vec<String>,
    before: Before,
}

#[derive(Debug)]
enum Before {
    Content(usize),
    Keys(Keys),
    Wrapping(PathBuf),
}

/// What was found afterwards, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Old,
    New,
}

impl Operation {
    pub(super) const ALL: [Self; 5] =
        [Self::Encrypt, Self::Decrypt, Self::Rotate, Self::Destroy, Self::Rewrap];

    fn file(self) -> &'static str {
        match self {
            Self::Encrypt => "sealed",
            Self::Decrypt => "opened",
            Self::Rotate | Self::Destroy | Self::Rewrap => "ring",
        }
    }
}

impl Scene {
    /// Makes both contents, both keyrings, and a first version of every file that will be replaced.
    pub(super) fn set(dwcp: &Binary, home: &Path, place: &Path, dice: &mut Dice) -> Result<Self, Failed> {
        let ring = Ring::create(dwcp, home, place)?;
        let content = BTreeMap::from([(Operation::Encrypt, 0), (Operation::Decrypt, 0)]);
        let scene = Self { dwcp: dwcp.clone(), home: home.into(), place: place.into(), content, ring };
        let (files, kek) = (text(&home.join("files.ring")), text(&home.join("files.kek")));
        dwcp.good(&["keyring", "create", &files, "--key-file", &kek])?;
        for (number, length) in LENGTHS.iter().enumerate() {
            let plain = scene.plain(number);
            fs::write(&plain, dice.bytes(*length))
                .map_err(|e| failed(format!("{}: {e}", plain.display())))?;
            dwcp.good(&scene.job("encrypt", &plain, &scene.sealed(number)))?;
        }
        dwcp.good(&scene.job("encrypt", &scene.plain(0), &place.join("sealed")))?;
        dwcp.good(&scene.job("decrypt", &scene.sealed(0), &place.join("opened")))?;
        Ok(scene)
    }

    /// The next run of an operation. Where a keyring has no older key to destroy it is rotated, where it is full one is
    /// destroyed.
    pub(super) fn attempt(&mut self, wanted: Operation) -> Result<Attempt, Failed> {
        let operation = match wanted {
            Operation::Destroy if !self.ring.has_older() => Operation::Rotate,
            Operation::Rotate if self.ring.is_full() => Operation::Destroy,
            other => other,
        };
        let target = self.place.join(operation.file());
        let other = |content: usize| usize::from(content == 0);
        let (arguments, before) = match operation {
            Operation::Encrypt => {
                let old = self.content[&operation];
                (self.job("encrypt", &self.plain(other(old)), &target), Before::Content(old))
            }
            Operation::Decrypt => {
                let old = self.content[&operation];
                (self.job("decrypt", &self.sealed(other(old)), &target), Before::Content(old))
            }
            Operation::Rotate => (self.ring.rotate(), Before::Keys(self.ring.keys().clone())),
            Operation::Destroy => (self.ring.destroy()?, Before::Keys(self.ring.keys().clone())),
            Operation::Rewrap => {
                let (arguments, new) = self.ring.rewrap();
                (arguments, Before::Wrapping(new))
            }
        };
        Ok(Attempt { operation, arguments, before })
    }

    /// Which of the two permitted states the file is in. `acknowledged`: the operation ended well, so it must be the new one.
    pub(super) fn state(&mut self, attempt: &Attempt, acknowledged: bool) -> Result<Found, Failed> {
        let found = match &attempt.before {
            Before::Content(old) => self.content(attempt.operation, *old),
            Before::Keys(old) => self.ring.keys_after(old, attempt.operation == Operation::Rotate),
            Before::Wrapping(new) => self.ring.wrapping_after(new),
        };
        let told =
            |what: String| failed(format!("{:?}, acknowledged: {acknowledged}: {what}", attempt.operation));
        match found.map_err(|Failed(what)| told(what))? {
            Found::Old if acknowledged => Err(told("the old state is there".to_owned())),
            found => Ok(found),
        }
    }

    fn content(&mut self, operation: Operation, old: usize) -> Result<Found, Failed> {
        let file = self.place.join(operation.file());
        let clear = if operation == Operation::Decrypt {
            file
        } else {
            let check = self.home.join("check");
            self.dwcp.good(&self.job("decrypt", &file, &check))?;
            check
        };
        let read = |path: &Path| fs::read(path).map_err(|e| failed(format!("{}: {e}", path.display())));
        let there = read(&clear)?;
        let is = |number: usize| Ok::<bool, Failed>(read(&self.plain(number))? == there);
        let new = usize::from(old == 0);
        if is(new)? {
            self.content.insert(operation, new);
            return Ok(Found::New);
        }
        if is(old)? {
            return Ok(Found::Old);
        }
        Err(failed(format!("{} bytes that are neither content", there.len())))
    }

    fn job(&self, verb: &str, input: &Path, output: &Path) -> Vec<String> {
        let (ring, kek) = (self.home.join("files.ring"), self.home.join("files.kek"));
        let words = [verb, "file", &text(input), &text(output), "--keyring", &text(&ring), "--key-file"];
        words.iter().map(|word| (*word).to_owned()).chain([text(&kek)]).collect()
    }

    fn plain(&self, number: usize) -> PathBuf {
        self.home.join(format!("plain-{number}"))
    }

    fn sealed(&self, number: usize) -> PathBuf {
        self.home.join(format!("sealed-{number}"))
    }
}

impl Stage for Scene {
    type Attempt = Attempt;

    fn operations(&self) -> usize {
        Operation::ALL.len()
    }

    fn next(&mut self, operation: usize) -> Result<Attempt, Failed> {
        self.attempt(Operation::ALL[operation % Operation::ALL.len()])
    }

    fn judge(&mut self, attempts: &[(Attempt, Option<String>)]) -> Result<Vec<Found>, Failed> {
        attempts.iter().map(|(attempt, answer)| self.state(attempt, answer.is_some())).collect()
    }

    /// All are for the owner alone.
    fn left_overs(&self) -> Result<usize, Failed> {
        let io = |e: std::io::Error| failed(format!("{}: {e}", self.place.display()));
        let mut count = 0;
        for entry in fs::read_dir(&self.place).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let metadata = entry.metadata().map_err(io)?;
            // A file system's own, and not for others to see.
            if name == "lost+found" && metadata.is_dir() {
                continue;
            }
            if !metadata.is_file() || readable_by_others(&metadata) {
                return Err(failed(format!("{name} is no file for the owner alone")));
            }
            if temporary(&name) {
                fs::remove_file(entry.path()).map_err(io)?;
                count += 1;
            } else if !expected(&name) {
                return Err(failed(format!("nobody expects a file {name}")));
            }
        }
        Ok(count)
    }
}

impl Act for Attempt {
    fn name(&self) -> String {
        format!("{:?}", self.operation)
    }

    fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

/// As the storage seam names what it has not yet put in place.
fn temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

/// The files themselves, the key files of rewraps, and locks, which stay.
fn expected(name: &str) -> bool {
    let plain = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".lock")).unwrap_or(name);
    ["sealed", "opened", "ring"].contains(&plain) || plain.starts_with("kek-")
}

#[cfg(unix)]
fn readable_by_others(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o077 != 0
}

#[cfg(not(unix))]
fn readable_by_others(_metadata: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_lie_about_is_told_from_what_may_not() {
        assert!(temporary(".sealed.123.0.00ff00ff00ff00ff.tmp") && !temporary("sealed.tmp"));
        for name in ["sealed", "opened", "ring", ".ring.lock", "kek-3", ".kek-3.lock"] {
            assert!(expected(name), "{name}");
        }
        for name in ["sealed~", "ring.bak", ".ring", "core"] {
            assert!(!expected(name) || name == ".ring", "{name}");
        }
    }
}
