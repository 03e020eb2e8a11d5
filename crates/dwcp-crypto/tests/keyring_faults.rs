//! Keyring files under several writers and failing disks: old or new, and nothing is undone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/keyring_lab.rs"]
#[allow(dead_code, reason = "part of it is for other tests")]
mod lab;
#[path = "support/passphrase.rs"]
#[allow(dead_code, reason = "part of it is for other tests")]
mod support;
#[path = "support/unsynced.rs"]
mod unsynced;

use dwcp_base::{Coded, FaultyDisk, LocalDisk};
use dwcp_crypto::kek::{KeyEncryptionKey, at_once};
use dwcp_crypto::{KeyringError, KeyringFile, KeyringFileError};
use lab::{DEADLINE, LATER, Lab, NOW};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use support::judged;
use unsynced::Unsynced;

type Scenario = fn(&mut KeyringFile) -> Result<(), KeyringFileError>;

/// What can be done to a file, each by a name.
const SCENARIOS: [(&str, Scenario); 3] = [
    ("rotate", |file| file.change(|keyring| keyring.rotate(LATER)).map(|_| ())),
    ("destroy", |file| {
        let old = file.keyring().keys()[0].id;
        file.change(|keyring| keyring.destroy(old, LATER))
    }),
    ("rewrap", |file| at_once(file.rewrap(judged(), LATER, DEADLINE))),
];

#[test]
fn two_writers_do_not_undo_each_other() {
    let lab = Lab::new();
    let (mut one, mut other) = (lab.load(), lab.load());
    let new = one.change(|keyring| keyring.rotate(LATER)).unwrap();
    let refused = other.change(|keyring| keyring.rotate(LATER)).unwrap_err();
    assert!(matches!(refused, KeyringFileError::Changed { .. }));
    let rewrap = at_once(other.rewrap(&lab.kek, LATER, DEADLINE));
    assert!(matches!(rewrap, Err(KeyringFileError::Changed { .. })));
    assert_eq!(lab.load().keyring().primary(), new);
    assert_eq!(
        one.change(|keyring| keyring.rotate(LATER)).map(|_| ()).ok(),
        Some(()),
        "one's own change is known"
    );
}

#[test]
fn writers_that_edit_wait_for_each_other() {
    let lab = Lab::new();
    let edit = || at_once(KeyringFile::edit(&lab.path, Arc::new(LocalDisk), &lab.kek, DEADLINE)).unwrap();
    let mut held = edit();
    std::thread::scope(|scope| {
        let waiting: Vec<_> =
            (0..4).map(|_| scope.spawn(|| edit().change(|keyring| keyring.rotate(LATER)).unwrap())).collect();
        std::thread::sleep(Duration::from_millis(50));
        held.change(|keyring| keyring.rotate(LATER)).unwrap();
        drop(held);
        for thread in waiting {
            thread.join().unwrap();
        }
    });
    assert_eq!(lab.load().keyring().keys().len(), 6);
}

#[test]
fn whoever_relies_on_a_key_hears_that_others_took_it_away() {
    let lab = Lab::new();
    let (reading, mut other) = (lab.load(), lab.load());
    let id = reading.keyring().primary();
    assert!(reading.still_has(id).unwrap() && !reading.still_has(id ^ 1).unwrap());
    let new = other.change(|keyring| keyring.rotate(LATER)).unwrap();
    assert!(reading.still_has(id).unwrap() && reading.still_has(new).unwrap());
    other.change(|keyring| keyring.retire(id, LATER)).unwrap();
    assert!(!reading.still_has(id).unwrap(), "a retired key opens nothing");
    other.change(|keyring| keyring.restore(id, LATER)).unwrap();
    at_once(other.rewrap(judged(), LATER, DEADLINE)).unwrap();
    assert!(reading.still_has(id).unwrap(), "also where the file is wrapped anew");
    other.change(|keyring| keyring.destroy(id, LATER)).unwrap();
    assert!(!reading.still_has(id).unwrap() && reading.still_has(new).unwrap());
}

#[test]
fn how_a_keyring_is_wrapped_is_known_before_it_is_opened() {
    let lab = Lab::new();
    let (stated, opened) = (KeyringFile::wrapping_in(&lab.path).unwrap(), lab.load());
    assert_eq!(&stated, opened.wrapping());
    assert_eq!(stated.key().kind(), "file");
    assert_eq!(stated.derivation(), None);
    at_once(lab.load().rewrap(judged(), LATER, DEADLINE)).unwrap();
    let stated = KeyringFile::wrapping_in(&lab.path).unwrap();
    assert_eq!(stated.key().kind(), "passphrase");
    assert_eq!(stated.derivation(), Some(dwcp_crypto::KdfParams::argon2id(19 * 1024, 2, 1).unwrap()));
    std::fs::write(&lab.path, "{}").unwrap();
    assert!(matches!(KeyringFile::wrapping_in(&lab.path), Err(KeyringFileError::Malformed { .. })));
}

#[test]
fn a_path_to_nothing_gets_no_lock() {
    let lab = Lab::new();
    let nowhere = lab.directory.path().join("nowhere");
    for kind in [
        at_once(KeyringFile::edit(&nowhere, Arc::new(LocalDisk), &lab.kek, DEADLINE)),
        at_once(KeyringFile::load(&nowhere, Arc::new(LocalDisk), &lab.kek, DEADLINE)),
    ] {
        assert_eq!(kind.unwrap_err().code(), "base.file.unreadable");
    }
    assert!(lab.left_over().is_empty());
}

#[test]
fn a_refused_change_changes_nothing() {
    let lab = Lab::new();
    let (mut file, before) = (lab.load(), lab.text());
    let primary = file.keyring().primary();
    let refused = file.change(|keyring| {
        keyring.rotate(LATER)?;
        keyring.retire(7, LATER)
    });
    assert!(matches!(refused, Err(KeyringFileError::Keyring { source: KeyringError::UnknownKey { id: 7 } })));
    assert_eq!((file.keyring().primary(), file.keyring().keys().len()), (primary, 1));
    assert_eq!(lab.text(), before);
}

/// Every operation on the disk fails once, and from it on for ever: the file is the old one, whole, and so is the keyring in
/// memory; what was sealed opens.
#[test]
fn at_e7_a_change_that_is_interrupted_leaves_the_old_file() {
    for (name, scenario) in SCENARIOS {
        for n in 0.. {
            let mut reached = false;
            for disk in [
                FaultyDisk::failing_once(n, io::ErrorKind::StorageFull),
                FaultyDisk::failing_from(n, io::ErrorKind::Other),
            ] {
                let lab = Lab::new();
                lab.load().change(|keyring| keyring.rotate(NOW)).unwrap();
                let before = lab.text();
                let mut file = lab.load_with(Arc::new(disk.clone()), &lab.kek).unwrap();
                let (told, sealed) = (file.keyring().keys(), file.keyring().seal(b"", b"m").unwrap());
                let result = scenario(&mut file);
                if disk.operations() <= n {
                    result.unwrap();
                    continue;
                }
                reached = true;
                assert!(matches!(result, Err(KeyringFileError::Storage { action: "write", .. })), "{name}");
                assert_eq!(lab.text(), before, "{name} {n}");
                assert_eq!(lab.load().keyring().keys(), told, "{name} {n}");
                assert_eq!(file.keyring().primary(), lab.load().keyring().primary());
                assert_eq!(lab.load().keyring().open(b"", &sealed).unwrap(), b"m");
                assert!(lab.left_over().is_empty(), "{:?}", lab.left_over());
            }
            if !reached {
                assert!(n > 0, "{name} never met the disk");
                break;
            }
        }
    }
}

/// The file is the new one and nobody knows whether it lasts: nothing is lost, and the value that did not see it writes nothing.
#[test]
fn at_e7_a_change_whose_directory_was_not_synced_leaves_the_new_file() {
    for (name, scenario) in SCENARIOS {
        let lab = Lab::new();
        lab.load().change(|keyring| keyring.rotate(NOW)).unwrap();
        let mut file = lab.load_with(Arc::new(Unsynced), &lab.kek).unwrap();
        let (before, sealed) = (file.keyring().keys(), file.keyring().seal(b"", b"m").unwrap());
        assert!(matches!(scenario(&mut file), Err(KeyringFileError::Unsynced { .. })), "{name}");
        assert_eq!(file.keyring().primary(), before[1].id);
        assert!(matches!(scenario(&mut file), Err(KeyringFileError::Changed { .. })), "{name}");
        let kek: &dyn KeyEncryptionKey = if name == "rewrap" { judged() } else { &lab.kek };
        let reloaded = lab.load_with(Arc::new(LocalDisk), kek).unwrap();
        assert_eq!(reloaded.keyring().open(b"", &sealed).unwrap(), b"m", "{name}");
    }
}
