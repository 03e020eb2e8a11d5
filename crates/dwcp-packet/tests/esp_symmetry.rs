//! What is sealed, the other side takes: whatever the headers of a packet say, it is refused before a number is spent, or it opens.
#![cfg(feature = "esp")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/build.rs"]
mod build;
#[path = "support/esp.rs"]
mod support;

use build::{authentication, chained, fragment, options, routing, tcp, udp, v4, v6};
use dwcp_base::Tick;
use dwcp_packet::{AllowedSources, Encapsulation, PacketError, PacketSettings, Padding, Prefix};
use support::{Dice, ipv4, ipv6, opened, pair, placed, sealed};

/// Seals `packet` and opens it; a refusal is the sender's.
fn verdict(settings: &PacketSettings, packet: &[u8]) -> Result<(), PacketError> {
    let (mut sealing, mut opening) = pair(settings);
    let (mut buffer, at) = placed(&sealing, packet);
    let before = buffer.clone();
    match sealing.seal(Tick(0), &mut buffer, at) {
        Ok(out) => {
            let wire = out.bytes().to_vec();
            assert_eq!(opened(&mut opening, &wire).as_deref(), Ok(packet), "{packet:02x?}");
            Ok(())
        }
        Err(error) => {
            assert_eq!(buffer, before, "it is as it was");
            assert_eq!(sealing.counters().sealed, 0);
            // The number was not spent either.
            assert_eq!(sealed(&mut sealing, &ipv4(40))[sequence(settings)], [0, 0, 0, 1]);
            Err(error)
        }
    }
}

fn sequence(settings: &PacketSettings) -> std::ops::Range<usize> {
    match settings.encapsulation() {
        Encapsulation::Tunnel => 4..8,
        Encapsulation::Transport => 24..28,
    }
}

fn both() -> [PacketSettings; 2] {
    [Encapsulation::Tunnel, Encapsulation::Transport]
        .map(|encapsulation| PacketSettings::default().with_encapsulation(encapsulation))
}

#[test]
fn packets_that_the_receiver_refuses_are_not_sealed() {
    let mut short = v4(6, &[], 0, &[]);
    short[0] = 0x41;
    let mut long = v4(6, &[], 0, &[]);
    long[0] = 0x4f;
    let mut trailing = ipv4(60);
    trailing.push(0);
    for packet in [short, long, trailing, ipv6(60)[..59].to_vec(), vec![0x50; 40], vec![]] {
        for settings in both() {
            assert_eq!(verdict(&settings, &packet), Err(PacketError::NotAPacket), "{packet:02x?}");
        }
    }
    // A tunnel carries what it need not understand; transport mode has to find the place behind the headers.
    let [tunnel, transport] = both();
    for packet in odd() {
        assert_eq!(verdict(&tunnel, &packet), Ok(()), "{packet:02x?}");
        assert_eq!(verdict(&transport, &packet), Err(PacketError::NotAPacket), "{packet:02x?}");
    }
    // Whole chains are no offence.
    for settings in both() {
        let chain = [options(0, &[]), options(60, &[]), routing(2, 0, 1), fragment(0, false, 1)];
        assert_eq!(verdict(&settings, &chained(&chain, 6, &tcp(9))), Ok(()));
        assert_eq!(verdict(&settings, &chained(&[authentication(12)], 6, &tcp(9))), Ok(()));
    }
}

/// As long as they say, with headers that two readers could take for different things.
fn odd() -> [Vec<u8>; 4] {
    let mut empty = v6(17, &[]);
    empty[6] = 17;
    [
        empty,
        chained(&vec![options(60, &[]); 9], 17, &udp(8)),
        chained(&vec![options(60, &[0; 254]); 3], 17, &udp(8)),
        chained(&[options(0, &[0xc2, 4, 0, 1, 0, 0])], 17, &udp(8)),
    ]
}

#[test]
fn at_c9_where_sources_are_checked_a_packet_whose_headers_are_in_doubt_does_not_come_through() {
    let plain = PacketSettings::default();
    let everybody = ["0.0.0.0/0", "::/0"].map(|prefix| prefix.parse::<Prefix>().unwrap());
    let checked = plain.clone().with_sources(AllowedSources::new(everybody).unwrap());
    let (mut sealing, mut open) = pair(&plain);
    let (mut watched, mut closed) = pair(&checked);
    for packet in odd() {
        let wire = sealed(&mut sealing, &packet);
        let mut buffer = wire.clone();
        let out = open.open(Tick(0), &mut buffer).unwrap();
        assert_eq!(
            (out.bytes(), out.metadata().is_err()),
            (&packet[..], true),
            "carried, and not vouched for"
        );
        let wire = sealed(&mut watched, &packet);
        assert_eq!(opened(&mut closed, &wire), Err(PacketError::Malformed));
    }
    let wire = sealed(&mut watched, &ipv6(60));
    assert_eq!(opened(&mut closed, &wire), Ok(ipv6(60)));
}

#[test]
fn whatever_a_packet_says_it_is_refused_or_it_opens() {
    let mut dice = Dice(0x5e41);
    let (mut taken, mut refused) = (0, 0);
    let kinds = [0, 6, 17, 43, 44, 50, 51, 58, 59, 60, 135, 139, 140, 255];
    for settings in both() {
        let paddings = match settings.encapsulation() {
            Encapsulation::Tunnel => [Padding::Minimal, Padding::Full(400)],
            Encapsulation::Transport => [Padding::Minimal, Padding::Multiple(64)],
        };
        for padding in paddings {
            let settings = settings.clone().with_padding(padding);
            let (mut sealing, mut opening) = pair(&settings);
            for round in 0..20_000 {
                let mut packet = if round % 2 == 0 {
                    let headers =
                        [options(0, &[]), options(60, &[]), routing(2, 0, 1), fragment(0, false, 1)];
                    let some: Vec<_> = headers.into_iter().filter(|_| dice.below(2) == 0).collect();
                    chained(&some, kinds[dice.below(14)], &tcp(dice.below(40)))
                } else {
                    v4(kinds[dice.below(14)], &vec![1; dice.below(11) * 4], 0x4000, &tcp(dice.below(40)))
                };
                // A byte of the headers, or none, says something else; lengths are made to lie as well.
                if dice.below(4) != 0 {
                    let at = dice.below(packet.len().min(100) as u64);
                    packet[at] =
                        if dice.below(2) == 0 { kinds[dice.below(14)] } else { dice.roll().to_le_bytes()[0] };
                }
                if dice.below(8) == 0 {
                    packet.truncate(dice.below(packet.len() as u64));
                }
                let (mut buffer, at) = placed(&sealing, &packet);
                match sealing.seal(Tick(0), &mut buffer, at) {
                    Ok(out) => {
                        let wire = out.bytes().to_vec();
                        assert_eq!(opened(&mut opening, &wire).as_deref(), Ok(&packet[..]), "{packet:02x?}");
                        taken += 1;
                    }
                    Err(error) => {
                        assert_eq!(error, PacketError::NotAPacket, "{packet:02x?}");
                        refused += 1;
                    }
                }
            }
            assert_eq!((opening.counters().malformed, opening.counters().dummies), (0, 0));
        }
    }
    assert!(taken > 20_000 && refused > 10_000, "{taken} {refused}");
}

#[test]
fn what_would_pass_for_a_dummy_is_not_sealed_in_transport_mode() {
    let [tunnel, transport] = both();
    for packet in [v4(59, &[], 0, &[7; 88]), v6(59, &[7; 88]), v6(59, &[]), v4(59, &[], 0, &[])] {
        assert_eq!(verdict(&transport, &packet), Err(PacketError::NotAPacket));
        assert_eq!(verdict(&tunnel, &packet), Ok(()));
    }
    // Behind options that go inside it is told from one.
    assert_eq!(verdict(&transport, &chained(&[options(60, &[])], 59, &[7; 8])), Ok(()));
}

#[test]
fn headers_that_stand_before_esp_are_not_sealed_behind_it() {
    let [tunnel, transport] = both();
    for protocol in [0, 43, 44] {
        let packet = v4(protocol, &[], 0, &[0; 40]);
        assert_eq!(verdict(&transport, &packet), Err(PacketError::NotAPacket), "{protocol}");
        assert_eq!(verdict(&tunnel, &packet), Ok(()), "{protocol}");
    }
}

#[test]
fn at_c8_an_outer_header_that_was_damaged_or_added_is_not_passed_on_as_right() {
    let [tunnel, transport] = both();
    let (mut sealing, mut opening) = pair(&transport);
    let wire = sealed(&mut sealing, &ipv4(100));
    for bit in 0..160 {
        let mut damaged = wire.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(opened(&mut opening, &damaged), Err(PacketError::Malformed), "bit {bit}");
    }
    // An authentication header that nobody verifies.
    let (_, mut header) = authentication(12);
    header[0] = 50;
    let mut added = [&wire[..20], &header, &wire[20..]].concat();
    let length = u16::try_from(added.len()).unwrap().to_be_bytes();
    added[2..4].copy_from_slice(&length);
    (added[9], added[10], added[11]) = (51, 0, 0);
    let sum =
        added[..20].chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
    let folded = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    added[10..12].copy_from_slice(&folded.to_be_bytes());
    assert_eq!(opened(&mut opening, &added), Err(PacketError::Malformed));
    assert_eq!(opened(&mut opening, &wire), Ok(ipv4(100)), "nothing was taken for it");

    let mut wrong = ipv4(100);
    wrong[11] ^= 1;
    assert_eq!(verdict(&transport, &wrong), Err(PacketError::NotAPacket));
    // In tunnel mode it is the host's behind the tunnel to judge.
    assert_eq!(verdict(&tunnel, &wrong), Ok(()));
}

#[test]
fn a_dummy_that_does_not_fit_leaves_its_buffer_alone() {
    for settings in both() {
        let (mut sealing, mut opening) = pair(&settings);
        let (buffer, at) = placed(&sealing, &ipv4(100));
        for (short, place) in
            [(0, 0..100), (0, at.start - 1..at.end - 1), (1 + sealing.tailroom(), at.clone())]
        {
            let mut cut = buffer.clone();
            cut.truncate(buffer.len() - short);
            let before = cut.clone();
            assert!(sealing.seal_dummy(Tick(0), &mut cut, place).is_err());
            assert_eq!(cut, before);
        }
        let full = settings.clone().with_padding(Padding::Full(60));
        if settings.encapsulation() == Encapsulation::Tunnel {
            let mut cut = buffer.clone();
            assert_eq!(
                pair(&full).0.seal_dummy(Tick(0), &mut cut, at.clone()).unwrap_err(),
                PacketError::TooLong
            );
            assert_eq!(cut, buffer);
        }
        // One that fits shows nothing of what lay there, and is the first packet of its key.
        let mut whole = buffer.clone();
        let out = sealing.seal_dummy(Tick(0), &mut whole, at).unwrap();
        assert_eq!(out.sequence(), 1);
        let wire = out.bytes().to_vec();
        assert_eq!(opened(&mut opening, &wire), Err(PacketError::Dummy));
    }
}
