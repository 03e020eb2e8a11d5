//! Captures of ours, taken apart by tshark: it decrypts every packet of the modes it knows, and shows what was inside, byte for byte.
//!
//! tshark 4.0 knows AES-GCM and AES-CBC with HMAC-SHA-2, and compares their tags where sequence numbers have 32 bits. It has neither
//! ChaCha20-Poly1305 nor implicit IVs in ESP, and does not know that a tag covers an upper half of the number: scapy judges those.
#![cfg(all(feature = "esp", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/build.rs"]
mod build;
#[path = "support/wire.rs"]
mod wire;

use dwcp_packet::{Encapsulation, EncryptionMode, ExtendedSequence};
use dwcp_testkit::peer;
use std::fs;
use std::path::Path;
use std::process::Command;
use wire::{Case, cases, hex};

/// One frame, as tshark sees it.
#[derive(Debug)]
struct Seen {
    spi: String,
    sequence: String,
    contained: Option<String>,
    addresses: Vec<String>,
    ports: Vec<String>,
    good: bool,
    bad: bool,
}

/// tshark's names for what seals, and the two keys; `None` for what it does not know.
fn association(case: &Case, material: &[u8]) -> Option<String> {
    let (cipher, hash, first) = match case.mode {
        EncryptionMode::Aes256Gcm | EncryptionMode::Aes128Gcm => {
            ("AES-GCM with 16 octet ICV [RFC4106]", "NULL", material.len())
        }
        EncryptionMode::Aes256CbcHmacSha256 => ("AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]", 32),
        EncryptionMode::Aes256CbcHmacSha384 => ("AES-CBC [RFC3602]", "HMAC-SHA-384-192 [RFC4868]", 32),
        EncryptionMode::Aes256CbcHmacSha512 => ("AES-CBC [RFC3602]", "HMAC-SHA-512-256 [RFC4868]", 32),
        _ => return None,
    };
    let version = if visible(case) == 6 { "IPv6" } else { "IPv4" };
    let key = |bytes: &[u8]| if bytes.is_empty() { String::new() } else { format!("0x{}", hex(bytes)) };
    let (first, second) = material.split_at(first);
    let fields = [version, "*", "*", &case.spi.to_string(), cipher, &key(first), hash, &key(second)];
    Some(fields.map(|field| format!("\"{field}\"")).join(","))
}

/// The version of the IP header that is in the clear.
fn visible(case: &Case) -> u8 {
    if case.encapsulation == Encapsulation::Tunnel { case.outer } else { case.inner }
}

fn pcap(path: &Path, packets: &[Vec<u8>]) {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    // Version 2.4, link type 101: raw IP.
    let mut file = words(&[0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 65_535, 101]);
    for packet in packets {
        let length = u32::try_from(packet.len()).unwrap();
        file.extend(words(&[1_700_000_000, 0, length, length]));
        file.extend(packet);
    }
    fs::write(path, file).unwrap();
}

/// One tshark for a whole capture.
fn seen(tshark: &Path, packets: &[Vec<u8>], associations: &[String]) -> Vec<Seen> {
    let place = tempfile::tempdir().unwrap();
    let capture = place.path().join("sealed.pcap");
    pcap(&capture, packets);
    let mut command = Command::new(tshark);
    command
        .env("HOME", place.path())
        .env("WIRESHARK_CONFIG_DIR", place.path())
        .arg("-n")
        .arg("-r")
        .arg(&capture);
    command.args(["-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE"]);
    command.args([
        "-d",
        "udp.port==4500,udpencap",
        "-T",
        "fields",
        "-E",
        "separator=|",
        "-E",
        "aggregator= ",
    ]);
    for association in associations {
        command.arg("-o").arg(format!("uat:esp_sa:{association}"));
    }
    let fields = "esp.spi esp.sequence esp.contained_data ip.src ip.dst ipv6.src ipv6.dst udp.srcport udp.dstport esp.icv_good esp.icv_bad";
    for field in fields.split(' ') {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(seen_in).collect()
}

fn seen_in(line: &str) -> Seen {
    let columns: Vec<&str> = line.split('|').collect();
    let words = |columns: &[&str]| {
        columns.iter().flat_map(|column| column.split(' ')).map(str::to_owned).collect::<Vec<_>>()
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.replace(':', ""));
    let says = |text: &str| ["1", "True"].contains(&text);
    let filled = |words: Vec<String>| words.into_iter().filter(|word| !word.is_empty()).collect();
    Seen {
        spi: columns[0].to_owned(),
        sequence: columns[1].to_owned(),
        contained: some(columns[2]),
        addresses: filled(words(&columns[3..7])),
        ports: filled(words(&columns[7..9])),
        good: says(columns[9]),
        bad: says(columns[10]),
    }
}

#[test]
fn tshark_takes_apart_what_we_seal_in_every_mode_it_knows() {
    let Some(tshark) = peer("tshark") else { return };
    let known: Vec<(Case, String)> =
        cases().into_iter().filter_map(|case| Some((case, association(&case, &case.material())?))).collect();
    assert_eq!(known.iter().filter(|(case, _)| case.in_udp).count() * 2, known.len());
    let mut packets = Vec::new();
    for (case, _) in &known {
        let mut sealer = case.sealer();
        let [first, second, mut altered] = [(); 3].map(|()| case.seal(&mut sealer, &case.packet()));
        // The last byte of the tag.
        *altered.last_mut().unwrap() ^= 1;
        packets.extend([first, second, altered]);
    }
    let associations: Vec<String> = known.iter().map(|(_, association)| association.clone()).collect();
    let seen = seen(&tshark, &packets, &associations);
    assert_eq!(seen.len(), packets.len());
    for (at, seen) in seen.iter().enumerate() {
        let case = &known[at / 3].0;
        let packet = case.packet();
        let told = format!("{case:?}: {seen:?}");
        assert_eq!((&seen.spi, &seen.sequence), (&case.spi.to_string(), &(at % 3 + 1).to_string()), "{told}");
        let within = match case.encapsulation {
            Encapsulation::Tunnel => packet.as_slice(),
            Encapsulation::Transport if case.inner == 6 => &packet[40..],
            Encapsulation::Transport => &packet[20..],
        };
        assert_eq!(seen.contained.as_deref(), Some(hex(within).as_str()), "{told}");
        let headers = if case.encapsulation == Encapsulation::Tunnel { 2 } else { 1 };
        assert_eq!(seen.addresses.len(), headers * 2, "{told}");
        let ends =
            if case.inner == 6 { ["2001:db8::1", "2001:db8::2"] } else { ["192.0.2.1", "198.51.100.2"] };
        assert!(ends.iter().all(|end| seen.addresses.iter().any(|address| address == end)), "{told}");
        assert!(["40000", "9"].iter().all(|port| seen.ports.iter().any(|other| other == port)), "{told}");
        assert_eq!(seen.ports.len(), if case.in_udp { 4 } else { 2 }, "{told}");
        if case.sequence == ExtendedSequence::Off {
            assert_eq!((seen.good, seen.bad), (at % 3 != 2, at % 3 == 2), "{told}");
        } else {
            assert!(!seen.good || at % 3 != 2, "{told}");
        }
    }
}

#[test]
fn tshark_shows_nothing_of_a_packet_under_another_key() {
    let Some(tshark) = peer("tshark") else { return };
    let (mut packets, mut associations, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for case in cases() {
        let mut material = case.material();
        material[0] ^= 1;
        let Some(association) = association(&case, &material) else { continue };
        packets.push(case.seal(&mut case.sealer(), &case.packet()));
        associations.push(association);
        known.push(case);
    }
    for (case, seen) in known.iter().zip(seen(&tshark, &packets, &associations)) {
        assert_eq!(seen.spi, case.spi.to_string());
        let inside = hex(&case.packet()[20..]);
        assert!(!seen.contained.is_some_and(|contained| contained.contains(&inside)), "{case:?}");
        assert!(!seen.ports.iter().any(|port| port == "40000"), "{case:?}");
    }
}
