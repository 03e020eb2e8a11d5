//! Directories of authorities, and what OpenSSL says of what comes out of them.

use super::{ok, refused};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A scratch directory with a passphrase in it.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.secret("pass", "seven rusty bridges over the Elbe\n");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn secret(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A root, with what else is to be said of it.
    pub(crate) fn root(&self, more: &[&str]) {
        ok(&[&["cert", "ca", "init", "--dir", &self.at("root"), "--name", "Root"], more].concat());
    }

    pub(crate) fn csr(&self, sans: &[&str]) {
        let _ = fs::remove_file(self.path("r.key"));
        let (out, mut arguments) = (self.at("r"), vec!["cert", "csr"]);
        for san in sans {
            arguments.extend(["--san", san]);
        }
        arguments.extend(["--out", &out]);
        ok(&arguments);
    }

    /// Signs `r.csr`; the exit code and what was said.
    pub(crate) fn sign(&self, more: &[&str]) -> (i32, String) {
        let (root, csr, out) = (self.at("root"), self.at("r.csr"), self.at("signed.crt"));
        refused(&[&["cert", "sign", "--ca", &root, "--csr", &csr, "--out", &out], more].concat())
    }

    pub(crate) fn openssl(&self, arguments: &[&str]) -> Output {
        Command::new("openssl").args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn holds(&self, arguments: &[&str]) -> String {
        let output = self.openssl(arguments);
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "openssl {arguments:?}: {text}");
        text
    }
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
