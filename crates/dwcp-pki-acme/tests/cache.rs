//! What an ACME client remembers: whole or not there whatever fails, and sealed where there is a key for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod remembered;

use dwcp_base::{Coded, Disk, FaultyDisk, LocalDisk};
use dwcp_crypto::KeyEncryptionKey;
use dwcp_crypto::kek::FileKek;
use dwcp_pki::{KeyPin, SubjectName};
use dwcp_pki_acme::{
    AccountRecord, AccountStanding, Cache, CacheError, LastRecord, NamesDigest, OrderRecord, PauseRecord,
};
use remembered::*;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn what_is_kept_is_there_for_the_next_process_and_what_is_cleared_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("a/b/acme");
    let cache = open(&at);
    let digest = NamesDigest::of(&names());
    assert!(cache.account(DIRECTORY, SOON).await.unwrap().is_none());
    assert_eq!((cache.order(DIRECTORY, &digest).unwrap(), cache.pause(DIRECTORY).unwrap()), (None, None));
    let locked = cache.lock(SOON).await.unwrap();
    locked.put_account(&account(1, AccountStanding::Unconfirmed), NOW, SOON).await.unwrap();
    locked.put_account(&account(1, registered()), NOW, SOON).await.unwrap();
    let pin = KeyPin::from([7; 32]);
    locked.put_order(&order(None)).unwrap();
    locked.put_order(&order(Some(pin))).unwrap();
    locked.put_last(&last()).unwrap();
    locked.put_pause(&pause()).unwrap();
    drop((locked, cache));
    let cache = open(&at);
    assert_eq!(cache.account(DIRECTORY, SOON).await.unwrap().unwrap().standing, registered());
    assert_eq!(cache.order(DIRECTORY, &digest).unwrap(), Some(order(Some(pin))));
    assert_eq!(cache.last(&digest).unwrap(), Some(last()));
    assert_eq!(cache.pause(DIRECTORY).unwrap(), Some(pause()));
    // Another authority knows none of it, and other names have no order.
    let other = "https://other.example/directory";
    assert!(cache.account(other, SOON).await.unwrap().is_none());
    assert!(cache.order(other, &digest).unwrap().is_none() && cache.pause(other).unwrap().is_none());
    assert!(cache.order(DIRECTORY, &NamesDigest::of(&names()[..1])).unwrap().is_none());
    let locked = cache.lock(SOON).await.unwrap();
    for _ in 0..2 {
        locked.clear_order(DIRECTORY, &digest).unwrap();
        locked.clear_pauses(DIRECTORY, &digest).unwrap();
    }
    assert_eq!((locked.order(DIRECTORY, &digest).unwrap(), locked.pause(DIRECTORY).unwrap()), (None, None));
}

#[tokio::test]
async fn whatever_write_fails_the_records_before_it_are_whole_and_a_key_is_never_lost() {
    for kind in [ErrorKind::StorageFull, ErrorKind::PermissionDenied] {
        for full in [false, true] {
            let mut failures = 0;
            for n in 0.. {
                let dir = tempfile::tempdir().unwrap();
                let disk =
                    if full { FaultyDisk::failing_from(n, kind) } else { FaultyDisk::failing_once(n, kind) };
                let failed = scenario(dir.path(), Arc::new(disk.clone())).await;
                if disk.operations() <= n {
                    assert_eq!(failed, 0);
                    break;
                }
                failures += failed;
            }
            assert!(failures >= 9, "{failures}");
        }
    }
}

fn previous_of(directory: &Path) -> PathBuf {
    let account = the_file(directory, "account").display().to_string();
    format!("{}.previous", account.trim_end_matches(".previous")).into()
}

/// A life of a cache; how many of its steps failed. After each of them all that is known to be kept is.
async fn scenario(dir: &Path, disk: Arc<dyn Disk>) -> u32 {
    let at = dir.join("acme");
    let mut failed = 0;
    let mut opened = Cache::open(&at, Arc::clone(&disk));
    if let Err(error) = &opened {
        assert_eq!(error.code(), "acme.cache.storage");
        failed += 1;
        // Once more, as the next process does.
        opened = Cache::open(&at, Arc::clone(&disk));
    }
    let Ok(cache) = opened else { return failed };
    let locked = cache.lock(SOON).await.unwrap();
    let digest = NamesDigest::of(&names());
    let mut known: Option<u8> = None;
    for (key, standing) in [
        (1, AccountStanding::Unconfirmed),
        (1, registered()),
        (2, AccountStanding::Unconfirmed),
        (2, registered()),
    ] {
        let before = known;
        match locked.put_account(&account(key, standing), NOW, SOON).await {
            Ok(()) => known = Some(key),
            Err(error) => {
                assert_eq!(error.code(), "acme.cache.storage");
                failed += 1;
            }
        }
        let kept = key_of(&cache).await.map(|key| key[0]);
        assert_eq!(kept, known, "what was acknowledged is what is there");
        if (before, known) == (Some(1), Some(2)) {
            let previous = fs::read(previous_of(&at)).unwrap();
            assert_eq!(AccountRecord::parse(&previous).unwrap().key.expose(), [1; 138]);
        }
    }
    let mut orders = None;
    for finalized in [None, Some(KeyPin::from([7; 32]))] {
        match locked.put_order(&order(finalized)) {
            Ok(()) => orders = Some(order(finalized)),
            Err(_) => failed += 1,
        }
        assert_eq!(cache.order(DIRECTORY, &digest).unwrap(), orders);
    }
    let kept = locked.put_last(&last()).is_ok();
    assert_eq!(cache.last(&digest).unwrap().is_some(), kept);
    let paused = locked.put_pause(&pause()).is_ok();
    assert_eq!(cache.pause(DIRECTORY).unwrap().is_some(), paused);
    failed + u32::from(!kept) + u32::from(!paused)
}

#[tokio::test]
async fn at_p9_names_and_urls_stay_out_of_paths() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("acme");
    let cache = open(&at);
    let locked = cache.lock(SOON).await.unwrap();
    let long = "a".repeat(5_000);
    for name in [
        "../../etc/x",
        "/etc/passwd",
        "a\0b",
        "CON",
        "aux.txt",
        "*.shop.example",
        "é.example",
        "a\nb",
        "",
        ".",
        "..",
        &long,
    ] {
        let hand_made = vec![SubjectName::Dns(name.to_owned())];
        let digest = NamesDigest::of(&hand_made);
        let _ = locked.put_order(&OrderRecord { names: hand_made, ..order(None) });
        locked.put_last(&LastRecord { names: digest, ..last() }).unwrap();
        assert!(locked.last(&digest).unwrap().is_some(), "{name}");
    }
    for directory in [
        "https://ca.example/../../etc/x",
        "https://ca.example/%00",
        &format!("https://{}", "a".repeat(2_000)),
    ] {
        locked.put_pause(&PauseRecord { directory: directory.to_owned(), ..pause() }).unwrap();
        assert!(locked.pause(directory).unwrap().is_some());
    }
    for directory in [
        "http://ca.example/",
        "file:///etc/x",
        "../x",
        "https://a b",
        &format!("https://{}", "a".repeat(3_000)),
    ] {
        let refused =
            locked.put_pause(&PauseRecord { directory: directory.to_owned(), ..pause() }).unwrap_err();
        assert_eq!(refused.code(), "acme.cache.unfit", "{directory}");
    }
    // Two names that differ in case alone are two files on any file system, and one name of DNS.
    let upper = NamesDigest::of(&[SubjectName::Dns("SHOP.example".to_owned())]);
    assert_ne!(upper, NamesDigest::of(&["DNS:shop.example".parse().unwrap()]));
    for entry in fs::read_dir(&at).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_ours = name == "lock"
            || name.split_once('-').is_some_and(|(kind, digest)| {
                ["account", "order", "last", "pause"].contains(&kind)
                    && digest.len() == 64
                    && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            });
        assert!(is_ours, "{name}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing beside it");
}

#[tokio::test]
async fn what_was_moved_or_damaged_is_neither_believed_nor_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path().join("acme").as_path());
    let at = dir.path().join("acme");
    put(&cache, &account(1, registered())).await.unwrap();
    let file = the_file(&at, "account");
    // One of another authority under this name.
    let foreign =
        AccountRecord { directory: "https://other.example/".to_owned(), ..account(3, registered()) };
    fs::write(&file, &*foreign.to_text().unwrap()).unwrap();
    let code = async || cache.account(DIRECTORY, SOON).await.unwrap_err().code();
    assert_eq!(code().await, "acme.cache.misplaced");
    for (damaged, expected) in [
        (&b"half of a rec"[..], "acme.cache.malformed"),
        (b"", "acme.cache.malformed"),
        (b"{\"dwcp_envelope\":1}", "acme.cache.sealed"),
        (&[b'a'; 100_000], "acme.cache.malformed"),
    ] {
        fs::write(&file, damaged).unwrap();
        assert_eq!(code().await, expected);
    }
    // What can not be read may be a key: it stays beside the new one.
    fs::write(&file, b"half of a rec").unwrap();
    put(&cache, &account(2, registered())).await.unwrap();
    assert_eq!(key_of(&cache).await, Some(vec![2; 138]));
    assert_eq!(fs::read(format!("{}.previous", file.display())).unwrap(), b"half of a rec");
    // Orders for other names, and notes of another kind.
    let locked = cache.lock(SOON).await.unwrap();
    locked.put_order(&order(None)).unwrap();
    let digest = NamesDigest::of(&names());
    let other = OrderRecord { names: names()[..1].to_vec(), ..order(None) };
    fs::write(the_file(&at, "order"), &*other.to_text().unwrap()).unwrap();
    assert_eq!(cache.order(DIRECTORY, &digest).unwrap_err().code(), "acme.cache.misplaced");
    fs::write(the_file(&at, "order"), &*last().to_text().unwrap()).unwrap();
    assert_eq!(cache.order(DIRECTORY, &digest).unwrap_err().code(), "acme.cache.malformed");
    locked.clear_order(DIRECTORY, &digest).unwrap();
    assert_eq!(cache.order(DIRECTORY, &digest).unwrap(), None);
}

#[tokio::test]
async fn one_writer_at_a_time_and_readers_whenever_they_like() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path().join("c").as_path()), open(dir.path().join("c").as_path()));
    let locked = one.lock(SOON).await.unwrap();
    locked.put_pause(&pause()).unwrap();
    assert_eq!(other.pause(DIRECTORY).unwrap(), Some(pause()));
    let busy = other.lock(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(busy.code(), "acme.cache.busy");
    assert!(busy.fix().contains("cache directory of its own"));
    let waiting = tokio::spawn(async move { other.lock(SOON).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(locked);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn accounts_are_sealed_where_there_is_a_key_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("acme");
    let kek = |name: &str| -> Arc<dyn KeyEncryptionKey> {
        Arc::new(FileKek::create(&dir.path().join(name), &LocalDisk, NOW).unwrap())
    };
    let (right, wrong) = (kek("right"), kek("wrong"));
    let plain = open(&at);
    put(&plain, &account(0x5a, AccountStanding::Unconfirmed)).await.unwrap();
    let file = the_file(&at, "account");
    let in_the_clear = |bytes: &[u8]| bytes.windows(16).any(|part| part == b"WlpaWlpaWlpaWlpa");
    assert!(in_the_clear(&fs::read(&file).unwrap()));
    // It is read, and sealed with the next word on it; no copy of the key stays outside.
    let sealed = open(&at).with_kek(Arc::clone(&right));
    assert_eq!(key_of(&sealed).await, Some(vec![0x5a; 138]));
    put(&sealed, &account(0x5a, registered())).await.unwrap();
    for entry in fs::read_dir(&at).unwrap() {
        assert!(!in_the_clear(&fs::read(entry.unwrap().path()).unwrap()));
    }
    assert_eq!(sealed.account(DIRECTORY, SOON).await.unwrap().unwrap().standing, registered());
    let without = plain.account(DIRECTORY, SOON).await.unwrap_err();
    assert!(matches!(without, CacheError::Sealed { .. }), "{without}");
    let with_wrong = open(&at).with_kek(wrong);
    assert_eq!(with_wrong.account(DIRECTORY, SOON).await.unwrap_err().code(), "acme.cache.sealed");
    // Nobody who lacks the key takes its place without leaving it there.
    let before = fs::read(&file).unwrap();
    put(&plain, &account(2, registered())).await.unwrap();
    assert_eq!(fs::read(format!("{}.previous", file.display())).unwrap(), before);
    // Every bit of it counts.
    for at in (0..before.len()).step_by(7) {
        let mut altered = before.clone();
        altered[at] ^= 1;
        fs::write(&file, &altered).unwrap();
        match sealed.account(DIRECTORY, SOON).await {
            Err(_) => {}
            // Spaces between members say nothing.
            Ok(kept) => assert_eq!(kept.unwrap().key.expose(), [0x5a; 138]),
        }
    }
    assert!(!format!("{sealed:?} {:?}", account(0x5a, registered())).contains("WlpaWlpa"));
}
