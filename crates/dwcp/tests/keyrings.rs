//! Keyrings and passphrases from the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use support::at_rest::{Place, ended, succeeded};
use support::{command, ok, refused};

#[test]
fn a_passphrase_comes_by_descriptor_and_never_from_nowhere() {
    let place = Place::new();
    place.write("in", b"hello");
    let (ring, input, sealed) = (place.text("ring"), place.text("in"), place.text("sealed"));
    // The shell opens the descriptor.
    let script = format!(
        "{} -q encrypt file {input} {sealed} --keyring {ring} --passphrase-fd 3 3<{} && \
         {} decrypt file {sealed} - --keyring {ring} --passphrase-file /dev/fd/4 4<{}",
        env!("CARGO_BIN_EXE_dwcp"),
        place.text("pass"),
        env!("CARGO_BIN_EXE_dwcp"),
        place.text("pass"),
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    succeeded(&output);
    assert_eq!(output.stdout, b"hello");
    let (code, text) =
        refused(&["keyring", "create", &place.text("guessed"), "--passphrase-file", "/dev/null"]);
    assert_eq!(code, 1, "{text}");
    place.write("weak", b"password123");
    let (code, text) =
        refused(&["keyring", "create", &place.text("guessed"), "--passphrase-file", &place.text("weak")]);
    assert!(code == 3 && !place.path("guessed").exists(), "{code} {text}");
}

#[test]
fn generated_passphrases_open_what_they_were_made_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (ring, pass, input, sealed) = (path("ring"), path("pass"), path("in"), path("sealed"));
    fs::write(&input, b"hello").unwrap();
    ok(&["keyring", "create", &ring, "--generate", "--passphrase-file", &pass]);
    assert_eq!(fs::metadata(&pass).unwrap().permissions().mode() & 0o777, 0o600);
    ok(&["encrypt", "file", &input, &sealed, "--keyring", &ring, "--passphrase-file", &pass]);
    let (code, _) = refused(&["keyring", "create", &path("other"), "--generate", "--passphrase-file", &pass]);
    assert_eq!(code, 1, "a file that is there is not replaced");
    let shown = ok(&["keyring", "create", &path("third"), "--generate", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    fs::write(&pass, shown["passphrase"].as_str().unwrap()).unwrap();
    ok(&["keyring", "list", &path("third"), "--passphrase-file", &pass]);
}

#[test]
fn keys_are_rotated_retired_restored_and_destroyed() {
    let place = Place::new();
    place.write("in", b"hello");
    let first = place.primary();
    succeeded(&place.job("encrypt", "in", "old", &[]));
    succeeded(&place.keyring("rotate", &[]));
    let second = place.primary();
    assert_ne!(first, second);
    succeeded(&place.job("decrypt", "old", "out", &[]));
    ended(&place.keyring("retire", &["12345"]), 5);
    ended(&place.keyring("retire", &["not-an-id"]), 2);
    let text = ended(&place.keyring("retire", &[&second]), 4);
    assert!(text.contains("primary"), "{text}");
    succeeded(&place.keyring("retire", &[&first]));
    let text = ended(&place.job("decrypt", "old", "out2", &[]), 7);
    assert!(text.contains(&first) && text.contains("restore"), "{text}");
    succeeded(&place.keyring("restore", &[&first]));
    succeeded(&place.job("decrypt", "old", "out2", &[]));
    succeeded(&place.keyring("promote", &[&first]));
    assert_eq!(place.primary(), first);
    succeeded(&place.keyring("destroy", &[&second]));
    ended(&place.keyring("restore", &[&second]), 5);
    let destroyed = place.keys().into_iter().find(|key| key["id"] == second.as_str()).unwrap();
    assert_eq!(destroyed["status"], "destroyed");
    assert!(destroyed["changed"].is_string(), "the time is on record: {destroyed}");
    succeeded(&place.job("decrypt", "old", "out3", &[]));
    ended(&place.keyring("destroy", &[&first]), 4);
}

#[test]
fn a_keyring_is_wrapped_anew_without_touching_data() {
    let place = Place::new();
    place.write("in", b"hello");
    succeeded(&place.job("encrypt", "in", "sealed", &[]));
    let before = place.read("ring");
    succeeded(&place.keyring("rewrap", &[]));
    assert_ne!(place.read("ring"), before);
    place.write("new", b"eleven copper kettles in the attic");
    succeeded(&place.keyring("rewrap", &["--new-passphrase-file", &place.text("new")]));
    ended(&place.job("decrypt", "sealed", "out", &[]), 7);
    fs::rename(place.path("new"), place.path("pass")).unwrap();
    succeeded(&place.job("decrypt", "sealed", "out", &[]));
    // To a key file, which is made, and which needs no passphrase.
    let kek = place.text("kek");
    succeeded(&place.keyring("rewrap", &["--new-key-file", &kek]));
    assert_eq!(fs::metadata(&kek).unwrap().permissions().mode() & 0o777, 0o600);
    ok(&[
        "decrypt",
        "file",
        &place.text("sealed"),
        &place.text("out2"),
        "--keyring",
        &place.text("ring"),
        "--key-file",
        &kek,
    ]);
    assert_eq!(place.read("out2"), b"hello");
    fs::set_permissions(&kek, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, text) = refused(&["keyring", "list", &place.text("ring"), "--key-file", &kek]);
    assert_eq!(code, 3, "{text}");
}

#[test]
fn keysets_go_to_tink_and_come_from_it() {
    let place = Place::new();
    place.write("in", b"hello");
    succeeded(&place.job("encrypt", "in", "sealed", &[]));
    let exported = place.keyring("export", &["--format", "tink-json"]);
    succeeded(&exported);
    let keyset: serde_json::Value = serde_json::from_slice(&exported.stdout).unwrap();
    assert_eq!(keyset["primaryKeyId"].to_string(), place.primary());
    let again = ok(&[
        "keyring",
        "export",
        "--keyring",
        &place.text("ring"),
        "--passphrase-file",
        &place.text("pass"),
    ]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&again).unwrap(), keyset);
    let clear = place.text("keyset.json");
    fs::write(&clear, &exported.stdout).unwrap();
    let import = |name: &str| {
        refused(&[
            "keyring",
            "import",
            &place.text(name),
            "--from",
            &clear,
            "--passphrase-file",
            &place.text("pass"),
        ])
    };
    fs::set_permissions(&clear, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(import("ring2").0, 3, "a clear keyset that others can read");
    fs::set_permissions(&clear, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(import("ring2"), (0, String::new()));
    assert_eq!(import("ring2").0, 1, "a keyring that is there is not replaced");
    fs::rename(place.path("ring2"), place.path("ring")).unwrap();
    succeeded(&place.job("decrypt", "sealed", "out", &[]));
    fs::write(&clear, b"{\"primaryKeyId\": 1}").unwrap();
    assert_eq!(import("ring3").0, 3);
}

#[test]
fn derivation_is_measured_and_calibrated() {
    let measured = ok(&["encrypt", "kdf-bench", "--target", "60ms", "--json"]);
    let measured: serde_json::Value = serde_json::from_str(&measured).unwrap();
    assert!(measured["found"]["argon2"]["memory"].as_u64().unwrap() >= 19_456, "{measured}");
    assert_eq!(measured["measured"].as_array().unwrap().len(), 2);
    assert_eq!(refused(&["encrypt", "kdf-bench", "--target", "1ms"]).0, 2);
}

#[test]
fn at_d9_no_core_is_dumped_and_no_passphrase_is_seen_from_outside() {
    let place = Place::new();
    let mut child =
        place.command("encrypt", "-", "sealed").stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Once it reads, it holds the key.
    std::io::Write::write_all(&mut stdin, &[1; 4 << 20]).unwrap();
    let seen = |what: &str| fs::read(format!("/proc/{}/{what}", child.id())).unwrap_or_default();
    for what in ["cmdline", "environ"] {
        let text = String::from_utf8_lossy(&seen(what)).into_owned();
        assert!(!text.contains("bridges"), "{what}: {text}");
    }
    let limits = String::from_utf8(seen("limits")).unwrap();
    let core: Vec<&str> =
        limits.lines().find(|line| line.starts_with("Max core")).unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{core:?}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
    // No flag takes a secret itself.
    let help = command().args(["keyring", "create", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("--passphrase-file") && !help.contains("--passphrase "), "{help}");
}

#[test]
fn a_made_up_passphrase_that_nobody_saw_protects_nothing() {
    let place = Place::new();
    let before = place.read("ring");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command()
        .args([
            "keyring",
            "rewrap",
            &place.text("ring"),
            "--generate",
            "--passphrase-file",
            &place.text("pass"),
        ])
        .stdout(full)
        .output()
        .unwrap();
    ended(&output, 1);
    assert_eq!(place.read("ring"), before);
    // Names that others chose do not write to the terminal.
    let (code, text) = refused(&["keyring", "list", "a\u{1b}[31m\nerror: fake"]);
    assert!(code == 1 && text.lines().count() == 3 && !text.contains('\u{1b}'), "{text}");
}
