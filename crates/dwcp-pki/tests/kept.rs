//! What a slot keeps on disk: over restarts, kills between any two writes, disks that fail at any of them, and files of others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod scripted;

use dwcp_base::{Clock, Disk, FaultyDisk, LocalDisk, ManualClock, Recorder, StagedFile, SyncedFile};
use dwcp_pki::{
    Activation, CertificateManager, CertificateRequest, CertificateStore, Credential, Event, FirstTrust,
    ManagedSlot, NextStep, ProviderError, Renewal, RevocationMode, ScheduleRecord, Serial, SlotPhase, obtain,
};
use lab::*;
use scripted::*;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

const GRACE: Duration = Duration::from_secs(30);

/// A directory that outlives the processes in it, and the root of its certificates.
struct Home {
    directory: tempfile::TempDir,
    root: Party,
    clock: Arc<ManualClock>,
    serial: Arc<AtomicU32>,
}

/// One process.
struct Process {
    store: Arc<CertificateStore>,
    events: Arc<Recorder<Event>>,
    manager: CertificateManager,
    provider: Arc<Scripted>,
}

impl Home {
    /// With a first pair on disk.
    fn new() -> Self {
        let home = Self {
            directory: tempfile::tempdir().unwrap(),
            root: Party::root("root"),
            clock: Arc::new(ManualClock::at(NOW)),
            serial: Arc::new(AtomicU32::new(1)),
        };
        home.issued().save(&LocalDisk, &home.prefix()).unwrap();
        home
    }

    fn prefix(&self) -> PathBuf {
        self.directory.path().join("node")
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.directory.path().join(format!("node.{suffix}"))
    }

    fn provider(&self) -> Arc<Scripted> {
        let (root, clock, serial) =
            (self.root.reissued(|_| {}), Arc::clone(&self.clock), Arc::clone(&self.serial));
        Scripted::new(move |request: &CertificateRequest| {
            Ok(sign(&root, request, |p| {
                p.not_before = date(clock.unix());
                p.not_after = date(clock.unix().plus(DAY));
                p.serial_number = Some(u64::from(serial.fetch_add(1, Ordering::SeqCst)).into());
            }))
        })
    }

    fn issued(&self) -> Credential {
        let known = trust(&[&self.root], Vec::new(), RevocationMode::Off);
        run(obtain(&*self.provider(), &spec(), FirstTrust::Known(&known), &*self.clock, DEADLINE)).unwrap().0
    }

    /// A process starts from what lies there.
    fn start(&self, disk: impl Disk + 'static) -> Process {
        self.start_on(Arc::new(disk))
    }

    fn start_on(&self, disk: Arc<dyn Disk>) -> Process {
        let credential = Credential::load_saved(&self.prefix()).expect("nothing to serve");
        let known = trust(&[&self.root], Vec::new(), RevocationMode::Off);
        let store = Arc::new(CertificateStore::new(credential, known).unwrap());
        let events = Arc::new(Recorder::with_capacity(100));
        let manager = CertificateManager::new(Arc::clone(&self.clock) as _, Arc::clone(&events) as _);
        let provider = self.provider();
        let slot = ManagedSlot::new(spec(), Arc::clone(&store))
            .with_provider(Arc::clone(&provider) as _)
            .with_files(disk, self.prefix());
        manager.manage(slot).unwrap();
        Process { store, events, manager, provider }
    }
}

impl Process {
    fn codes(&self) -> Vec<&'static str> {
        self.events.events().iter().map(Event::code).collect()
    }

    fn serial(&self) -> Serial {
        self.store.current().credential().chain().leaf().serial()
    }

    fn prepare(&self) -> Serial {
        match run(self.manager.renew("node", Activation::AfterGrace, DEADLINE)).unwrap() {
            Renewal::Prepared { serial, .. } => serial,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_prepared_pair_survives_a_restart_and_is_activated_after_its_grace() {
    let home = Home::new();
    let first = home.start(LocalDisk);
    let before = first.serial();
    home.clock.advance(HOUR);
    let serial = first.prepare();
    drop(first);
    let second = home.start(LocalDisk);
    assert_eq!(second.serial(), before);
    assert_eq!(second.codes(), ["pki.renewal.prepared"]);
    let SlotPhase::Prepared { serial: waits, activate_at } = second.manager.state("node").unwrap().phase
    else {
        panic!("it was lost")
    };
    assert_eq!((waits, activate_at), (serial, home.clock.unix().plus(GRACE)));
    home.clock.advance(GRACE);
    assert!(matches!(second.manager.next(home.clock.unix()), NextStep::Activate { .. }));
    second.manager.activate("node").unwrap();
    assert_eq!(second.serial(), serial);
    assert_eq!(second.provider.calls.load(Ordering::SeqCst), 0, "nothing was issued twice");
    drop(second);
    let third = home.start(LocalDisk);
    assert_eq!((third.serial(), third.codes()), (serial, vec![]), "what was committed is not prepared again");
}

#[test]
fn a_staged_pair_that_does_not_pass_the_checks_of_an_answer_is_not_taken() {
    let other = Party::root("root");
    type Spoil<'a> = &'a dyn Fn(&Home);
    let stage = |home: &Home, credential: &Credential| {
        let elsewhere = home.directory.path().join("other");
        credential.save(&LocalDisk, &elsewhere).unwrap();
        for (from, to) in [("other.key", "node.next.key"), ("other.crt", "node.next.crt")] {
            std::fs::rename(home.directory.path().join(from), home.directory.path().join(to)).unwrap();
        }
    };
    let foreign: Spoil<'_> = &|home| {
        let signer = Home { root: other.reissued(|_| {}), ..Home::new() };
        signer.clock.set_unix(home.clock.unix());
        stage(home, &signer.issued());
    };
    let over: Spoil<'_> = &|home| {
        home.clock.advance(HOUR);
        stage(home, &home.issued());
        home.clock.advance(30 * HOUR);
    };
    let garbage: Spoil<'_> = &|home| std::fs::write(home.file("next.crt"), "no certificate").unwrap();
    let huge: Spoil<'_> = &|home| std::fs::write(home.file("next.crt"), vec![b'x'; 2 << 20]).unwrap();
    let torn: Spoil<'_> = &|home| {
        let fresh = home.issued();
        std::fs::write(home.file("next.crt"), fresh.chain().to_pem()).unwrap();
    };
    for (name, spoil, told) in [
        ("foreign", foreign, Some("pki.issued.invalid")),
        ("over", over, Some("pki.issued.invalid")),
        ("garbage", garbage, Some("")),
        ("huge", huge, Some("")),
        ("torn", torn, None),
    ] {
        let home = Home::new();
        home.clock.advance(MINUTE);
        spoil(&home);
        let process = home.start(LocalDisk);
        assert_eq!(process.manager.state("node").unwrap().phase, SlotPhase::Active, "{name}");
        let ignored = process.events.events().into_iter().find_map(|event| match event {
            Event::RenewalIgnored { what, code, .. } => Some((what, code)),
            _ => None,
        });
        match told {
            Some(code) => assert!(
                ignored.is_some_and(|(what, found)| what == "staged pair" && found.contains(code)),
                "{name}: {ignored:?}"
            ),
            None => assert_eq!(ignored, None, "{name}"),
        }
        // And a renewal goes on as ever.
        let _ = run(process.manager.renew("node", Activation::Now, DEADLINE)).unwrap();
        let serial = process.serial();
        drop(process);
        assert_eq!(home.start(LocalDisk).serial(), serial, "{name}");
    }
}

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
            for end in at + 1..=WRITES + 4 {
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
fn at_p2_a_crash_loop_does_not_hammer_the_issuer_and_an_order_survives_it() {
    let home = Home::new();
    let down = |_: &CertificateRequest| -> Result<_, ProviderError> {
        Err(ProviderError::Unavailable { retry_after: Some(HOUR), source: "busy".into() })
    };
    let due = home.start(LocalDisk).manager.state("node").unwrap().renew_at;
    home.clock.set_unix(due);
    let mut asked = 0;
    // A process that ends with each failure and is started anew every ten seconds, for three hours.
    for _ in 0..1_080 {
        let process = home.start(LocalDisk);
        process.provider.now_answers(down);
        if let NextStep::Renew { .. } = process.manager.next(home.clock.unix()) {
            assert!(run(process.manager.renew("node", Activation::AfterGrace, DEADLINE)).is_err());
            asked += 1;
        }
        assert_eq!(process.manager.state("node").unwrap().failures, asked);
        home.clock.advance(Duration::from_secs(10));
    }
    assert_eq!(asked, 3, "once an hour, as it was asked to");
    let process = home.start(LocalDisk);
    let at = process.manager.order("node", "03:00+2h".parse().unwrap()).unwrap();
    drop(process);
    assert_eq!(home.start(LocalDisk).manager.state("node").unwrap().ordered, Some(at));
}

#[test]
fn a_schedule_that_is_damaged_foreign_or_no_file_is_ignored_and_told() {
    let good = |home: &Home| {
        let _ = run(home.start(LocalDisk).manager.renew("node", Activation::Now, DEADLINE)).unwrap();
        std::fs::read(home.file("renewal")).unwrap()
    };
    let home = Home::new();
    let record = ScheduleRecord::parse(&good(&home)).unwrap();
    assert_eq!((record.failures, record.serial), (0, home.start(LocalDisk).serial()));
    let foreign = ScheduleRecord { serial: "0f0f".parse().unwrap(), failures: 9, ..record };
    let cases: [(&str, Vec<u8>); 4] = [
        ("pki.schedule.malformed", b"dwcp-renewal 1\n".to_vec()),
        ("pki.schedule.malformed", vec![0xff; 300]),
        ("", vec![b'x'; 1 << 20]),
        ("pki.schedule.foreign", foreign.to_text().into_bytes()),
    ];
    for (code, content) in cases {
        std::fs::write(home.file("renewal"), content).unwrap();
        ignored(&home, code);
    }
    std::fs::remove_file(home.file("renewal")).unwrap();
    std::fs::create_dir(home.file("renewal")).unwrap();
    ignored(&home, "");
}

fn ignored(home: &Home, expected: &str) {
    let process = home.start(LocalDisk);
    let events = process.events.events();
    let told = matches!(&events[..], [Event::RenewalIgnored { what: "schedule", code, .. }] if code.contains(expected));
    assert!(told, "{expected}: {events:?}");
    assert_eq!(process.manager.state("node").unwrap().failures, 0);
}

#[test]
fn what_is_staged_is_open_to_nobody_else() {
    let home = Home::new();
    home.clock.advance(HOUR);
    home.start(LocalDisk).prepare();
    for key in ["key", "next.key"] {
        assert!(owner_only(&home.file(key)), "{key}");
    }
}

#[cfg(unix)]
fn owner_only(path: &Path) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o077 == 0
}

#[cfg(not(unix))]
fn owner_only(path: &Path) -> bool {
    path.exists()
}
