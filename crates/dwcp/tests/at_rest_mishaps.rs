//! What happens around the work on data at rest: things change meanwhile, limits are reached, people interrupt.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use rustix::termios::{LocalModes, tcgetattr};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use support::at_rest::{Place, ended, succeeded};
use support::{PATIENCE, command, eventually, ok, refused};

/// Runs the binary under limits that `ulimit` sets.
fn limited(limits: &str, arguments: &[&str]) -> Output {
    let script = format!("{limits}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_dwcp")]).args(arguments);
    command.output().unwrap()
}

#[test]
fn one_bad_file_does_not_keep_the_others_from_being_done() {
    let place = Place::new();
    fs::create_dir_all(place.path("tree/nothing/in/here")).unwrap();
    for name in ["a", "b", "c"] {
        place.write(&format!("tree/{name}"), name.as_bytes());
    }
    succeeded(&place.job("encrypt", "tree", "sealed", &[]));
    let mut bad = place.read("sealed/b");
    bad[50] ^= 1;
    place.write("sealed/b", &bad);
    let text = ended(&place.job("decrypt", "sealed", "back", &[]), 7);
    assert!(text.contains("sealed/b was not decrypted"), "{text}");
    assert_eq!((place.read("back/a"), place.read("back/c")), (b"a".to_vec(), b"c".to_vec()));
    assert!(!place.path("back/b").exists() && place.path("back/nothing/in/here").is_dir());
    let output = place.job("decrypt", "sealed", "again", &["--json"]);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(7), b"".as_slice()));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["files"], &told["failed"]), (&2.into(), &1.into()));
    assert_eq!(told["failures"][0]["code"], "crypto.message.forged", "{told}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_told() {
    let place = Place::new();
    place.write("in", &vec![7; 64 << 20]);
    let over = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut growing = OpenOptions::new().append(true).open(place.path("in")).unwrap();
            while !over.load(Ordering::Relaxed) {
                growing.write_all(b"more").unwrap();
            }
        });
        let output = place.job("encrypt", "in", "sealed", &[]);
        over.store(true, Ordering::Relaxed);
        output
    });
    let text = ended(&output, 1);
    assert!(text.contains("changed while it was read"), "{text}");
    assert!(!place.path("sealed").exists());
    succeeded(&place.job("encrypt", "in", "sealed", &[]));
}

#[test]
fn nothing_is_left_that_a_destroyed_key_would_have_to_open() {
    let place = Place::new();
    let first = place.primary();
    let sealing = |place: &Place| {
        let mut child = place
            .command("encrypt", "-", "sealed")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // More than the pipe and what is read ahead hold: by then the keyring has been read.
        stdin.write_all(&[1; 8 << 20]).unwrap();
        (child, stdin)
    };
    // Another primary key is no reason to stop: the old one goes on opening.
    let (child, stdin) = sealing(&place);
    succeeded(&place.keyring("rotate", &[]));
    drop(stdin);
    succeeded(&child.wait_with_output().unwrap());
    fs::remove_file(place.path("sealed")).unwrap();
    let second = place.primary();
    let (child, stdin) = sealing(&place);
    succeeded(&place.keyring("promote", &[&first]));
    succeeded(&place.keyring("destroy", &[&second]));
    drop(stdin);
    let text = ended(&child.wait_with_output().unwrap(), 1);
    assert!(text.contains(&second) && text.contains("destroyed"), "{text}");
    assert!(!place.path("sealed").exists());
}

#[test]
fn a_derivation_is_never_made_cheaper_by_wrapping_anew() {
    let place = Place::new();
    let config = place.text("costly.yaml");
    let text = "security:\n  encryption:\n    argon2: {time: 4, memory: 131072, threads: 2}\n";
    fs::write(&config, text).unwrap();
    let (ring, pass) = (place.text("costly"), place.text("pass"));
    ok(&["--config", &config, "keyring", "create", &ring, "--passphrase-file", &pass]);
    let cost = || {
        let ring: serde_json::Value = serde_json::from_slice(&place.read("costly")).unwrap();
        let text = ring["wrapping"]["key"]["parameters"]["kdf"].as_str().unwrap().to_owned();
        text.split('$').nth(3).unwrap().to_owned()
    };
    assert_eq!(cost(), "m=131072,t=4,p=2");
    ok(&["keyring", "rewrap", &ring, "--passphrase-file", &pass]);
    assert_eq!(cost(), "m=131072,t=4,p=4", "lanes are no cost");
    place.write("new", b"eleven copper kettles in the attic");
    let new = place.text("new");
    ok(&["keyring", "rewrap", &ring, "--passphrase-file", &pass, "--new-passphrase-file", &new]);
    assert_eq!(cost(), "m=131072,t=4,p=4");
}

#[test]
fn no_secret_is_made_for_a_keyring_that_has_no_place() {
    let place = Place::new();
    let (nowhere, key, pass) = (place.text("no/ring"), place.text("key"), place.text("made-up"));
    for flags in [["--key-file", &key].as_slice(), &["--generate", "--passphrase-file", &pass]] {
        let (code, text) = refused(&[&["keyring", "create", &nowhere], flags].concat());
        assert_eq!(code, 1, "{text}");
        assert!(!place.path("key").exists() && !place.path("made-up").exists(), "{flags:?}");
    }
}

#[test]
fn whoever_makes_a_keyring_first_keeps_what_opens_it() {
    let place = Place::new();
    let (ring, key) = (place.text("shared"), place.text("key"));
    for _ in 0..20 {
        let create = || {
            let mut command = command();
            command.args(["keyring", "create", &ring, "--key-file", &key]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        for mut child in [create(), create(), create()] {
            child.wait().unwrap();
        }
        // Those that came too late did not take away what the first relies on.
        ok(&["keyring", "list", &ring, "--key-file", &key]);
        fs::remove_file(place.path("shared")).unwrap();
        fs::remove_file(place.path("key")).unwrap();
    }
}

#[test]
fn root_changes_no_keyring_of_somebody_else() {
    use std::os::unix::fs::{MetadataExt, chown};
    let place = Place::new();
    if fs::metadata(place.path("ring")).unwrap().uid() != 0 {
        println!("skipped: 1 (root_changes_no_keyring_of_somebody_else: only root can be tempted)");
        return;
    }
    chown(place.path("ring"), Some(12_345), None).unwrap();
    for (verb, more) in [("rotate", None), ("rewrap", None), ("destroy", Some("1"))] {
        let text = ended(&place.keyring(verb, more.as_slice()), 4);
        assert!(text.contains("12345"), "{text}");
    }
    succeeded(&place.keyring("list", &[]));
    assert_eq!(fs::metadata(place.path("ring")).unwrap().uid(), 12_345);
}

#[test]
fn a_directory_is_never_written_over_what_is_still_to_be_read() {
    let place = Place::new();
    fs::create_dir_all(place.path("work/foo/foo")).unwrap();
    place.write("work/foo/x", b"outer");
    place.write("work/foo/foo/x", b"inner");
    for verb in ["encrypt", "decrypt"] {
        let text = ended(&place.job(verb, "work/foo", "work", &[]), 2);
        assert!(text.contains("leads back into IN"), "{text}");
    }
    fs::create_dir_all(place.path("in/sub")).unwrap();
    fs::create_dir(place.path("out")).unwrap();
    place.write("in/a", b"a");
    place.write("in/sub/f", b"data");
    std::os::unix::fs::symlink("../in/sub", place.path("out/sub")).unwrap();
    ended(&place.job("encrypt", "in", "out", &[]), 2);
    assert!(!place.path("out/a").exists(), "nothing is written before all is judged");
    assert_eq!(
        (place.read("work/foo/x"), place.read("work/foo/foo/x")),
        (b"outer".to_vec(), b"inner".to_vec())
    );
    assert_eq!(place.read("in/sub/f"), b"data");
}

/// A pipe whose reader is gone.
fn nobody_listens() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    Stdio::from(writer)
}

#[test]
fn what_nobody_hears_any_more_changes_nothing() {
    let place = Place::new();
    place.write("in", &vec![7; 4 << 20]);
    succeeded(&place.job("encrypt", "in", "sealed", &[]));
    // A signal, when there is nobody to be told of it.
    let mut command = place.command("decrypt", "sealed", "-");
    let mut child = command.stdout(Stdio::piped()).stderr(nobody_listens()).spawn().unwrap();
    let mut first = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    eventually(PATIENCE, "the end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    // Failures in a directory.
    fs::create_dir(place.path("tree")).unwrap();
    for at in 0..4 {
        place.write(&format!("tree/{at}"), b"no ciphertext");
    }
    fs::copy(place.path("sealed"), place.path("tree/9")).unwrap();
    let status = place.command("decrypt", "tree", "back").stderr(nobody_listens()).status().unwrap();
    assert_eq!((status.code(), place.read("back/9")), (Some(7), place.read("in")));
}

#[test]
fn pipes_in_the_place_of_files_keep_nobody_waiting() {
    let place = Place::new();
    let fifo = |name: &str| {
        assert!(Command::new("mkfifo").arg(place.path(name)).status().unwrap().success());
    };
    fs::create_dir(place.path("tree")).unwrap();
    fs::create_dir(place.path("out")).unwrap();
    place.write("tree/a", b"a");
    fifo("out/a");
    let text = ended(&place.job("encrypt", "tree", "out", &[]), 1);
    assert!(text.contains("not a regular file"), "{text}");
    fifo("in");
    let mut command = place.command("encrypt", "in", "sealed");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let busy = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        // SIGTERM is number 15: bit 14 of what is caught.
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 14) != 0
    };
    eventually(PATIENCE, "signals are heard", busy);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    eventually(PATIENCE, "the end", || child.try_wait().unwrap().is_some());
    ended(&child.wait_with_output().unwrap(), 1);
}

#[test]
fn a_key_is_looked_for_where_the_keyring_is_now() {
    let place = Place::new();
    fs::rename(place.path("ring"), place.path("v1")).unwrap();
    std::os::unix::fs::symlink("v1", place.path("ring")).unwrap();
    let first = place.primary();
    let sealing = || {
        let mut command = place.command("encrypt", "-", "sealed");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&[1; 8 << 20]).unwrap();
        (child, stdin)
    };
    let point_to = |name: &str| {
        let _ = fs::remove_file(place.path("next"));
        std::os::unix::fs::symlink(name, place.path("next")).unwrap();
        fs::rename(place.path("next"), place.path("ring")).unwrap();
    };
    // A mount that was updated: another file with the same keys.
    fs::copy(place.path("v1"), place.path("v2")).unwrap();
    let (child, stdin) = sealing();
    point_to("v2");
    fs::remove_file(place.path("v1")).unwrap();
    drop(stdin);
    succeeded(&child.wait_with_output().unwrap());
    // And one in which the key is out of use.
    fs::copy(place.path("v2"), place.path("v3")).unwrap();
    point_to("v3");
    succeeded(&place.keyring("rotate", &[]));
    succeeded(&place.keyring("retire", &[&first]));
    point_to("v2");
    let (child, stdin) = sealing();
    point_to("v3");
    drop(stdin);
    let text = ended(&child.wait_with_output().unwrap(), 1);
    assert!(text.contains(&first), "{text}");
    // Gone altogether.
    point_to("v2");
    let (child, stdin) = sealing();
    fs::remove_file(place.path("ring")).unwrap();
    drop(stdin);
    let text = ended(&child.wait_with_output().unwrap(), 1);
    assert!(text.contains("keyring can not be looked at"), "{text}");
}

#[test]
fn command_lines_that_can_not_be_meant_are_refused() {
    let place = Place::new();
    let (ring, pass) = (place.text("ring"), place.text("pass"));
    for arguments in [
        ["keyring", "create", "-", "--passphrase-file", &pass].as_slice(),
        &["keyring", "create", &place.text("new"), "--type", "aead", "--segment", "4k", "--generate"],
        &["keyring", "list", &ring, "--passphrase-fd", "1"],
        &["keyring", "import", &place.text("new"), "--from", "-", "--passphrase-fd", "0"],
        &["keyring", "rewrap", &ring, "--passphrase-fd", "3", "--new-passphrase-fd", "3"],
        &["encrypt", "file", "-", &place.text("out"), "--keyring", &ring, "--passphrase-fd", "0"],
        &["encrypt", "data", "--keyring", &ring, "--passphrase-fd", "0"],
    ] {
        let (code, text) = refused(arguments);
        assert_eq!(code, 2, "{arguments:?}: {text}");
    }
    assert_eq!(place.names(), ["pass", "ring"]);
    // Told before a passphrase is asked for, which there is no terminal for here.
    let (code, text) = refused(&["keyring", "list", &ring, "--key-file", &place.text("none")]);
    assert!(code == 7 && text.contains("passphrase instead of --key-file"), "{code} {text}");
}

#[test]
fn limits_of_the_system_are_errors_and_leave_nothing_behind() {
    let place = Place::new();
    place.write("in", &vec![7; 4 << 20]);
    let (ring, pass) = (place.text("ring"), place.text("pass"));
    let (input, sealed) = (place.text("in"), place.text("sealed"));
    let job = ["encrypt", "file", &input, &sealed, "--keyring", &ring, "--passphrase-file", &pass];
    for limits in ["ulimit -n 6", "ulimit -n 12", "ulimit -f 1000"] {
        let text = ended(&limited(limits, &job), 1);
        assert!(!text.contains("panicked"), "{limits}: {text}");
        assert_eq!(place.names(), ["in", "pass", "ring"], "{limits}");
    }
    succeeded(&limited("ulimit -n 64", &job));
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_interrupts_a_question_gets_the_terminal_back_as_it_was() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let place = Place::new();
    for interruption in ["key", "TERM"] {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let terminal = OpenOptions::new().read(true).write(true).open(&name).unwrap();
        let shows =
            || tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON);
        assert!(shows());
        let end = || Stdio::from(terminal.try_clone().unwrap());
        // A session of its own, with that terminal.
        let mut child = Command::new("setsid")
            .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_dwcp"), "keyring", "list", &place.text("ring")])
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let mut screen = File::from(master);
        let mut seen = String::new();
        while !seen.contains("Passphrase: ") {
            let mut piece = [0; 256];
            let count = screen.read(&mut piece).unwrap();
            seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
        // The prompt comes before the echo goes.
        eventually(PATIENCE, "the echo is off", || !shows());
        if interruption == "key" {
            screen.write_all(&[3]).unwrap();
        } else {
            let told = command_of(child.id());
            assert!(Command::new("kill").args(["-TERM", &told]).status().unwrap().success());
        }
        assert_eq!(child.wait().unwrap().code(), Some(1), "{interruption}: {seen}");
        assert!(shows(), "{interruption}: what is typed is not shown any more");
    }
}

#[cfg(target_os = "linux")]
/// The process that `setsid` waits for.
fn command_of(setsid: u32) -> String {
    let children = fs::read_to_string(format!("/proc/{setsid}/task/{setsid}/children")).unwrap();
    children.split_whitespace().next().map_or_else(|| setsid.to_string(), str::to_owned)
}
