//! Prefixes, and the addresses from which a peer may send.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/build.rs"]
mod build;

use build::{chained, options, tcp, udp, v4, v6};
use dwcp_packet::{AllowedSources, PacketMetadata, Prefix, PrefixError, RefusedSource, TooManyPrefixes};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn list(prefixes: &[&str]) -> AllowedSources {
    AllowedSources::new(prefixes.iter().map(|text| text.parse().unwrap())).unwrap()
}

fn from(source: &str) -> PacketMetadata {
    let packet = match source.parse().unwrap() {
        IpAddr::V4(address) => {
            let mut packet = v4(17, &[], 0, &udp(0));
            packet[12..16].copy_from_slice(&address.octets());
            packet
        }
        IpAddr::V6(address) => {
            let mut packet = v6(17, &udp(0));
            packet[8..24].copy_from_slice(&address.octets());
            packet
        }
    };
    PacketMetadata::read(&packet).unwrap()
}

#[test]
fn hosts_are_in_or_out_at_the_border_of_the_prefix() {
    let cases = [
        ("10.0.0.0/8", "10.255.255.255", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("10.0.0.0/8", "9.255.255.255", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7/32", "192.0.2.6", false),
        ("192.0.2.6/31", "192.0.2.7", true),
        ("0.0.0.0/0", "203.0.113.1", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true),
        ("::/0", "::ffff:10.1.2.3", false),
        ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8::2/127", "2001:db8::3", true),
        ("2001:db8::1", "2001:db8::2", false),
    ];
    for (prefix, host, inside) in cases {
        let prefix: Prefix = prefix.parse().unwrap();
        assert_eq!(prefix.contains(host.parse().unwrap()), inside, "{host} in {prefix}");
        // The list agrees, but for addresses that are never a source.
        let permitted = list(&[&prefix.to_string()]).permit(&from(host)).is_ok();
        assert_eq!(permitted, inside && !host.contains("ffff:10"), "{host} in {prefix}");
    }
}

#[test]
fn texts_that_other_parsers_read_differently_are_refused() {
    for text in [
        "",
        "/",
        "10.0.0.0/",
        "/8",
        "10.0.0.0/33",
        "::/129",
        "010.0.0.0/8",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "10.0.0.0/00",
        "10/8",
        "0x0a.0.0.0/8",
        "167772160/8",
        "fe80::1%eth0",
        "fe80::%1/64",
        " 10.0.0.0/8",
        "10.0.0.0/8 ",
        "10.0.0.0/8/8",
        "2001:db8::/32\n",
        "localhost",
        "10.0.0.0/256",
        "10.0.0.0/-1",
        "[2001:db8::]/32",
    ] {
        assert_eq!(text.parse::<Prefix>(), Err(PrefixError::Malformed), "{text:?}");
    }
    let longest = "2001:0db8:0000:0000:0000:0000:192.168.100.100/128";
    assert_eq!(longest.parse::<Prefix>().unwrap().to_string(), "2001:db8::c0a8:6464/128");
    assert_eq!("1".repeat(1 << 16).parse::<Prefix>(), Err(PrefixError::Malformed));
    assert_eq!("10.0.0.1/8".parse::<Prefix>(), Err(PrefixError::HostBits));
    assert_eq!("0.0.0.1/0".parse::<Prefix>(), Err(PrefixError::HostBits));
    assert_eq!("2001:db8::1/64".parse::<Prefix>(), Err(PrefixError::HostBits));
    assert_eq!("::ffff:10.0.0.0/104".parse::<Prefix>(), Err(PrefixError::Mapped));
    for text in ["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0", "192.0.2.7/32"] {
        let prefix: Prefix = text.parse().unwrap();
        assert_eq!(prefix.to_string(), text);
        assert_eq!(Prefix::new(prefix.address(), prefix.length()), Ok(prefix));
    }
    assert_eq!("10.1.0.0/16".parse::<Prefix>().unwrap().length(), 16);
    for error in [PrefixError::Malformed, PrefixError::HostBits, PrefixError::Mapped] {
        assert!(error.to_string().len() > 20);
    }
}

#[test]
fn refusals_name_the_address_that_is_in_the_way() {
    let refused = |source: &str| list(&["10.0.0.0/8"]).permit(&from(source)).unwrap_err().to_string();
    assert_eq!(refused("192.0.2.9"), "192.0.2.9 is not an address of this peer");
    assert_eq!(refused("ff02::1"), "ff02::1 is never the source of a packet in a tunnel");
    assert_eq!(TooManyPrefixes.to_string(), "a peer has at most 1024 prefixes");
}

#[test]
fn a_peer_sends_from_its_own_addresses_alone() {
    let sources = list(&["10.1.0.0/16", "10.2.3.4", "2001:db8:1::/48"]);
    for (address, permitted) in [
        ("10.1.255.255", true),
        ("10.2.3.4", true),
        ("10.2.3.5", false),
        ("10.0.255.255", false),
        ("2001:db8:1:ffff::1", true),
        ("2001:db8:2::1", false),
    ] {
        let answer = sources.permit(&from(address));
        let address: IpAddr = address.parse().unwrap();
        match answer {
            Ok(proof) => assert!(permitted && proof.address() == address, "{address}"),
            Err(error) => assert!(!permitted && error == RefusedSource::NotAllowed(address), "{address}"),
        }
    }
    assert_eq!(
        AllowedSources::default().permit(&from("10.1.0.1")),
        Err(RefusedSource::NotAllowed("10.1.0.1".parse().unwrap())),
        "no prefix permits nothing"
    );
}

/// A narrow prefix inside a broad one must not shadow it, in whichever order they come.
#[test]
fn prefixes_inside_prefixes_permit_what_each_permits() {
    for prefixes in
        [["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32"], ["10.1.2.3/32", "10.1.0.0/16", "10.0.0.0/8"]]
    {
        let sources = list(&prefixes);
        for host in ["10.0.0.1", "10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.255.1", "10.255.255.254"] {
            assert!(sources.permit(&from(host)).is_ok(), "{host}");
        }
        assert!(sources.permit(&from("11.0.0.0")).is_err());
    }
}

#[test]
fn some_addresses_are_no_source_whatever_the_list_says() {
    let everything = list(&["0.0.0.0/0", "::/0"]);
    for never in [
        "0.0.0.0",
        "0.1.2.3",
        "0.255.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::127.0.0.1",
        "::255.255.255.255",
        "ff02::1",
        "ffff::",
        "::ffff:10.0.0.1",
        "::ffff:0.0.0.0",
    ] {
        let address = never.parse().unwrap();
        assert_eq!(everything.permit(&from(never)), Err(RefusedSource::Never(address)), "{never}");
    }
    for fine in [
        "1.0.0.0",
        "223.255.255.255",
        "240.0.0.1",
        "128.0.0.0",
        "fe80::1",
        "::1:0:0",
        "64:ff9b::1",
        "feff::1",
    ] {
        assert!(everything.permit(&from(fine)).is_ok(), "{fine}");
    }
}

#[test]
fn a_home_address_has_to_be_the_peers_too() {
    let mut home = vec![0xC9, 16];
    home.extend("2001:db8:9::9".parse::<Ipv6Addr>().unwrap().octets());
    let packet = PacketMetadata::read(&chained(&[options(60, &home)], 6, &tcp(0))).unwrap();
    let other = RefusedSource::NotAllowed("2001:db8:9::9".parse().unwrap());
    assert_eq!(list(&["2001:db8::/64"]).permit(&packet), Err(other));
    assert!(list(&["2001:db8::/64", "2001:db8:9::9"]).permit(&packet).is_ok());
}

#[test]
fn lists_are_bounded() {
    let host =
        |number: u32| Prefix::new(IpAddr::V4(Ipv4Addr::from_bits(number * 2 + (1 << 28))), 32).unwrap();
    let most = u32::try_from(AllowedSources::MAX).unwrap();
    let full = AllowedSources::new((0..most).map(host)).unwrap();
    for number in 0..most {
        let IpAddr::V4(address) = host(number).address() else { panic!() };
        assert!(full.permit(&from(&address.to_string())).is_ok());
        let neighbour = Ipv4Addr::from_bits(address.to_bits() + 1);
        assert!(full.permit(&from(&neighbour.to_string())).is_err());
    }
    // Endless input ends.
    assert_eq!(AllowedSources::new((0..).map(host)), Err(TooManyPrefixes));
}

#[test]
fn a_check_allocates_nothing() {
    let sources = list(&["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32", "2001:db9::/32"]);
    let packets = [v4(17, &[1; 4], 0, &udp(0)), chained(&[options(0, &[]), options(60, &[])], 6, &tcp(0))];
    let info = allocation_counter::measure(|| {
        for packet in &packets {
            let metadata = PacketMetadata::read(packet).unwrap();
            assert!(sources.permit(&metadata).is_ok());
        }
    });
    assert_eq!(info.count_total, 0);
}

fn prefix() -> impl Strategy<Value = Prefix> {
    // Few bits vary, so that prefixes meet.
    let v4 = (0u32..64, 24u8..=32).prop_map(|(bits, length)| {
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        Prefix::new(IpAddr::V4(Ipv4Addr::from_bits((0x0A00_0000 | bits) & mask)), length).unwrap()
    });
    let v6 = (0u128..64, 120u8..=128).prop_map(|(bits, length)| {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        Prefix::new(IpAddr::V6(Ipv6Addr::from_bits((0x2001 << 112 | bits) & mask)), length).unwrap()
    });
    prop_oneof![v4, v6]
}

proptest! {
    /// What a list permits is what one of its prefixes contains, address by address.
    #[test]
    fn a_list_permits_what_its_prefixes_contain(prefixes in proptest::collection::vec(prefix(), 0..12)) {
        let sources = AllowedSources::new(prefixes.iter().copied()).unwrap();
        for bits in 0..=300u32 {
            let v4 = IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 + bits));
            let v6 = IpAddr::V6(Ipv6Addr::from_bits((0x2001 << 112) + u128::from(bits)));
            for address in [v4, v6] {
                let expected = prefixes.iter().any(|prefix| prefix.contains(address));
                prop_assert_eq!(sources.permit(&from(&address.to_string())).is_ok(), expected, "{}", address);
            }
        }
    }
}
