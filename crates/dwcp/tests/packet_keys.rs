//! The keys of `dwcp encrypt packet`: one packet each, kept where that was asked for, and what they open and do not.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_packet::EncryptionMode;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use support::dwcp;
use support::packet::{Place, V4, V6, fails, field, hex, only, sealed, text_of, unhex};

#[test]
fn every_mode_seals_in_both_encapsulations_both_versions_in_udp_and_not_and_its_key_file_opens_it() {
    let place = Place::new();
    for (at, mode) in EncryptionMode::ALL.iter().enumerate() {
        for encapsulation in ["tunnel", "transport"] {
            for (version, hex_packet) in [(4, V4), (6, V6)] {
                let udp = (at + version) % 2 == 0;
                let name = format!("{mode}-{encapsulation}-{version}");
                let (key, out) = (place.text(&format!("{name}.key")), place.text(&format!("{name}.pcap")));
                let back = place.text(&format!("{name}.back"));
                let common = ["--mode", mode.name(), "--encapsulation", encapsulation];
                let more: &[&str] = if udp { &["--udp"] } else { &[] };
                let short: &[&str] = if at % 2 == 0 { &["--no-esn"] } else { &[] };
                let ends = ["--hex", hex_packet, "--key-out", &key, "--out", &out];
                let told = sealed(&[&common[..], more, short, &ends].concat());
                assert_eq!(
                    (&told["udp"], &told["extended_sequence"]),
                    (&udp.into(), &short.is_empty().into()),
                    "{name}"
                );
                assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
                assert_eq!(fs::read_to_string(&key).unwrap().len(), mode.material_len() * 2 + 1);
                let wire = fs::read(&out).unwrap();
                assert_eq!(hex(only(&wire)), told["wire"].as_str().unwrap());
                let opening =
                    [&common[..], short, &[&out, "--open", "--key-file", &key, "--out", &back]].concat();
                let opened = sealed(&opening);
                assert_eq!((&opened["operation"], &opened["udp"]), (&"open".into(), &udp.into()), "{name}");
                assert_eq!(opened["fields"], told["fields"], "{name}");
                assert_eq!(opened["packet"], told["packet"], "{name}");
                assert_eq!(hex(only(&fs::read(&back).unwrap())), hex_packet, "{name}");
                assert_eq!(fs::metadata(&back).unwrap().permissions().mode() & 0o777, 0o600, "plaintext");
            }
        }
    }
}

#[test]
fn what_was_altered_and_what_another_key_sealed_is_refused_with_7() {
    let place = Place::new();
    let (key, other, out) = (place.text("key"), place.text("other"), place.text("a.pcap"));
    sealed(&["--hex", V4, "--key-out", &key, "--out", &out]);
    sealed(&["--hex", V4, "--key-out", &other]);
    let back = place.text("back.pcap");
    let (code, said) = fails(&[&out, "--open", "--key-file", &other, "--out", &back]);
    assert_eq!(code, 7);
    assert!(said.contains("not authentic") && !place.path("back.pcap").exists(), "{said}");
    for wrong in
        [["--mode", "chacha20-poly1305"], ["--mode", "aes-256-gcm-implicit-iv"], ["--no-esn", "--no-esn"]]
    {
        let wrong = if wrong[0] == wrong[1] { &wrong[..1] } else { &wrong[..] };
        assert_eq!(fails(&[wrong, &[&out, "--open", "--key-file", &key]].concat()).0, 7, "{wrong:?}");
    }
    let capture = fs::read(&out).unwrap();
    // From the sequence number on: other bytes before that make it no packet of this key, or no ESP.
    for at in (64..capture.len()).step_by(5) {
        let mut bytes = capture.clone();
        bytes[at] ^= 4;
        let altered = place.write("altered.pcap", &bytes);
        assert_eq!(fails(&[&altered, "--open", "--key-file", &key]).0, 7, "{at}");
    }
    let esp = &only(&capture)[20..];
    for length in 9..esp.len() {
        let (code, said) = fails(&["--hex", &hex(&esp[..length]), "--open", "--key-file", &key]);
        assert_eq!(code, 7, "{length}: {said}");
    }
    let told = sealed(&["--hex", &hex(esp), "--open", "--key-file", &key]);
    assert_eq!(field(&told, "payload")["clear"], V4, "a packet from its SPI on");
    let json = dwcp(&["encrypt", "packet", &out, "--open", "--key-file", &other, "--json"]);
    let told: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((json.status.code(), &told["error"]["code"]), (Some(7), &"packet.tag.forged".into()));
}

#[test]
fn a_key_goes_to_a_file_that_nobody_had_and_comes_from_one_that_nobody_else_reads() {
    let place = Place::new();
    let (key, out) = (place.text("key"), place.text("a.pcap"));
    sealed(&["--key-out", &key, "--out", &out]);
    let before = fs::read(&key).unwrap();
    let (code, said) = fails(&["--key-out", &key]);
    assert_eq!(code, 1);
    assert!(said.contains("does not exist yet"), "{said}");
    assert_eq!(fs::read(&key).unwrap(), before, "no key seals twice");
    sealed(&["--key-out", &place.text("second")]);
    assert_ne!(fs::read(place.path("second")).unwrap(), before);

    let digits = String::from_utf8(before.clone()).unwrap();
    for fine in [
        digits.trim().to_uppercase().into_bytes(),
        unhex(digits.trim()),
        format!(" {digits}\r\n").into_bytes(),
    ] {
        fs::write(&key, fine).unwrap();
        sealed(&[&out, "--open", "--key-file", &key]);
    }
    for bad in
        [b"".to_vec(), before[..70].to_vec(), [&before[..72], b"0"].concat(), vec![b'x'; 72], vec![0; 2_000]]
    {
        fs::write(&key, &bad).unwrap();
        let (code, said) = fails(&[&out, "--open", "--key-file", &key]);
        assert_eq!(code, if bad.len() > 1_024 { 1 } else { 3 }, "{said}");
        assert!(!said.contains(std::str::from_utf8(&before[..16]).unwrap()), "{said}");
    }
    fs::write(&key, &before).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let (code, said) = fails(&[&out, "--open", "--key-file", &key]);
    assert_eq!(code, 3);
    assert!(said.contains("chmod 600"), "{said}");
    assert_eq!(fails(&[&out, "--open", "--key-file", &place.text("missing")]).0, 1);
}

#[test]
fn no_key_is_ever_printed_and_tshark_is_told_where_it_is() {
    let place = Place::new();
    for mode in EncryptionMode::ALL {
        let (key, out) = (place.text(&format!("{mode} key")), place.text(&format!("{mode} it's.pcap")));
        let arguments = ["--mode", mode.name(), "--key-out", &key, "--out", &out];
        let text = text_of(&arguments);
        let digits = fs::read_to_string(&key).unwrap();
        for part in digits.trim().as_bytes().chunks(16) {
            assert!(!text.contains(std::str::from_utf8(part).unwrap()), "{mode}: {text}");
        }
        let line = text.lines().find_map(|line| line.strip_prefix("tshark:   "));
        let knows = !mode.has_implicit_iv() && mode != EncryptionMode::ChaCha20Poly1305;
        assert_eq!(line.is_some(), knows, "{mode}: {text}");
        let Some(line) = line.filter(|_| dwcp_testkit::peer("tshark").is_some()) else { continue };
        let output =
            std::process::Command::new("sh").args(["-c", line]).env("HOME", place.0.path()).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(
            shown.contains("Src Port: 40000, Dst Port: 7"),
            "{mode}: {line}\n{shown}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        fs::remove_file(&key).unwrap();
        let output = text_of(&["--mode", mode.name(), "--key-out", &key]);
        assert!(!output.contains("tshark"), "without a capture there is nothing to read");
    }
}
