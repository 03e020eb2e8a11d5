//! Many who ask at once: one write for all, and each is told what became of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod workbench;

use dwcp_base::{Disk, FaultyDisk, LocalDisk, StagedFile, SyncedFile};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityError, CertificateAuthority, CertificateRequest, IssuancePolicy, Refusal, RevocationReason,
    Serial,
};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use workbench::*;

const TOGETHER: usize = 32;

/// Counts syncs, and takes its time for each, as disks do.
#[derive(Default)]
struct Slow {
    syncs: AtomicU64,
}

struct SlowFile(Box<dyn SyncedFile>, Arc<Slow>);

impl Disk for SlowDisk {
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
        LocalDisk.replace(path, bytes, secret)
    }

    fn stage(&self, path: &Path, secret: bool) -> io::Result<Box<dyn StagedFile>> {
        LocalDisk.stage(path, secret)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn SyncedFile>> {
        Ok(Box::new(SlowFile(LocalDisk.append(path)?, Arc::clone(&self.0))))
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        LocalDisk.make_dir(path)
    }
}

#[derive(Clone, Default)]
struct SlowDisk(Arc<Slow>);

impl Write for SlowFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl SyncedFile for SlowFile {
    fn sync(&mut self) -> io::Result<()> {
        self.1.syncs.fetch_add(1, SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        self.0.sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.truncate(length)
    }
}

/// Each of many threads asks for one certificate at the same moment.
fn all_at_once(ca: &CertificateAuthority) -> Vec<Result<Serial, AuthorityError>> {
    let requests: Vec<_> =
        (0..TOGETHER).map(|at| request(&[&format!("DNS:host-{at}.example.org")])).collect();
    let barrier = Barrier::new(TOGETHER);
    std::thread::scope(|scope| {
        let asked: Vec<_> = requests
            .iter()
            .map(|request| {
                scope.spawn(|| {
                    barrier.wait();
                    ca.issue(request, &IssuancePolicy::default(), NOW).map(|chain| chain.leaf().serial())
                })
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    })
}

#[test]
fn those_who_ask_at_once_share_writes_and_all_of_them_last() {
    let directory = tempfile::tempdir().unwrap();
    let disk = SlowDisk::default();
    create(Arc::new(LocalDisk), directory.path()).unwrap();
    let ca = CertificateAuthority::open(Arc::new(disk.clone()), directory.path()).unwrap();
    let issued: BTreeSet<Serial> = all_at_once(&ca).into_iter().map(Result::unwrap).collect();
    assert_eq!(issued.len(), TOGETHER);
    let syncs = disk.0.syncs.load(SeqCst);
    assert!(syncs < TOGETHER as u64 / 2, "{syncs} syncs for {TOGETHER} certificates");
    let reopened = open(directory.path()).unwrap();
    assert_eq!(serials(&reopened).into_iter().collect::<BTreeSet<_>>(), issued);
    // What was written together reads as what was written one by one.
    let _ = reopened.revoke(issued.first().unwrap(), RevocationReason::Superseded, NOW).unwrap();
    assert_eq!(ca.crl(NOW).unwrap().len(), 1, "the first value follows what the second added");
}

#[test]
fn a_failing_disk_fails_those_whose_lines_are_not_there_and_no_others() {
    for failing in 0..12 {
        let directory = tempfile::tempdir().unwrap();
        create(Arc::new(LocalDisk), directory.path()).unwrap();
        let disk = FaultyDisk::failing_once(failing, io::ErrorKind::StorageFull);
        let ca = CertificateAuthority::open(Arc::new(disk.clone()), directory.path()).unwrap();
        let outcomes = all_at_once(&ca);
        if disk.operations() <= failing {
            // So few writes were needed that none of them failed.
            assert!(outcomes.iter().all(Result::is_ok));
            continue;
        }
        let told: BTreeSet<Serial> =
            outcomes.iter().filter_map(|outcome| outcome.as_ref().ok().copied()).collect();
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert!(
                matches!(error, AuthorityError::Storage { .. } | AuthorityError::IndexSuspect),
                "{error:?}"
            );
        }
        // The disk is well again: the value goes on, unless it no longer knows what is on the disk, and so does one that reads
        // the directory afresh.
        let suspect = outcomes.iter().any(|outcome| matches!(outcome, Err(AuthorityError::IndexSuspect)));
        let ca = if suspect { open(directory.path()).unwrap() } else { ca };
        let more = issue(&ca).unwrap();
        let there: BTreeSet<Serial> = serials(&open(directory.path()).unwrap()).into_iter().collect();
        assert!(told.is_subset(&there) && there.contains(&more), "call {failing}");
        assert_eq!(there.len(), told.len() + 1, "call {failing}: nothing is there that nobody was told of");
        for serial in &told {
            let _ = ca.revoke(serial, RevocationReason::Superseded, NOW).unwrap();
        }
    }
}

#[test]
fn a_key_that_is_given_up_gets_nothing_from_then_on_in_any_process() {
    let directory = tempfile::tempdir().unwrap();
    let ca = create(Arc::new(LocalDisk), directory.path()).unwrap();
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &names(&["DNS:a.example.org"])).unwrap();
    let chain = ca.issue(&request, &IssuancePolicy::default(), NOW).unwrap();
    let other = open(directory.path()).unwrap();
    let _ = other.revoke(&chain.leaf().serial(), RevocationReason::KeyCompromise, NOW).unwrap();
    for ca in [&ca, &other] {
        let refused = ca.issue(&request, &IssuancePolicy::default(), NOW);
        assert!(matches!(refused, Err(AuthorityError::Refused { source: Refusal::CompromisedKey })));
    }
    assert_eq!(ca.issued().unwrap().len(), 1);
}
