//! Key-encryption keys: from passphrases and from files, and what they refuse.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/passphrase.rs"]
mod support;

use dwcp_base::{Clock, Coded, Disk, FaultyDisk, LocalDisk, SystemClock, Tick, UnixTime};
use dwcp_crypto::kek::{
    BoxFuture, FileKek, KekError, KekFileError, KeyEncryptionKey, PassphraseKek, WrappedKey, at_once,
};
use dwcp_crypto::{KdfParams, NewPassphrase, Secret};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{judged, opening, text};

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

/// The wrapped key with another value in one of its parameters, or other wrapped bytes.
fn altered(wrapped: &WrappedKey, name: &str, value: &str) -> WrappedKey {
    let mut json = serde_json::to_value(wrapped).unwrap();
    match name {
        "wrapped" => json["wrapped"] = value.into(),
        "kind" => json["kind"] = value.into(),
        _ => json["parameters"][name] = value.into(),
    }
    serde_json::from_value(json).unwrap()
}

#[test]
fn a_passphrase_unwraps_what_it_wrapped_and_no_other_does() {
    let kek = judged();
    let wrapped = wrap(kek, b"keyring").unwrap();
    assert_eq!(wrapped.kind(), "passphrase");
    assert!(wrapped.parameter("kdf").unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(unwrap(kek, &wrapped, b"keyring").unwrap(), key().expose());
    assert_eq!(unwrap(&opening(text()), &wrapped, b"keyring").unwrap(), key().expose());
    for wrong in [&format!("{} ", text()), &text().to_uppercase(), "x"] {
        assert!(matches!(unwrap(&opening(wrong), &wrapped, b"keyring"), Err(KekError::WrongKey)), "{wrong}");
    }
    let again = wrap(kek, b"keyring").unwrap();
    assert_ne!(wrapped.parameter("kdf"), again.parameter("kdf"), "a salt is never used again");
    assert_ne!(wrapped.wrapped(), again.wrapped());
}

#[test]
fn pbkdf2_wraps_as_well() {
    let kek = PassphraseKek::new(NewPassphrase::generate().unwrap().0, KdfParams::pbkdf2(600_000).unwrap());
    let wrapped = wrap(&kek, b"keyring").unwrap();
    assert!(wrapped.parameter("kdf").unwrap().starts_with("$pbkdf2-sha256$i=600000$"));
    assert_eq!(unwrap(&kek, &wrapped, b"keyring").unwrap(), key().expose());
}

#[test]
fn a_passphrase_that_nobody_judged_wraps_nothing() {
    assert!(matches!(wrap(&opening(text()), b"keyring"), Err(KekError::OpensOnly)));
}

#[test]
fn a_key_wrapped_for_one_purpose_is_not_unwrapped_for_another() {
    let directory = tempfile::tempdir().unwrap();
    let file = FileKek::create(&directory.path().join("kek"), &LocalDisk, NOW).unwrap();
    let passphrase = judged();
    for kek in [&file as &dyn KeyEncryptionKey, passphrase] {
        let wrapped = wrap(kek, b"keyring").unwrap();
        for other in [&b"ca-key"[..], b"", b"keyring "] {
            assert!(matches!(unwrap(kek, &wrapped, other), Err(KekError::WrongKey)));
        }
        assert!(wrap(kek, &[0; 1024]).is_ok());
        assert!(matches!(wrap(kek, &[0; 1025]), Err(KekError::Crypto { .. })));
    }
}

#[test]
fn a_wrapping_that_was_altered_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = FileKek::create(&directory.path().join("kek"), &LocalDisk, NOW).unwrap();
    let passphrase = judged();
    for kek in [&file as &dyn KeyEncryptionKey, passphrase] {
        let wrapped = wrap(kek, b"keyring").unwrap();
        let bytes = wrapped.wrapped().to_vec();
        assert_eq!(bytes.len(), 12 + 32 + 16);
        for at in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let parameters = ["kdf", "key", "commitment"]
                .into_iter()
                .filter_map(|name| wrapped.parameter(name).map(|value| (name, value.to_owned())));
            let damaged = WrappedKey::new(wrapped.kind(), parameters, damaged).unwrap();
            assert!(matches!(unwrap(kek, &damaged, b"keyring"), Err(KekError::Damaged)), "byte {at}");
        }
        for commitment in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
            let damaged = altered(&wrapped, "commitment", commitment);
            assert!(matches!(unwrap(kek, &damaged, b"keyring"), Err(KekError::WrongKey)));
        }
        let other = altered(&wrapped, "kind", "vault");
        let refused = unwrap(kek, &other, b"keyring").unwrap_err();
        assert_eq!(refused.code(), "crypto.kek.mismatched");
        assert!(refused.to_string().contains("`vault`"));
    }
}

/// AT-E2, AT-E3: parameters from a file cost nothing before they are judged.
#[test]
fn at_e3_hostile_derivations_are_refused_at_once() {
    let kek = judged();
    let wrapped = wrap(kek, b"keyring").unwrap();
    let clock = SystemClock::new();
    for kdf in [
        "$argon2id$v=19$m=4294967295,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2id$v=19$m=65536,t=4294967295,p=4$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2id$v=19$m=2097152,t=3,p=16777215$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2d$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA",
        "$pbkdf2-sha256$i=4294967295$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2id$v=19$m=65536,t=3,p=4$",
        "plain",
        "",
    ] {
        let refused = unwrap(kek, &altered(&wrapped, "kdf", kdf), b"keyring").unwrap_err();
        assert!(matches!(refused, KekError::Parameters { .. }), "{kdf}: {refused}");
    }
    assert!(clock.tick().since(Tick(0)) < Duration::from_millis(500), "nothing was derived");
    // A weaker derivation than the true one gives another key: there is nothing to gain from it.
    let weaker = wrapped.parameter("kdf").unwrap().replace("m=19456,t=2", "m=8,t=1");
    let downgraded = unwrap(kek, &altered(&wrapped, "kdf", &weaker), b"keyring");
    assert!(matches!(downgraded, Err(KekError::WrongKey)));
}

#[test]
fn work_that_has_to_wait_is_told_where_nobody_can() {
    struct Remote;
    impl KeyEncryptionKey for Remote {
        fn wrap<'a>(
            &'a self,
            _: &'a Secret,
            _: &'a [u8],
            _: Duration,
        ) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
            Box::pin(std::future::pending())
        }
        fn unwrap<'a>(
            &'a self,
            _: &'a WrappedKey,
            _: &'a [u8],
            deadline: Duration,
        ) -> BoxFuture<'a, Result<Secret, KekError>> {
            Box::pin(async move { Err(KekError::TimedOut { deadline }) })
        }
    }
    assert!(matches!(wrap(&Remote, b"keyring"), Err(KekError::Waits)));
    let wrapped = WrappedKey::new("remote", [], vec![1]).unwrap();
    let refused = unwrap(&Remote, &wrapped, b"keyring").unwrap_err();
    assert_eq!(refused.to_string(), "the holder of the key did not answer within 10 s");
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
    let renamed = altered(&wrapped, "key", &other.entries()[0].name);
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

/// A disk that replaces the file and then says that it did not: its directory could not be synced.
struct Unsynced;

impl Disk for Unsynced {
    fn replace(&self, path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
        LocalDisk.replace(path, bytes, secret)?;
        Err(io::Error::other("injected after the rename"))
    }

    fn stage(&self, path: &Path, secret: bool) -> io::Result<Box<dyn dwcp_base::StagedFile>> {
        LocalDisk.stage(path, secret)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn dwcp_base::SyncedFile>> {
        LocalDisk.append(path)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        LocalDisk.make_dir(path)
    }
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
    let passphrase = judged();
    let lines = fs::read_to_string(&path).unwrap();
    let secret = lines.lines().last().unwrap().rsplit(' ').next().unwrap();
    let printed =
        format!("{file:?} {file:#?} {passphrase:?} {passphrase:#?} {:?}", wrap(&file, b"keyring").unwrap());
    assert!(!printed.contains(secret) && !printed.contains(text()), "{printed}");
}
