//! Key-encryption keys: what they wrap, unwrap and refuse.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/passphrase.rs"]
mod support;

use dwcp_base::{Clock, Coded, LocalDisk, SystemClock, Tick, UnixTime};
use dwcp_crypto::kek::{BoxFuture, FileKek, KekError, KeyEncryptionKey, PassphraseKek, WrappedKey, at_once};
use dwcp_crypto::{KdfParams, NewPassphrase, Secret};
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

#[test]
fn at_p12_nothing_that_is_printed_holds_the_passphrase() {
    let printed = format!("{:?} {:#?} {:?}", judged(), judged(), wrap(judged(), b"keyring").unwrap());
    assert!(!printed.contains(text()), "{printed}");
}
