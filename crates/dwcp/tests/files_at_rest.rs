//! Files, directories, streams and messages at rest from the command line: what a user does first, and what goes wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use support::at_rest::{Place, ended, names, succeeded};
use support::command;

#[test]
fn a_file_makes_the_round_trip_in_both_formats_and_is_private() {
    let place = Place::new();
    let plaintext: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    place.write("in", &plaintext);
    for format in ["tink", "c2sp"] {
        succeeded(&place.job("encrypt", "in", "sealed", &["--format", format, "--aad", "db/1"]));
        assert_ne!(place.read("sealed"), plaintext);
        succeeded(&place.job("decrypt", "sealed", "out", &["--format", format, "--aad=db/1"]));
        assert_eq!(place.read("out"), plaintext);
        for name in ["sealed", "out", "ring"] {
            let mode = fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name}");
        }
        for (flags, what) in [
            (&["--format", format] as &[&str], "without its associated data"),
            (&["--format", format, "--aad", "db/2"], "with other associated data"),
            (
                &["--aad", "db/1", "--format", if format == "tink" { "c2sp" } else { "tink" }],
                "as another format",
            ),
        ] {
            ended(&place.job("decrypt", "sealed", "refused", flags), 7);
            assert!(!place.path("refused").exists(), "{what}");
        }
    }
    assert_eq!(place.names(), ["in", "out", "pass", "ring", "sealed"]);
}

#[test]
fn streams_go_from_standard_input_to_standard_output_with_nothing_else_on_it() {
    let place = Place::new();
    let through = |verb: &str, input: &[u8]| {
        let mut child = place
            .command(verb, "-", "-")
            .arg("--json")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        output
    };
    for length in [0, 1, 4_040, 3_000_000] {
        let plaintext = vec![9; length];
        let sealed = through("encrypt", &plaintext);
        succeeded(&sealed);
        let opened = through("decrypt", &sealed.stdout);
        succeeded(&opened);
        assert_eq!(opened.stdout, plaintext);
    }
    let sealed = through("encrypt", &[1; 10_000]).stdout;
    assert_eq!(through("decrypt", &sealed[..4_096]).status.code(), Some(7), "cut between two segments");
}

#[test]
fn whatever_is_wrong_with_a_file_is_refused_and_nothing_is_lost() {
    let place = Place::new();
    place.write("in", &[5; 20_000]);
    succeeded(&place.job("encrypt", "in", "sealed", &[]));
    let whole = place.read("sealed");
    place.write("out", b"what was there");
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("cut between two segments", whole[..8_192].to_vec(), "tail is missing"),
        ("cut within one", whole[..9_000].to_vec(), "altered"),
        (
            "a flipped bit",
            whole.iter().enumerate().map(|(at, b)| b ^ u8::from(at == 9_999)).collect(),
            "altered",
        ),
        ("something after the end", [whole.as_slice(), b"x"].concat(), "altered"),
        ("no stream at all", vec![], "tail is missing"),
    ];
    for (what, bad, why) in cases {
        place.write("bad", &bad);
        let text = ended(&place.job("decrypt", "bad", "out", &[]), 7);
        assert!(text.contains(why), "{what}: {text}");
        assert_eq!(place.read("out"), b"what was there", "{what}");
        assert_eq!(place.read("bad"), bad, "{what}");
    }
    assert_eq!(place.names(), ["bad", "in", "out", "pass", "ring", "sealed"]);
    let text = ended(&place.job("decrypt", "missing", "out", &[]), 1);
    assert!(text.contains("missing was not decrypted"), "{text}");
    ended(&place.job("encrypt", "in", "no/such/directory/out", &[]), 1);
    ended(&place.job("encrypt", "in", "in", &[]), 2);
    assert_eq!(place.read("in"), [5; 20_000]);
    ended(&place.job("encrypt", "in", "out2", &["--format", "zip"]), 2);
}

#[test]
fn at_e8_devices_are_not_replaced_and_a_full_one_is_told() {
    let place = Place::new();
    place.write("in", &[5; 20_000]);
    std::os::unix::fs::symlink("/dev/full", place.path("full")).unwrap();
    let text = ended(&place.job("encrypt", "in", "full", &[]), 1);
    assert!(text.contains("not a regular file"), "{text}");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = place.command("encrypt", "in", "-").stdout(full).output().unwrap();
    let text = ended(&output, 1);
    assert!(text.contains("No space left"), "{text}");
}

#[test]
fn wrong_passphrases_and_wrong_keyrings_end_with_7_and_missing_ones_with_1() {
    let place = Place::new();
    place.write("in", b"hello");
    succeeded(&place.job("encrypt", "in", "sealed", &[]));
    let other = Place::new();
    fs::copy(place.path("sealed"), other.path("sealed")).unwrap();
    ended(&other.job("decrypt", "sealed", "out", &[]), 7);
    let right = place.read("pass");
    place.write("pass", b"seven rusty bridges over the Oder\n");
    let text = ended(&place.job("decrypt", "sealed", "out", &[]), 7);
    assert!(text.contains("passphrase"), "{text}");
    place.write("pass", b"");
    ended(&place.job("decrypt", "sealed", "out", &[]), 1);
    // Without the last newline, or with another line ending, it is the same passphrase.
    for ending in [b"".as_slice(), b"\r\n"] {
        place.write("pass", &[right.trim_ascii_end(), ending].concat());
        succeeded(&place.job("decrypt", "sealed", "out", &[]));
    }
    fs::remove_file(place.path("pass")).unwrap();
    ended(&place.job("decrypt", "sealed", "out", &[]), 1);
    place.write("pass", &right);
    let ring = place.read("ring");
    for at in (0..ring.len()).step_by(29) {
        let mut bad = ring.clone();
        bad[at] ^= 1;
        fs::write(place.path("ring"), &bad).unwrap();
        let output = place.job("decrypt", "sealed", "out2", &[]);
        assert_eq!(output.status.code(), Some(7), "byte {at}: {}", String::from_utf8_lossy(&output.stderr));
    }
    fs::remove_file(place.path("ring")).unwrap();
    ended(&place.job("decrypt", "sealed", "out2", &[]), 1);
    assert!(!place.path("out2").exists());
}

#[test]
fn messages_are_sealed_in_one_piece() {
    let place = Place::of(&["--type", "aead"]);
    let through = |verb: &str, input: &[u8], aad: &str| {
        let mut child = command()
            .args([verb, "data", "--keyring", &place.text("ring"), "--passphrase-file", &place.text("pass")])
            .args(["--aad", aad])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    };
    let sealed = through("encrypt", b"hello", "a");
    succeeded(&sealed);
    assert_eq!(through("decrypt", &sealed.stdout, "a").stdout, b"hello");
    ended(&through("decrypt", &sealed.stdout, "b"), 7);
    let mut unknown = sealed.stdout.clone();
    unknown[2] ^= 1;
    ended(&through("decrypt", &unknown, "a"), 7);
    place.write("in", b"hello");
    ended(&place.job("encrypt", "in", "out", &[]), 3);
}

#[test]
fn directories_go_file_by_file_and_a_second_run_goes_on() {
    let place = Place::new();
    for (name, bytes) in [("tree/a", b"one".as_slice()), ("tree/b/c", &[7; 50_000]), ("tree/b/empty", b"")] {
        fs::create_dir_all(place.path(name).parent().unwrap()).unwrap();
        place.write(name, bytes);
    }
    std::os::unix::fs::symlink("/etc/passwd", place.path("tree/link")).unwrap();
    let run = |verb: &str, from: &str, to: &str| -> serde_json::Value {
        let output = place.job(verb, from, to, &["--json"]);
        succeeded(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let first = run("encrypt", "tree", "sealed");
    assert_eq!((&first["files"], &first["skipped"], &first["left_out"]), (&3.into(), &0.into(), &1.into()));
    assert_eq!(names(&place.path("sealed")), ["a", "b"]);
    let kept = place.read("sealed/a");
    fs::remove_file(place.path("sealed/b/c")).unwrap();
    let second = run("encrypt", "tree", "sealed");
    assert_eq!((&second["files"], &second["skipped"]), (&1.into(), &2.into()));
    assert_eq!(place.read("sealed/a"), kept, "what was done is not done again");
    run("decrypt", "sealed", "back");
    for name in ["a", "b/c", "b/empty"] {
        assert_eq!(place.read(&format!("back/{name}")), place.read(&format!("tree/{name}")), "{name}");
    }
    assert_eq!(run("decrypt", "sealed", "back")["skipped"], 3);
    ended(&place.job("encrypt", "tree", "tree/inside", &[]), 2);
    ended(&place.job("encrypt", "tree", "in-a-file", &["--format", "nothing"]), 2);
    assert!(!place.path("tree/inside").exists());
}

#[test]
fn a_signal_ends_the_work_and_leaves_nothing_behind() {
    let place = Place::new();
    let sealed = place.path("sealed");
    let mut child =
        place.command("encrypt", "-", "sealed").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&[1; 8 << 20]).unwrap();
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    // More than one batch follows, until the reader is gone.
    let piece = [1; 1 << 20];
    while stdin.write_all(&piece).is_ok() {}
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = ended(&output, 1);
    assert!(text.contains("signal"), "{text}");
    assert!(!sealed.exists());
    assert_eq!(place.names(), ["pass", "ring"]);
}

#[test]
fn what_opens_the_data_is_not_replaced_by_it() {
    let place = Place::new();
    place.write("in", b"hello");
    let (ring, pass) = (place.read("ring"), place.read("pass"));
    for precious in ["ring", "pass"] {
        let text = ended(&place.job("encrypt", "in", precious, &[]), 2);
        assert!(text.contains("would be replaced"), "{text}");
    }
    fs::create_dir(place.path("tree")).unwrap();
    place.write("tree/ring", b"a file of that name");
    let here = place.path("tree/..").to_str().unwrap().to_owned();
    let output = command()
        .args(["encrypt", "file", &place.text("tree"), &here, "--keyring", &place.text("ring")])
        .args(["--passphrase-file", &place.text("pass")])
        .output()
        .unwrap();
    ended(&output, 2);
    assert_eq!((place.read("ring"), place.read("pass")), (ring, pass));
}

#[test]
fn a_directory_that_was_made_under_another_key_or_for_another_purpose_is_made_again() {
    let place = Place::new();
    fs::create_dir(place.path("tree")).unwrap();
    place.write("tree/a", b"hello");
    let run = |flags: &[&str]| -> serde_json::Value {
        let output = place.job("encrypt", "tree", "sealed", &[&["--json"], flags].concat());
        succeeded(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(run(&[])["files"], 1);
    assert_eq!(run(&[])["skipped"], 1);
    assert_eq!(run(&["--aad", "other"])["files"], 1);
    assert_eq!(run(&["--aad", "other"])["skipped"], 1);
    succeeded(&place.keyring("rotate", &[]));
    assert_eq!(run(&["--aad", "other"])["files"], 1);
    // What a killed run left behind is nobody's file.
    place.write("sealed/.a.77.0.00ff00ff00ff00ff.tmp", b"half");
    let output = place.job("decrypt", "sealed", "back", &["--aad", "other", "--json"]);
    succeeded(&output);
    let back: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&back["files"], &back["left_out"]), (&1.into(), &1.into()));
}

#[test]
fn whoever_reads_no_further_learns_nothing_about_the_rest() {
    let place = Place::new();
    place.write("in", &[7; 8 << 20]);
    succeeded(&place.job("encrypt", "in", "sealed", &[]));
    let mut child = place
        .command("decrypt", "sealed", "-")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(1), b"".as_slice()),
        "quietly, and not as a success"
    );
    // An error is not written among the data.
    let whole = place.read("sealed");
    place.write("bad", &whole[..whole.len() - 1]);
    let output = place.job("decrypt", "bad", "-", &["--json"]);
    assert_eq!(output.status.code(), Some(7));
    assert!(output.stdout.iter().all(|byte| *byte == 7));
    let told: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(told["error"]["message"].as_str().unwrap().contains("altered"), "{told}");
}

#[test]
fn a_signal_is_heard_while_input_is_waited_for() {
    let place = Place::new();
    for signal in ["-INT", "-TERM", "-HUP"] {
        let mut child = place
            .command("encrypt", "-", "sealed")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&[1; 3 << 20]).unwrap();
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        let text = ended(&child.wait_with_output().unwrap(), 1);
        assert!(text.contains("signal"), "{text}");
        drop(stdin);
        assert_eq!(place.names(), ["pass", "ring"]);
    }
}
