//! A disk that fails on request, to try every failing write.

use crate::disk::{Disk, StagedFile, SyncedFile};
use crate::local::LocalDisk;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A [`LocalDisk`] whose `n`-th operation (and, if asked, every later one) fails with an error of the caller's choice.
///
/// Operations are counted from zero: each `replace`, `stage`, `append`, `make_dir`, `write`, `commit` (two: before it, and after its
/// rename), `sync` and `truncate` is one. Running a scenario
/// with `n` = 0, 1, 2, … until a run is clean tries every failure it can meet.
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    done: AtomicU64,
    fail_from: u64,
    fail_count: u64,
    kind: io::ErrorKind,
}

impl FaultyDisk {
    /// Fails operation `n` alone.
    pub fn failing_once(n: u64, kind: io::ErrorKind) -> Self {
        Self::new(n, 1, kind)
    }

    /// Fails operation `n` and every one after it, as a full disk does.
    pub fn failing_from(n: u64, kind: io::ErrorKind) -> Self {
        Self::new(n, u64::MAX, kind)
    }

    fn new(fail_from: u64, fail_count: u64, kind: io::ErrorKind) -> Self {
        Self { state: Arc::new(State { done: AtomicU64::new(0), fail_from, fail_count, kind }) }
    }

    /// How many operations were asked for so far; when this is at most `n`, the failure was never reached.
    pub fn operations(&self) -> u64 {
        self.state.done.load(Ordering::SeqCst)
    }
}

impl State {
    fn step(&self) -> io::Result<()> {
        let n = self.done.fetch_add(1, Ordering::SeqCst);
        if n >= self.fail_from && n - self.fail_from < self.fail_count {
            return Err(io::Error::new(self.kind, "injected by FaultyDisk"));
        }
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
        self.state.step()?;
        LocalDisk.replace(path, bytes, secret)
    }

    fn stage(&self, path: &Path, secret: bool) -> io::Result<Box<dyn StagedFile>> {
        self.state.step()?;
        Ok(Box::new(FaultyStaged { inner: LocalDisk.stage(path, secret)?, state: Arc::clone(&self.state) }))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn SyncedFile>> {
        self.state.step()?;
        Ok(Box::new(FaultyFile { inner: LocalDisk.append(path)?, state: Arc::clone(&self.state) }))
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.state.step()?;
        LocalDisk.make_dir(path)
    }
}

struct FaultyStaged {
    inner: Box<dyn StagedFile>,
    state: Arc<State>,
}

impl Write for FaultyStaged {
    /// As for a file that grows: half of the bytes are taken first.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.state.step() {
            self.inner.write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl StagedFile for FaultyStaged {
    fn commit(self: Box<Self>) -> io::Result<()> {
        self.state.step()?;
        self.inner.commit()?;
        // The rename was made and its directory was not synced.
        self.state.step()
    }
}

struct FaultyFile {
    inner: Box<dyn SyncedFile>,
    state: Arc<State>,
}

impl Write for FaultyFile {
    /// A failing write first takes half of the bytes, as a full disk does.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.state.step() {
            self.inner.write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl SyncedFile for FaultyFile {
    fn sync(&mut self) -> io::Result<()> {
        self.state.step()?;
        self.inner.sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.state.step()?;
        self.inner.truncate(length)
    }
}
