//! Files of this machine that a public certificate is asked for with: what is wrong with each is told under its own code, with what to do.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_testkit::{Pebble, PebbleOptions};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use support::acme::Web;
use support::assert_three_lines;

/// 32 bytes in base64url.
const HMAC: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// A start that fails with `exit`, and says all of `parts`.
fn fails(web: &Web, exit: i32, parts: &[&str]) {
    let (code, said) = web.up_refused();
    assert_three_lines(&said);
    assert_eq!(code, exit, "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn put(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
    mode(path, 0o600);
}

/// The file of the cache whose name begins so.
fn kept(web: &Web, begins: &str) -> PathBuf {
    let entries = fs::read_dir(web.dir.join("acme")).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(begins);
    entries.filter(|path| path.is_file()).find(named).unwrap_or_else(|| panic!("no {begins} is kept"))
}

#[test]
fn keys_and_records_that_are_open_missing_or_damaged_are_told_as_such() {
    let eab = vec![("kid-1".to_owned(), HMAC.to_owned())];
    let Some(pebble) = Pebble::start(&PebbleOptions { eab, ..PebbleOptions::default() }) else { return };
    let web = Web::new(&pebble, "eab: {kid: kid-1, hmac_file: eab.key}");
    let key = web.dir.join("eab.key");
    fails(&web, 1, &["eab.key"]);
    put(&key, HMAC.as_bytes());
    mode(&key, 0o644);
    fails(&web, 3, &["eab.key", "chmod 600"]);
    put(&key, b"no base64!");
    fails(&web, 3, &["eab"]);
    put(&key, HMAC.as_bytes());
    assert_eq!(web.up().wait_after_term(), 0);

    // Without a pair it has to be asked for again, by the account that is kept.
    for pair in ["identity.crt", "identity.key"] {
        fs::remove_file(web.dir.join(pair)).unwrap();
    }
    let account = kept(&web, "account-");
    let good = fs::read(&account).unwrap();
    let name = account.file_name().unwrap().to_str().unwrap();
    mode(&account, 0o644);
    fails(&web, 3, &[name, "chmod 600"]);
    put(&account, &good[..good.len() / 2]);
    fails(&web, 3, &[name, "move it away"]);
    put(&account, b"");
    fails(&web, 3, &[name, "move it away"]);
    fs::rename(&account, web.dir.join("elsewhere")).unwrap();
    put(&web.dir.join("elsewhere"), &good);
    symlink(web.dir.join("elsewhere"), &account).unwrap();
    fails(&web, 3, &[name]);
    fs::remove_file(&account).unwrap();
    put(&account, &good);
    let lock = kept(&web, "lock");
    fs::remove_file(&lock).unwrap();
    symlink(web.dir.join("elsewhere"), &lock).unwrap();
    fails(&web, 3, &["lock"]);
    fs::remove_file(&lock).unwrap();
    assert_eq!(web.up().wait_after_term(), 0);
    assert_eq!(pebble.log().matches("POST /sign-me-up").count(), 1, "the account is that of before");
}
