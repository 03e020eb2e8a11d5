//! The written formats of keyrings, envelopes and key files: test vectors, and a decoder that shares no code with ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/passphrase.rs"]
mod support;

use dwcp_base::{LocalDisk, UnixTime};
use dwcp_crypto::kek::{FileKek, KeyEncryptionKey, at_once};
use dwcp_crypto::stream::StreamParameters;
use dwcp_crypto::{DataAlgorithm, Envelope, KeyStatus, KeyTemplate, Keyring, KeyringFile, Secret};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;
use support::{judged, opening, text};

/// Python with `cryptography`, as `cargo xtask peers install` makes it.
const PYTHON: &str = "dwcp-peer-python";
const KEYRING: &str = include_str!("data/keyring.json");
const ENVELOPE: &str = include_str!("data/envelope.json");
const PASSPHRASE: &str = "sieben Otter unter der alten Brücke";
const KEY_LINE: &str =
    "dwcp-kek-1 a8c63236f7c938da 2026-09-21T14:13:20Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const DEADLINE: Duration = Duration::from_secs(10);

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats").join(name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn load(path: &Path, kek: &dyn KeyEncryptionKey) -> KeyringFile {
    at_once(KeyringFile::load(path, Arc::new(LocalDisk), kek, DEADLINE)).unwrap()
}

#[test]
fn the_test_vectors_hold_and_are_those_of_the_page() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keyring");
    fs::write(&path, KEYRING).unwrap();
    // Typed with a decomposed letter and a space that is none of ASCII.
    let file = load(&path, &opening(&PASSPHRASE.replace('ü', "u\u{308}").replace(' ', "\u{a0}")));
    let told: Vec<_> = file
        .keyring()
        .keys()
        .iter()
        .map(|key| (key.id, key.status, key.primary, key.created, key.changed, key.sealed_messages))
        .collect();
    let day = Some(UnixTime::from_secs(1_790_086_400));
    let destroyed = Some(UnixTime::from_millis(1_790_086_400_250));
    let expected = [
        (3_252_133_914, KeyStatus::Enabled, true, day, None, 1),
        (1_667_330_994, KeyStatus::Retired, false, day, day, 0),
        (4_058_716_842, KeyStatus::Destroyed, false, Some(NOW), destroyed, 0),
    ];
    assert_eq!(told, expected);
    let envelope = Envelope::from_json(ENVELOPE.as_bytes()).unwrap();
    let secret = at_once(envelope.open(Envelope::CA_KEY, &opening(PASSPHRASE), DEADLINE)).unwrap();
    assert_eq!(secret.expose(), b"the bridge is open");
    assert_eq!(envelope.to_json(), ENVELOPE);
    let key_file = directory.path().join("kek");
    dwcp_base::Disk::replace(&LocalDisk, &key_file, KEY_LINE.as_bytes(), true).unwrap();
    assert_eq!(FileKek::open(&key_file).unwrap().entries()[0].created, NOW);
    // Absent where the crate was unpacked by itself.
    if let Ok(page) = fs::read_to_string(docs("keyring.md")) {
        let keyset = hex(file.keyring().to_tink_binary().expose());
        for part in [KEYRING, ENVELOPE, PASSPHRASE, KEY_LINE, &keyset, &hex(secret.expose())] {
            assert!(page.contains(part), "{part}");
        }
    }
}

/// Whether the independent decoder can run; under CI it has to, elsewhere a counted line says that it did not.
fn decodes() -> bool {
    let installed = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(PYTHON).is_file()));
    // Absent where the crate was unpacked by itself.
    let script = docs("keyring_open.py").is_file();
    if !installed || !script {
        let lacking = if installed { "docs/formats/keyring_open.py" } else { PYTHON };
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{lacking} is missing, and CI must have it");
        println!("skipped: {lacking} is not installed");
    }
    installed && script
}

/// What the independent decoder makes of a file.
fn decoded(file: &Path, key: &Path) -> Output {
    Command::new(PYTHON).arg("-B").arg(docs("keyring_open.py")).arg(file).arg(key).output().unwrap()
}

#[test]
fn an_independent_decoder_opens_what_is_written_and_refuses_what_is_altered() {
    if !decodes() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (path, key_file, typed) =
        (directory.path().join("keyring"), directory.path().join("kek"), directory.path().join("typed"));
    let kek = FileKek::create(&key_file, &LocalDisk, NOW).unwrap();
    fs::write(&typed, format!("{}\n", text())).unwrap();
    for (template, kek, key) in [
        (KeyTemplate::Aead(DataAlgorithm::ChaCha20Poly1305), &kek as &dyn KeyEncryptionKey, &key_file),
        (KeyTemplate::Stream(StreamParameters::AES256_1M), judged(), &typed),
    ] {
        let mut keyring = Keyring::create(template, NOW).unwrap();
        let old = keyring.primary();
        keyring.rotate(NOW).unwrap();
        keyring.retire(old, NOW).unwrap();
        let clear = Keyring::from_tink_json(keyring.to_tink_json().expose()).unwrap();
        let file = at_once(KeyringFile::create(&path, Arc::new(LocalDisk), keyring, kek, NOW, DEADLINE));
        drop(file.unwrap());
        let output = decoded(&path, key);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(Keyring::from_tink_json(&output.stdout).unwrap().keys(), clear.keys());
        let intact = fs::read_to_string(&path).unwrap();
        for (part, other) in [("2026-09-21", "2027-09-21"), ("\"commitment\": \"", "\"commitment\": \"AAAA")]
        {
            fs::write(&path, intact.replace(part, other)).unwrap();
            assert!(!decoded(&path, key).status.success(), "{part}");
        }
        fs::remove_file(&path).unwrap();
    }
    let secret = Secret::from(b"the bridge is open".to_vec());
    let envelope = at_once(Envelope::seal(Envelope::NODE_STATE, &secret, &kek, NOW, DEADLINE)).unwrap();
    fs::write(&path, envelope.to_json()).unwrap();
    assert_eq!(decoded(&path, &key_file).stdout, b"the bridge is open");
    fs::write(&path, envelope.to_json().replace("node-state", "ca-key")).unwrap();
    assert!(!decoded(&path, &key_file).status.success());
}
