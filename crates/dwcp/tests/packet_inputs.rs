//! What `dwcp encrypt packet` takes a packet from: bytes, hex, captures of every kind, and what only looks like one.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::fs;
use support::dwcp;
use support::packet::{Place, V4, V6, fails, fed, field, hex, pcap, sealed, unhex};

#[test]
fn packets_are_taken_from_raw_bytes_hex_and_captures_alike() {
    let place = Place::new();
    let raw = place.write("raw", &unhex(V4));
    let spaced: String =
        V4.as_bytes().chunks(4).map(|two| format!("{} ", std::str::from_utf8(two).unwrap())).collect();
    let text = place.write("hex", format!("{spaced}\n").as_bytes());
    let ethernet = |kind: &[u8], packet: &str, padding: usize| {
        [&[2; 12], kind, &unhex(packet), &vec![0; padding]].concat()
    };
    let frames = [
        ethernet(&[8, 6], "0001", 40),
        ethernet(&[8, 0], V4, 18),
        ethernet(&[0x81, 0, 0, 7, 0x86, 0xdd], V6, 0),
    ];
    let capture = place.write("a.pcap", &pcap(1, &frames));
    for (input, kind) in [(&raw, "raw"), (&text, "hex"), (&capture, "capture")] {
        let told = sealed(&[input]);
        assert_eq!((&told["input"]["kind"], &field(&told, "payload")["clear"]), (&kind.into(), &V4.into()));
        let piped = fed(&["-", "--json"], &fs::read(input).unwrap());
        let piped: Value = serde_json::from_slice(&piped.stdout).unwrap();
        assert_eq!((&piped["input"]["kind"], &piped["packet"]), (&kind.into(), &told["packet"]));
    }
    let told = sealed(&[&capture]);
    assert_eq!((&told["input"]["frame"], &told["input"]["link"]), (&2.into(), &"Ethernet".into()));
    let told = sealed(&[&capture, "--index", "3"]);
    assert_eq!((&field(&told, "payload")["clear"], &told["packet"]["version"]), (&V6.into(), &6.into()));
    assert_eq!(fails(&[&capture, "--index", "1"]).0, 1, "ARP");
    assert_eq!(fails(&[&capture, "--index", "4"]).0, 5);
    assert_eq!(fails(&[&raw, "--index", "1"]).0, 2);
    let example = sealed(&[]);
    assert_eq!(
        (&example["input"]["kind"], &example["packet"]["destination"]),
        (&"example".into(), &"198.51.100.7".into())
    );
}

#[test]
fn hostile_and_broken_inputs_end_with_1_and_three_lines() {
    let place = Place::new();
    let whole = pcap(101, &[unhex(V4)]);
    let mut endless = whole.clone();
    endless[32..36].fill(0xff);
    let mut short = unhex(V4);
    short[3] = 0x1d;
    let cases: [(&str, Vec<u8>); 10] = [
        ("empty", vec![]),
        ("no-packet", b"hello".to_vec()),
        ("header-alone", whole[..24].to_vec()),
        ("cut", whole[..50].to_vec()),
        ("endless", endless),
        ("another-link", pcap(147, &[unhex(V4)])),
        ("arp", pcap(1, &[vec![8, 6, 0, 1]])),
        ("longer-than-it-is", short),
        (
            "jumbo",
            unhex("600000000000003c20010db800000000000000000000000120010db8000000000000000000000002")
                .to_vec(),
        ),
        ("pcapng", [&[0x0a, 0x0d, 0x0d, 0x0a], [0xff; 60].as_slice()].concat()),
    ];
    for (name, bytes) in cases {
        let input = place.write(name, &bytes);
        let (code, said) = fails(&[&input]);
        assert_eq!(code, 1, "{name}: {said}");
    }
    assert_eq!(fails(&[&place.text("missing")]).0, 1);
    assert_eq!(fails(&[place.0.path().to_str().unwrap()]).0, 1);
    let big = fs::File::create(place.path("big")).unwrap();
    big.set_len((64 << 20) + 1).unwrap();
    let (code, said) = fails(&[&place.text("big")]);
    assert_eq!(code, 1);
    assert!(said.contains("67108864"), "{said}");
    let flooded = fed(&["-"], &vec![0x45; (64 << 20) + 2]);
    assert_eq!(flooded.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&flooded.stderr).contains("64 MiB"));
    // A fragment has no upper layer of its own, and transport mode is for whole packets.
    let mut fragment = unhex(V4);
    fragment[6] = 0x20;
    assert_eq!(sealed(&["--hex", &hex(&fragment)])["packet"]["fragment"]["more"], true);
    assert_eq!(fails(&["--hex", &hex(&fragment), "--encapsulation", "transport"]).0, 1);
}

#[test]
fn what_tshark_writes_is_read_whatever_kind_of_capture_it_is() {
    let Some(editcap) = dwcp_testkit::peer("editcap") else { return };
    let place = Place::new();
    let plain = place.write("plain", &pcap(101, &[unhex(V6), unhex(V4)]));
    for kind in ["pcap", "nsecpcap", "pcapng", "modpcap", "nokiapcap"] {
        let out = place.text(kind);
        let made = std::process::Command::new(&editcap).args(["-F", kind, &plain, &out]).output().unwrap();
        assert!(made.status.success(), "{kind}: {}", String::from_utf8_lossy(&made.stderr));
        if kind == "nokiapcap" {
            // A format of its own under the magic of pcap: whatever comes of it, it comes in order.
            let output = dwcp(&["encrypt", "packet", &out]);
            assert!([Some(0), Some(1)].contains(&output.status.code()), "{output:?}");
            continue;
        }
        assert_eq!(field(&sealed(&[&out, "--index", "2"]), "payload")["clear"], V4, "{kind}");
        assert_eq!(sealed(&[&out])["packet"]["version"], 6, "{kind}");
    }
}
