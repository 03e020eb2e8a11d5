//! Keys of keyrings, key files and envelopes are gone once they are dropped. A binary of its own, with one test, so that nobody else writes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/memory.rs"]
mod memory;

use base64ct::{Base64, Encoding};
use dwcp_base::{LocalDisk, UnixTime, read_secret};
use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::kek::{FileKek, KeyEncryptionKey, PassphraseKek, Wrapping, at_once};
use dwcp_crypto::{Envelope, Kdf, KdfParams, Keyring, KeyringFile, NewPassphrase, Passphrase, Secret};
use memory::{Pattern, assert_gone, assert_wiped, letters};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const DEADLINE: Duration = Duration::from_secs(10);

#[test]
fn what_is_dropped_is_nowhere_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    keysets();
    key_files(&directory.path().join("kek"));
    keyring_files(directory.path());
    envelopes(&directory.path().join("kek"));
}

/// A clear keyset of one AES-256-GCM key, and what to search for: the key and its text.
fn keyset(seed: u32) -> (Secret, [Pattern; 2]) {
    let key = letters(seed, 32);
    let value = Secret::from([b"\x1a\x20", key.expose()].concat());
    let text = Secret::build(48, |out| Base64::encode(value.expose(), out).map(|_| ())).unwrap();
    let patterns = [Pattern::of(key.expose()), Pattern::of(&text.expose()[4..44])];
    let parts: [&[u8]; 3] = [
        br#"{"primaryKeyId":7,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey","value":""#,
        text.expose(),
        br#"","keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":7,"outputPrefixType":"TINK"}]}"#,
    ];
    (Secret::from(parts.concat()), patterns)
}

fn keysets() {
    let (text, patterns) = keyset(1);
    let keyring = Keyring::from_tink_json(text.expose()).unwrap();
    let (json, binary) = (keyring.to_tink_json(), keyring.to_tink_binary());
    let again = Keyring::from_tink_binary(binary.expose()).unwrap();
    let sealed = keyring.seal(b"", b"message").unwrap();
    assert_eq!(again.open(b"", &sealed).unwrap(), b"message");
    assert_wiped("keysets", (text, keyring, json, binary, again), &patterns);

    let (text, patterns) = keyset(2);
    let mut keyring = Keyring::from_tink_json(text.expose()).unwrap();
    drop(text);
    keyring.rotate(NOW).unwrap();
    keyring.destroy(7, NOW).unwrap();
    assert_gone("a destroyed key", &patterns);
    assert_eq!(keyring.keys().len(), 2);
}

/// The text of the first key of a key file, and the key.
fn patterns_of(path: &Path) -> [Pattern; 2] {
    let text = Secret::from(read_secret(path, 1 << 16).unwrap());
    let line = text.expose().split(|byte| *byte == b'\n').find(|line| line.starts_with(b"dwcp")).unwrap();
    let encoded = line.rsplit(|byte| *byte == b' ').next().unwrap();
    let key = Secret::build(32, |out| Base64::decode(encoded, out).map(|_| ())).unwrap();
    [Pattern::of(encoded), Pattern::of(key.expose())]
}

fn key_files(path: &Path) {
    let made = FileKek::create(path, &LocalDisk, NOW).unwrap();
    let [text, key] = patterns_of(path);
    let mut kek = FileKek::open(path).unwrap();
    kek.rotate(&LocalDisk, NOW).unwrap();
    let [_, newest] = patterns_of(path);
    assert_gone("the text of a key file", &[text]);
    assert_wiped("FileKek", (made, kek), &[key, newest]);
}

/// The data key of a wrapping, and the key that it is wrapped under, found out by the public way.
fn inner(wrapping: &Wrapping, kek: &dyn KeyEncryptionKey, secret: &Secret, source: &str) -> [Pattern; 2] {
    let data_key = at_once(kek.unwrap(wrapping.key(), b"keyring", DEADLINE)).unwrap();
    let field = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let binding = [field(source.as_bytes()), field(b"keyring")].concat();
    let prk = Prk::extract(Hash::Sha256, b"", secret);
    let wrapping_key = prk.secret(b"kek wrap", &binding, 32).unwrap();
    [Pattern::of(data_key.expose()), Pattern::of(wrapping_key.expose())]
}

fn keyring_files(directory: &Path) {
    let (text, mut patterns) = keyset(3);
    let keyring = Keyring::from_tink_json(text.expose()).unwrap();
    drop(text);
    let (passphrase, typed) = NewPassphrase::generate().unwrap();
    let kek = PassphraseKek::new(passphrase, KdfParams::argon2id(19_456, 2, 1).unwrap());
    let path = directory.join("keyring");
    let created = KeyringFile::create(&path, Arc::new(LocalDisk), keyring, &kek, NOW, DEADLINE);
    let mut file = at_once(created).unwrap();
    file.change(|keyring| keyring.rotate(NOW)).unwrap();
    let again = at_once(KeyringFile::load(&path, Arc::new(LocalDisk), &kek, DEADLINE)).unwrap();

    let source = again.wrapping().key().parameter("kdf").unwrap().to_owned();
    let derived =
        Kdf::from_phc(&source).unwrap().derive(&Passphrase::new(typed.expose()).unwrap(), 32).unwrap();
    let [data_key, wrapping_key] = inner(again.wrapping(), &kek, &derived, &source);
    let derived_pattern = Pattern::of(derived.expose());
    drop(derived);
    // What this test left on the stack is overwritten by doing the same the proper way.
    drop(at_once(KeyringFile::load(&path, Arc::new(LocalDisk), &kek, DEADLINE)).unwrap());
    assert_gone("what a passphrase derives for a keyring", &[derived_pattern, wrapping_key]);
    // The text of the key stood in the JSON alone.
    patterns.swap(0, 1);
    let [clear_text, key] = patterns;
    assert_gone("the text of a keyring", &[clear_text]);
    let typed_pattern = Pattern::of(typed.expose());
    assert_wiped("KeyringFile", (file, again, kek, typed), &[key, data_key, typed_pattern]);
}

fn envelopes(key_file: &Path) {
    let kek = FileKek::open(key_file).unwrap();
    let secret = letters(4, 200);
    let pattern = Pattern::of(&secret.expose()[50..150]);
    let envelope = at_once(Envelope::seal(Envelope::CA_KEY, &secret, &kek, NOW, DEADLINE)).unwrap();
    let rewrapped = at_once(envelope.rewrap(&kek, &kek, NOW, DEADLINE)).unwrap();
    let opened = at_once(rewrapped.open(Envelope::CA_KEY, &kek, DEADLINE)).unwrap();
    assert_wiped("Envelope", (secret, opened), &[pattern]);
}
