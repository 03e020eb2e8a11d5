//! What the scenarios share: a disk with a switch, and a way to run a future without a runtime.
#![allow(dead_code, unreachable_pub, reason = "each scenario uses its part")]

use dwcp_audit::{AuditSettings, EventKind, SecurityAuditor, SecurityEvent};
use dwcp_base::{Disk, LocalDisk, StagedFile, SyncedFile, SystemClock};
use std::future::Future;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Long enough for a busy machine; no test waits for it when all is well.
pub const SOON: Duration = Duration::from_secs(20);

pub fn settings() -> AuditSettings {
    AuditSettings::default().with_commit_interval(Duration::from_millis(10))
}

pub fn open_on(disk: impl Disk + 'static, dir: &Path) -> SecurityAuditor {
    SecurityAuditor::open(Arc::new(disk), dir, settings(), Arc::new(SystemClock::new())).unwrap()
}

pub fn open(dir: &Path) -> SecurityAuditor {
    open_on(LocalDisk, dir)
}

pub fn event(n: u64) -> SecurityEvent {
    SecurityEvent::peer(EventKind::TlsConnection, "spiffe://example/node/a").field("n", n)
}

/// A small closed log of `entries` entries besides the one that says it was opened.
pub fn small_log(dir: &Path, entries: u64) {
    let auditor = open(dir);
    for n in 0..entries {
        auditor.note(event(n));
    }
    auditor.close(SOON).unwrap();
}

/// A disk that fails while its switch is on: whole, or in its syncs alone.
#[derive(Clone, Default)]
pub struct Switched {
    pub full: Arc<AtomicBool>,
    pub sync_fails: Arc<AtomicBool>,
    pub head_fails: Arc<AtomicBool>,
    pub replaced: Arc<AtomicU64>,
}

impl Switched {
    fn step(&self) -> io::Result<()> {
        if self.full.load(SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for Switched {
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
        self.step()?;
        if path.ends_with("head") && self.head_fails.load(SeqCst) {
            return Err(io::Error::other("the switch says so"));
        }
        self.replaced.fetch_add(1, SeqCst);
        LocalDisk.replace(path, bytes, secret)
    }

    fn stage(&self, path: &Path, secret: bool) -> io::Result<Box<dyn StagedFile>> {
        LocalDisk.stage(path, secret)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn SyncedFile>> {
        Ok(Box::new(SwitchedFile { disk: self.clone(), file: LocalDisk.append(path)? }))
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        LocalDisk.make_dir(path)
    }
}

struct SwitchedFile {
    disk: Switched,
    file: Box<dyn SyncedFile>,
}

impl Write for SwitchedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(full) = self.disk.step() {
            self.file.write_all(&bytes[..bytes.len() / 3])?;
            return Err(full);
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl SyncedFile for SwitchedFile {
    fn sync(&mut self) -> io::Result<()> {
        if self.disk.sync_fails.load(SeqCst) {
            return Err(io::Error::other("the switch says so"));
        }
        self.file.sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
}

/// Waits until `holds`, at most [`SOON`].
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("not in time: {what}");
}

/// Runs a future on this thread.
pub fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match std::pin::Pin::new(&mut future).poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(SOON),
        }
    }
}

/// Copies the files of a log as they are at this moment, the checkpoint first.
pub fn copy_log(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    std::fs::copy(from.join("head"), to.join("head")).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(from).unwrap().map(|f| f.unwrap().file_name()).collect();
    names.sort();
    for name in names.iter().filter(|n| n.to_string_lossy().ends_with(".jsonl")) {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

/// A disk whose files do not sync while somebody holds it.
#[derive(Clone, Default)]
pub struct Stuck(Arc<Mutex<()>>);

impl Stuck {
    pub fn hold(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap()
    }
}

impl Disk for Stuck {
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
        LocalDisk.replace(path, bytes, secret)
    }

    fn stage(&self, path: &Path, secret: bool) -> io::Result<Box<dyn StagedFile>> {
        LocalDisk.stage(path, secret)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn SyncedFile>> {
        Ok(Box::new(StuckFile { inner: LocalDisk.append(path)?, gate: Arc::clone(&self.0) }))
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        LocalDisk.make_dir(path)
    }
}

struct StuckFile {
    inner: Box<dyn SyncedFile>,
    gate: Arc<Mutex<()>>,
}

impl Write for StuckFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl SyncedFile for StuckFile {
    fn sync(&mut self) -> io::Result<()> {
        drop(self.gate.lock().unwrap());
        self.inner.sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.inner.truncate(length)
    }
}
