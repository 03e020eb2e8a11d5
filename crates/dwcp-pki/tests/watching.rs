//! Files that other tools replace, on a real file system: whatever way they are replaced in, the change is seen, and what can not be
//! loaded is told once.
#![cfg(all(feature = "watch", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod renewed;

use dwcp_base::{LocalDisk, ManualClock, SystemClock};
use dwcp_pki::watch::{Changes, FileWatch, NotLoaded, WatchedFile};
use dwcp_pki::{Credential, CredentialError};
use renewed::{Pair, Renewed, replace};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What takes the place of a file.
type Make = fn(&Path);

/// A tool's way of putting the next pair in place.
type Way = fn(&Renewed, &Pair);

#[test]
fn every_way_of_replacing_a_pair_is_seen_at_once() {
    let ways: [(&str, Way); 5] = [
        ("renamed, key first", |at, next| {
            replace(&at.key, &next.key, 0o600);
            replace(&at.cert, &next.cert, 0o644);
        }),
        ("renamed, certificate first", |at, next| {
            replace(&at.cert, &next.cert, 0o644);
            std::thread::sleep(Duration::from_millis(30));
            replace(&at.key, &next.key, 0o600);
        }),
        ("copied over, in pieces", |at, next| {
            for (path, bytes) in [(&at.cert, &next.cert), (&at.key, &next.key)] {
                use std::io::Write;
                let mut file = fs::OpenOptions::new().write(true).truncate(true).open(path).unwrap();
                for piece in bytes.chunks(100) {
                    file.write_all(piece).unwrap();
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }),
        ("deleted and made again", |at, next| {
            fs::remove_file(&at.cert).unwrap();
            fs::remove_file(&at.key).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            fs::write(&at.key, &next.key).unwrap();
            fs::set_permissions(&at.key, fs::Permissions::from_mode(0o600)).unwrap();
            fs::write(&at.cert, &next.cert).unwrap();
        }),
        ("dates put back", |at, next| {
            let dates = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
            let before = (dates(&at.key), dates(&at.cert));
            replace(&at.key, &next.key, 0o600);
            replace(&at.cert, &next.cert, 0o644);
            fs::File::open(&at.key).unwrap().set_modified(before.0).unwrap();
            fs::File::open(&at.cert).unwrap().set_modified(before.1).unwrap();
        }),
    ];
    for (what, way) in ways {
        let at = Renewed::new();
        let mut watch = at.watch();
        let next = at.pair("next");
        let started = Instant::now();
        let taken = std::thread::scope(|scope| {
            scope.spawn(|| way(&at, &next));
            at.take(&mut watch, &next, Duration::from_secs(5))
        });
        assert!(taken, "{what}");
        println!("{what}: {:?} after the first write", started.elapsed());
    }
}

#[test]
fn envoy_13663_a_swap_of_links_two_levels_up_is_seen() {
    let at = Renewed::projected();
    let mut watch = at.watch();
    for round in 0..5 {
        let next = at.pair(&format!("round-{round}"));
        at.project(&format!("..{round}"), &next);
        assert!(at.take(&mut watch, &next, Duration::from_secs(5)), "round {round}");
        let gone = if round == 0 { "..first".to_owned() } else { format!("..{}", round - 1) };
        fs::remove_dir_all(at.dir().join(gone)).unwrap();
    }
}

#[test]
fn a_directory_that_is_moved_away_and_back_is_followed() {
    let at = Renewed::new();
    let mut watch = at.watch();
    for round in 0..3 {
        let next = at.pair(&format!("round-{round}"));
        let (here, away) = (at.dir().to_owned(), at.dir().with_extension("away"));
        fs::rename(&here, &away).unwrap();
        replace(&away.join("tls.key"), &next.key, 0o600);
        replace(&away.join("tls.crt"), &next.cert, 0o644);
        std::thread::sleep(Duration::from_millis(20));
        fs::rename(&away, &here).unwrap();
        assert!(at.take(&mut watch, &next, Duration::from_secs(5)), "round {round}");
        // One that was made anew under the same name has events too.
        let next = at.pair("anew");
        fs::remove_dir_all(&here).unwrap();
        assert!(matches!(watch.wait(Duration::from_secs(5)), Changes::Load(paths) if paths.len() == 2));
        let _ = watch.refused();
        fs::create_dir(&here).unwrap();
        replace(&at.key, &next.key, 0o600);
        replace(&at.cert, &next.cert, 0o644);
        assert!(at.take(&mut watch, &next, Duration::from_secs(5)), "round {round}, anew");
    }
}

#[test]
fn rauthy_1050_where_no_events_come_files_are_polled() {
    let at = Renewed::new();
    let mut watch = FileWatch::polling(at.files(), Arc::new(SystemClock::new()));
    let next = at.pair("next");
    replace(&at.key, &next.key, 0o600);
    replace(&at.cert, &next.cert, 0o644);
    assert!(at.take(&mut watch, &next, Duration::from_secs(5)));
    // A hard link elsewhere is a way to write that no directory on the way tells of.
    let linked = at.dir().with_extension("linked");
    fs::hard_link(&at.cert, &linked).unwrap();
    let key = at.dir().with_extension("key");
    fs::hard_link(&at.key, &key).unwrap();
    let mut watch = at.watch();
    let next = at.pair("third");
    fs::write(&key, &next.key).unwrap();
    fs::write(&linked, &next.cert).unwrap();
    assert!(at.take(&mut watch, &next, Duration::from_secs(5)));
}

#[test]
fn spiffe_376_rocket_2683_a_pair_in_the_middle_of_its_rotation_is_neither_loaded_nor_an_alarm() {
    let at = Renewed::new();
    let clock = Arc::new(ManualClock::at(at.now()));
    let mut watch = FileWatch::polling(at.files(), Arc::<ManualClock>::clone(&clock));
    let next = at.pair("next");
    replace(&at.key, &next.key, 0o600);
    let mut tries = 0;
    for _ in 0..90 {
        clock.advance(Duration::from_millis(10));
        if watch.look() != Changes::Still {
            tries += 1;
            assert!(matches!(at.load(), Err(CredentialError::KeyMismatch)));
            assert_eq!(watch.refused(), NotLoaded::Early, "nothing of it is told before a second is over");
        }
    }
    assert_eq!(tries, 4);
    replace(&at.cert, &next.cert, 0o644);
    clock.advance(Duration::from_millis(10));
    assert_eq!(watch.look(), Changes::Load(vec![at.cert.clone(), at.key.clone()]));
    assert_eq!(at.load().unwrap().chain().to_pem().as_bytes(), next.cert);
    watch.loaded();
}

#[test]
fn what_is_no_file_is_neither_opened_nor_waited_for() {
    let at = Renewed::new();
    let clock = Arc::new(ManualClock::at(at.now()));
    let mut watch = FileWatch::polling(at.files(), Arc::<ManualClock>::clone(&clock));
    let make: [(&str, Make); 5] = [
        ("a FIFO", |path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("a directory", |path| fs::create_dir(path).unwrap()),
        ("a gibibyte", |path| fs::File::create(path).unwrap().set_len(1 << 30).unwrap()),
        ("a device", |path| symlink("/dev/zero", path).unwrap()),
        ("a loop of links", |path| symlink(path.file_name().unwrap(), path).unwrap()),
    ];
    for (what, make) in make {
        let aside = at.dir().join("aside");
        fs::rename(&at.cert, &aside).unwrap();
        make(&at.cert);
        let started = Instant::now();
        clock.advance(Duration::from_secs(1));
        assert_eq!(watch.look(), Changes::Load(vec![at.cert.clone()]), "{what}");
        assert!(at.load().is_err());
        assert_eq!(watch.refused(), NotLoaded::Early);
        clock.advance(Duration::from_secs(1));
        assert_eq!(watch.look(), Changes::Load(vec![at.cert.clone()]), "{what}");
        assert_eq!(watch.refused(), NotLoaded::Alarm, "{what}");
        assert!(started.elapsed() < Duration::from_secs(2), "{what} was read: {:?}", started.elapsed());
        let _ = fs::remove_dir(&at.cert).or_else(|_| fs::remove_file(&at.cert));
        fs::rename(&aside, &at.cert).unwrap();
        clock.advance(Duration::from_secs(1));
        assert_eq!(watch.look(), Changes::Back, "{what}");
    }
}

#[test]
fn a_key_that_is_opened_to_others_is_a_change_like_another_content() {
    let at = Renewed::new();
    let mut watch = at.watch();
    fs::set_permissions(&at.key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(watch.wait(Duration::from_secs(5)), Changes::Load(vec![at.key.clone()]));
    assert!(matches!(at.load(), Err(CredentialError::Key(_))), "it would not be loaded at a start");
    let _ = watch.refused();
    fs::set_permissions(&at.key, fs::Permissions::from_mode(0o600)).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(watch.wait(Duration::from_millis(300)), Changes::Still, "and then it is what is in force");
}

#[test]
fn at_p10_a_link_that_flips_between_a_private_and_an_open_key_never_brings_the_open_one() {
    let at = Renewed::new();
    let (dir, other) = (at.dir(), at.pair("other"));
    let (open_cert, open_key) = (dir.join("open.crt"), dir.join("open.key"));
    replace(&open_cert, &other.cert, 0o644);
    replace(&open_key, &other.key, 0o644);
    let link = dir.join("link.key");
    symlink(&at.key, &link).unwrap();
    let done = AtomicBool::new(false);
    let (mut taken, mut refused) = (0_u32, 0_u32);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let next = dir.join("link.next");
            for target in [&open_key, &at.key].into_iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                symlink(target, &next).unwrap();
                fs::rename(&next, &link).unwrap();
            }
        });
        for _ in 0..2_000 {
            assert!(Credential::load(&open_cert, &link).is_err(), "an open key was loaded");
            match Credential::load(&at.cert, &link) {
                Ok(_) => taken += 1,
                Err(_) => refused += 1,
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(taken > 0 && refused > 0, "the race was none: {taken} and {refused}");
}

#[test]
fn a_waker_ends_a_wait_and_a_listener_hears_of_events() {
    let at = Renewed::new();
    let mut watch = at.watch();
    let heard = Arc::new(AtomicBool::new(false));
    let hears = Arc::clone(&heard);
    watch.waker().listen(move || hears.store(true, Ordering::SeqCst));
    replace(&at.cert, b"something else", 0o644);
    let end = Instant::now() + Duration::from_secs(5);
    while !heard.load(Ordering::SeqCst) {
        if watch.degraded().is_some() {
            println!("skipped: no events here: {:?}", watch.degraded());
            return;
        }
        assert!(Instant::now() < end, "no event");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(watch.look(), Changes::Load(vec![at.cert.clone()]));
    let _ = watch.refused();
}

#[test]
fn more_files_than_one_would_have_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let path = |n: usize| -> PathBuf { root.join(format!("d{}", n / 8)).join(format!("f{n}")) };
    for n in 0..800 {
        fs::create_dir_all(path(n).parent().unwrap()).unwrap();
        dwcp_base::Disk::replace(&LocalDisk, &path(n), b"one", false).unwrap();
    }
    let mut watch = FileWatch::new((0..800).map(|n| WatchedFile::new(path(n), 1 << 10)));
    fs::write(path(777), b"two").unwrap();
    assert_eq!(watch.wait(Duration::from_secs(5)), Changes::Load(vec![path(777)]));
    watch.loaded();
    assert_eq!(watch.files().len(), 800);
}
