//! Captures of every kind that is read, and of people who want us to stumble.

use super::{CaptureError, Frame, Link, MOST_INTERFACES, frames, ip_within, is_capture};
use proptest::prelude::*;

/// A header and frames of this link type, in either byte order.
fn pcap(magic: u32, big: bool, link: u32, packets: &[&[u8]]) -> Vec<u8> {
    let u32 = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let u16 = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes = [u32(magic).as_slice(), &u16(2), &u16(4), &[0; 8], &u32(65_535), &u32(link)].concat();
    for packet in packets {
        let length = u32(u32::try_from(packet.len()).unwrap());
        bytes.extend([u32(1).as_slice(), &u32(2), &length, &length].concat());
        // The modified kind of Linux 2.2 has an interface index, a protocol and a packet type, padded to 24 bytes.
        if magic == 0xa1b2_cd34 {
            bytes.extend([0; 8]);
        }
        bytes.extend_from_slice(packet);
    }
    bytes
}

fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let u32 = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let padded = body.len().next_multiple_of(4);
    let length = u32(u32::try_from(padded + 12).unwrap());
    let mut bytes = [u32(kind).as_slice(), &length, body].concat();
    bytes.resize(8 + padded, 0);
    bytes.extend(length);
    bytes
}

/// A section with one interface for each link type, and packets of those by number; `None` is a simple packet.
fn section(big: bool, links: &[u16], packets: &[(Option<u32>, &[u8])]) -> Vec<u8> {
    let u32 = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let u16 = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes =
        block(big, 0x0a0d_0d0a, &[u32(0x1a2b_3c4d).as_slice(), &u16(1), &u16(0), &[0xff; 8]].concat());
    for link in links {
        bytes.extend(block(big, 1, &[u16(*link).as_slice(), &[0; 6]].concat()));
    }
    for (interface, packet) in packets {
        let length = u32(u32::try_from(packet.len()).unwrap());
        bytes.extend(match interface {
            Some(number) => {
                block(big, 6, &[u32(*number).as_slice(), &[0; 8], &length, &length, packet].concat())
            }
            None => block(big, 3, &[length.as_slice(), packet].concat()),
        });
        // What tells of names and statistics is passed over.
        bytes.extend(block(big, 5, &[0; 12]));
    }
    bytes
}

fn all(bytes: &[u8]) -> Result<Vec<Frame<'_>>, CaptureError> {
    frames(bytes)?.collect()
}

const V4: &[u8] = b"\x45\x00\x00\x14five times five";
const V6: &[u8] = b"\x60\x00\x00\x00 and six";

#[test]
fn pcap_of_every_byte_order_and_precision_gives_its_frames() {
    let kinds = [
        (0xa1b2_c3d4, false),
        (0xa1b2_c3d4, true),
        (0xa1b2_3c4d, false),
        (0xa1b2_3c4d, true),
        (0xa1b2_cd34, false),
    ];
    for (magic, big) in kinds {
        let bytes = pcap(magic, big, 101, &[V4, V6, b"", b"?"]);
        assert!(is_capture(&bytes));
        let found = all(&bytes).unwrap();
        let ip: Vec<_> = found.iter().map(Frame::ip).collect();
        assert_eq!(ip, [Some(V4), Some(V6), None, None], "{magic:x} {big}");
        assert_eq!(found.iter().map(|frame| frame.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}

#[test]
fn pcapng_of_both_byte_orders_gives_the_frames_of_each_section_by_its_own_interfaces() {
    let tagged = [&[0; 12], b"\x81\x00\x00\x07\x86\xdd".as_slice(), V6].concat();
    for (first, second) in [(false, true), (true, false), (false, false)] {
        let mut bytes = section(first, &[101, 1], &[(Some(1), &tagged), (Some(0), V4), (None, V6)]);
        bytes.extend(section(second, &[1], &[(None, &tagged), (Some(0), V4)]));
        let found = all(&bytes).unwrap();
        let ip: Vec<_> = found.iter().map(Frame::ip).collect();
        assert_eq!(ip, [Some(V6), Some(V4), Some(V6), Some(V6), None]);
        assert_eq!(found.last().map(|frame| (frame.number, frame.link)), Some((5, Link::Ethernet)));
    }
}

#[test]
fn a_capture_that_was_cut_gives_what_is_whole_and_says_where_it_ends() {
    let kinds =
        [pcap(0xa1b2_c3d4, false, 101, &[V4, V6]), section(false, &[101], &[(Some(0), V4), (Some(0), V6)])];
    for bytes in kinds {
        for length in 0..bytes.len() {
            let mut whole = 0;
            let Ok(found) = frames(&bytes[..length]) else {
                assert!(length < 28, "{length}");
                continue;
            };
            for frame in found {
                match frame {
                    Ok(frame) => {
                        whole += 1;
                        assert_eq!(frame.ip(), Some([V4, V6][whole - 1]));
                    }
                    Err(error) => assert_eq!(error, CaptureError::Cut { number: whole as u64 + 1 }),
                }
            }
            assert!(whole <= 2);
        }
    }
}

#[test]
fn frames_of_interfaces_that_nobody_described_are_refused_and_so_are_too_many_of_those() {
    for interface in [Some(1), Some(u32::MAX), None] {
        let links: &[u16] = if interface.is_none() { &[] } else { &[101] };
        let found = all(&section(false, links, &[(interface, V4)])).map(|_| ());
        assert_eq!(found, Err(CaptureError::Interface { number: 1 }), "{interface:?}");
    }
    let links = vec![101; MOST_INTERFACES];
    assert_eq!(all(&section(false, &links, &[(Some(4_095), V4)])).unwrap().len(), 1);
    let links = vec![101; MOST_INTERFACES + 1];
    assert_eq!(all(&section(false, &links, &[])).map(|_| ()), Err(CaptureError::Interfaces));
}

#[test]
fn blocks_full_of_options_are_not_read_and_cost_no_memory() {
    for big in [false, true] {
        let options: Vec<u8> = std::iter::repeat_n([0, 0, 0, 0], 1 << 19).flatten().collect();
        let whole = section(big, &[101], &[(Some(0), V4)]);
        for (kind, fits) in [(1, false), (3, false), (6, false), (4, true), (0x0bad, true)] {
            let mut bytes = whole.clone();
            bytes.extend(block(big, kind, &[&[0; 20], &options[..]].concat()));
            bytes.extend(section(big, &[101], &[(Some(0), V6)]));
            let mut seen = None;
            let info = allocation_counter::measure(|| seen = Some(all(&bytes)));
            let seen = seen.unwrap();
            if fits {
                assert_eq!(seen.unwrap().len(), 2, "{kind}");
            } else {
                assert_eq!(seen, Err(CaptureError::Malformed { number: 2 }), "{kind}");
            }
            assert!(info.bytes_max < 1 << 16, "{} bytes for {kind}", info.bytes_max);
        }
    }
}

#[test]
fn lengths_that_lie_end_the_reading() {
    let mut long = pcap(0xa1b2_c3d4, false, 101, &[V4]);
    long[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(all(&long), Err(CaptureError::Cut { number: 1 }));
    let ng = section(false, &[101], &[(Some(0), V4)]);
    // A block of less than its own header, and one whose two lengths differ.
    for (at, value) in [(4, 0_u32), (4, 11), (96, 56), (4, u32::MAX), (68, u32::MAX), (68, u32::MAX - 4)] {
        let mut bytes = ng.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        assert!(all(&bytes).is_err(), "{at} {value}");
    }
    for no_capture in [b"".as_slice(), b"\x0a\x0d\x0d", b"\xd4\xc3\xb2\xa2 and so on", V4, V6] {
        assert!(!is_capture(no_capture));
        assert_eq!(all(no_capture), Err(CaptureError::Unknown));
    }
}

#[test]
fn every_link_type_gives_the_packet_behind_its_header_and_none_that_is_not_ip() {
    let with = |head: &[u8], packet: &[u8]| [head, packet].concat();
    let address = [0_u8; 12];
    let cooked = [0_u8; 14];
    let cooked2 = [0_u8; 18];
    let cases: &[(Link, Vec<u8>, &[u8])] = &[
        (Link::RawIp, vec![], V4),
        (Link::RawIp, vec![], V6),
        (Link::Ethernet, with(&address, b"\x08\x00"), V4),
        (Link::Ethernet, with(&address, b"\x88\xa8\x00\x01\x81\x00\x00\x02\x86\xdd"), V6),
        (Link::LinuxCooked, with(&cooked, b"\x08\x00"), V4),
        (Link::LinuxCooked, with(&cooked, b"\x86\xdd"), V6),
        (Link::LinuxCooked2, with(b"\x08\x00", &cooked2), V4),
        (Link::LinuxCooked2, with(b"\x86\xdd", &cooked2), V6),
        (Link::Null, vec![2, 0, 0, 0], V4),
        (Link::Null, vec![0, 0, 0, 2], V4),
        (Link::Null, vec![30, 0, 0, 0], V6),
        (Link::Loop, vec![0, 0, 0, 24], V6),
    ];
    for (link, head, packet) in cases {
        let frame = with(head, packet);
        assert_eq!(ip_within(*link, &frame), Some(*packet), "{link}");
        for length in 0..=head.len() {
            assert_eq!(ip_within(*link, &frame[..length]), None, "{link} {length}");
        }
        if !head.is_empty() {
            let other = if packet[0] == V4[0] { V6 } else { V4 };
            assert_eq!(ip_within(*link, &with(head, other)), None, "{link} says another version");
        }
    }
    let many = [&address, b"\x81\x00\x00\x01".repeat(5).as_slice(), b"\x08\x00", V4].concat();
    assert_eq!(ip_within(Link::Ethernet, &many), None);
    assert_eq!(ip_within(Link::Ethernet, &with(&address, b"\x08\x06\x45")), None, "ARP");
    assert_eq!(ip_within(Link::from(147), V4), None);
    assert_eq!(Link::from(147).to_string(), "link type 147");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_read_past_them(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..400),
        magic in proptest::sample::select(vec![
            [0x0a, 0x0d, 0x0d, 0x0a], [0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0xc3, 0xd4], [0x34, 0xcd, 0xb2, 0xa1],
        ]),
    ) {
        bytes.splice(..bytes.len().min(4), magic);
        let mut count = 0;
        for frame in frames(&bytes).into_iter().flatten() {
            count += 1;
            if let Ok(frame) = frame {
                prop_assert!(frame.ip().is_none_or(|packet| packet.len() <= frame.bytes.len()));
            }
        }
        prop_assert!(count <= bytes.len());
    }

    #[test]
    fn a_capture_with_some_bytes_changed_is_read_to_an_end(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        big in any::<bool>(),
        ng in any::<bool>(),
    ) {
        let mut bytes = if ng {
            section(big, &[101, 1], &[(Some(0), V4), (None, V6), (Some(1), V4)])
        } else {
            pcap(0xa1b2_c3d4, big, 101, &[V4, V6])
        };
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(found) = frames(&bytes) {
            let found: Vec<_> = found.collect();
            prop_assert!(found.len() <= bytes.len());
            prop_assert!(found.iter().rev().skip(1).all(Result::is_ok), "an error is the last");
        }
    }
}
