//! Transport mode: which headers stay in front of ESP, and what they say afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/build.rs"]
mod build;

use build::{Header, authentication, chained, fragment, options, routing, tcp, udp, v4, v6};
use dwcp_packet::transport::{Split, TransportError, locate, split};
use dwcp_packet::{IpError, IpVersion, PacketMetadata};
use std::error::Error;

fn places(split: &Split) -> (usize, u8, usize) {
    (split.before(), split.protocol(), split.protocol_at())
}

#[test]
fn ipv4_is_split_behind_its_options() {
    for (at, options) in [(20, vec![]), (24, vec![1; 4]), (60, vec![1; 40])] {
        let found = split(&v4(6, &options, 0x4000, &tcp(9))).unwrap();
        assert_eq!(places(&found), (at, 6, 9));
        assert_eq!((found.version(), found.total_len()), (IpVersion::V4, at + 29));
    }
    // An authentication header is payload: it goes inside, and is not stepped over.
    let (_, mut header) = authentication(12);
    header[0] = 6;
    header.extend(tcp(0));
    assert_eq!(places(&split(&v4(51, &[], 0, &header)).unwrap()), (20, 51, 9));
}

#[test]
fn ipv6_is_split_behind_what_the_way_needs_to_see() {
    let hop = || options(0, &[]);
    let dest = || options(60, &[]);
    let route = || routing(2, 0, 1);
    let atomic = || fragment(0, false, 3);
    let auth = || authentication(12);
    let mobile = || (135, vec![0; 8]);
    // Kinds stand for themselves; the place is after the given number of headers.
    let cases: [(Vec<Header>, usize); 14] = [
        (vec![], 0),
        (vec![hop()], 1),
        (vec![dest()], 0),
        (vec![hop(), dest()], 1),
        (vec![dest(), route()], 2),
        (vec![route(), dest()], 1),
        (vec![hop(), dest(), route(), dest()], 3),
        (vec![hop(), dest(), route(), atomic(), dest()], 4),
        (vec![dest(), atomic()], 2),
        (vec![dest(), dest()], 0),
        (vec![auth()], 0),
        (vec![hop(), auth(), dest()], 1),
        (vec![auth(), route()], 0),
        (vec![route(), mobile()], 1),
    ];
    for (chain, stay) in cases {
        let packet = chained(&chain, 6, &tcp(1));
        let found = split(&packet).unwrap();
        let length = |count: usize| 40 + chain[..count].iter().map(|(_, header)| header.len()).sum::<usize>();
        let kinds: Vec<u8> = chain.iter().map(|(kind, _)| *kind).collect();
        let at = if stay == 0 { 6 } else { length(stay - 1) };
        assert_eq!(places(&found), (length(stay), kinds.get(stay).copied().unwrap_or(6), at), "{kinds:?}");
        assert_eq!(packet[found.protocol_at()], found.protocol());
    }
}

#[test]
fn what_was_sealed_behind_any_headers_is_found_again() {
    for chain in [
        vec![],
        vec![options(60, &[])],
        vec![options(0, &[]), options(60, &[]), routing(2, 0, 1), fragment(0, false, 1), options(60, &[])],
    ] {
        for protocol in [50, 17] {
            let packet = chained(&chain, protocol, &[9; 40]);
            let found = locate(&packet).unwrap();
            assert_eq!((found.before(), found.protocol()), (packet.len() - 40, protocol));
            assert_eq!(packet[found.protocol_at()], protocol);
        }
    }
    assert_eq!(places(&locate(&v4(50, &[1; 8], 0, &[0; 40])).unwrap()), (28, 50, 9));
}

#[test]
fn an_authentication_header_before_it_is_not_passed_over() {
    let (_, mut header) = authentication(12);
    header[0] = 50;
    header.extend([0; 40]);
    assert_eq!(locate(&v4(51, &[], 0, &header)), Err(TransportError::Authentication));
    for chain in [vec![authentication(12)], vec![options(0, &[]), authentication(12), options(60, &[])]] {
        assert_eq!(locate(&chained(&chain, 50, &[9; 40])), Err(TransportError::Authentication));
    }
}

#[test]
fn a_wrong_checksum_is_not_mended() {
    for (packet, way) in
        [(v4(6, &[], 0, &tcp(9)), split as fn(&[u8]) -> _), (v4(50, &[], 0, &[0; 40]), locate)]
    {
        assert!(way(&packet).is_ok());
        for bit in 0..16 {
            let mut wrong = packet.clone();
            wrong[10 + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(way(&wrong), Err(TransportError::Checksum));
        }
        assert!(TransportError::Checksum.to_string().contains("checksum"));
    }
}

#[test]
fn at_c9_pieces_of_packets_are_refused_and_whole_ones_are_not() {
    for place in [0x2000, 0x0002, 0x2002] {
        assert_eq!(split(&v4(17, &[], place, &udp(16))), Err(TransportError::Fragment));
        assert_eq!(locate(&v4(50, &[], place, &udp(16))), Err(TransportError::Fragment));
    }
    for (offset, more) in [(0, true), (16, false), (16, true)] {
        let packet = chained(&[fragment(offset, more, 1)], 17, &udp(16));
        assert_eq!(split(&packet), Err(TransportError::Fragment));
    }
    assert_eq!(split(&chained(&[fragment(0, false, 1)], 17, &udp(16))).unwrap().before(), 48);
    let nothing = split(&[]).unwrap_err();
    assert_eq!(nothing, TransportError::Packet(IpError::Truncated { claimed: 20, present: 0 }));
    assert_eq!(nothing.source().unwrap().to_string(), "0 bytes of a packet that claims 20");
    assert!(
        TransportError::Fragment.source().is_none()
            && TransportError::Fragment.to_string().contains("fragment")
    );
}

#[test]
fn headers_are_rewritten_and_come_back_as_they_were() {
    let all = [options(0, &[]), options(60, &[]), routing(2, 0, 1), fragment(0, false, 1), options(60, &[])];
    let packets = [
        v4(6, &[], 0x4000, &tcp(100)),
        v4(6, &[1; 12], 0, &tcp(0)),
        v6(6, &tcp(7)),
        chained(&all, 6, &tcp(3)),
    ];
    for packet in packets {
        let found = split(&packet).unwrap();
        let mut sealed = packet.clone();
        sealed.resize(packet.len() + 37, 0xEE);
        let length = sealed.len();
        found.rewrite(&mut sealed, 50, length).unwrap();
        let outer = PacketMetadata::read(&sealed).unwrap();
        assert_eq!((outer.protocol, outer.header_len), (50, found.before()));
        assert_eq!((outer.total_len, outer.trailing, outer.header_intact), (length, 0, true));

        let back = locate(&sealed).unwrap();
        assert_eq!((back.before(), back.protocol_at()), (found.before(), found.protocol_at()));
        sealed.truncate(packet.len());
        back.rewrite(&mut sealed, found.protocol(), packet.len()).unwrap();
        assert_eq!(sealed, packet);
    }
}

#[test]
fn a_length_that_no_header_can_tell_changes_nothing() {
    for (packet, most) in [(v4(6, &[1; 4], 0, &tcp(0)), 65_535), (v6(6, &tcp(0)), 65_575)] {
        let found = split(&packet).unwrap();
        for wrong in [0, 19, 23, most + 1, usize::MAX] {
            let mut head = packet.clone();
            assert_eq!(found.rewrite(&mut head, 50, wrong), Err(TransportError::Length), "{wrong}");
            assert_eq!(head, packet);
        }
        let mut head = packet.clone();
        found.rewrite(&mut head, 50, most).unwrap();
        for short in 0..found.before() {
            assert_eq!(found.rewrite(&mut packet.clone()[..short], 50, 100), Err(TransportError::Length));
        }
    }
    // Forty bytes of IPv6 announce nothing but nothing.
    let found = split(&v6(59, &[])).unwrap();
    assert_eq!(found.rewrite(&mut v6(59, &[]), 6, 40), Err(TransportError::Length));
    assert_eq!(found.rewrite(&mut v6(59, &[]), 59, 40), Ok(()));
}

/// A header of RFC 1071's kind whose checksum is printed in textbooks: 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7.
#[test]
fn the_checksum_of_a_known_header_is_found() {
    let known =
        [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
    let mut packet = known.to_vec();
    packet.resize(0x73, 0);
    let found = split(&packet).unwrap();
    packet[10..12].copy_from_slice(&[0xFF, 0xFF]);
    found.rewrite(&mut packet, 50, 0x99).unwrap();
    assert_ne!(packet[..20], known);
    found.rewrite(&mut packet, 17, 0x73).unwrap();
    assert_eq!(packet[..20], known);
}
