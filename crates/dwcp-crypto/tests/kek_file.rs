//! Key files: every key unwraps, the newest wraps, none is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/unsynced.rs"]
mod unsynced;

use dwcp_base::{Coded, Disk, FaultyDisk, LocalDisk, UnixTime};
use dwcp_crypto::Secret;
use dwcp_crypto::kek::{FileKek, KekError, KekFileError, KeyEncryptionKey, WrappedKey, at_once};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use unsynced::Unsynced;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const DEADLINE: Duration = Duration::from_secs(10);

fn key() -> Secret {
    Secret::from((0..32).collect::<Vec<u8>>())
}

fn wrap(kek: &dyn KeyEncryptionKey, context: &[u8]) -> Result<WrappedKey, KekError> {
    at_once(kek.wrap(&key(), context, DEADLINE))
}

fn unwrap(kek: &dyn KeyEncryptionKey, wrapped: &WrappedKey, context: &[u8]) -> Result<Vec<u8>, KekError> {
    at_once(kek.unwrap(wrapped, context, DEADLINE)).map(|key| key.expose().to_vec())
}

struct Lab {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn lab() -> Lab {
    let directory = tempfile::tempdir().unwrap();
    Lab { path: directory.path().join("kek"), _directory: directory }
}

#[test]
fn a_key_file_unwraps_with_every_key_and_wraps_with_the_newest() {
    let Lab { path, _directory } = lab();
    let mut kek = FileKek::create(&path, &LocalDisk, NOW).unwrap();
    let early = wrap(&kek, b"keyring").unwrap();
    let later = NOW.plus(Duration::from_secs(90 * 86_400));
    assert!(!kek.is_due(NOW) && kek.is_due(later));
    kek.rotate(&LocalDisk, later).unwrap();
    assert!(!kek.is_due(later));
    let late = wrap(&kek, b"keyring").unwrap();
    let entries = kek.entries();
    assert_eq!(
        entries.iter().map(|e| (e.created, e.primary)).collect::<Vec<_>>(),
        [(later, true), (NOW, false)]
    );
    assert_eq!(late.parameter("key"), Some(entries[0].name.as_str()));
    assert_eq!(early.parameter("key"), Some(entries[1].name.as_str()));
    let reread = FileKek::open(&path).unwrap();
    assert_eq!(reread.entries(), entries);
    for wrapped in [&early, &late] {
        assert_eq!(unwrap(&reread, wrapped, b"keyring").unwrap(), key().expose());
    }
    // A line that is taken out forgets its key.
    let text = fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains(&entries[1].name)).collect();
    LocalDisk.replace(&path, kept.join("\n").as_bytes(), true).unwrap();
    let forgetful = FileKek::open(&path).unwrap();
    assert!(matches!(unwrap(&forgetful, &early, b"keyring"), Err(KekError::WrongKey)));
    assert_eq!(unwrap(&forgetful, &late, b"keyring").unwrap(), key().expose());
}

#[test]
fn the_key_file_of_another_is_the_wrong_one() {
    let (one, other) = (lab(), lab());
    let wrapped = wrap(&FileKek::create(&one.path, &LocalDisk, NOW).unwrap(), b"keyring").unwrap();
    let other = FileKek::create(&other.path, &LocalDisk, NOW).unwrap();
    assert!(matches!(unwrap(&other, &wrapped, b"keyring"), Err(KekError::WrongKey)));
    // Not even under the other's name.
    let mut renamed = serde_json::to_value(&wrapped).unwrap();
    renamed["parameters"]["key"] = other.entries()[0].name.as_str().into();
    let renamed = serde_json::from_value(renamed).unwrap();
    assert!(matches!(unwrap(&other, &renamed, b"keyring"), Err(KekError::WrongKey)));
}

#[test]
fn two_who_rotate_lose_no_key() {
    let Lab { path, _directory } = lab();
    let mut one = FileKek::create(&path, &LocalDisk, NOW).unwrap();
    let mut other = FileKek::open(&path).unwrap();
    one.rotate(&LocalDisk, NOW).unwrap();
    let wrapped = wrap(&one, b"keyring").unwrap();
    other.rotate(&LocalDisk, NOW).unwrap();
    assert_eq!(other.entries().len(), 3);
    assert_eq!(unwrap(&other, &wrapped, b"keyring").unwrap(), key().expose());
}

#[test]
fn a_key_file_is_not_made_over_another() {
    let Lab { path, _directory } = lab();
    FileKek::create(&path, &LocalDisk, NOW).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(FileKek::create(&path, &LocalDisk, NOW), Err(KekFileError::AlreadyExists { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_no_key_file_is_refused() {
    let Lab { path, _directory } = lab();
    let refused = |text: &str| {
        LocalDisk.replace(&path, text.as_bytes(), true).unwrap();
        FileKek::open(&path).unwrap_err()
    };
    assert!(matches!(FileKek::open(&path), Err(KekFileError::Read { .. })));
    assert!(matches!(refused(""), KekFileError::Empty { .. }));
    assert!(matches!(refused("# nothing\n\n"), KekFileError::Empty { .. }));
    let error = refused("# a remark\nSESAME SESAME\n");
    assert!(matches!(error, KekFileError::Malformed { line: 2, .. }));
    assert!(!format!("{error} {error:?}").contains("SESAME"), "{error:?}");
    assert!(matches!(refused(&" ".repeat(16 * 1024 + 1)), KekFileError::Read { .. }));
}

#[cfg(unix)]
#[test]
fn at_p10_a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let Lab { path, _directory } = lab();
    FileKek::create(&path, &LocalDisk, NOW).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = FileKek::open(&path).unwrap_err();
    assert_eq!(refused.code(), "base.secret.exposed");
}

#[test]
fn at_e7_a_rotation_that_fails_loses_no_key() {
    let Lab { path, _directory } = lab();
    let full = FaultyDisk::failing_from(0, io::ErrorKind::StorageFull);
    assert!(matches!(FileKek::create(&path, &full, NOW), Err(KekFileError::Storage { action: "write", .. })));
    assert!(!path.exists());
    let mut kek = FileKek::create(&path, &LocalDisk, NOW).unwrap();
    let wrapped = wrap(&kek, b"keyring").unwrap();
    for disk in [&full as &dyn Disk, &Unsynced] {
        assert!(matches!(kek.rotate(disk, NOW), Err(KekFileError::Storage { action: "write", .. })));
        for kek in [&kek, &FileKek::open(&path).unwrap()] {
            assert_eq!(unwrap(kek, &wrapped, b"keyring").unwrap(), key().expose());
        }
        assert_eq!(kek.entries().len(), 1);
    }
    kek.rotate(&LocalDisk, NOW).unwrap();
    assert_eq!(kek.entries().len(), 3, "the key of the unsynced rotation is kept");
}

#[test]
fn at_p12_nothing_that_is_printed_holds_a_byte_of_a_key() {
    let Lab { path, _directory } = lab();
    let file = FileKek::create(&path, &LocalDisk, NOW).unwrap();
    let lines = fs::read_to_string(&path).unwrap();
    let secret = lines.lines().last().unwrap().rsplit(' ').next().unwrap();
    let printed = format!("{file:?} {file:#?} {:?}", wrap(&file, b"keyring").unwrap());
    assert!(!printed.contains(secret), "{printed}");
}
