//! From file to file: whole or not at all, whatever fails, and the source untouched.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::{FaultyDisk, LocalDisk};
use dwcp_crypto::stream::{open_to_file, refusal, seal_to_file};
use dwcp_crypto::{CryptoError, StreamFormat, StreamKey, StreamParameters};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

const FORMAT: StreamFormat = StreamFormat::Tink;

fn seal(key: &StreamKey, from: &[u8], to: &Path) -> io::Result<u64> {
    seal_to_file(key, FORMAT, b"a", &mut &*from, to, &LocalDisk, &mut |_| Ok(()))
}

fn open(key: &StreamKey, from: &Path, to: &Path) -> io::Result<(u64, usize)> {
    let mut from = fs::File::open(from).unwrap();
    open_to_file([key], FORMAT, b"a", &mut from, to, &LocalDisk, &mut |_| Ok(()))
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn at_e4_a_refused_file_leaves_nothing_of_its_plaintext() {
    let dir = tempfile::tempdir().unwrap();
    let key = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
    let (sealed, opened) = (dir.path().join("sealed"), dir.path().join("opened"));
    let plaintext = vec![7; 5 << 20];
    seal(&key, &plaintext, &sealed).unwrap();
    fs::write(&opened, b"what was there").unwrap();
    let whole = fs::read(&sealed).unwrap();
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    for (bad, expected) in [
        (altered.as_slice(), CryptoError::NotAuthentic),
        (&whole[..40 + 4_056 + 4_000], CryptoError::NotAuthentic),
        (&whole[..4_096 * 900], CryptoError::Truncated),
    ] {
        fs::write(&sealed, bad).unwrap();
        let refused = open(&key, &sealed, &opened).unwrap_err();
        assert_eq!(refusal(&refused), Some(expected));
        assert_eq!(fs::read(&opened).unwrap(), b"what was there");
        assert_eq!(names(dir.path()), ["opened", "sealed"], "no temporary file stays");
        assert_eq!(fs::read(&sealed).unwrap(), bad, "the source is untouched");
    }
    fs::write(&sealed, &whole).unwrap();
    assert_eq!(open(&key, &sealed, &opened).unwrap(), (5 << 20, 0));
    assert_eq!(fs::read(&opened).unwrap(), plaintext);
}

#[cfg(unix)]
#[test]
fn at_e8_links_devices_and_directories_are_not_replaced_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let key = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
    let (target, link) = (dir.path().join("target"), dir.path().join("link"));
    fs::write(&target, b"precious").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    for path in [link.as_path(), Path::new("/dev/null"), dir.path()] {
        assert_eq!(
            seal(&key, b"new", path).unwrap_err().kind(),
            ErrorKind::InvalidInput,
            "{}",
            path.display()
        );
    }
    assert_eq!(fs::read(&link).unwrap(), b"precious");
    let sealed = dir.path().join("sealed");
    seal(&key, b"plaintext", &sealed).unwrap();
    for path in [link.as_path(), Path::new("/dev/null"), dir.path()] {
        assert_eq!(
            open(&key, &sealed, path).unwrap_err().kind(),
            ErrorKind::InvalidInput,
            "{}",
            path.display()
        );
    }
    let opened = dir.path().join("opened");
    open(&key, &sealed, &opened).unwrap();
    assert_eq!(fs::metadata(&opened).unwrap().permissions().mode() & 0o777, 0o600);
    seal(&key, b"new", &target).unwrap();
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    let missing = dir.path().join("no/such/place");
    assert_eq!(seal(&key, b"new", &missing).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn at_e7_every_failing_write_leaves_the_old_file_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let key = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
    let (sealed, opened) = (dir.path().join("sealed"), dir.path().join("opened"));
    seal(&key, b"old", &sealed).unwrap();
    let plaintext = vec![1; 6 << 20];
    for n in 0..100 {
        let disk = FaultyDisk::failing_once(n, ErrorKind::StorageFull);
        let done =
            seal_to_file(&key, FORMAT, b"a", &mut plaintext.as_slice(), &sealed, &disk, &mut |_| Ok(()));
        let _ = fs::remove_file(&opened);
        let (length, _) = open(&key, &sealed, &opened).unwrap();
        assert_eq!(names(dir.path()), ["opened", "sealed"], "failure {n}");
        if disk.operations() <= n {
            assert_eq!((done.unwrap(), length), (6 << 20, 6 << 20));
            assert!(n > 4, "the file was written in several pieces");
            return;
        }
        assert_eq!(done.unwrap_err().kind(), ErrorKind::StorageFull);
        // The last step is the sync of the directory: the new file is there, whole, and not yet safe from a power loss.
        assert!(length == 3 || length == 6 << 20, "failure {n}: {length}");
        seal(&key, b"old", &sealed).unwrap();
    }
    panic!("no run was clean");
}

#[test]
fn whoever_watches_the_progress_can_end_the_work() {
    let dir = tempfile::tempdir().unwrap();
    let key = StreamKey::generate(StreamParameters::AES256_4K).unwrap();
    let sealed = dir.path().join("sealed");
    let mut told = Vec::new();
    let stop = &mut |done| {
        told.push(done);
        if done > 3 << 20 { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    };
    let plaintext = vec![1; 32 << 20];
    let ended = seal_to_file(&key, FORMAT, b"", &mut plaintext.as_slice(), &sealed, &LocalDisk, stop);
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Interrupted);
    assert!(told.is_sorted() && *told.last().unwrap() < 32 << 20);
    assert_eq!(names(dir.path()), [""; 0]);
}
