//! A slot with files, and the processes that manage it one after the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses some of it")]

use crate::lab::*;
use crate::scripted::*;
use dwcp_base::{Clock, Disk, LocalDisk, ManualClock, Recorder};
use dwcp_pki::{
    Activation, CertificateManager, CertificateRequest, CertificateStore, Credential, Event, FirstTrust,
    ManagedSlot, Renewal, RevocationMode, Serial, obtain,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that outlives the processes in it, and the root of its certificates.
pub(crate) struct Home {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) root: Party,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) serial: Arc<AtomicU32>,
}

/// One process.
pub(crate) struct Process {
    pub(crate) store: Arc<CertificateStore>,
    pub(crate) events: Arc<Recorder<Event>>,
    pub(crate) manager: CertificateManager,
    pub(crate) provider: Arc<Scripted>,
}

impl Home {
    /// With a first pair on disk.
    pub(crate) fn new() -> Self {
        let home = Self {
            directory: tempfile::tempdir().unwrap(),
            root: Party::root("root"),
            clock: Arc::new(ManualClock::at(NOW)),
            serial: Arc::new(AtomicU32::new(1)),
        };
        home.issued().save(&LocalDisk, &home.prefix()).unwrap();
        home
    }

    pub(crate) fn prefix(&self) -> PathBuf {
        self.directory.path().join("node")
    }

    pub(crate) fn file(&self, suffix: &str) -> PathBuf {
        self.directory.path().join(format!("node.{suffix}"))
    }

    pub(crate) fn provider(&self) -> Arc<Scripted> {
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

    pub(crate) fn issued(&self) -> Credential {
        let known = trust(&[&self.root], Vec::new(), RevocationMode::Off);
        run(obtain(&*self.provider(), &spec(), FirstTrust::Known(&known), &*self.clock, DEADLINE)).unwrap().0
    }

    /// A process starts from what lies there.
    pub(crate) fn start(&self, disk: impl Disk + 'static) -> Process {
        self.start_on(Arc::new(disk))
    }

    pub(crate) fn start_on(&self, disk: Arc<dyn Disk>) -> Process {
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
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.events.events().iter().map(Event::code).collect()
    }

    pub(crate) fn serial(&self) -> Serial {
        self.store.current().credential().chain().leaf().serial()
    }

    pub(crate) fn prepare(&self) -> Serial {
        match run(self.manager.renew("node", Activation::AfterGrace, DEADLINE)).unwrap() {
            Renewal::Prepared { serial, .. } => serial,
            other => panic!("{other:?}"),
        }
    }
}
