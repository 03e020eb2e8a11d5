//! Files as an attacker or a careless operator prepares them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use dwcp_base::{Coded, Disk, FaultyDisk, LocalDisk, SecretFileError, read_bounded, read_secret};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dwcp-base-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn at_p10_a_secret_that_others_can_read_is_refused() {
    let dir = Scratch::new("mode");
    let path = dir.0.join("key");
    fs::write(&path, b"secret").unwrap();
    for mode in [0o644, 0o640, 0o602, 0o610] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = read_secret(&path, 100).unwrap_err();
        assert!(matches!(error, SecretFileError::Exposed { mode: m, .. } if m == mode), "{error}");
        assert_eq!(error.code(), "base.secret.exposed");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(read_secret(&path, 100).unwrap(), b"secret");
}

#[test]
fn at_p10_a_link_is_judged_by_the_file_at_its_end() {
    let dir = Scratch::new("link");
    let (target, link) = (dir.0.join("target"), dir.0.join("link"));
    fs::write(&target, b"secret").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert!(matches!(read_secret(&link, 100), Err(SecretFileError::Exposed { .. })));
}

#[test]
fn directories_devices_and_oversized_files_are_refused_before_they_are_read() {
    let dir = Scratch::new("kind");
    assert!(matches!(read_bounded(&dir.0, 100), Err(SecretFileError::NotAFile { .. })));
    assert!(matches!(read_bounded("/dev/zero".as_ref(), 100), Err(SecretFileError::NotAFile { .. })));
    let large = dir.0.join("large");
    fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(read_bounded(&large, 1 << 20), Err(SecretFileError::TooLarge { .. })));
    assert!(matches!(read_bounded(&dir.0.join("missing"), 1), Err(SecretFileError::Io { .. })));
}

#[test]
fn replace_is_complete_old_or_complete_new_and_keeps_secrets_private() {
    let dir = Scratch::new("replace");
    let path = dir.0.join("file");
    LocalDisk.replace(&path, b"old", true).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let disk = FaultyDisk::failing_once(0, ErrorKind::StorageFull);
    assert_eq!(disk.replace(&path, b"new", true).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    disk.replace(&path, b"new", true).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn at_e4_a_staged_file_is_private_and_appears_whole_or_not_at_all() {
    let dir = Scratch::new("stage");
    let path = dir.0.join("file");
    fs::write(&path, b"old").unwrap();
    let mut staged = LocalDisk.stage(&path, true).unwrap();
    staged.write_all(b"half of the new").unwrap();
    let temporary =
        fs::read_dir(&dir.0).unwrap().map(|file| file.unwrap().path()).find(|at| *at != path).unwrap();
    assert_eq!(fs::metadata(temporary).unwrap().permissions().mode() & 0o777, 0o600);
    drop(staged);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    for failing in 0..3 {
        let disk = FaultyDisk::failing_once(failing, ErrorKind::StorageFull);
        let written = disk.stage(&path, true).and_then(|mut staged| {
            staged.write_all(b"new")?;
            staged.commit()
        });
        assert!(written.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old", "failure {failing}");
    }
    let disk = FaultyDisk::failing_once(3, ErrorKind::StorageFull);
    let mut staged = disk.stage(&path, true).unwrap();
    staged.write_all(b"not synced").unwrap();
    assert!(staged.commit().is_err());
    assert_eq!(fs::read(&path).unwrap(), b"not synced", "the rename was made before the directory failed");
    let disk = FaultyDisk::failing_once(1, ErrorKind::StorageFull);
    let mut staged = disk.stage(&path, true).unwrap();
    assert!(staged.write_all(b"lost ").is_err());
    fs::write(&path, b"old").unwrap();
    drop(staged);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let long = dir.0.join("\u{732b}".repeat(85));
    LocalDisk.replace(&long, b"a name of 255 bytes", true).unwrap();
    fs::remove_file(long).unwrap();
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1, "no temporary file stays");
    let mut staged = LocalDisk.stage(&path, true).unwrap();
    staged.write_all(b"new").unwrap();
    staged.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_half_written_entry_can_be_taken_back() {
    let dir = Scratch::new("append");
    let path = dir.0.join("log");
    let disk = FaultyDisk::failing_once(2, ErrorKind::StorageFull);
    let mut file = disk.append(&path).unwrap();
    file.write_all(b"first\n").unwrap();
    assert!(file.write_all(b"second\n").is_err());
    assert_eq!(fs::read(&path).unwrap(), b"first\nsec");
    file.truncate(6).unwrap();
    file.write_all(b"third\n").unwrap();
    file.sync().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first\nthird\n");
    assert_eq!(disk.operations(), 6);
}

#[test]
fn at_p10_keys_that_a_crash_left_in_temporary_files_go_with_the_next_replacement() {
    let dir = Scratch::new("leftover");
    let path = dir.0.join("node.key");
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let names = [
        (".node.key.1.0.tmp", true),
        (".node.key.1.0.00ff00ff00ff00ff.tmp", true),
        (".other.key.1.0.tmp", true),
        (".node.key.backup.tmp", true),
        (".node.key.1.1.tmp", false),
        (".node.key.7.1.0.00ff00ff00ff00ff.tmp", true),
    ];
    for (name, old) in names {
        let file = fs::File::create(dir.0.join(name)).unwrap();
        if old {
            file.set_modified(long_ago).unwrap();
        }
    }
    LocalDisk.replace(&path, b"public", false).unwrap();
    assert!(dir.0.join(names[0].0).exists(), "public files are not worth a look at the directory");
    LocalDisk.replace(&path, b"secret", true).unwrap();
    let there: Vec<bool> = names.iter().map(|(name, _)| dir.0.join(name).exists()).collect();
    assert_eq!(there, [false, false, true, true, true, true], "of this name, of this shape, and old");
    assert_eq!(fs::read(&path).unwrap(), b"secret");
}

#[test]
fn at_p10_directories_are_private_from_the_start_and_what_is_there_stays_as_it_is() {
    let dir = Scratch::new("make");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(&dir.0, fs::Permissions::from_mode(0o755)).unwrap();
    let deep = dir.0.join("a/b/c");
    LocalDisk.make_dir(&deep).unwrap();
    LocalDisk.make_dir(&deep).unwrap();
    for new in ["a", "a/b", "a/b/c"] {
        assert_eq!(mode(&dir.0.join(new)), 0o700, "{new}");
    }
    assert_eq!(mode(&dir.0), 0o755);
    fs::write(dir.0.join("file"), b"").unwrap();
    assert!(LocalDisk.make_dir(&dir.0.join("file/below")).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn at_p10_a_fifo_that_takes_a_files_place_is_not_waited_for() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    let scratch = Scratch::new("fifo");
    let (path, fifo, file) = (scratch.0.join("key"), scratch.0.join("fifo"), scratch.0.join("file"));
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::write(&file, b"a key").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    static DONE: AtomicBool = AtomicBool::new(false);
    let (said, heard) = mpsc::channel();
    let read = path.clone();
    std::thread::spawn(move || {
        while !DONE.load(Ordering::Relaxed) {
            if said.send(read_secret(&read, 64).is_ok_and(|bytes| bytes != b"a key")).is_err() {
                return;
            }
        }
    });
    for target in [&file, &fifo].into_iter().cycle().take(20_000) {
        let next = scratch.0.join("next");
        std::os::unix::fs::symlink(target, &next).unwrap();
        fs::rename(&next, &path).unwrap();
    }
    while heard.try_recv().is_ok() {}
    // Whoever waits for a writer of the FIFO says nothing any more.
    let after = heard.recv_timeout(std::time::Duration::from_secs(5));
    DONE.store(true, Ordering::Relaxed);
    assert_eq!(after, Ok(false));
}
