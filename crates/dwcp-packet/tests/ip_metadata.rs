//! What is read out of IP headers, and which lies are seen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/build.rs"]
mod build;

use build::{authentication, chained, fragment, options, routing, tcp, udp, v4, v6};
use dwcp_packet::{Fragment, IpError, IpVersion, MAX_EXTENSION_BYTES, MAX_EXTENSION_HEADERS, PacketMetadata};

fn read(packet: &[u8]) -> PacketMetadata {
    PacketMetadata::read(packet).unwrap()
}

fn refused(packet: &[u8]) -> IpError {
    PacketMetadata::read(packet).unwrap_err()
}

#[test]
fn an_ipv4_packet_is_read_whole() {
    let mut packet = v4(6, &[], 0x4000, &tcp(5));
    packet[1] = 0xB9;
    let metadata = read(&packet);
    assert_eq!(metadata.version, IpVersion::V4);
    assert_eq!(metadata.source.to_string(), "192.0.2.1");
    assert_eq!(metadata.destination.to_string(), "198.51.100.2");
    assert_eq!(
        (metadata.protocol, metadata.header_len, metadata.total_len, metadata.trailing),
        (6, 20, 45, 0)
    );
    assert_eq!((metadata.dscp(), metadata.ecn(), metadata.hop_limit), (46, 1, 64));
    assert_eq!((metadata.ports, metadata.icmp, metadata.fragment), (Some((4660, 443)), None, None));
    assert!(metadata.dont_fragment && metadata.is_whole() && !metadata.routed);
    assert!(!metadata.header_intact, "the type of service was changed behind the checksum");
    assert!(read(&v4(6, &[], 0x4000, &tcp(5))).header_intact);
}

#[test]
fn an_ipv6_packet_is_read_whole() {
    let metadata = read(&v6(17, &udp(3)));
    assert_eq!(metadata.version, IpVersion::V6);
    assert_eq!(metadata.source.to_string(), "2001:db8::1");
    assert_eq!(metadata.destination.to_string(), "2001:db8::2");
    assert_eq!(
        (metadata.protocol, metadata.header_len, metadata.total_len, metadata.trailing),
        (17, 40, 51, 0)
    );
    assert_eq!((metadata.traffic_class, metadata.flow_label, metadata.hop_limit), (0xB9, 0x54321, 61));
    assert_eq!((metadata.ports, metadata.extension_headers), (Some((53, 4500)), 0));
    assert!(metadata.dont_fragment && metadata.header_intact);
}

#[test]
fn ports_and_icmp_types_are_read_where_the_header_is_whole() {
    for (protocol, least) in [(6, 20), (17, 8), (33, 12), (132, 12), (136, 8)] {
        let payload = |length| vec![0x12; length];
        assert_eq!(read(&v4(protocol, &[], 0, &payload(least))).ports, Some((0x1212, 0x1212)), "{protocol}");
        assert_eq!(read(&v6(protocol, &payload(least))).ports, Some((0x1212, 0x1212)), "{protocol}");
        assert_eq!(read(&v4(protocol, &[], 0, &payload(least - 1))).ports, None, "{protocol}");
        assert_eq!(read(&v6(protocol, &payload(least - 1))).ports, None, "{protocol}");
    }
    assert_eq!(read(&v4(1, &[], 0, &[3, 4, 0, 0, 0, 0, 0, 0])).icmp, Some((3, 4)));
    assert_eq!(read(&v6(58, &[2, 0, 0, 0, 0, 0, 5, 0])).icmp, Some((2, 0)));
    assert_eq!(read(&v6(58, &[2, 0, 0])).icmp, None);
    assert_eq!(read(&v4(47, &[], 0, &[0; 30])).ports, None);
}

#[test]
fn at_c9_header_lengths_that_lie_are_refused() {
    let honest = v4(17, &[1; 8], 0, &udp(4));
    assert_eq!(read(&honest).header_len, 28);
    for ihl in 0..16u8 {
        let mut packet = honest.clone();
        packet[0] = 0x40 | ihl;
        let length = usize::from(ihl) * 4;
        let answer = PacketMetadata::read(&packet);
        match ihl {
            0..5 => assert_eq!(answer, Err(IpError::HeaderLength(length))),
            // 28 bytes of header and 12 of payload: 40 is the whole packet.
            5..=10 => assert!(answer.is_ok_and(|metadata| metadata.header_len == length), "{ihl}"),
            _ => assert_eq!(answer, Err(IpError::TotalLength(40)), "{ihl}"),
        }
    }
    // Longer than what is there, and covered by a total length that lies too.
    let mut packet = v4(17, &[], 0, &[]);
    (packet[0], packet[3]) = (0x4F, 60);
    assert_eq!(refused(&packet), IpError::Truncated { claimed: 60, present: 20 });
}

#[test]
fn at_c9_total_lengths_that_lie_are_refused_or_cut() {
    let honest = v4(17, &[], 0, &udp(12));
    for claimed in 0..=65_535u16 {
        let mut packet = honest.clone();
        packet[2..4].copy_from_slice(&claimed.to_be_bytes());
        let claimed = usize::from(claimed);
        match PacketMetadata::read(&packet) {
            Ok(metadata) => {
                assert!((20..=40).contains(&claimed));
                assert_eq!((metadata.total_len, metadata.trailing), (claimed, 40 - claimed));
                // What is behind the packet's end is not taken for its ports.
                assert_eq!(metadata.ports.is_some(), claimed >= 28);
            }
            Err(error) if claimed < 20 => assert_eq!(error, IpError::TotalLength(claimed)),
            Err(error) => assert_eq!(error, IpError::Truncated { claimed, present: 40 }),
        }
    }
    let honest = v6(17, &udp(12));
    for claimed in 1..=65_535u16 {
        let mut packet = honest.clone();
        packet[4..6].copy_from_slice(&claimed.to_be_bytes());
        let claimed = usize::from(claimed);
        match PacketMetadata::read(&packet) {
            Ok(metadata) => assert_eq!((metadata.total_len, metadata.trailing), (40 + claimed, 20 - claimed)),
            Err(error) => assert_eq!(error, IpError::Truncated { claimed: 40 + claimed, present: 60 }),
        }
    }
}

#[test]
fn every_cut_of_a_packet_is_refused() {
    let chain =
        [options(0, &[]), options(60, &[]), routing(2, 0, 1), fragment(0, false, 9), authentication(12)];
    for packet in [v4(6, &[1; 12], 0, &tcp(9)), v6(6, &tcp(9)), chained(&chain, 6, &tcp(9))] {
        assert!(PacketMetadata::read(&packet).is_ok());
        for length in 0..packet.len() {
            assert!(
                matches!(refused(&packet[..length]), IpError::Truncated { present, .. } if present == length)
            );
        }
    }
}

#[test]
fn trailing_bytes_are_reported() {
    for mut packet in [v4(17, &[], 0, &udp(0)), v6(17, &udp(0))] {
        let total_len = packet.len();
        packet.resize(total_len + 700, 0xFF);
        let metadata = read(&packet);
        assert_eq!((metadata.total_len, metadata.trailing), (total_len, 700));
    }
}

#[test]
fn at_c9_extension_headers_do_not_hide_the_protocol() {
    let all = [
        options(0, &[5, 2, 0, 0]),
        options(60, &[]),
        routing(0, 1, 2),
        fragment(0, false, 77),
        authentication(12),
        options(
            60,
            &[
                0x1E, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0,
            ],
        ),
        (135, vec![0; 8]),
    ];
    // Each alone, and each tail of the chain.
    for from in 0..all.len() {
        for chain in [&all[from..=from], &all[from..]] {
            let metadata = read(&chained(chain, 6, &tcp(0)));
            assert_eq!((metadata.protocol, metadata.ports), (6, Some((4660, 443))));
            let bytes: usize = chain.iter().map(|(_, header)| header.len()).sum();
            assert_eq!(
                (metadata.header_len, usize::from(metadata.extension_headers)),
                (40 + bytes, chain.len())
            );
            assert_eq!(metadata.routed, chain.iter().any(|(kind, _)| *kind == 43));
        }
    }
    // An authentication header hides it in IPv4 no more than in IPv6.
    let (_, mut header) = authentication(16);
    header[0] = 17;
    header.extend(udp(0));
    let metadata = read(&v4(51, &[], 0, &header));
    assert_eq!((metadata.protocol, metadata.header_len, metadata.ports), (17, 48, Some((53, 4500))));
}

#[test]
fn a_chain_ends_at_esp_at_nothing_and_at_what_has_no_length() {
    for protocol in [50, 59, 253, 254] {
        let metadata = read(&chained(&[options(60, &[])], protocol, &tcp(0)));
        assert_eq!((metadata.protocol, metadata.header_len, metadata.ports), (protocol, 48, None));
    }
    assert_eq!(read(&v6(59, &[])).total_len, 40, "no next header and no payload is a packet");
    // A binding update, a host identity or a shim message is itself the upper layer.
    for kind in [135, 139, 140] {
        let metadata = read(&v6(kind, &[59, 0, 5, 0, 0, 0, 0, 0]));
        assert_eq!((metadata.protocol, metadata.header_len), (kind, 40));
    }
}

#[test]
fn at_c9_chains_are_bounded_in_headers_and_bytes() {
    let most = usize::from(MAX_EXTENSION_HEADERS);
    let chain = vec![options(60, &[]); most + 1];
    assert_eq!(read(&chained(&chain[..most], 6, &tcp(0))).protocol, 6);
    assert_eq!(refused(&chained(&chain, 6, &tcp(0))), IpError::ExtensionChain);

    let long = |bytes: usize| options(60, &vec![0; bytes - 2]);
    assert_eq!(read(&chained(&[long(MAX_EXTENSION_BYTES)], 6, &tcp(0))).header_len, 40 + MAX_EXTENSION_BYTES);
    assert_eq!(refused(&chained(&[long(MAX_EXTENSION_BYTES + 8)], 6, &tcp(0))), IpError::ExtensionChain);
    let two = [long(MAX_EXTENSION_BYTES - 8), options(60, &[]), options(60, &[])];
    assert_eq!(refused(&chained(&two, 6, &tcp(0))), IpError::ExtensionChain);
}

#[test]
fn at_c9_headers_out_of_place_or_beyond_the_end_are_refused() {
    let hop = options(0, &[]);
    assert_eq!(refused(&chained(&[options(60, &[]), hop.clone()], 6, &tcp(0))), IpError::ExtensionOrder(0));
    assert_eq!(refused(&chained(&[hop.clone(), hop], 6, &tcp(0))), IpError::ExtensionOrder(0));
    let nested = [fragment(0, false, 1), fragment(64, true, 1)];
    assert_eq!(refused(&chained(&nested, 6, &tcp(0))), IpError::ExtensionOrder(44));
    for (kind, units) in [(0, 1), (43, 200), (60, 1), (60, 40), (51, 20), (139, 3)] {
        let packet = v6(kind, &[6, units, 0, 0, 0, 0, 0, 0]);
        assert_eq!(refused(&packet), IpError::ExtensionLength(kind));
    }
    // RFC 4302 §2.2: twelve bytes are the least.
    assert_eq!(read(&chained(&[authentication(0)], 6, &tcp(0))).header_len, 52);
    assert_eq!(refused(&v6(51, &[6, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1])), IpError::ExtensionLength(51));
    for length in 1..8 {
        for kind in [0, 43, 44, 51, 60, 135] {
            assert_eq!(refused(&v6(kind, &vec![0; length])), IpError::ExtensionLength(kind));
        }
    }
}

#[test]
fn at_c9_jumbograms_are_refused_for_what_they_are() {
    let jumbo = options(0, &[0xC2, 4, 0, 1, 0, 0]);
    let mut packet = chained(std::slice::from_ref(&jumbo), 17, &udp(64));
    assert_eq!(refused(&packet), IpError::JumboPayload, "a jumbo option beside a payload length");
    packet[4..6].copy_from_slice(&[0, 0]);
    assert_eq!(refused(&packet), IpError::JumboPayload);
    // Zero without the option is a lie, whatever follows or does not.
    for mut packet in
        [chained(&[options(0, &[])], 17, &udp(64)), v6(17, &udp(64)), v6(44, &[0; 8]), v6(6, &[])]
    {
        packet[4..6].copy_from_slice(&[0, 0]);
        assert_eq!(refused(&packet), IpError::TotalLength(40));
    }
    let mut cut = v6(0, &[]);
    assert_eq!(refused(&cut), IpError::TotalLength(40));
    cut.extend([17, 9, 0xC2, 4]);
    assert_eq!(refused(&cut), IpError::TotalLength(40));
}

#[test]
fn at_c9_atomic_fragments_are_whole_packets() {
    let metadata = read(&chained(&[fragment(0, false, 0xDEAD_BEEF)], 17, &udp(1)));
    assert_eq!(metadata.fragment, Some(Fragment { offset: 0, more: false, id: 0xDEAD_BEEF }));
    assert!(metadata.is_whole());
    assert_eq!((metadata.protocol, metadata.ports), (17, Some((53, 4500))));
    assert_eq!(metadata.upper_layer(), Some(17));
}

#[test]
fn a_route_chosen_by_the_sender_and_a_home_address_are_told() {
    for (kind, routed) in [(131, true), (137, true), (7, false), (68, false)] {
        assert_eq!(read(&v4(17, &[1, kind, 7, 4, 10, 0, 0, 1], 0, &udp(0))).routed, routed, "{kind}");
    }
    assert!(!read(&chained(&[routing(4, 0, 1)], 6, &tcp(0))).routed, "no segment is left");
    let mut home = vec![0xC9, 16];
    home.extend([0x20, 1, 0xd, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    let metadata = read(&chained(&[options(60, &home)], 6, &tcp(0)));
    assert_eq!(metadata.home_address, Some("2001:db8:9::9".parse().unwrap()));
    let twice = [home.clone(), home.clone()].concat();
    assert_eq!(refused(&chained(&[options(60, &twice)], 6, &tcp(0))), IpError::Options);
    let apart = [options(60, &home), routing(2, 0, 1), options(60, &home)];
    assert_eq!(refused(&chained(&apart, 6, &tcp(0))), IpError::Options);
    home[1] = 15;
    assert_eq!(refused(&chained(&[options(60, &home)], 6, &tcp(0))), IpError::Options);
}

#[test]
fn at_c9_options_that_reach_past_their_header_are_refused() {
    for bad in [[7, 5, 4, 0], [1, 1, 1, 7], [1, 1, 7, 0], [1, 1, 7, 1], [131, 255, 4, 0]] {
        assert_eq!(refused(&v4(17, &bad, 0, &udp(8))), IpError::Options, "{bad:?}");
    }
    assert!(
        PacketMetadata::read(&v4(17, &[0, 7, 200, 9], 0, &udp(8))).is_ok(),
        "the end of the list is its end"
    );
    for kind in [0, 60] {
        for bad in [[1, 5, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [0x3E, 255, 0, 0, 0, 0]] {
            let mut header = vec![6, 0];
            header.extend(bad);
            header.extend(tcp(0));
            assert_eq!(refused(&v6(kind, &header)), IpError::Options, "{bad:?}");
        }
    }
}
