//! The decoders beside the pages of docs/formats: they check themselves, and open what this program writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/shop.rs"]
mod shop;
mod support;

use shop::{PYTHON, Shop, tink, write_private};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{have, ok};

fn formats() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats")
}

fn run(script: &Path, arguments: &[&str]) -> Output {
    Command::new(PYTHON).arg(script).args(arguments).output().unwrap()
}

#[test]
fn every_decoder_agrees_with_the_vectors_of_its_page() {
    if !have(PYTHON) {
        return;
    }
    let mut checked = 0;
    for entry in fs::read_dir(formats()).unwrap() {
        let script = entry.unwrap().path();
        let name = script.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".py") {
            continue;
        }
        // Its vectors are whole logs: it is checked where they are made, in dwcp-audit.
        if name == "audit_verify.py" {
            assert_eq!(run(&script, &[]).status.code(), Some(1), "a word on how to call it");
            continue;
        }
        let output = run(&script, &[]);
        let printed = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {printed}{said}");
        assert!(printed.lines().count() >= 2 && !printed.contains("WRONG"), "{name}: {printed}");
        checked += 1;
    }
    assert!(checked >= 3, "{checked} decoders");
}

#[test]
fn the_decoder_of_verdict_frames_reads_each_vector_as_its_page_does() {
    if !have(PYTHON) {
        return;
    }
    let output = run(&formats().join("verdict_frame.py"), &[]);
    let page = fs::read_to_string(formats().join("verdict-frame.md")).unwrap();
    let told: Vec<&str> = page
        .lines()
        .filter(|line| *line == "accepted" || line.starts_with("refused: kind "))
        .map(|line| line.split(", ").take(2).last().unwrap())
        .collect();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.lines().count(), told.len(), "{printed}");
    for (line, part) in printed.lines().zip(told) {
        assert!(line.contains(part), "{line}: {part}");
    }
}

#[test]
fn the_decoder_of_streams_opens_a_file_of_ours_in_both_formats() {
    if !have(PYTHON) {
        return;
    }
    let shop = Shop::new();
    let ring = shop.ring("ring", &["--segment", "4k"]);
    // Several segments and chunks, and a part of one.
    let (plain, keyset, kek) = (shop.plain(200_000), shop.export(&ring), shop.at("kek"));
    let script = formats().join("stream_open.py");
    for format in ["tink", "c2sp"] {
        let (sealed, opened) = (shop.at("sealed"), shop.at("opened"));
        let rest = ["--aad", "dwcp/ctx", "--format", format, "--keyring", &ring, "--key-file", &kek];
        ok(&[&["encrypt", "file", &plain, &sealed][..], &rest].concat());
        let output = run(&script, &[format, &keyset, &sealed, &opened, "dwcp/ctx"]);
        assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read(&plain).unwrap() == fs::read(&opened).unwrap(), "{format}");
        fs::remove_file(&opened).unwrap();

        let other = run(&script, &[format, &keyset, &sealed, &opened, "another"]);
        assert!(!other.status.success() && !Path::new(&opened).exists(), "{format}");
        let mut altered = fs::read(&sealed).unwrap();
        *altered.last_mut().unwrap() ^= 1;
        fs::write(&sealed, altered).unwrap();
        let altered = run(&script, &[format, &keyset, &sealed, &opened, "dwcp/ctx"]);
        assert!(!altered.status.success() && !Path::new(&opened).exists(), "{format}");
    }
}

#[test]
fn the_decoder_of_keyrings_opens_ours_by_passphrase_and_by_key_file() {
    if !have(PYTHON) {
        return;
    }
    let shop = Shop::new();
    let script = formats().join("keyring_open.py");
    let (pass, wrong, kek) = (shop.at("pass"), shop.at("wrong"), shop.at("kek"));
    write_private(&pass, b"seventeen llamas weave copper baskets\n");
    write_private(&wrong, b"seventeen llamas weave copper basket\n");
    for (flag, secret) in [("--passphrase-file", &pass), ("--key-file", &kek)] {
        let (ring, keyset) = (shop.at(&flag[2..]), shop.at("keyset"));
        ok(&["keyring", "create", &ring, "--type", "aead", flag, secret]);
        ok(&["keyring", "rotate", &ring, flag, secret]);
        let output = run(&script, &[&ring, secret]);
        assert!(output.status.success(), "{flag}: {}", String::from_utf8_lossy(&output.stderr));
        write_private(&keyset, &output.stdout);
        let exported = shop.at("exported");
        write_private(&exported, ok(&["keyring", "export", &ring, flag, secret]).as_bytes());
        assert_eq!(tink(&["show", &keyset]), tink(&["show", &exported]));
        let refused = run(&script, &[&ring, &wrong]);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{flag}");
    }
}

#[cfg(unix)]
#[test]
fn the_decoders_of_enrolment_read_what_is_made_here() {
    use support::enroll::{id, join, token};
    if !have(PYTHON) {
        return;
    }
    let place = support::Place::new();
    let _node = place.up();
    let text =
        ok(&["token", "create", "--config", &place.config(), "--allow", "URI:spiffe://test.example/*"]);
    let file = place.path("token");
    fs::write(&file, &text).unwrap();
    let script = formats().join("join_token.py");
    let decode = |input: &Path| {
        let input = fs::File::open(input).unwrap();
        Command::new(PYTHON).arg(&script).arg("-").stdin(input).output().unwrap()
    };
    let output = decode(&file);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && printed.contains("spiffe://test.example/node/a"), "{printed}");
    fs::write(&file, text.replacen("dwcp1_e", "dwcp1_f", 1)).unwrap();
    assert!(!decode(&file).status.success());

    let spent = token(&place, &["--name", "b"]);
    assert_eq!(join(&place, place.admin, &spent, &[&id("b"), "DNS:b.example"]).status, 200);
    let script = formats().join("enrolment_records.py");
    let mut read = Vec::new();
    for (kind, dir) in [("token", "ca/tokens"), ("member", "ca/members")] {
        for entry in fs::read_dir(place.node(dir)).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap() == "lock" {
                continue;
            }
            let output = run(&script, &[kind, path.to_str().unwrap()]);
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            if kind == "member" {
                let file = path.file_name().unwrap().to_str().unwrap();
                assert!(printed.trim_end().ends_with(file), "{printed}");
            }
            read.push(printed);
        }
    }
    let of = |what: &str| read.iter().filter(|line| line.trim_end().ends_with(what)).count();
    assert_eq!((read.len(), of("open"), of("spent")), (3, 1, 1), "{read:?}");
}
