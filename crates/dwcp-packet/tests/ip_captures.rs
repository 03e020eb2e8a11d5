//! Packets of others, read as tshark reads them: the IPv6 evasion set of suricata-verify, fragments and chains of Zeek.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/pcap.rs"]
mod pcap;

use dwcp_packet::{IpError, IpVersion, PacketMetadata};
use std::fmt::Display;

/// The columns between a packet's name and the verdict, as `tests/data/ip/README.md` tells them.
fn columns(metadata: &PacketMetadata) -> Vec<String> {
    fn or_dash<T: Display>(value: Option<T>) -> String {
        value.map_or_else(|| "-".to_owned(), |value| value.to_string())
    }
    let pair = |pair: Option<(u16, u16)>| or_dash(pair.map(|(one, other)| format!("{one},{other}")));
    let fragment = metadata.fragment.map(|it| format!("{},{},{}", it.offset, u8::from(it.more), it.id));
    vec![
        (if metadata.version == IpVersion::V4 { "4" } else { "6" }).to_owned(),
        metadata.source.to_string(),
        metadata.destination.to_string(),
        metadata.protocol.to_string(),
        metadata.header_len.to_string(),
        metadata.total_len.to_string(),
        metadata.hop_limit.to_string(),
        or_dash(fragment),
        pair(metadata.ports),
        pair(metadata.icmp.map(|(kind, code)| (kind.into(), code.into()))),
        or_dash(metadata.routed.then_some("routed")),
        or_dash(metadata.home_address),
        (if metadata.header_intact { "intact" } else { "wrong" }).to_owned(),
    ]
}

/// The name of the variant.
fn name(error: IpError) -> String {
    let text = format!("{error:?}");
    text.split(['(', ' ']).next().unwrap().to_owned()
}

/// Every packet of a capture against its line; answers how many were read and how many refused.
fn agree(capture: &[u8], lines: &str) -> (usize, usize) {
    let packets = pcap::packets(capture);
    assert_eq!(packets.len(), lines.lines().count());
    let (mut read, mut wrong) = (0, Vec::new());
    for (packet, line) in packets.iter().zip(lines.lines()) {
        let expected: Vec<&str> = line.split('\t').collect();
        match PacketMetadata::read(packet) {
            Ok(metadata) => {
                read += 1;
                if columns(&metadata) != expected[1..14] || expected[14] != "read" {
                    wrong.push(format!("{line}\n  we: {}", columns(&metadata).join("\t")));
                }
            }
            Err(error) if name(error) != expected[14] => wrong.push(format!("{line}\n  we: {error:?}")),
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    (read, packets.len() - read)
}

#[test]
fn at_c9_the_evasions_of_suricata_verify_are_seen_through() {
    let counts = agree(include_bytes!("data/ip/suricata.pcap"), include_str!("data/ip/suricata.txt"));
    assert_eq!(counts, (130, 16));
}

#[test]
fn at_c9_fragments_and_chains_of_zeek_are_read_as_tshark_reads_them() {
    let counts = agree(include_bytes!("data/ip/zeek.pcap"), include_str!("data/ip/zeek.txt"));
    assert_eq!(counts, (62, 13));
}
