//! A cache among others: files that somebody prepared, and processes that write at once and are killed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod remembered;

use dwcp_base::{Coded, LocalDisk};
use dwcp_pki::KeyPin;
use dwcp_pki_acme::{AccountStanding, Cache, NamesDigest};
use remembered::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn at_p10_what_others_may_have_prepared_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("acme");
    let cache = open(&at);
    put(&cache, &account(1, registered())).await.unwrap();
    let (file, aside) = (the_file(&at, "account"), dir.path().join("aside"));
    let code = async || cache.account(DIRECTORY, SOON).await.map(drop).map_err(|error| error.code());
    assert_eq!(code().await, Ok(()));
    fs::hard_link(&file, &aside).unwrap();
    assert_eq!(code().await, Err("acme.cache.irregular"));
    fs::remove_file(&aside).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o601, 0o777] {
        set_mode(&file, mode);
        assert_eq!(code().await, Err("acme.cache.exposed"), "{mode:o}");
        let refused = put(&cache, &account(2, registered())).await.unwrap_err();
        assert_eq!(refused.code(), "acme.cache.exposed", "a key is not written over unread");
    }
    set_mode(&file, 0o600);
    fs::rename(&file, &aside).unwrap();
    symlink(&aside, &file).unwrap();
    assert_eq!(code().await, Err("acme.cache.irregular"));
    fs::remove_file(&file).unwrap();
    symlink(dir.path().join("nowhere"), &file).unwrap();
    assert_eq!(code().await, Err("acme.cache.irregular"), "a link to nothing is no absence");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    set_mode(&file, 0o700);
    assert_eq!(code().await, Err("acme.cache.irregular"));
    fs::remove_dir(&file).unwrap();
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&file).status().unwrap().success());
    assert_eq!(code().await, Err("acme.cache.irregular"), "and nobody waits for its writer");
    fs::remove_file(&file).unwrap();
    fs::rename(&aside, &file).unwrap();
    assert_eq!(code().await, Ok(()));
    if chown(&file, Some(12_345), None).is_ok() {
        assert_eq!(code().await, Err("acme.cache.foreign"));
    } else {
        eprintln!("skipped: only root can make a file another user's");
    }
}

#[tokio::test]
async fn at_p10_a_directory_that_others_can_reach_into_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("acme");
    let code = |at: &Path| Cache::open(at, Arc::new(LocalDisk)).map(drop).map_err(|error| error.code());
    assert_eq!(code(&at), Ok(()));
    assert_eq!(fs::metadata(&at).unwrap().mode() & 0o7777, 0o700);
    for mode in [0o750, 0o705, 0o777] {
        set_mode(&at, mode);
        assert_eq!(code(&at), Err("acme.cache.exposed"), "{mode:o}");
    }
    set_mode(&at, 0o700);
    // In a place where everybody may rename, another one can take its place at any time; a sticky bit prevents that.
    set_mode(dir.path(), 0o777);
    assert_eq!(code(&at), Err("acme.cache.exposed"));
    set_mode(dir.path(), 0o1777);
    assert_eq!(code(&at), Ok(()));
    set_mode(dir.path(), 0o700);
    // A way to it through a link is followed once.
    symlink(&at, dir.path().join("link")).unwrap();
    let through = open(&dir.path().join("link"));
    put(&through, &account(1, registered())).await.unwrap();
    fs::remove_file(dir.path().join("link")).unwrap();
    assert_eq!(key_of(&through).await, Some(vec![1; 138]));
    // It is looked at again before each write.
    set_mode(&at, 0o755);
    assert_eq!(put(&through, &account(1, registered())).await.unwrap_err().code(), "acme.cache.exposed");
    set_mode(&at, 0o700);
    fs::remove_file(at.join("lock")).unwrap();
    symlink(dir.path().join("elsewhere"), at.join("lock")).unwrap();
    assert_eq!(through.lock(SOON).await.unwrap_err().code(), "acme.cache.irregular");
    assert!(!dir.path().join("elsewhere").exists());
}

/// Another process, which runs this test binary and in it one test alone.
fn process(test: &str, at: &Path, before: &str) -> Child {
    let exe = std::env::current_exe().unwrap();
    let script = format!("{before} exec \"$0\" --exact {test} --nocapture");
    Command::new("sh").args(["-c", &script]).arg(exe).env("DWCP_ACME_CACHE", at).spawn().unwrap()
}

/// Writes one record after the other, without end: keys 1, 2, … and orders. A part of other tests, in a process of its own; otherwise nothing.
#[tokio::test]
async fn a_writer() {
    let Some(at) = std::env::var_os("DWCP_ACME_CACHE") else { return };
    let cache = open(Path::new(&at));
    for round in 0_u8.. {
        let locked = cache.lock(SOON).await.unwrap();
        let standing = if round % 2 == 0 { AccountStanding::Unconfirmed } else { registered() };
        locked.put_account(&account(round / 2 % 100 + 1, standing), NOW, SOON).await.unwrap();
        locked.put_order(&order((round % 3 == 0).then(|| KeyPin::from([round; 32])))).unwrap();
        if round % 5 == 0 {
            locked.clear_order(DIRECTORY, &NamesDigest::of(&names())).unwrap();
        }
        if round == u8::MAX || std::env::var_os("DWCP_ACME_ONCE").is_some() {
            return;
        }
    }
}

#[tokio::test]
async fn processes_that_are_killed_while_they_write_leave_whole_records_and_no_lock() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("acme");
    let cache = open(&at);
    put(&cache, &account(1, registered())).await.unwrap();
    let mut keys = std::collections::BTreeSet::new();
    for round in 0..10 {
        let mut writers = [process("a_writer", &at, ""), process("a_writer", &at, "")];
        let until = tokio::time::Instant::now() + Duration::from_millis(120 + 17 * round);
        while tokio::time::Instant::now() < until {
            let key = key_of(&cache).await.expect("there is one at every moment");
            keys.insert(key[0]);
            assert!(key.len() == 138 && key.iter().all(|byte| *byte == key[0]));
            cache.order(DIRECTORY, &NamesDigest::of(&names())).unwrap();
            tokio::task::yield_now().await;
        }
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        // The lock went with them.
        cache.lock(Duration::from_millis(500)).await.unwrap().put_pause(&pause()).unwrap();
    }
    assert!(keys.len() > 2, "they wrote: {keys:?}");
}

#[tokio::test]
async fn at_p10_a_process_without_a_umask_makes_nothing_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("acme");
    let mut writer = process("a_writer", &at, "umask 000; DWCP_ACME_ONCE=1; export DWCP_ACME_ONCE;");
    assert!(writer.wait().unwrap().success());
    assert_eq!(fs::metadata(&at).unwrap().mode() & 0o7777, 0o700);
    let modes = fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().metadata().unwrap().mode() & 0o7777);
    let modes: Vec<u32> = modes.collect();
    assert!(modes.len() >= 2 && modes.iter().all(|mode| *mode == 0o600), "{modes:?}");
}
