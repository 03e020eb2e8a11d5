//! A slot whose process is killed between any two writes, and whose disk fails at any of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod household;
mod lab;
mod scripted;

use dwcp_base::{Clock, Disk, FaultyDisk, LocalDisk, StagedFile, SyncedFile};
use dwcp_pki::{Activation, Credential, NextStep, Renewal, SlotPhase};
use household::*;
use lab::*;
use scripted::*;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a renewal writes: a schedule, two staged files, two in force, and a schedule again.
const WRITES: u64 = 6;

#[test]
fn at_p8_a_kill_before_any_write_leaves_a_pair_to_serve_and_never_two_halves() {
    for killed in 0..=WRITES {
        let home = Home::new();
        home.clock.advance(HOUR);
        // A disk that takes nothing more is what a killed process leaves; what it did in memory is gone with it.
        let disk = FaultyDisk::failing_from(killed, ErrorKind::StorageFull);
        let process = home.start(disk.clone());
        let old = process.serial();
        let renewed = run(process.manager.renew("node", Activation::Now, DEADLINE)).unwrap();
        let Renewal::Active(new) = renewed else { panic!("{renewed:?}") };
        drop(process);
        let next = home.start(LocalDisk);
        assert!(next.serial() == old || next.serial() == new.serial, "{killed}");
        assert_eq!(next.serial() == new.serial, killed >= 4, "{killed}");
        if killed == 3 {
            // Both halves of it were staged: it is gone on with.
            assert!(
                matches!(next.manager.state("node").unwrap().phase, SlotPhase::Prepared { serial, .. } if serial == new.serial)
            );
        }
        // The process after it renews and is restarted in turn.
        home.clock.advance(HOUR);
        let again = run(next.manager.renew("node", Activation::Now, DEADLINE)).unwrap();
        let Renewal::Active(again) = again else { panic!("{again:?}") };
        drop(next);
        assert_eq!(home.start(LocalDisk).serial(), again.serial, "{killed}");
    }
}

/// Fails one write, and from another one on all: a hiccup, and then the end of the process.
struct Hiccup {
    at: u64,
    end: u64,
    done: AtomicU64,
}

impl Disk for Hiccup {
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> std::io::Result<()> {
        let write = self.done.fetch_add(1, Ordering::SeqCst);
        if write == self.at || write >= self.end {
            return Err(ErrorKind::StorageFull.into());
        }
        LocalDisk.replace(path, bytes, secret)
    }

    fn stage(&self, _: &Path, _: bool) -> std::io::Result<Box<dyn StagedFile>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn append(&self, _: &Path) -> std::io::Result<Box<dyn SyncedFile>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn make_dir(&self, path: &Path) -> std::io::Result<()> {
        LocalDisk.make_dir(path)
    }
}

#[test]
fn at_p8_a_hiccup_and_a_kill_at_any_two_writes_after_a_kill_leave_a_pair_to_serve() {
    // The process before it was killed with both halves staged, with one of them in place, or not at all.
    for before in [3, 4, 6] {
        for at in 0..=WRITES + 2 {
            for end in at + 1..=at + 3 {
                let home = Home::new();
                let mut served = Vec::new();
                let disks: [Arc<dyn Disk>; 2] = [
                    Arc::new(FaultyDisk::failing_from(before, ErrorKind::StorageFull)),
                    Arc::new(Hiccup { at, end, done: AtomicU64::new(0) }),
                ];
                for disk in disks {
                    home.clock.advance(HOUR);
                    let process = home.start_on(disk);
                    let _ = run(process.manager.renew("node", Activation::Now, DEADLINE)).unwrap();
                    served.push(process.serial());
                }
                // Starting is the proof: it has to find a pair.
                let next = home.start(LocalDisk);
                assert!(served.contains(&next.serial()) || before < 4, "{before} {at} {end}");
            }
        }
    }
}

#[test]
fn one_bad_disk_never_stops_a_renewal_and_is_told() {
    for fails in 0..WRITES {
        let home = Home::new();
        home.clock.advance(HOUR);
        let process = home.start(FaultyDisk::failing_from(fails, ErrorKind::PermissionDenied));
        let Renewal::Active(renewed) = run(process.manager.renew("node", Activation::Now, DEADLINE)).unwrap()
        else {
            panic!("it waits")
        };
        assert_eq!(process.serial(), renewed.serial);
        assert!(process.codes().contains(&"pki.renewal.unsaved"), "{fails}");
        let unsaved = process.manager.state("node").unwrap().unsaved;
        assert_eq!(unsaved.is_some(), fails < 5, "{fails}: {unsaved:?}");
        assert!(process.codes().contains(&"pki.certificate.renewed"));
    }
}

#[test]
fn a_pair_that_the_disk_did_not_take_is_written_again_until_it_does() {
    let home = Home::new();
    home.clock.advance(HOUR);
    // Fails at both files in force, and once more when it is tried again.
    let disk = FaultyDisk::failing_once(3, ErrorKind::StorageFull);
    let process = home.start(disk);
    let Renewal::Active(renewed) = run(process.manager.renew("node", Activation::Now, DEADLINE)).unwrap()
    else {
        panic!("it waits")
    };
    assert!(process.manager.state("node").unwrap().unsaved.is_some());
    assert_ne!(
        Credential::load(&home.file("crt"), &home.file("key")).unwrap().chain().leaf().serial(),
        renewed.serial
    );
    let mut waited = Duration::ZERO;
    while let NextStep::Wait(wait) = process.manager.next(home.clock.unix()) {
        home.clock.advance(wait);
        waited += wait;
        assert!(waited <= MINUTE, "nobody tries again");
    }
    assert_eq!(process.manager.next(home.clock.unix()), NextStep::Wait(MINUTE), "once a minute");
    process.manager.save("node").unwrap();
    assert_eq!(process.manager.state("node").unwrap().unsaved, None);
    assert_eq!(
        Credential::load(&home.file("crt"), &home.file("key")).unwrap().chain().leaf().serial(),
        renewed.serial
    );
    assert!(matches!(process.manager.next(home.clock.unix()), NextStep::Wait(wait) if wait > MINUTE));
}

#[test]
fn a_pair_that_somebody_put_there_meanwhile_is_not_overwritten_by_an_older_one() {
    let on_disk = |home: &Home| Credential::load(&home.file("crt"), &home.file("key")).unwrap();
    let unsaved = |home: &Home| {
        home.clock.advance(HOUR);
        let process = home.start(FaultyDisk::failing_once(3, ErrorKind::StorageFull));
        let _ = run(process.manager.renew("node", Activation::Now, DEADLINE)).unwrap();
        assert!(process.manager.state("node").unwrap().unsaved.is_some());
        process
    };
    let home = Home::new();
    let process = unsaved(&home);
    home.clock.advance(HOUR);
    let newer = home.issued();
    newer.save(&LocalDisk, &home.prefix()).unwrap();
    process.manager.save("node").unwrap();
    assert_eq!(on_disk(&home).chain(), newer.chain());
    assert_eq!(process.manager.state("node").unwrap().unsaved, None);
    // One that only a clock which was wrong calls newer is no reason to go without.
    let home = Home::new();
    let process = unsaved(&home);
    home.clock.advance(HOUR);
    home.issued().save(&LocalDisk, &home.prefix()).unwrap();
    home.clock.set_unix(home.clock.unix().minus(HOUR));
    process.manager.save("node").unwrap();
    assert_eq!(on_disk(&home).chain().leaf().serial(), process.serial());
}
