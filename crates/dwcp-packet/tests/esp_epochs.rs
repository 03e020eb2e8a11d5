//! Keys that follow each other: none repeats, none is talked down, none opens longer than it should, and no packet is lost.
#![cfg(feature = "esp")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]

#[path = "support/esp.rs"]
mod support;

use dwcp_base::Tick;
use dwcp_crypto::{CryptoError, Side};
use dwcp_packet::{
    Announcement, DecryptionContext, EncryptionContext, EncryptionMode, ExtendedSequence, Inbound, KeyState,
    Limits, Outbound, PacketError, PacketSettings, SetupError,
};
use std::collections::HashSet;
use std::time::Duration;
use support::{Dice, ipv4, keys, keys_bound, opened, pair, placed, scaled, sealed, spi};

fn second(n: u64) -> Tick {
    Tick(n * 1_000_000_000)
}

/// Both ends of one direction, the first epoch in force.
fn link(settings: &PacketSettings) -> (Outbound, Inbound) {
    let mut out = Outbound::new(keys(Side::Initiator), settings.clone()).unwrap();
    let mut into = Inbound::new(keys(Side::Responder), settings.clone()).unwrap();
    rekey(&mut out, &mut into, Tick(0), 0x1001);
    (out, into)
}

fn rekey(out: &mut Outbound, into: &mut Inbound, now: Tick, index: u32) -> Announcement {
    let told = out.announce(now, spi(index)).unwrap();
    into.learn(now, &Announcement::from_bytes(&told.to_bytes()).unwrap()).unwrap();
    out.activate(told.epoch()).unwrap();
    told
}

fn send(out: &mut Outbound, now: Tick) -> Vec<u8> {
    let (mut buffer, at) = placed(out.current().unwrap(), &ipv4(80));
    out.seal(now, &mut buffer, at).unwrap().bytes().to_vec()
}

fn receive(into: &mut Inbound, now: Tick, wire: &[u8]) -> Result<(), PacketError> {
    into.open(now, &mut wire.to_vec()).map(|out| assert_eq!(out.bytes(), ipv4(80)))
}

#[test]
fn at_c1_no_key_and_number_come_twice_over_rekeys_and_restarts() {
    // Every epoch is begun anew from the same root, with the same epoch number and SPI, as a process does that forgot all, a machine that
    // was restored from a snapshot, and a second sender. Equal keys would give equal ciphertexts.
    let rekeys = scaled("DWCP_PACKET_REKEYS", 1_000);
    let mut seen = HashSet::new();
    let mut packets = 0_u64;
    for round in 0..rekeys {
        let mode = EncryptionMode::ALL[(round % 9) as usize];
        let settings = PacketSettings::new(mode);
        let (mut sealing, _) =
            EncryptionContext::begin(&keys(Side::Initiator), 1, spi(0x1001), &settings, Tick(0)).unwrap();
        let packet = ipv4(48);
        let (mut buffer, at) = placed(&sealing, &packet);
        for number in 1..=1_000 {
            buffer[at.clone()].copy_from_slice(&packet);
            let out = sealing.seal(Tick(0), &mut buffer, at.clone()).unwrap();
            assert_eq!(out.sequence(), number, "numbers rise by one, so none comes twice under this key");
            packets += 1;
            if number == 1 {
                let body: [u8; 32] = out.bytes()[24..56].try_into().unwrap();
                assert!(seen.insert(body), "a key came twice");
            }
        }
    }
    assert_eq!((seen.len() as u64, packets), (rekeys, rekeys * 1_000));
}

#[test]
fn at_c1_sealing_ends_at_the_hard_limit_for_good() {
    let limits = Limits::new(Duration::from_secs(10), Duration::from_secs(20), 5, 8).unwrap();
    for mode in EncryptionMode::ALL {
        let settings = PacketSettings::new(mode).with_limits(limits);
        let (mut sealing, _) = pair(&settings);
        let mut states = Vec::new();
        for _ in 0..8 {
            states.push(sealing.state(Tick(0)));
            sealed(&mut sealing, &ipv4(50));
        }
        assert_eq!(states, [[KeyState::Fresh; 5].as_slice(), &[KeyState::RekeyDue; 3]].concat());
        let (mut buffer, at) = placed(&sealing, &ipv4(50));
        for now in [Tick(0), second(5), Tick(0)] {
            assert_eq!(sealing.seal(now, &mut buffer, at.clone()).unwrap_err(), PacketError::KeyExhausted);
            assert_eq!(
                sealing.seal_dummy(now, &mut buffer, at.clone()).unwrap_err(),
                PacketError::KeyExhausted
            );
        }
        assert_eq!(&buffer[at.clone()], ipv4(50), "what was not sealed is as it was");
        assert!(format!("{sealing:?}").contains("stopped"));

        // Time ends it too, and a clock that goes back does not bring it back.
        let (mut sealing, mut opening) = pair(&settings);
        let wire = sealed(&mut sealing, &ipv4(50));
        assert_eq!(sealing.state(second(10)), KeyState::RekeyDue);
        assert!(sealing.seal(Tick(second(20).0 - 1), &mut buffer, at.clone()).is_ok());
        buffer[at.clone()].copy_from_slice(&ipv4(50));
        for now in [second(20), Tick(0)] {
            assert_eq!(sealing.seal(now, &mut buffer, at.clone()).unwrap_err(), PacketError::KeyExhausted);
        }
        assert_eq!(opening.open(second(20), &mut wire.clone()).unwrap_err(), PacketError::Expired);
        assert!(opening.open(Tick(second(20).0 - 1), &mut wire.clone()).is_ok());
    }
}

#[test]
fn at_c4_ones_own_packet_sent_back_does_not_open() {
    for mode in EncryptionMode::ALL {
        let settings = PacketSettings::new(mode);
        // Both directions even have the same SPI and epoch.
        let (mut alice, from_alice) =
            EncryptionContext::begin(&keys(Side::Initiator), 1, spi(0x1001), &settings, Tick(0)).unwrap();
        let (_bob, from_bob) =
            EncryptionContext::begin(&keys(Side::Responder), 1, spi(0x1001), &settings, Tick(0)).unwrap();
        let wire = sealed(&mut alice, &ipv4(64));
        let open = |side, told| {
            let mut opening = DecryptionContext::of(&keys(side), told, &settings, Tick(0)).unwrap();
            opened(&mut opening, &wire)
        };
        assert_eq!(open(Side::Initiator, &from_bob), Err(PacketError::Forged), "{mode}");
        assert_eq!(
            open(Side::Initiator, &from_alice),
            Err(PacketError::Forged),
            "its announcement sent back too"
        );
        assert_eq!(open(Side::Responder, &from_alice), Ok(ipv4(64)));
    }
}

#[test]
fn at_c5_keys_are_bound_to_who_talks_and_to_every_word_of_the_announcement() {
    let settings = PacketSettings::default();
    let (mut alice, told) =
        EncryptionContext::begin(&keys(Side::Initiator), 1, spi(0x1001), &settings, Tick(0)).unwrap();
    let wire = sealed(&mut alice, &ipv4(64));
    let misbound = keys_bound(Side::Responder, b"alice and mallory");
    let mut opening = DecryptionContext::of(&misbound, &told, &settings, Tick(0)).unwrap();
    assert_eq!(opened(&mut opening, &wire), Err(PacketError::Forged));
    let mut tried = 0;
    for bit in 0..Announcement::LENGTH * 8 {
        let mut bytes = told.to_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(altered) = Announcement::from_bytes(&bytes) else { continue };
        let expected = PacketSettings::new(altered.mode());
        for settings in [expected.clone(), expected.with_sequence(ExtendedSequence::Off)] {
            if let Ok(mut opening) =
                DecryptionContext::of(&keys(Side::Responder), &altered, &settings, Tick(0))
            {
                assert!(opened(&mut opening, &wire).is_err(), "bit {bit}");
                tried += 1;
            }
        }
    }
    assert!(tried > 300);
    let long = dwcp_packet::LinkKeys::new(
        dwcp_crypto::hkdf::Prk::extract(dwcp_crypto::hkdf::Hash::Sha256, b"", &vec![1].into()),
        Side::Initiator,
        &[0; 4_097],
    );
    assert_eq!(long.unwrap_err(), SetupError::Crypto(CryptoError::DerivationTooLarge));
}

#[test]
fn at_c5_an_announcement_is_taken_once_and_an_old_one_never() {
    let settings = PacketSettings::default();
    let (mut out, mut into) = link(&settings);
    let mut told = vec![rekey(&mut out, &mut into, Tick(0), 0x1002)];
    receive(&mut into, Tick(1), &send(&mut out, Tick(1))).unwrap();
    told.push(rekey(&mut out, &mut into, second(1), 0x1003));
    let first = send(&mut out, second(1));
    receive(&mut into, second(1), &first).unwrap();
    assert_eq!(into.epoch(), Some(3));
    let before = into.live_keys(second(1));
    // The newest again changes nothing: its window does not forget. The one before is over.
    assert_eq!(into.learn(second(2), &told[1]), Ok(()));
    assert_eq!(receive(&mut into, second(2), &first), Err(PacketError::Replayed));
    assert_eq!(into.learn(second(2), &told[0]), Err(SetupError::StaleEpoch));
    // Another announcement of an epoch that there is.
    let mut other = told[1].to_bytes();
    other[43] ^= 1;
    assert_eq!(
        into.learn(second(2), &Announcement::from_bytes(&other).unwrap()),
        Err(SetupError::StaleEpoch)
    );
    // An SPI that still opens, a mode that is not expected.
    let next = |index, settings: &PacketSettings| {
        EncryptionContext::begin(&keys(Side::Initiator), 9, spi(index), settings, Tick(0)).unwrap().1
    };
    assert_eq!(into.learn(second(2), &next(0x1003, &settings)), Err(SetupError::SpiInUse));
    assert_eq!(into.learn(second(2), &next(0x1002, &settings)), Err(SetupError::SpiInUse));
    let weaker = PacketSettings::new(EncryptionMode::Aes128Gcm);
    assert_eq!(into.learn(second(2), &next(0x1009, &weaker)), Err(SetupError::Mismatch));
    assert_eq!((into.epoch(), into.live_keys(second(2))), (Some(3), before));
}

#[test]
fn at_c5_announcements_without_end_hold_four_keys_and_end_nothing() {
    let settings = PacketSettings::default();
    let (mut out, mut into) = link(&settings);
    receive(&mut into, Tick(0), &send(&mut out, Tick(0))).unwrap();
    rekey(&mut out, &mut into, Tick(0), 0x1002);
    receive(&mut into, Tick(0), &send(&mut out, Tick(0))).unwrap();
    for epoch in 3..500 {
        let keys = keys(Side::Initiator);
        let (_, told) =
            EncryptionContext::begin(&keys, epoch, spi(0x2000 + epoch), &settings, Tick(0)).unwrap();
        into.learn(second(1), &told).unwrap();
        assert_eq!(into.live_keys(second(1)), if epoch == 3 { 3 } else { 4 });
    }
    // The key in force is what it was: nothing came under the others.
    receive(&mut into, second(1), &send(&mut out, second(1))).unwrap();
    assert_eq!(into.epoch(), Some(2));
}

#[test]
fn at_c5_a_lost_answer_and_both_sides_at_once_do_no_harm() {
    let settings = PacketSettings::default();
    let mut ends = [Side::Initiator, Side::Responder].map(|side| {
        let out = Outbound::new(keys(side), settings.clone()).unwrap();
        (out, Inbound::new(keys(side), settings.clone()).unwrap())
    });
    for round in 0..5 {
        let now = second(round * 100);
        // Both announce at once, under the same SPI even.
        let told = ends.each_mut().map(|(out, _)| out.announce(now, spi(0x1001 + round as u32)).unwrap());
        for (at, (_, into)) in ends.iter_mut().enumerate() {
            into.learn(now, &told[1 - at]).unwrap();
        }
        // The answers are lost, so they are asked again: the same announcement, taken twice.
        let again = ends.each_mut().map(|(out, _)| out.announce(now, spi(0x1001 + round as u32)).unwrap());
        assert_eq!(again, told);
        for (at, (out, into)) in ends.iter_mut().enumerate() {
            into.learn(now, &again[1 - at]).unwrap();
            assert_eq!(out.activate(told[at].epoch() + 1), Err(SetupError::NotAnnounced));
            out.activate(told[at].epoch()).unwrap();
            out.activate(told[at].epoch()).unwrap();
        }
        let wires = ends.each_mut().map(|(out, _)| send(out, now));
        let second = ends.each_mut().map(|(out, _)| send(out, now));
        for (at, (_, into)) in ends.iter_mut().enumerate() {
            receive(into, now, &wires[1 - at]).unwrap();
            assert_eq!(receive(into, now, &second[at]), Err(PacketError::Forged), "one's own, same SPI");
        }
    }
    // A process that starts again under the same root is understood if it says where it goes on; its keys are new either way.
    let mut out = Outbound::new(keys(Side::Initiator), settings.clone()).unwrap();
    assert_eq!(out.state(Tick(0)), KeyState::Stopped);
    let told = out.announce(second(500), spi(0x4001)).unwrap();
    assert_eq!(ends[1].1.learn(second(500), &told), Err(SetupError::StaleEpoch));
    let mut out = Outbound::new(keys(Side::Initiator), settings).unwrap().after_epoch(5);
    rekey(&mut out, &mut ends[1].1, second(500), 0x4002);
    receive(&mut ends[1].1, second(500), &send(&mut out, second(500))).unwrap();
}

#[test]
fn at_c7_one_key_is_tried_for_a_packet_and_no_other() {
    let settings = PacketSettings::default();
    let (mut out, mut into) = link(&settings);
    let old = send(&mut out, Tick(0));
    receive(&mut into, Tick(0), &old).unwrap();
    rekey(&mut out, &mut into, Tick(0), 0x1002);
    // Sealed under the new key, and says that it is of the old one.
    let mut crossed = send(&mut out, Tick(0));
    crossed[..4].copy_from_slice(&0x1001_u32.to_be_bytes());
    crossed[7] = 9;
    assert_eq!(receive(&mut into, Tick(0), &crossed), Err(PacketError::Forged));
    assert_eq!(into.counters().forged, 1);
    assert_eq!(into.epoch(), Some(1), "what does not authenticate moves no epoch");
}

#[test]
fn at_c12_the_old_key_opens_one_window_or_a_minute_longer() {
    let settings = PacketSettings::default().with_window(64);
    let begun = || {
        let (mut out, mut into) = link(&settings);
        let late: Vec<_> = (0..10).map(|_| send(&mut out, Tick(0))).collect();
        receive(&mut into, Tick(0), &late[0]).unwrap();
        rekey(&mut out, &mut into, second(100), 0x1002);
        (out, into, late)
    };
    // While nothing came under the new key, the old one goes on.
    let (_, mut into, late) = begun();
    receive(&mut into, Tick(second(180).0 - 1), &late[1]).unwrap();
    assert_eq!(receive(&mut into, second(180), &late[2]), Err(PacketError::UnknownSpi), "its own hard limit");

    // One packet under the new key: a minute more.
    let (mut out, mut into, late) = begun();
    receive(&mut into, second(101), &send(&mut out, second(101))).unwrap();
    receive(&mut into, Tick(second(161).0 - 1), &late[1]).unwrap();
    assert_eq!(into.live_keys(Tick(second(161).0 - 1)), 2);
    assert_eq!(receive(&mut into, second(161), &late[2]), Err(PacketError::UnknownSpi));
    assert_eq!(into.live_keys(second(161)), 1);

    // A window of packets under the new key: the old one is over at once, however early.
    let (mut out, mut into, late) = begun();
    for number in 1..=64 {
        receive(&mut into, second(101), &late[number % 9 + 1]).ok();
        receive(&mut into, second(101), &send(&mut out, second(101))).unwrap();
    }
    assert_eq!(receive(&mut into, second(101), &late[9]), Err(PacketError::UnknownSpi));
    let counters = into.counters();
    assert_eq!((counters.opened, counters.replayed, counters.unknown), (74, 55, 1));

    // Within one key: later than the window is too late, with extended numbers as without.
    for sequence in [ExtendedSequence::On, ExtendedSequence::Off] {
        let (mut sealing, mut opening) = pair(&settings.clone().with_sequence(sequence));
        let wires: Vec<_> = (0..66).map(|_| sealed(&mut sealing, &ipv4(40))).collect();
        opened(&mut opening, &wires[65]).unwrap();
        assert_eq!(opened(&mut opening, &wires[1]), Err(PacketError::TooOld));
        opened(&mut opening, &wires[2]).unwrap();
        assert_eq!(opening.counters().too_old, 1);
    }
}

#[test]
fn ten_minutes_of_traffic_over_a_network_that_reorders_lose_no_packet_to_a_new_key() {
    let settings = PacketSettings::default();
    let (mut out, mut into) = link(&settings);
    let mut dice = Dice(9);
    let millisecond = |n: u64| Tick(n * 1_000_000);
    // What is under way, by when it arrives: packets after 5 to 45 ms, words of the other channel after 20.
    let mut flying: std::collections::BTreeMap<(u64, u64), Vec<u8>> = std::collections::BTreeMap::new();
    let mut words: Vec<(u64, Announcement, bool)> = Vec::new();
    let (mut sent, mut received, mut epochs) = (0, 0, 1);
    for now in 0..600_000 {
        let tick = millisecond(now);
        if out.state(tick) == KeyState::RekeyDue && words.is_empty() {
            epochs += 1;
            words.push((now + 20, out.announce(tick, spi(0x1000 + epochs)).unwrap(), false));
        }
        for (at, told, answered) in std::mem::take(&mut words) {
            match (at <= now, answered) {
                (false, _) => words.push((at, told, answered)),
                (true, false) => {
                    into.learn(tick, &told).unwrap();
                    words.push((now + 20, told, true));
                }
                (true, true) => out.activate(told.epoch()).unwrap(),
            }
        }
        if now % 5 == 0 {
            flying.insert((now + 5 + dice.below(40) as u64, sent), send(&mut out, tick));
            sent += 1;
        }
        while let Some(first) = flying.first_entry().filter(|first| first.key().0 <= now) {
            receive(&mut into, tick, &first.remove()).unwrap();
            received += 1;
        }
        assert!(into.live_keys(tick) <= 3);
    }
    assert_eq!((epochs, received), (5, sent - flying.len() as u64));
    assert_eq!(out.counters().sealed, sent);
}
