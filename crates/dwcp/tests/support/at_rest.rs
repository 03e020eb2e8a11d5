//! A keyring with its passphrase in a scratch directory, and what is said of a run of the binary.

use super::{assert_three_lines, command, ok};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

/// A keyring with its passphrase in a file.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self::of(&["--segment", "4k"])
    }

    pub(crate) fn of(flags: &[&str]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("pass", b"seven rusty bridges over the Elbe\n");
        fs::set_permissions(place.path("pass"), fs::Permissions::from_mode(0o600)).unwrap();
        let (ring, pass) = (place.text("ring"), place.text("pass"));
        let mut arguments = vec!["keyring", "create", &ring, "--passphrase-file", &pass];
        arguments.extend_from_slice(flags);
        ok(&arguments);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// `verb file IN OUT` with this keyring; names are in this place, `-` is a stream.
    pub(crate) fn job(&self, verb: &str, from: &str, to: &str, flags: &[&str]) -> Output {
        let mut command = self.command(verb, from, to);
        command.args(flags).output().unwrap()
    }

    pub(crate) fn command(&self, verb: &str, from: &str, to: &str) -> std::process::Command {
        let name = |name: &str| if name == "-" { name.to_owned() } else { self.text(name) };
        let mut command = command();
        command.args([verb, "file", &name(from), &name(to)]);
        command.args(["--keyring", &self.text("ring"), "--passphrase-file", &self.text("pass")]);
        command
    }

    pub(crate) fn keyring(&self, verb: &str, more: &[&str]) -> Output {
        let mut command = command();
        command.args(["keyring", verb, &self.text("ring")]);
        command.args(more).args(["--passphrase-file", &self.text("pass")]);
        command.output().unwrap()
    }

    pub(crate) fn keys(&self) -> Vec<serde_json::Value> {
        let listed = self.keyring("list", &["--json"]);
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        listed["keys"].as_array().unwrap().clone()
    }

    pub(crate) fn primary(&self) -> String {
        let keys = self.keys();
        let primary = keys.iter().find(|key| key["primary"] == true).unwrap();
        primary["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        names(self.0.path())
    }
}

/// Without the lock beside a keyring, which stays.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".ring.lock");
    names.sort();
    names
}

/// The run ended with `code` and three lines, which are returned.
#[track_caller]
pub(crate) fn ended(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_three_lines(&text);
    text
}

#[track_caller]
pub(crate) fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
