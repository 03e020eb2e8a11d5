//! Every bit and every cut of a packet, and forgeries by the hundred thousand: refused, without plaintext and without a trace.
#![cfg(feature = "esp")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]

#[path = "support/esp.rs"]
mod support;

use dwcp_base::Tick;
use dwcp_packet::{
    DecryptionContext, Encapsulation, EncryptionMode, ExtendedSequence, PacketError, PacketSettings,
};
use support::{Dice, all_settings, ipv4, manual, opened, pair, scaled, sealed};

/// Whether 12 bytes in a row of `plain` are in `buffer`.
fn shows(buffer: &[u8], plain: &[u8]) -> bool {
    let windows: std::collections::HashSet<_> = plain.windows(12).collect();
    buffer.windows(12).any(|window| windows.contains(window))
}

#[test]
fn at_c8_every_flipped_bit_and_every_cut_of_a_packet_is_refused_and_shows_nothing() {
    for mode in EncryptionMode::ALL {
        let (mut sealing, mut opening) = pair(&PacketSettings::new(mode));
        // 1 500 bytes on the wire, or as near as the mode's blocks come: with every bit of them, 12 000 packets.
        let overhead = sealed(&mut sealing, &ipv4(1_000)).len() - 1_000;
        sealed(&mut sealing, &ipv4(1_000));
        // Number 3: no flipped bit makes it zero, which is refused as malformed.
        let inner = 1_500 - overhead - overhead % 2;
        let packet = ipv4(inner);
        let wire = sealed(&mut sealing, &packet);
        assert!((1_484..=1_516).contains(&wire.len()), "{}", wire.len());
        for bit in 0..wire.len() * 8 {
            let mut forged = wire.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let error = opening.open(Tick(0), &mut forged).unwrap_err();
            let expected = if bit < 32 { PacketError::UnknownSpi } else { PacketError::Forged };
            assert_eq!(error, expected, "{mode} bit {bit}");
            assert!(bit % 8 != 0 || !shows(&forged, &packet), "{mode} bit {bit}");
        }
        for length in 0..wire.len() {
            let mut cut = wire[..length].to_vec();
            let error = opening.open(Tick(0), &mut cut).unwrap_err();
            assert!(matches!(error, PacketError::Forged | PacketError::Malformed), "{mode} {length}");
            assert!(!shows(&cut, &packet), "{mode} {length}");
        }
        let mut longer = wire.clone();
        for _ in 0..100 {
            longer.push(0);
            assert!(opened(&mut opening, &longer).is_err());
        }
        // Nothing of it left a trace: the packet itself still opens.
        assert_eq!(opening.window().highest(), None);
        assert_eq!(opened(&mut opening, &wire), Ok(ipv4(inner)));
    }
}

#[test]
fn at_c8_in_transport_mode_too() {
    for mode in EncryptionMode::ALL {
        let settings = PacketSettings::new(mode).with_encapsulation(Encapsulation::Transport);
        let (mut sealing, mut opening) = pair(&settings);
        let packet = ipv4(400);
        let wire = sealed(&mut sealing, &packet);
        for bit in 160..wire.len() * 8 {
            let mut forged = wire.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(&mut opening, &forged).is_err(), "{mode} bit {bit}");
        }
        for length in 0..wire.len() {
            assert!(opened(&mut opening, &wire[..length]).is_err());
        }
        assert_eq!(opening.window().highest(), None);
        assert_eq!(opened(&mut opening, &wire), Ok(packet));
    }
}

/// What a forger sees and makes of it: packets that were sent with anything changed, and packets of random bytes.
fn forge(dice: &mut Dice, seen: &[Vec<u8>]) -> Vec<u8> {
    let original = &seen[dice.below(seen.len() as u64)];
    let mut forged = original.clone();
    match dice.below(6) {
        // Another number, near or far.
        0 => forged[4..8].copy_from_slice(&(dice.roll() as u32).to_be_bytes()),
        1 => forged[4..8].copy_from_slice(&u32::try_from(1 + dice.below(20_000)).unwrap().to_be_bytes()),
        // One packet's start with another's end.
        2 => {
            let other = &seen[dice.below(seen.len() as u64)];
            let at = 8 + dice.below(forged.len() as u64 - 8);
            forged.truncate(at);
            forged.extend(other.get(at..).unwrap_or_default());
            if seen.contains(&forged) {
                forged.push(1);
            }
        }
        3 => dice.fill(&mut forged[8..]),
        4 => {
            let at = 4 + dice.below(forged.len() as u64 - 4);
            forged[at] ^= 1 << dice.below(8);
        }
        _ => {
            let length = forged.len() as u64;
            forged.truncate(dice.below(length));
        }
    }
    // By chance it was given the number it had.
    if forged == *original {
        forged[4] ^= 0x40;
    }
    forged
}

#[test]
fn at_c2_a_hundred_thousand_forged_packets_change_no_state() {
    let forgeries = scaled("DWCP_PACKET_FORGED", 100_000);
    let modes = EncryptionMode::ALL.len() as u64;
    for mode in EncryptionMode::ALL {
        let (mut sealing, mut opening) = pair(&PacketSettings::new(mode));
        let packets: Vec<_> = (0..200).map(|n| ipv4(40 + n)).collect();
        let wires: Vec<_> = packets.iter().map(|packet| sealed(&mut sealing, packet)).collect();
        // Half of them have arrived.
        for (wire, packet) in wires.iter().zip(&packets).step_by(2) {
            assert_eq!(opened(&mut opening, wire).as_ref(), Ok(packet));
        }
        let (highest, before) = (opening.window().highest(), opening.counters());
        let mut dice = Dice(42);
        for _ in 0..forgeries / modes {
            let forged = forge(&mut dice, &wires);
            if let Ok(out) = opened(&mut opening, &forged) {
                panic!("{mode}: {} bytes came out of a forgery", out.len());
            }
        }
        assert_eq!(opening.window().highest(), highest);
        let after = opening.counters();
        assert_eq!((after.opened, after.bytes), (before.opened, before.bytes));
        assert!(after.forged > forgeries / modes / 4);
        // The other half arrives as if nothing had been.
        for (at, (wire, packet)) in wires.iter().zip(&packets).enumerate() {
            let again = if at % 2 == 0 { Err(PacketError::Replayed) } else { Ok(packet.clone()) };
            assert_eq!(opened(&mut opening, wire), again);
        }
    }
}

#[test]
fn a_jump_of_sequence_numbers_that_nobody_sealed_fails_its_tag() {
    // The upper half is inferred: from number 2^31 on, a low number is taken for one of the next 2^32. The tag says no.
    for mode in EncryptionMode::ALL {
        let (mut sealing, mut opening) = manual(&PacketSettings::new(mode));
        let first = sealed(&mut sealing, &ipv4(100));
        for low in [2, 1 << 20, 1 << 31, u32::MAX, 0] {
            let mut jumped = first.clone();
            jumped[4..8].copy_from_slice(&low.to_be_bytes());
            let expected = if low == 0 { PacketError::Malformed } else { PacketError::Forged };
            assert_eq!(opened(&mut opening, &jumped), Err(expected), "{mode} {low}");
        }
        assert_eq!(opening.window().highest(), None);
        assert_eq!(opened(&mut opening, &first), Ok(ipv4(100)));
    }
}

#[test]
fn peers_that_do_not_agree_on_extended_numbers_understand_nothing() {
    for mode in EncryptionMode::ALL {
        let on = PacketSettings::new(mode);
        let off = on.clone().with_sequence(ExtendedSequence::Off);
        for (ours, theirs) in [(&on, &off), (&off, &on)] {
            let (mut sealing, _) = manual(ours);
            let (_, mut opening) = manual(theirs);
            let wire = sealed(&mut sealing, &ipv4(64));
            assert_eq!(opened(&mut opening, &wire), Err(PacketError::Forged), "{mode}");
        }
    }
}

#[test]
fn packets_of_nothing_of_one_byte_and_of_all_that_fit_are_refused_quietly() {
    for settings in all_settings() {
        let (_, mut opening) = manual(&settings);
        for length in [0, 1, 2, 3, 4, 7, 8, 9, 20, 33, 34, 65_535, 70_000] {
            for fill in [0, 0xff, 0x45, 0x60] {
                assert!(opened(&mut opening, &vec![fill; length]).is_err());
                let mut addressed = vec![fill; length];
                addressed.iter_mut().zip([0, 0, 0x10, 1]).for_each(|(byte, value)| *byte = value);
                assert!(opened(&mut opening, &addressed).is_err());
            }
        }
        assert_eq!(opening.window().highest(), None);
    }
}

#[test]
fn a_key_that_met_too_many_forgeries_is_not_needed_for_a_flood_under_other_indexes() {
    let (mut sealing, mut opening) = pair(&PacketSettings::default());
    let wire = sealed(&mut sealing, &ipv4(100));
    let mut dice = Dice(7);
    for _ in 0..100_000 {
        let mut flood = wire.clone();
        dice.fill(&mut flood[..4]);
        if flood[..4] != wire[..4] {
            assert_eq!(opened(&mut opening, &flood), Err(PacketError::UnknownSpi));
        }
    }
    let counters = opening.counters();
    assert_eq!((counters.forged, counters.opened), (0, 0), "no tag was computed for them");
    assert!(counters.unknown > 99_000);
    assert_eq!(opened(&mut opening, &wire), Ok(ipv4(100)));
    let _: &DecryptionContext = &opening;
}
