//! A directory with keyrings in it, and Tink's side of what is exchanged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test binary uses its part")]

use super::support::{command, dwcp, ok, text};
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Python with Tink, as `cargo xtask peers install` makes it.
pub(crate) const PYTHON: &str = "dwcp-peer-python";

/// A directory with a key file that opens its keyrings.
pub(crate) struct Shop {
    dir: tempfile::TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn at(&self, name: &str) -> String {
        text(&self.dir.path().join(name))
    }

    /// A keyring of our own.
    pub(crate) fn ring(&self, name: &str, kind: &[&str]) -> String {
        let ring = self.at(name);
        ok(&[&["keyring", "create", &ring, "--key-file", &self.at("kek")][..], kind].concat());
        ring
    }

    /// The keyring's keys, for Tink.
    pub(crate) fn export(&self, ring: &str) -> String {
        let keyset = format!("{ring}.json");
        let clear = ok(&["keyring", "export", ring, "--key-file", &self.at("kek")]);
        write_private(&keyset, clear.as_bytes());
        keyset
    }

    /// A keyring of Tink's keys.
    pub(crate) fn import(&self, keyset: &str) -> String {
        let ring = format!("{keyset}.ring");
        ok(&["keyring", "import", &ring, "--from", keyset, "--key-file", &self.at("kek")]);
        ring
    }

    /// One verb on a keyring.
    pub(crate) fn keyring(&self, verb: &[&str], ring: &str) -> String {
        let (verb, rest) = verb.split_first().unwrap();
        ok(&[&["keyring", verb, ring][..], rest, &["--key-file", &self.at("kek")]].concat())
    }

    pub(crate) fn file(&self, verb: &str, ring: &str, aad: &str, from: &str, to: &str) -> Output {
        let rest = ["--keyring", ring, "--key-file", &self.at("kek"), "--aad", aad];
        dwcp(&[&[verb, "file", from, to][..], &rest].concat())
    }

    /// `encrypt data` or `decrypt data`, from file to file; gives the exit code.
    pub(crate) fn data(&self, verb: &str, ring: &str, aad: &str, from: &str, to: &str) -> i32 {
        let rest = ["--keyring", ring, "--key-file", &self.at("kek"), "--aad", aad];
        let mut command = command();
        command.args([verb, "data"]).args(rest).stdin(File::open(from).unwrap());
        let quiet = command.stdout(File::create(to).unwrap()).stderr(Stdio::null());
        quiet.status().unwrap().code().unwrap()
    }

    /// A file of `length` bytes; two lengths begin alike.
    pub(crate) fn plain(&self, length: usize) -> String {
        let path = self.at(&format!("plain-{length}"));
        let byte = |at: usize| (at.wrapping_mul(0x9e37_79b9) >> 11).to_le_bytes()[0];
        // Repeats, though never in step with a segment.
        let block: Vec<u8> = (0..4_099).map(byte).collect();
        let mut bytes = block.repeat(length / block.len() + 1);
        bytes.truncate(length);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// Tink's side; gives the exit code and what it printed.
pub(crate) fn peer(arguments: &[&str]) -> (i32, String) {
    let script = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tink_peer.py"));
    let output = Command::new(PYTHON).arg(script).args(arguments).output().unwrap();
    let code = output.status.code().unwrap();
    assert!([0, 7].contains(&code), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    (code, String::from_utf8(output.stdout).unwrap())
}

pub(crate) fn tink(arguments: &[&str]) -> String {
    let (code, printed) = peer(arguments);
    assert_eq!(code, 0, "Tink refuses {arguments:?}");
    printed
}

/// A file for the owner alone.
pub(crate) fn write_private(path: &str, bytes: &[u8]) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
}
