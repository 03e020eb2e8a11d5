//! The index of an authority under full disks, power loss and damage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod workbench;

use dwcp_base::{Coded, Disk, FaultyDisk, LocalDisk, StagedFile, SyncedFile};
use dwcp_pki::{CertificateAuthority, IssuedStanding, RevocationReason, Revoked, Serial};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use workbench::*;

/// What was acknowledged while one write, or every write from one on, failed.
#[derive(Default)]
struct Acknowledged {
    issued: Vec<Serial>,
    revoked: Vec<Serial>,
    errors: usize,
}

impl Acknowledged {
    fn note<T>(&mut self, outcome: Result<T, dwcp_pki::AuthorityError>) -> Option<T> {
        self.errors += usize::from(outcome.is_err());
        outcome.ok()
    }

    fn work(&mut self, ca: &CertificateAuthority) {
        for _ in 0..3 {
            if let Some(serial) = self.note(issue(ca)) {
                self.issued.push(serial);
                if self.note(ca.revoke(&serial, RevocationReason::KeyCompromise, NOW)).is_some() {
                    self.revoked.push(serial);
                }
            }
            self.note(ca.crl(NOW));
        }
    }

    fn check(&self, reopened: &CertificateAuthority) {
        let records = reopened.issued().unwrap();
        let crl = reopened.crl(NOW).unwrap();
        for serial in &self.issued {
            assert!(records.iter().any(|record| record.serial == *serial), "{serial} is missing");
        }
        for serial in &self.revoked {
            let record = records.iter().find(|record| record.serial == *serial).unwrap();
            assert!(
                matches!(record.standing, IssuedStanding::Revoked(_)) && crl.contains(serial),
                "{serial}"
            );
        }
    }
}

/// Runs the scenario once; the answer is whether the fault was reached.
fn run_with_fault(n: u64, disk: FaultyDisk) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    let created = create(Arc::new(disk.clone()), directory.path());
    let reopened = match acknowledged.note(created) {
        Some(ca) => {
            acknowledged.work(&ca);
            open(directory.path()).expect("what was acknowledged opens again")
        }
        None => {
            assert!(open(directory.path()).is_err());
            create(Arc::new(LocalDisk), directory.path()).expect("a failed start leaves nothing behind")
        }
    };
    acknowledged.check(&reopened);
    if acknowledged.errors <= 1 {
        // The disk was well again at once, so what failed was taken back.
        assert_eq!(reopened.issued().unwrap().len(), acknowledged.issued.len(), "fault {n}");
    }
    issue(&reopened).unwrap();
    let reached = disk.operations() > n;
    // A fault that nobody heard of would be a promise without a disk under it.
    assert_eq!(reached, acknowledged.errors > 0, "fault {n}");
    assert!(reached || acknowledged.revoked.len() == 3);
    reached
}

#[test]
fn no_failing_write_loses_a_certificate_or_revocation_that_was_acknowledged() {
    let once =
        (0..).take_while(|n| run_with_fault(*n, FaultyDisk::failing_once(*n, io::ErrorKind::StorageFull)));
    assert!(once.count() > 20);
    let from =
        (0..).take_while(|n| run_with_fault(*n, FaultyDisk::failing_from(*n, io::ErrorKind::StorageFull)));
    assert!(from.count() > 20);
}

#[test]
fn a_torn_last_line_is_recovered_whatever_was_cut_or_left_as_zeros() {
    let directory = tempfile::tempdir().unwrap();
    let ca = create(Arc::new(LocalDisk), directory.path()).unwrap();
    let first = issue(&ca).unwrap();
    let log = directory.path().join("index/log");
    let good = fs::read(&log).unwrap();
    issue(&ca).unwrap();
    let whole = fs::read(&log).unwrap();
    drop(ca);
    for cut in good.len() + 1..whole.len() {
        let zeroed = {
            let mut bytes = whole.clone();
            bytes[good.len()..cut].fill(0);
            bytes
        };
        for left in [&whole[..cut], &zeroed] {
            fs::write(&log, left).unwrap();
            let ca = open(directory.path()).unwrap();
            assert_eq!(serials(&ca), [first]);
            let next = issue(&ca).unwrap();
            assert_eq!(serials(&open(directory.path()).unwrap()), [first, next]);
        }
    }
}

#[test]
fn damage_anywhere_else_is_an_error_that_names_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let ca = create(Arc::new(LocalDisk), directory.path()).unwrap();
    for _ in 0..2 {
        let serial = issue(&ca).unwrap();
        let _ = ca.revoke(&serial, RevocationReason::Superseded, NOW).unwrap();
    }
    let log = directory.path().join("index/log");
    let good = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let mut bad: Vec<String> = Vec::new();
    for at in 0..lines.len() {
        // A line that is missing, twice, or changed in one character.
        let without: Vec<&str> =
            lines.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, l)| *l).collect();
        if at + 1 < lines.len() {
            bad.push(without.join("\n") + "\n");
        }
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        bad.push(twice.join("\n") + "\n");
        let mut changed: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        changed[at] = changed[at].replacen('1', "2", 1);
        bad.push(changed.join("\n") + "\n");
    }
    bad.push(String::new());
    bad.push(format!("{good}{}\n", "x".repeat(300 << 10)));
    for content in bad {
        fs::write(&log, &content).unwrap();
        assert_eq!(open_code(directory.path()), "pki.index.corrupt", "{content}");
    }
    // An authority that is open notices when lines it has read disappear.
    fs::write(&log, lines[..2].join("\n") + "\n").unwrap();
    assert_eq!(issue(&ca).unwrap_err().code(), "pki.index.corrupt");
}

/// A disk whose process can be killed between a write and its sync, and that tells how much of a log was synced.
#[derive(Clone, Default)]
struct Killable {
    killed: Arc<AtomicBool>,
    /// The length of the file that was synced last, and how often one was.
    synced: Arc<AtomicU64>,
    syncs: Arc<AtomicU64>,
}

struct KillableFile {
    file: Box<dyn SyncedFile>,
    path: std::path::PathBuf,
    disk: Killable,
}

impl Killable {
    fn alive(&self) -> io::Result<()> {
        if self.killed.load(SeqCst) { Err(io::Error::other("the process was killed")) } else { Ok(()) }
    }
}

impl Disk for Killable {
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
        self.alive().and_then(|()| LocalDisk.replace(path, bytes, secret))
    }

    fn stage(&self, path: &Path, secret: bool) -> io::Result<Box<dyn StagedFile>> {
        LocalDisk.stage(path, secret)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn SyncedFile>> {
        let file = LocalDisk.append(path)?;
        Ok(Box::new(KillableFile { file, path: path.to_owned(), disk: self.clone() }))
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        LocalDisk.make_dir(path)
    }
}

impl io::Write for KillableFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl SyncedFile for KillableFile {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.alive()?;
        self.file.sync()?;
        self.disk.synced.store(fs::metadata(&self.path)?.len(), SeqCst);
        self.disk.syncs.fetch_add(1, SeqCst);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.disk.alive().and_then(|()| self.file.truncate(length))
    }
}

/// Something that rests on what the index says.
type Answer<'a> = &'a dyn Fn(&CertificateAuthority, &Serial);

#[test]
fn what_a_killed_process_left_in_the_page_cache_is_on_the_disk_before_anybody_rests_on_it() {
    let answers: [Answer<'_>; 3] = [
        &|ca, serial| {
            let again = ca.revoke(serial, RevocationReason::KeyCompromise, NOW).unwrap();
            assert!(matches!(again, Revoked::Already(_)));
        },
        &|ca, serial| assert!(ca.crl(NOW).unwrap().contains(serial)),
        &|ca, serial| assert_ne!(issue(ca).unwrap(), *serial),
    ];
    for (at, answer) in answers.iter().enumerate() {
        // The second process has the authority open all along, or opens it afterwards.
        for opened_before in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let (first, second) = (Killable::default(), Killable::default());
            let ca = create(Arc::new(first.clone()), directory.path()).unwrap();
            let serial = issue(&ca).unwrap();
            let open = || CertificateAuthority::open(Arc::new(second.clone()), directory.path()).unwrap();
            let early = opened_before.then(open);
            first.killed.store(true, SeqCst);
            assert!(ca.revoke(&serial, RevocationReason::KeyCompromise, NOW).is_err());
            drop(ca);
            let left = fs::metadata(directory.path().join("index/log")).unwrap().len();
            let other = early.unwrap_or_else(open);
            assert_eq!(other.issued().unwrap().len(), 1);
            assert_eq!(second.syncs.load(SeqCst), 0, "to show it, nothing need be written");
            answer(&other, &serial);
            assert!(second.synced.load(SeqCst) >= left, "answer {at}");
            let syncs = second.syncs.load(SeqCst);
            let _ = other.revoke(&serial, RevocationReason::KeyCompromise, NOW).unwrap();
            assert_eq!(second.syncs.load(SeqCst), syncs, "once is enough");
        }
    }
}

#[test]
fn when_what_others_wrote_can_not_be_synced_nothing_is_answered_until_it_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let ca = create(Arc::new(LocalDisk), directory.path()).unwrap();
    let serial = issue(&ca).unwrap();
    let _ = ca.revoke(&serial, RevocationReason::Superseded, NOW).unwrap();
    let failing = FaultyDisk::failing_once(1, io::ErrorKind::Other);
    let other = CertificateAuthority::open(Arc::new(failing), directory.path()).unwrap();
    let revoke = |ca: &CertificateAuthority| ca.revoke(&serial, RevocationReason::Superseded, NOW);
    assert_eq!(revoke(&other).unwrap_err().code(), "pki.storage.failed");
    assert_eq!(revoke(&other).unwrap_err().code(), "pki.index.suspect");
    assert_eq!(other.crl(NOW).unwrap_err().code(), "pki.index.suspect");
    assert!(matches!(revoke(&open(directory.path()).unwrap()), Ok(Revoked::Already(_))));
}
