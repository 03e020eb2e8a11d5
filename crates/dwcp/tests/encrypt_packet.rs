//! `dwcp encrypt packet`: a packet is sealed, taken apart and tried.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::process::Stdio;
use support::packet::{Place, V4, V6, fails, field, hex, only, packet, sealed, text_of, unhex};
use support::{command, dwcp, ok};

#[test]
fn a_packet_is_sealed_and_every_field_of_it_is_told() {
    let told = sealed(&["--hex", V4]);
    assert_eq!(
        (&told["operation"], &told["mode"], &told["encapsulation"]),
        (&"seal".into(), &"aes-256-gcm".into(), &"tunnel".into())
    );
    assert_eq!(
        (&told["spi"], &told["sequence"], &told["extended_sequence"]),
        (&"0x00001001".into(), &1.into(), &true.into())
    );
    let names: Vec<&str> =
        told["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["spi", "sequence", "iv", "payload", "padding", "pad-length", "next-header", "icv"]);
    let mut offset = 0;
    for field in told["fields"].as_array().unwrap() {
        assert_eq!(field["offset"], offset);
        let length = field["length"].as_u64().unwrap();
        assert_eq!(field["wire"].as_str().unwrap().len() as u64, length * 2);
        offset += length;
    }
    assert_eq!(told["length"], offset);
    assert_eq!(
        (&field(&told, "payload")["clear"], &field(&told, "next-header")["clear"]),
        (&V4.into(), &"04".into())
    );
    assert_ne!(field(&told, "payload")["wire"], V4);
    assert_eq!(
        (&field(&told, "iv")["encrypted"], &field(&told, "payload")["encrypted"]),
        (&false.into(), &true.into())
    );
    assert_eq!(field(&told, "padding")["clear"], "0102");
    assert_eq!(
        (&told["packet"]["source"], &told["packet"]["ports"]),
        (&"192.0.2.1".into(), &serde_json::json!([9, 9]))
    );
    let checked = &told["checked"];
    assert_eq!((&checked["same"], &checked["replay"]), (&true.into(), &"packet.sequence.replayed".into()));
    assert_eq!((&checked["flipped"], &checked["refused"]), (&16.into(), &16.into()));
    assert_eq!(told["key_out"], Value::Null);
    let wire = unhex(told["wire"].as_str().unwrap());
    assert_eq!((wire[9], wire.len() as u64), (50, offset + 20));

    let text = text_of(&["--hex", V4]);
    assert!(
        text.starts_with(
            "sealed: aes-256-gcm, tunnel mode, 64-bit sequence numbers, SPI 0x00001001, number 1, "
        ),
        "{text}"
    );
    assert!(
        text.contains("inside:   IPv4, 192.0.2.1 port 9 to 198.51.100.7 port 9, UDP, 28 bytes"),
        "{text}"
    );
    assert!(
        text.contains("opened again, the same 28 bytes") && text.contains("refused as a replay"),
        "{text}"
    );
    assert_eq!(text.lines().filter(|line| line.contains("(not encrypted)")).count(), 4, "{text}");
    assert!(
        text.lines().any(|line| line.starts_with("next-header") && line.ends_with("04 (IPv4)")),
        "{text}"
    );
}

#[test]
fn padding_hides_the_length_and_the_table_shows_it() {
    let full = sealed(&["--hex", V4, "--pad-to", "1400"]);
    let other = sealed(&["--hex", V6, "--pad-to", "1400"]);
    assert_eq!(full["length"], other["length"]);
    assert_eq!(field(&full, "padding")["length"], 255);
    let hiding = field(&full, "tfc-padding");
    assert_eq!(hiding["length"].as_u64(), Some(1_402_u64.next_multiple_of(4) - 2 - 255 - 28));
    assert_eq!(full["checked"]["flipped"], 18);
    let multiple = sealed(&["--hex", V4, "--pad-multiple", "256"]);
    let encrypted = multiple["length"].as_u64().unwrap() - 32;
    assert_eq!(encrypted, 256);
    let (code, said) = fails(&["--hex", V6, "--pad-to", "40"]);
    assert_eq!(code, 1, "{said}");
    let largest =
        [unhex("4500ffff00010000401100 00c0000201c6336407".replace(' ', "").as_str()), vec![0; 65_515]]
            .concat();
    assert_eq!(fails(&["--hex", &hex(&largest[..20])]).0, 1);
    let place = Place::new();
    let (code, said) = fails(&[&place.write("largest", &largest)]);
    assert_eq!(code, 1);
    assert!(said.contains("longer than a sealed one can be"), "{said}");
}

#[test]
fn command_lines_that_can_not_be_meant_end_with_2() {
    let place = Place::new();
    let key = place.text("key");
    sealed(&["--key-out", &key]);
    let (new, roundabout) = (place.text("new"), place.text("./new"));
    for (arguments, word) in [
        (vec!["--mode", "mac-then-encrypt"], "MAC-then-encrypt is not offered"),
        (vec!["--mode", "hmac-sha-256-aes-256-cbc"], "MAC-then-encrypt is not offered"),
        (vec!["--mode", "encrypt-and-mac"], "encrypt-and-MAC is not offered"),
        (vec!["--mode", "aes-256-cbc"], "without authentication"),
        (vec!["--mode", "null"], "without encryption"),
        (vec!["--mode", "rot13"], "aes-256-gcm"),
        (vec!["--spi", "255"], "256 or more"),
        (vec!["--spi", "0x100000000"], "32 bits"),
        (vec!["--hex", "450"], "half a byte"),
        (vec!["--hex", "zz"], "hex digits"),
        (vec!["--hex", ""], "is empty"),
        (vec!["--hex", V4, "x"], "--hex"),
        (vec!["--key-out", "-"], "a key goes to a file"),
        (vec!["--open", "--hex", V4, "--key-file", "-"], "a key goes to a file"),
        (vec!["--out", &new, "--key-out", &new], "take its place"),
        (vec!["--out", &new, "--key-out", &roundabout], "take its place"),
        (vec![&key, "--out", &key], "take its place"),
        (vec!["--open", "--hex", V4, "--key-file", &key, "--out", &key], "take its place"),
        (vec!["--sequence", "7"], "--sequence"),
        (vec!["--key-file", &key], "--open"),
        (vec!["--open", "--hex", V4], "--key-file"),
        (vec!["--open", "--key-file", &key], "--hex"),
        (vec!["--open", "--key-file", &key, "--hex", V4, "--spi", "0x1001"], "--spi"),
        (vec!["--open", "--key-file", &key, "--hex", V4, "--key-out", "x"], "--key-out"),
        (vec!["--pad-to", "100", "--pad-multiple", "64"], "--pad"),
        (vec!["--pad-multiple", "0"], "padding"),
        (vec!["--pad-to", "100", "--encapsulation", "transport"], "padding"),
        (vec!["--index", "0"], "--index"),
    ] {
        let (code, said) = fails(&arguments);
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    let both = dwcp(&["encrypt", "packet", "--json", "--out", "-"]);
    let said: Value = serde_json::from_slice(&both.stdout).unwrap();
    assert_eq!(both.status.code(), Some(2));
    assert!(said["error"]["message"].as_str().unwrap().contains("--json and --out -"), "{said}");
}

#[test]
fn a_capture_goes_down_a_pipe_and_a_closed_pipe_ends_quietly() {
    let output = dwcp(&["encrypt", "packet", "--hex", V4, "--out", "-", "--udp"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let wire = only(&output.stdout);
    assert_eq!((wire[9], &wire[20..24]), (17, [0x11, 0x94, 0x11, 0x94].as_slice()));
    for arguments in [vec!["--out", "-"], vec![], vec!["--json"]] {
        let mut child =
            command().args(packet(&arguments)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0));
    }
    let (code, said) = fails(&["--out", "/nonexistent/directory/a.pcap"]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(ok(&["encrypt", "packet", "-q"]), "");
}
