//! Whatever the bytes: no panic, no trust, the same answer from the same packet.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/build.rs"]
mod build;
#[path = "support/invariants.rs"]
mod invariants;
#[path = "support/pcap.rs"]
mod pcap;

use build::{Header, authentication, chained, fragment, options, routing, tcp, udp, v4, v6};
use dwcp_packet::{IpError, PacketMetadata};
use invariants::hold;
use proptest::prelude::*;

const CAPTURES: [&[u8]; 2] = [include_bytes!("data/ip/suricata.pcap"), include_bytes!("data/ip/zeek.pcap")];

/// All 65 536 beginnings, each in front of what follows in good packets and of nothing but one value.
#[test]
fn at_c9_every_beginning_of_two_bytes_is_judged() {
    let bodies = [
        v4(6, &[], 0, &tcp(44)),
        v4(17, &[1; 24], 0x2000, &udp(32)),
        v6(6, &tcp(44)),
        chained(&[options(0, &[]), fragment(0, true, 1)], 17, &udp(8)),
        vec![0; 100],
        vec![0xFF; 100],
        vec![0x60; 2],
        vec![0x45; 20],
    ];
    let mut packets = 0;
    for body in bodies {
        let mut bytes = body.clone();
        for start in 0..=u16::MAX {
            bytes[..2].copy_from_slice(&start.to_be_bytes());
            packets += u32::from(hold(&bytes));
            match bytes[0] >> 4 {
                4 | 6 => {}
                version => assert_eq!(PacketMetadata::read(&bytes), Err(IpError::Version(version))),
            }
        }
    }
    // With any of 256 second bytes: 16 beginnings of each IPv6 packet, that of the first IPv4 packet, and in the second, where
    // options are of one byte, the six header lengths that leave a multiple of eight to the fragment.
    assert_eq!(packets, 256 * (2 * 16 + 1 + 6));
}

/// Every next header with every length of its header, at the start of a chain and behind a fragment header.
#[test]
fn at_c9_every_extension_header_of_every_length_is_judged() {
    let mut packets = 0;
    for kind in 0..=u8::MAX {
        for units in 0..=u8::MAX {
            let mut body = vec![17, units, 0, 0];
            body.resize(300, 0);
            packets += u32::from(hold(&v6(kind, &body)));
            packets += u32::from(hold(&chained(&[fragment(0, true, 1)], kind, &body[..296])));
            packets += u32::from(hold(&v4(kind, &[], 0, &body)));
        }
    }
    // Few of 196 608 are refused: lengths beyond the end, and hop-by-hop options or fragments out of place.
    assert!((180_000..196_608).contains(&packets), "{packets}");
}

/// Every byte of real packets set to every value.
#[test]
fn at_c9_every_byte_of_every_captured_header_may_lie() {
    let (mut tried, mut packets) = (0u32, 0u32);
    for packet in CAPTURES.iter().flat_map(|capture| pcap::packets(capture)) {
        let mut bytes = packet.to_vec();
        for at in 0..packet.len().min(64) {
            for value in 0..=u8::MAX {
                bytes[at] = value;
                tried += 1;
                packets += u32::from(hold(&bytes));
            }
            bytes[at] = packet[at];
        }
    }
    assert!(packets > tried / 2 && packets < tried, "{packets} of {tried}");
}

fn header() -> impl Strategy<Value = Header> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| options(60, &bytes)),
        Just(options(0, &[5, 2, 0, 0])),
        (0u8..5, 0u8..3, 0u8..4).prop_map(|(kind, left, addresses)| routing(kind, left, addresses)),
        (0u16..8_192, any::<bool>(), any::<u32>()).prop_map(|(place, more, id)| fragment(
            place << 3,
            more,
            id
        )),
        (0usize..5).prop_map(|words| authentication(words * 4)),
        any::<(u8, [u8; 8])>().prop_map(|(kind, bytes)| (kind, bytes.to_vec())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_bytes_are_judged(
        first in prop_oneof![0x45u8..=0x47, Just(0x60), any::<u8>()],
        mut bytes in proptest::collection::vec(any::<u8>(), 1..200),
    ) {
        bytes[0] = first;
        // Lengths that do not lie, for half of them.
        if bytes.len() > 40 && bytes[1] & 1 == 0 {
            let length = u8::try_from(if first >> 4 == 4 { bytes.len() } else { bytes.len() - 40 }).unwrap();
            let at = if first >> 4 == 4 { 2 } else { 4 };
            bytes[at..at + 2].copy_from_slice(&[0, length]);
        }
        hold(&bytes);
    }

    #[test]
    fn any_chain_is_judged(
        headers in proptest::collection::vec(header(), 0..10),
        protocol: u8,
        payload in proptest::collection::vec(any::<u8>(), 0..64),
        trailing in 0usize..40,
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 1u8..), 0..4),
    ) {
        let mut bytes = chained(&headers, protocol, &payload);
        bytes.resize(bytes.len() + trailing, 0xA5);
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        hold(&bytes);
    }

    #[test]
    fn any_ipv4_header_is_judged(
        protocol: u8,
        words in proptest::collection::vec(any::<u32>(), 0..=10),
        place: u16,
        payload in proptest::collection::vec(any::<u8>(), 0..64),
        cut in 0usize..30,
    ) {
        let options: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let bytes = v4(protocol, &options, place, &payload);
        hold(&bytes);
        hold(&bytes[..bytes.len().saturating_sub(cut)]);
    }
}
