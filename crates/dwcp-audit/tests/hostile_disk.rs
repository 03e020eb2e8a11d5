//! Disks that lie about what is durable, that can not be looked at for a moment, and files that change under the writer.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;
use dwcp_audit::{AuditSettings, AuditState, EventKind, SecurityAuditor, SecurityEvent, read, tail, verify};
use dwcp_base::{Disk, LocalDisk, StagedFile, SyncedFile, SystemClock};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{SOON, event, eventually, open, open_on, settings};

const FIRST: &str = "log-000000000001.jsonl";

type Meddle = fn(&Path);

/// Remembers what of each file was synced, which is what a power loss leaves; a killed process syncs nothing any more.
#[derive(Clone, Default)]
struct PageCache {
    durable: Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>,
    killed: Arc<AtomicBool>,
    /// Called once after the next good sync.
    after_sync: Arc<Mutex<Option<Meddle>>>,
}

impl PageCache {
    fn alive(&self) -> io::Result<()> {
        if self.killed.load(SeqCst) { Err(io::Error::other("killed")) } else { Ok(()) }
    }

    fn after_a_power_loss(&self) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, bytes) in self.durable.lock().unwrap().iter() {
            fs::write(dir.path().join(path.file_name().unwrap()), bytes).unwrap();
        }
        dir
    }
}

impl Disk for PageCache {
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
        self.alive()?;
        LocalDisk.replace(path, bytes, secret)?;
        self.durable.lock().unwrap().insert(path.to_owned(), bytes.to_owned());
        Ok(())
    }

    fn stage(&self, path: &Path, secret: bool) -> io::Result<Box<dyn StagedFile>> {
        LocalDisk.stage(path, secret)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn SyncedFile>> {
        let inner = LocalDisk.append(path)?;
        Ok(Box::new(CachedFile { inner, path: path.to_owned(), disk: self.clone() }))
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        LocalDisk.make_dir(path)
    }
}

struct CachedFile {
    inner: Box<dyn SyncedFile>,
    path: PathBuf,
    disk: PageCache,
}

impl Write for CachedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl SyncedFile for CachedFile {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.alive()?;
        self.inner.sync()?;
        self.disk.durable.lock().unwrap().insert(self.path.clone(), fs::read(&self.path)?);
        if let Some(meddle) = self.disk.after_sync.lock().unwrap().take() {
            meddle(&self.path);
        }
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.disk.alive()?;
        self.inner.truncate(length)
    }
}

#[test]
fn at_a4_whole_lines_of_a_killed_writer_are_on_disk_before_anything_follows_in_a_new_segment() {
    let dir = tempfile::tempdir().unwrap();
    let disk = PageCache::default();
    let open_small = |disk: &PageCache| {
        let small = settings().with_segment_bytes(4096);
        let clock = Arc::new(SystemClock::new());
        SecurityAuditor::open(Arc::new(disk.clone()), dir.path(), small, clock).unwrap()
    };
    let auditor = open_small(&disk);
    let first = dir.path().join(FIRST);
    while fs::metadata(&first).unwrap().len() < 3_400 {
        auditor.record(event(1)).wait(SOON).unwrap();
    }
    // Written whole, and killed before the sync.
    disk.killed.store(true, SeqCst);
    auditor.note(event(2));
    assert!(auditor.close(SOON).is_err());
    disk.killed.store(false, SeqCst);
    assert_eq!(verify(dir.path()).unwrap().unconfirmed, 1);

    let auditor = open_small(&disk);
    let large =
        SecurityEvent::local(EventKind::AdminAction).message(&"x".repeat(256)).field("a", "y".repeat(256));
    auditor.record(large).wait(SOON).unwrap();
    assert_eq!(auditor.checkpoint().segment(), 2);
    let last = auditor.close(SOON).unwrap();
    let left = disk.after_a_power_loss();
    assert_eq!(verify(left.path()).unwrap().checkpoint, last);
    drop(open(left.path()));
}

#[test]
fn at_a4_a_segment_that_can_not_be_looked_at_for_a_moment_costs_nothing_and_repeats_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = PageCache::default();
    let auditor = open_on(disk.clone(), dir.path());
    auditor.record(event(1)).wait(SOON).unwrap();
    // A link to itself: every look fails, though nothing is missing.
    *disk.after_sync.lock().unwrap() = Some(|path| {
        fs::rename(path, path.with_extension("aside")).unwrap();
        std::os::unix::fs::symlink(path, path).unwrap();
    });
    let receipt = auditor.record(event(2));
    assert!(receipt.wait(Duration::from_millis(300)).is_err(), "nothing is acknowledged meanwhile");
    let AuditState::Failing { why, .. } = auditor.state() else { panic!("{:?}", auditor.state()) };
    assert!(why.starts_with("looking at the segment"), "{why}");
    let first = dir.path().join(FIRST);
    fs::rename(first.with_extension("aside"), &first).unwrap();
    receipt.wait(SOON).unwrap();
    assert_eq!(auditor.state(), AuditState::Healthy);
    auditor.close(SOON).unwrap();
    let events = read(dir.path()).unwrap().map(Result::unwrap);
    assert_eq!(events.filter(|e| e.kind() == Some(EventKind::TlsConnection)).count(), 2);
    verify(dir.path()).unwrap();
    drop(open(dir.path()));
}

#[test]
fn at_a4_a_segment_replaced_by_another_of_equal_length_is_noticed() {
    for rounds in [0, 1] {
        let dir = tempfile::tempdir().unwrap();
        let auditor = open_on(LocalDisk, dir.path());
        // The segment is as it was begun, or has been added to.
        for n in 0..rounds {
            auditor.record(event(n)).wait(SOON).unwrap();
        }
        let first = dir.path().join(FIRST);
        let content = fs::read(&first).unwrap();
        fs::remove_file(&first).unwrap();
        fs::write(&first, &content).unwrap();
        let number = auditor.record(event(9)).wait(SOON).unwrap();
        assert!(matches!(auditor.state(), AuditState::Interfered { .. }), "{:?}", auditor.state());
        assert_eq!((auditor.checkpoint().segment(), auditor.checkpoint().sequence() >= number), (2, true));
        auditor.close(SOON).unwrap();
        assert_eq!(fs::read(&first).unwrap(), content, "what was put there is left alone");
        let noted = tail(dir.path(), 2).unwrap();
        assert!(noted.iter().any(|e| e.code().is_some_and(|c| c.as_str() == "audit.log.interfered")));
    }
}

#[test]
fn at_a4_segments_that_come_and_go_while_the_tail_is_read_are_an_error_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let small = AuditSettings::default().with_segment_bytes(4096).with_commit_events(1);
    let clock = Arc::new(SystemClock::new());
    let auditor = SecurityAuditor::open(Arc::new(LocalDisk), dir.path(), small, clock).unwrap();
    (0..60).for_each(|n| auditor.note(event(n)));
    let last = auditor.close(SOON).unwrap();
    assert!(last.segment() > 4);
    let newest = dir.path().join(format!("log-{:012}.jsonl", last.segment()));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                fs::rename(&newest, newest.with_extension("gone")).unwrap();
                fs::rename(newest.with_extension("gone"), &newest).unwrap();
            }
        });
        let whole =
            (0..400).filter_map(|_| tail(dir.path(), 10_000).ok()).inspect(|e| assert!(!e.is_empty()));
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| whole.count()));
        stop.store(true, SeqCst);
        assert!(seen.is_ok(), "reading panicked");
    });
    assert_eq!(tail(dir.path(), 10_000).unwrap().len(), 61);
    eventually("nothing is left aside", || newest.exists());
}
