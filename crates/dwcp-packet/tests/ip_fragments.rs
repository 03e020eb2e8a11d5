//! Fragments: what one alone shows, and what it may not hide.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/build.rs"]
mod build;

use build::{authentication, chained, fragment, options, routing, tcp, udp, v4, v6};
use dwcp_packet::{Fit, Fragment, IpError, PacketMetadata};

fn read(packet: &[u8]) -> PacketMetadata {
    PacketMetadata::read(packet).unwrap()
}

fn refused(packet: &[u8]) -> IpError {
    PacketMetadata::read(packet).unwrap_err()
}

#[test]
fn at_c9_ports_come_from_first_fragments_alone() {
    let first = read(&v4(17, &[], 0x2000, &udp(8)));
    assert_eq!(first.fragment, Some(Fragment { offset: 0, more: true, id: 0x1234 }));
    assert_eq!((first.ports, first.upper_layer()), (Some((53, 4500)), Some(17)));
    // The bytes are the same; at another place they are data.
    for place in [0x2001, 0x0001, 0x0100, 0x2100] {
        let later = read(&v4(17, &[], place, &udp(8)));
        assert_eq!((later.ports, later.upper_layer(), later.protocol), (None, None, 17));
        assert!(!later.is_whole());
    }
    let first = read(&chained(&[options(0, &[]), fragment(0, true, 99)], 17, &udp(8)));
    assert_eq!((first.ports, first.upper_layer(), first.header_len), (Some((53, 4500)), Some(17), 56));
    for (offset, more) in [(8, true), (8, false), (1_280, true)] {
        let later = read(&chained(&[options(0, &[]), fragment(offset, more, 99)], 17, &udp(8)));
        assert_eq!(later.fragment, Some(Fragment { offset, more, id: 99 }));
        assert_eq!((later.ports, later.icmp, later.upper_layer(), later.header_len), (None, None, None, 56));
    }
}

/// Later fragments start with data: what looks like a header there is not walked, whatever their header claims.
#[test]
fn at_c9_a_later_fragments_claim_is_not_believed() {
    for claim in [0, 43, 44, 51, 60, 135] {
        let later = read(&chained(&[fragment(16, true, 1)], claim, &[0xFF; 16]));
        assert_eq!((later.protocol, later.upper_layer(), later.header_len), (claim, None, 48));
        assert_eq!(later.extension_headers, 1);
    }
}

/// Two pieces that overlap are each well formed: one packet alone can not know. What it can know is told, so that whoever
/// reassembles can drop both (RFC 5722 §4).
#[test]
fn at_c9_overlapping_fragments_show_their_ranges() {
    let range = |packet: &[u8]| {
        let metadata = read(packet);
        let offset = usize::from(metadata.fragment.unwrap().offset);
        (metadata.fragment.unwrap().id, offset..offset + metadata.total_len - metadata.header_len)
    };
    let one = range(&chained(&[fragment(0, true, 7)], 17, &udp(24)));
    let two = range(&chained(&[fragment(24, false, 7)], 17, &[0; 10]));
    assert_eq!((one, two), ((7, 0..32), (7, 24..34)));
    let (one, two) = (range(&v4(17, &[], 0x2000, &udp(24))), range(&v4(17, &[1; 4], 3, &[0; 10])));
    assert_eq!((one, two), ((0x1234, 0..32), (0x1234, 24..34)));
}

#[test]
fn at_c9_fragments_that_fit_no_packet_are_refused() {
    let wrong = |offset, length| IpError::FragmentLength { offset, length };
    for length in 9..16 {
        assert_eq!(refused(&v4(17, &[], 0x2001, &vec![0; length])), wrong(8, length));
        assert_eq!(refused(&chained(&[fragment(8, true, 1)], 17, &vec![0; length])), wrong(8, length));
        assert!(PacketMetadata::read(&chained(&[fragment(8, false, 1)], 17, &vec![0; length])).is_ok());
    }
    // Nothing at all is no piece of anything.
    assert_eq!(refused(&v4(17, &[], 0x2000, &[])), wrong(0, 0));
    assert_eq!(refused(&v4(17, &[], 0x0009, &[])), wrong(72, 0));
    assert_eq!(refused(&chained(&[fragment(8, true, 1)], 17, &[])), wrong(8, 0));
    // The last place there is; one byte more would make a packet of 65 536 bytes.
    assert!(PacketMetadata::read(&v4(17, &[], 0x1FFD, &[0; 3])).is_ok());
    assert_eq!(refused(&v4(17, &[], 0x1FFD, &[0; 4])), wrong(65_512, 4));
    assert_eq!(refused(&v4(17, &[1; 4], 0x1FFD, &[0; 3])), wrong(65_512, 3));
    assert!(PacketMetadata::read(&chained(&[fragment(65_528, false, 1)], 17, &[0; 7])).is_ok());
    assert_eq!(refused(&chained(&[fragment(65_528, false, 1)], 17, &[0; 8])), wrong(65_528, 8));
    let route = chained(&[routing(2, 0, 0), fragment(65_528, false, 1)], 17, &[0; 1]);
    assert_eq!(refused(&route), wrong(65_528, 1), "headers in front of the fragment header count too");
}

/// RFC 1858 and RFC 3128: a header cut in two, and a piece made to overwrite its second half.
#[test]
fn at_c9_tiny_fragments_are_refused() {
    for length in [8, 16] {
        assert_eq!(refused(&v4(6, &[], 0x2000, &tcp(0)[..length])), IpError::FirstFragment);
        assert_eq!(refused(&chained(&[fragment(0, true, 1)], 6, &tcp(0)[..length])), IpError::FirstFragment);
    }
    assert_eq!(read(&v4(6, &[], 0x2000, &tcp(4))).ports, Some((4660, 443)));
    // What each protocol needs, to the byte, where pieces are multiples of eight.
    for (protocol, least) in
        [(4, 24), (41, 40), (33, 16), (132, 16), (17, 8), (136, 8), (1, 8), (58, 8), (50, 8), (47, 8)]
    {
        for length in (8..=40).step_by(8) {
            let first = chained(&[fragment(0, true, 1)], protocol, &vec![0; length]);
            let answer = PacketMetadata::read(&first).err();
            assert_eq!(answer, (length < least).then_some(IpError::FirstFragment), "{protocol}: {length}");
        }
    }
    for place in [0x2001, 0x0001] {
        assert_eq!(refused(&v4(6, &[], place, &tcp(4))), IpError::TinyFragment);
    }
    assert_eq!(refused(&chained(&[fragment(8, false, 1)], 6, &tcp(4))), IpError::TinyFragment);
    assert!(PacketMetadata::read(&v4(6, &[], 0x0003, &tcp(4))).is_ok());
}

/// RFC 8200 §4.5: eight bytes, whatever stands in the reserved one, which elsewhere is the length.
#[test]
fn at_c9_a_fragment_headers_reserved_byte_is_no_length() {
    for reserved in [1, 7, 255] {
        let (kind, mut header) = fragment(0, false, 1);
        header[1] = reserved;
        let metadata = read(&chained(&[(kind, header)], 17, &udp(64)));
        assert_eq!((metadata.header_len, metadata.ports), (48, Some((53, 4500))));
    }
}

/// RFC 7112: the whole chain is in the first fragment, or nobody can judge any of them.
#[test]
fn at_c9_a_first_fragment_holds_the_whole_chain() {
    let chain = [options(0, &[]), fragment(0, true, 5), options(60, &[0; 14]), authentication(12)];
    let packet = chained(&chain, 6, &tcp(4));
    assert_eq!(read(&packet).ports, Some((4660, 443)));
    let fragment_end = 40 + 8 + 8;
    for cut in (fragment_end + 8..packet.len()).step_by(8) {
        let mut cut_off = packet[..cut].to_vec();
        cut_off[4..6].copy_from_slice(&u16::try_from(cut - 40).unwrap().to_be_bytes());
        assert_eq!(refused(&cut_off), IpError::FirstFragment, "{cut}");
    }
    // A chain may end in nothing at all (RFC 8200 §4.7), and is whole then.
    let empty = read(&chained(&[fragment(0, true, 5), options(60, &[])], 59, &[]));
    assert_eq!((empty.protocol, empty.header_len, empty.total_len), (59, 56, 56));
    // Without a fragment header the same cut is a header that reaches past the end.
    assert_eq!(refused(&v6(60, &[6, 2, 0, 0, 0, 0, 0, 0])), IpError::ExtensionLength(60));
    // In IPv4 an authentication header can be cut as well.
    let (_, mut header) = authentication(20);
    header[0] = 6;
    assert_eq!(refused(&v4(51, &[], 0x2000, &header[..24])), IpError::FirstFragment);
}

/// RFC 6946: an atomic fragment is judged as the whole packet it is, by none of the rules for pieces.
#[test]
fn at_c9_atomic_fragments_are_under_no_rule_for_pieces() {
    for length in [0, 1, 7, 19] {
        let metadata = read(&chained(&[fragment(0, false, 1)], 6, &vec![0; length]));
        assert!(metadata.is_whole());
        assert_eq!((metadata.ports, metadata.upper_layer()), (None, Some(6)));
    }
    assert!(Fragment { offset: 0, more: false, id: 1 }.is_atomic());
    assert!(!Fragment { offset: 0, more: true, id: 1 }.is_atomic());
    assert!(!Fragment { offset: 8, more: false, id: 1 }.is_atomic());
}

#[test]
fn at_c10_what_does_not_fit_the_path_is_cut_told_or_carried() {
    let (free, fixed) = (read(&v4(17, &[], 0, &udp(1_400))), read(&v4(17, &[], 0x4000, &udp(1_400))));
    assert_eq!((free.fit(1_428), fixed.fit(1_428)), (Fit::Whole, Fit::Whole));
    assert_eq!((free.fit(1_427), fixed.fit(1_427)), (Fit::Fragment, Fit::TooBig { mtu: 1_427 }));
    let large = read(&v6(17, &udp(1_400)));
    assert_eq!(large.fit(1_448), Fit::Whole);
    assert_eq!(large.fit(1_400), Fit::TooBig { mtu: 1_400 });
    // RFC 8200 §5: nobody can be told less than 1 280.
    assert_eq!(large.fit(1_000), Fit::TooBig { mtu: 1_280 });
    assert_eq!(read(&v6(17, &udp(1_232))).fit(1_000), Fit::FragmentOutside);
    assert_eq!(read(&v6(17, &udp(1_233))).fit(1_000), Fit::TooBig { mtu: 1_280 });
    // Bytes behind the packet are not part of it.
    let mut padded = v4(17, &[], 0x4000, &udp(0));
    padded.resize(1_500, 0);
    assert_eq!(read(&padded).fit(28), Fit::Whole);
}

#[test]
fn at_c10_no_error_answers_an_error_a_later_fragment_or_a_crowd() {
    let answerable = |packet: &[u8]| read(packet).is_answerable();
    assert!(answerable(&v4(17, &[], 0, &udp(0))) && answerable(&v6(6, &tcp(0))));
    assert!(answerable(&v4(17, &[], 0x2000, &udp(0))));
    assert!(!answerable(&v4(17, &[], 0x2003, &udp(0))));
    assert!(!answerable(&chained(&[fragment(24, false, 1)], 17, &udp(0))));
    for (kind, answers) in
        [(0, true), (3, false), (5, false), (8, true), (11, false), (12, false), (42, false)]
    {
        assert_eq!(answerable(&v4(1, &[], 0, &[kind, 0, 0, 0, 0, 0, 0, 0])), answers, "ICMP {kind}");
    }
    for (kind, answers) in [(1, false), (2, false), (127, false), (128, true), (135, true)] {
        assert_eq!(answerable(&v6(58, &[kind, 0, 0, 0, 0, 0, 0, 0])), answers, "ICMPv6 {kind}");
    }
    assert!(
        !answerable(&v4(1, &[], 0, &[8])) && !answerable(&v6(58, &[128])),
        "a type that can not be trusted"
    );
    for source in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4]] {
        let mut packet = v4(17, &[], 0, &udp(0));
        packet[12..16].copy_from_slice(&source);
        assert!(!answerable(&packet), "{source:?}");
    }
    let mut packet = v4(17, &[], 0, &udp(0));
    packet[16..20].copy_from_slice(&[224, 0, 0, 1]);
    assert!(!answerable(&packet));
    // RFC 4443 §2.4 (e.3): "too big" is the one error that may answer a packet to a group.
    let mut packet = v6(17, &udp(0));
    packet[24] = 0xFF;
    assert!(answerable(&packet));
    packet[8] = 0xFF;
    assert!(!answerable(&packet));
}
