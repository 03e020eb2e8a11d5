//! Keyrings in files: whole or refused, and what is told of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/keyring_lab.rs"]
#[allow(dead_code, reason = "part of it is for other tests")]
mod lab;
#[path = "support/passphrase.rs"]
mod support;

use dwcp_base::{Clock, Coded, Disk, LocalDisk, SystemClock, Tick};
use dwcp_crypto::kek::{KekError, at_once};
use dwcp_crypto::{KeyStatus, Keyring, KeyringError, KeyringFile, KeyringFileError};
use lab::{AES, DEADLINE, LATER, Lab, NOW};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::{judged, opening, text};

#[test]
fn a_keyring_makes_the_round_trip_with_its_history() {
    let lab = Lab::new();
    let mut file = lab.load();
    let first = file.keyring().primary();
    let sealed = file.keyring().seal(b"aad", b"message").unwrap();
    let (second, third) = file
        .change(|keyring| {
            let second = keyring.rotate(LATER)?;
            let third = keyring.add(AES, LATER)?;
            keyring.retire(third, LATER)?;
            Ok((second, third))
        })
        .unwrap();
    let told = file.keyring().keys();
    let loaded = lab.load();
    assert_eq!(loaded.keyring().keys(), told);
    assert_eq!(loaded.keyring().primary(), second);
    assert_eq!(
        told.iter().map(|key| (key.id, key.sealed_messages)).collect::<Vec<_>>(),
        [(first, 1), (second, 0), (third, 0)]
    );
    assert_eq!(loaded.keyring().open(b"aad", &sealed).unwrap(), b"message");
    let mut file = lab.load();
    file.change(|keyring| keyring.destroy(first, LATER)).unwrap();
    let loaded = lab.load();
    assert_eq!(loaded.keyring().keys(), file.keyring().keys());
    assert_eq!(loaded.keyring().open(b"aad", &sealed), Err(KeyringError::DestroyedKey { id: first }));
    let gone = loaded.keyring().keys().pop().unwrap();
    assert_eq!((gone.status, gone.created, gone.changed), (KeyStatus::Destroyed, Some(NOW), Some(LATER)));
    assert_eq!(loaded.wrapping().made(), NOW);
}

#[test]
fn the_file_holds_no_key_in_clear_and_the_keyset_of_tink() {
    let lab = Lab::new();
    let json: serde_json::Value = serde_json::from_slice(&lab.text()).unwrap();
    let names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["dwcpKeyring", "encryptedKeyset", "history", "keysetInfo", "wrapping"]);
    let info = &json["keysetInfo"]["keyInfo"][0];
    assert_eq!(info["typeUrl"], "type.googleapis.com/google.crypto.tink.AesGcmKey");
    assert_eq!((&info["status"], &info["outputPrefixType"]), (&"ENABLED".into(), &"TINK".into()));
    assert_eq!(info["keyId"], json["keysetInfo"]["primaryKeyId"]);
}

#[test]
fn a_wrong_passphrase_or_key_file_is_told() {
    let lab = Lab::new();
    let mut file = lab.load();
    file.keyring().seal(b"", b"m").unwrap();
    at_once(file.rewrap(judged(), LATER, DEADLINE)).unwrap();
    let wrong = lab.load_with(Arc::new(LocalDisk), &opening("eight otters under the old bridge"));
    assert!(matches!(wrong, Err(KeyringFileError::Kek { source: KekError::WrongKey })));
    let other = lab.load_with(Arc::new(LocalDisk), &lab.kek).unwrap_err();
    assert_eq!(other.code(), "crypto.kek.mismatched");
    assert!(lab.load_with(Arc::new(LocalDisk), &opening(text())).is_ok());
}

#[test]
fn every_flipped_bit_of_a_file_is_refused() {
    let lab = Lab::new();
    let mut file = lab.load();
    let old = file.keyring().primary();
    file.change(|keyring| keyring.rotate(LATER)).unwrap();
    file.change(|keyring| keyring.destroy(old, LATER)).unwrap();
    let text = lab.text();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut damaged = text.clone();
            damaged[at] ^= 1 << bit;
            fs::write(&lab.path, &damaged).unwrap();
            assert!(lab.load_with(Arc::new(LocalDisk), &lab.kek).is_err(), "byte {at} bit {bit}");
        }
    }
    for length in 0..text.len() - 2 {
        fs::write(&lab.path, &text[..length]).unwrap();
        assert!(lab.load_with(Arc::new(LocalDisk), &lab.kek).is_err(), "{length} bytes");
    }
}

#[test]
fn what_the_file_says_in_clear_has_to_be_true() {
    let lab = Lab::new();
    let old = lab.load().keyring().primary();
    let mut file = lab.load();
    file.change(|keyring| keyring.rotate(LATER)).unwrap();
    file.change(|keyring| keyring.destroy(old, LATER)).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&lab.text()).unwrap();
    let code = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut edited = json.clone();
        edit(&mut edited);
        fs::write(&lab.path, edited.to_string()).unwrap();
        lab.load_with(Arc::new(LocalDisk), &lab.kek).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(code(&|_| {}), Ok(()), "the order of members and white space say nothing");
    let damaged = Err("crypto.keyring_file.damaged");
    assert_eq!(code(&|json| json["keysetInfo"]["primaryKeyId"] = 7.into()), damaged);
    assert_eq!(code(&|json| json["keysetInfo"]["keyInfo"][0]["status"] = "DISABLED".into()), damaged);
    assert_eq!(code(&|json| json["keysetInfo"]["keyInfo"] = serde_json::json!([])), damaged);
    assert_eq!(code(&|json| json["history"] = serde_json::json!([])), damaged);
    assert_eq!(code(&|json| json["history"][1]["keyId"] = 7.into()), damaged);
    assert_eq!(code(&|json| json["history"][0]["sealed"] = 7.into()), damaged);
    assert_eq!(code(&|json| json["wrapping"]["made"] = "2027-09-21T14:13:20Z".into()), damaged);
    assert_eq!(code(&|json| json["dwcpKeyring"] = 2.into()), Err("crypto.keyring_file.unknown"));
    assert_eq!(code(&|json| json["more"] = 2.into()), Err("crypto.keyring_file.malformed"));
    assert_eq!(code(&|json| json["history"][0]["more"] = 2.into()), Err("crypto.keyring_file.malformed"));
}

#[test]
fn at_e3_hostile_parameters_in_a_file_are_refused_at_once() {
    let lab = Lab::new();
    at_once(lab.load().rewrap(judged(), LATER, DEADLINE)).unwrap();
    let text = String::from_utf8(lab.text()).unwrap();
    let clock = SystemClock::new();
    for (true_one, hostile) in [("m=19456", "m=4294967295"), ("t=2", "t=4294967295"), ("p=1", "p=16777215")] {
        fs::write(&lab.path, text.replace(true_one, hostile)).unwrap();
        let refused = lab.load_with(Arc::new(LocalDisk), judged()).unwrap_err();
        assert!(
            matches!(refused, KeyringFileError::Kek { source: KekError::Parameters { .. } }),
            "{refused}"
        );
    }
    assert!(clock.tick().since(Tick(0)) < Duration::from_secs(1), "nothing was derived");
    fs::write(&lab.path, " ".repeat(1024 * 1024 + 1)).unwrap();
    assert_eq!(lab.load_with(Arc::new(LocalDisk), &lab.kek).unwrap_err().code(), "base.file.oversized");
}

#[test]
fn nothing_is_overwritten_by_a_new_keyring() {
    let lab = Lab::new();
    let before = lab.text();
    assert!(matches!(lab.create(Arc::new(LocalDisk)), Err(KeyringFileError::AlreadyExists { .. })));
    assert_eq!(lab.text(), before);
    #[cfg(unix)]
    {
        fs::remove_file(&lab.path).unwrap();
        std::os::unix::fs::symlink(lab.directory.path().join("elsewhere"), &lab.path).unwrap();
        assert!(matches!(lab.create(Arc::new(LocalDisk)), Err(KeyringFileError::AlreadyExists { .. })));
        assert!(!lab.directory.path().join("elsewhere").exists());
    }
}

#[cfg(unix)]
#[test]
fn at_e4_the_file_is_its_owners_alone_and_a_link_to_it_stays_a_link() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&lab.path), 0o600);
    assert_eq!(mode(&lab.directory.path().join(".keyring.lock")), 0o600);
    let link = lab.directory.path().join("link");
    std::os::unix::fs::symlink(&lab.path, &link).unwrap();
    let mut file = at_once(KeyringFile::edit(&link, Arc::new(LocalDisk), &lab.kek, DEADLINE)).unwrap();
    let new = file.change(|keyring| keyring.rotate(LATER)).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(lab.load().keyring().primary(), new);
}

#[test]
fn rewrapping_ends_what_the_old_key_opens() {
    let lab = Lab::new();
    let mut file = lab.load();
    let sealed = file.keyring().seal(b"", b"m").unwrap();
    let later = NOW.plus(Duration::from_secs(90 * 86_400));
    assert!(file.wrapping().is_due(later));
    let new = judged();
    at_once(file.rewrap(new, later, DEADLINE)).unwrap();
    assert!(!file.wrapping().is_due(later));
    assert!(lab.load_with(Arc::new(LocalDisk), &lab.kek).is_err());
    let mut loaded = lab.load_with(Arc::new(LocalDisk), new).unwrap();
    assert_eq!(loaded.keyring().open(b"", &sealed).unwrap(), b"m", "nothing was sealed again");
    loaded.change(|keyring| keyring.rotate(later)).unwrap();
    assert_eq!(loaded.wrapping().made(), later, "a change of keys wraps nothing anew");
}

#[test]
fn a_wrapping_that_is_too_cheap_for_new_keys_opens_and_changes_nothing_but_itself() {
    let lab = Lab::new();
    fs::write(&lab.path, include_str!("data/keyring-weak.json")).unwrap();
    let mut file = lab.load_with(Arc::new(LocalDisk), &opening("weak")).unwrap();
    assert!(!file.wrapping().is_current());
    let refused = file.change(|keyring| keyring.rotate(LATER)).unwrap_err();
    assert_eq!(refused.code(), "crypto.keyring_file.weak");
    at_once(file.rewrap(&lab.kek, LATER, DEADLINE)).unwrap();
    file.change(|keyring| keyring.rotate(LATER)).unwrap();
    assert_eq!(lab.load().keyring().keys().len(), 2);
}

#[test]
fn counts_of_sealed_messages_are_kept_as_of_the_last_save() {
    let lab = Lab::new();
    let mut file = lab.load();
    for _ in 0..3 {
        file.keyring().seal(b"", b"m").unwrap();
    }
    assert_eq!(lab.load().keyring().keys()[0].sealed_messages, 0);
    file.save().unwrap();
    assert_eq!(lab.load().keyring().keys()[0].sealed_messages, 3);
    file.keyring().seal(b"", b"m").unwrap();
    file.change(|keyring| keyring.rotate(LATER)).unwrap();
    assert_eq!(lab.load().keyring().keys()[0].sealed_messages, 4);
}

#[test]
fn any_executor_may_run_it_and_nothing_printed_is_secret() {
    fn travels<T: Send>(_: &T) {}
    let lab = Lab::new();
    let mut file = lab.load();
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk);
    let keyring = Keyring::create(AES, NOW).unwrap();
    travels(&KeyringFile::create(&lab.path, Arc::clone(&disk), keyring, &lab.kek, NOW, DEADLINE));
    travels(&KeyringFile::edit(&lab.path, Arc::clone(&disk), &lab.kek, DEADLINE));
    travels(&file.rewrap(&lab.kek, NOW, DEADLINE));
    let material = file.keyring().to_tink_json();
    let material = str::from_utf8(material.expose()).unwrap();
    let value = material.split("\"value\": \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(value.len() > 40);
    assert!(!format!("{file:?} {file:#?}").contains(value));
}
