//! What is sealed opens, in every mode, encapsulation, length and padding; and every byte of it has its field.
#![cfg(feature = "esp")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]

#[path = "support/esp.rs"]
mod support;

use dwcp_base::Tick;
use dwcp_packet::{
    Encapsulation, EncryptedPacket, EncryptionMode, FieldKind, PacketError, PacketMetadata, PacketSettings,
    Padding, SetupError, Slot,
};
use proptest::prelude::*;
use support::{all_settings, ipv4, ipv6, manual, opened, pair, placed, sealed, spi};

#[test]
fn what_is_sealed_opens_in_every_mode_and_at_every_length() {
    for settings in all_settings() {
        let (mut sealing, mut opening) = pair(&settings);
        let mut number = 0;
        for packet in
            (28..200).chain([1_399, 1_400, 1_500, 9_000, 65_400]).flat_map(|n| [ipv4(n), ipv6(n + 20)])
        {
            let wire = sealed(&mut sealing, &packet);
            number += 1;
            let mut copy = wire.clone();
            let out = opening.open(Tick(1), &mut copy).unwrap();
            assert_eq!((out.bytes(), out.sequence(), out.spi()), (packet.as_slice(), number, spi(0x1001)));
            assert_eq!(out.metadata(), PacketMetadata::read(&packet));
            let (range, bytes) = (out.range(), out.into_bytes().to_vec());
            assert_eq!(bytes, packet);
            assert_eq!(copy[range], packet, "it stays where it lay");
            assert_eq!(opened(&mut opening, &wire), Err(PacketError::Replayed));
        }
        assert_eq!(opening.counters().opened, number);
        assert_eq!(opening.counters().bytes, sealing.counters().bytes);
    }
}

#[test]
fn every_byte_of_a_packet_belongs_to_one_field() {
    for settings in all_settings() {
        let (mut sealing, _) = manual(&settings);
        for packet in [ipv4(101), ipv6(102)] {
            let (mut buffer, at) = placed(&sealing, &packet);
            let before = buffer.clone();
            let out = sealing.seal(Tick(0), &mut buffer, at.clone()).unwrap();
            let (wire, fields) = (out.bytes().to_vec(), out.fields().collect::<Vec<_>>());
            let mut end = 0;
            for field in &fields {
                assert_eq!(field.offset, end, "{field:?}");
                assert_ne!(field.length, 0);
                end = field.range().end;
            }
            assert_eq!(end, wire.len());
            let field = |kind| fields.iter().find(|field| field.kind == kind).map(|field| field.range());
            assert_eq!(wire[field(FieldKind::Spi).unwrap()], [0, 0, 0x10, 1]);
            assert_eq!(wire[field(FieldKind::Sequence).unwrap()], u32::to_be_bytes(out.sequence() as u32));
            let transport = settings.encapsulation() == Encapsulation::Transport;
            assert_eq!(field(FieldKind::IpHeader).is_some(), transport);
            assert_eq!(field(FieldKind::Iv).is_some(), !settings.mode().has_implicit_iv());
            let payload = field(FieldKind::Payload).unwrap();
            let header = field(FieldKind::IpHeader).map_or(0, |range| range.len());
            assert_eq!(payload.len(), packet.len() - header);
            assert!(
                !wire[payload.clone()].windows(16).any(|part| packet.windows(16).any(|plain| plain == part))
            );
            // Nothing outside the frame was touched.
            let frame = at.start - sealing.headroom()..at.start - sealing.headroom() + wire.len();
            assert_eq!(buffer[frame.clone()], wire);
            assert_eq!(
                (&buffer[..frame.start], &buffer[frame.end..]),
                (&before[..frame.start], &before[frame.end..])
            );

            let seen = EncryptedPacket::read(&wire, settings.mode(), settings.encapsulation()).unwrap();
            assert_eq!((seen.spi(), seen.sequence()), (spi(0x1001), sealing.counters().sealed));
            let kinds = seen.fields().map(|field| field.name()).collect::<Vec<_>>();
            let mut expected = vec!["ip-header", "spi", "sequence", "iv", "ciphertext", "icv"];
            expected.retain(|name| transport || *name != "ip-header");
            expected.retain(|name| !settings.mode().has_implicit_iv() || *name != "iv");
            assert_eq!(kinds, expected);
            assert_eq!(seen.fields().map(|field| field.length).sum::<usize>(), wire.len());
        }
    }
}

#[test]
fn transport_mode_keeps_the_header_and_puts_esp_behind_it() {
    let settings = PacketSettings::default().with_encapsulation(Encapsulation::Transport);
    let (mut sealing, mut opening) = pair(&settings);
    for packet in [ipv4(300), ipv6(300)] {
        let wire = sealed(&mut sealing, &packet);
        let outer = PacketMetadata::read(&wire).unwrap();
        let inner = PacketMetadata::read(&packet).unwrap();
        assert_eq!((outer.protocol, outer.total_len, outer.trailing), (50, wire.len(), 0));
        assert_eq!((outer.source, outer.destination), (inner.source, inner.destination));
        assert!(outer.header_intact);
        // A link may add bytes behind the packet.
        let mut padded = [wire.as_slice(), &[0; 7]].concat();
        assert_eq!(opening.open(Tick(0), &mut padded).unwrap().bytes(), packet);
    }
}

#[test]
fn at_c11_padding_makes_lengths_alike() {
    for mode in EncryptionMode::ALL {
        let settings = PacketSettings::new(mode).with_padding(Padding::Full(1_400));
        let (mut sealing, mut opening) = pair(&settings);
        let mut lengths = Vec::new();
        for length in (28..=1_400).step_by(7).chain([1_400]) {
            let packet = ipv4(length);
            let wire = sealed(&mut sealing, &packet);
            assert_eq!(opened(&mut opening, &wire), Ok(packet), "what hides the length is cut off");
            lengths.push(wire.len());
        }
        let (mut buffer, at) = placed(&sealing, &[0x11; 40]);
        let dummy = sealing.seal_dummy(Tick(0), &mut buffer, at).unwrap().bytes().to_vec();
        lengths.push(dummy.len());
        assert_eq!(opened(&mut opening, &dummy), Err(PacketError::Dummy), "silence looks like talk");
        lengths.dedup();
        assert_eq!(lengths.len(), 1, "{mode}");
        let (mut buffer, at) = placed(&sealing, &ipv4(1_401));
        assert_eq!(sealing.seal(Tick(0), &mut buffer, at).unwrap_err(), PacketError::TooLong);
        assert_eq!((sealing.counters().dummies, opening.counters().dummies), (1, 1));

        let settings = PacketSettings::new(mode).with_padding(Padding::Multiple(128));
        let (mut sealing, mut opening) = pair(&settings);
        let mut lengths = Vec::new();
        for length in 28..=1_400 {
            let packet = ipv4(length);
            let wire = sealed(&mut sealing, &packet);
            assert_eq!(opened(&mut opening, &wire), Ok(packet));
            lengths.push(wire.len());
        }
        lengths.dedup();
        assert_eq!(lengths.len(), 11, "{mode}");
    }
    let settings = PacketSettings::default().with_encapsulation(Encapsulation::Transport);
    let (mut sealing, mut opening) = pair(&settings);
    let (mut buffer, at) = placed(&sealing, &ipv4(90));
    let dummy = sealing.seal_dummy(Tick(0), &mut buffer, at).unwrap().bytes().to_vec();
    assert_eq!(opened(&mut opening, &dummy), Err(PacketError::Dummy));
}

#[test]
fn buffers_without_room_ranges_outside_and_what_is_no_packet_are_refused_and_cost_no_number() {
    for settings in all_settings() {
        let (mut sealing, _) = manual(&settings);
        let packet = ipv4(60);
        let (buffer, at) = placed(&sealing, &packet);
        let mut refuse = |buffer: &[u8], at: std::ops::Range<usize>, error| {
            let mut copy = buffer.to_vec();
            assert_eq!(sealing.seal(Tick(0), &mut copy, at.clone()).unwrap_err(), error, "{at:?}");
            assert_eq!(copy, buffer);
        };
        // One byte too few before, far too few behind.
        refuse(&buffer[1..], at.start - 1..at.end - 1, PacketError::NoRoom);
        refuse(&buffer[..at.end + 17], at.clone(), PacketError::NoRoom);
        refuse(&buffer, at.start..buffer.len() + 1, PacketError::NoRoom);
        refuse(&buffer, usize::MAX - 1..usize::MAX, PacketError::NoRoom);
        #[allow(clippy::reversed_empty_ranges, reason = "what a caller may get wrong")]
        refuse(&buffer, 40..30, PacketError::NoRoom);
        // Nothing, one byte, a packet that is cut off, one with something behind it.
        refuse(&buffer, at.start..at.start, PacketError::NotAPacket);
        refuse(&buffer, at.start..at.start + 1, PacketError::NotAPacket);
        refuse(&buffer, at.start..at.end - 1, PacketError::NotAPacket);
        refuse(&buffer, at.start..at.end + 1, PacketError::NotAPacket);
        refuse(&[], 0..0, PacketError::NotAPacket);
        // 65 535 bytes are a packet, and no sealed one can hold them.
        let mut most = vec![0; sealing.headroom()];
        most.extend(ipv4(65_535));
        let at = sealing.headroom()..most.len();
        most.resize(most.len() + sealing.tailroom(), 0);
        assert_eq!(sealing.seal(Tick(0), &mut most, at).unwrap_err(), PacketError::TooLong);
        let (mut buffer, at) = placed(&sealing, &packet);
        assert_eq!(sealing.seal(Tick(0), &mut buffer, at).unwrap().sequence(), 1);
    }
    // Fragments travel in tunnel mode and not in transport mode (RFC 4303 §3.3.4).
    let mut fragment = ipv4(60);
    fragment[6] = 0x20;
    let (mut tunnel, mut opening) = pair(&PacketSettings::default());
    let wire = sealed(&mut tunnel, &fragment);
    assert_eq!(opened(&mut opening, &wire), Ok(fragment.clone()));
    let (mut transport, _) = pair(&PacketSettings::default().with_encapsulation(Encapsulation::Transport));
    let (mut buffer, at) = placed(&transport, &fragment);
    assert_eq!(transport.seal(Tick(0), &mut buffer, at).unwrap_err(), PacketError::NotAPacket);
}

#[test]
fn settings_that_can_not_be_had_are_refused_before_there_is_a_key() {
    let transport = PacketSettings::default().with_encapsulation(Encapsulation::Transport);
    for (settings, error) in [
        (transport.with_padding(Padding::Full(100)), SetupError::Padding),
        (PacketSettings::default().with_padding(Padding::Multiple(0)), SetupError::Padding),
        (PacketSettings::default().with_window(63), SetupError::Window),
        (PacketSettings::default().with_window(65_537), SetupError::Window),
    ] {
        let material = || support::material(settings.mode());
        let sealing = dwcp_packet::EncryptionContext::from_keys(&settings, spi(256), material(), Tick(0));
        assert_eq!(sealing.unwrap_err(), error);
        let opening = dwcp_packet::DecryptionContext::from_keys(&settings, spi(256), material(), Tick(0));
        assert_eq!(opening.unwrap_err(), error);
    }
    let short = dwcp_crypto::Secret::from(vec![0; 35]);
    let sealing =
        dwcp_packet::EncryptionContext::from_keys(&PacketSettings::default(), spi(256), short, Tick(0));
    assert!(matches!(sealing.unwrap_err(), SetupError::Crypto(_)));
}

#[test]
fn a_batch_stops_at_what_can_not_be_sealed_and_opens_what_can_be_opened() {
    let (mut sealing, mut opening) = pair(&PacketSettings::default());
    let mut buffers: Vec<_> = (0..32).map(|n| placed(&sealing, &ipv4(100 + n))).collect();
    buffers[20].1.end += 1;
    let mut slots: Vec<_> = buffers.iter_mut().map(|(buffer, at)| Slot::new(buffer, at.clone())).collect();
    assert_eq!(sealing.seal_batch(Tick(0), &mut slots), 20);
    assert_eq!(slots[20].refusal(), Some(PacketError::NotAPacket));
    assert_eq!(sealing.counters().sealed, 20);
    assert_eq!(slots[21].refusal(), None);
    let range = slots[20].range();
    slots[20].reuse(range.start..range.end - 1);
    assert_eq!(sealing.seal_batch(Tick(0), &mut slots[20..]), 12);

    // One is forged, one is not in its buffer: the others open.
    let range = slots[3].range();
    slots[3].reuse(range)[40] ^= 1;
    slots[5].reuse(5_000..5_001);
    assert_eq!(opening.open_batch(Tick(0), &mut slots), 30);
    for (at, slot) in slots.iter().enumerate() {
        match at {
            3 => assert_eq!(slot.refusal(), Some(PacketError::Forged)),
            5 => assert_eq!(slot.refusal(), Some(PacketError::NoRoom)),
            _ => assert_eq!(slot.bytes(), ipv4(100 + at)),
        }
    }
    assert!(slots[3].bytes().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_the_settings_what_seals_opens(
        which in 0..36_usize,
        length in 48..3_000_usize,
        padding in prop_oneof![
            Just(Padding::Minimal),
            (1..=256_u16).prop_map(Padding::Multiple),
            (257..5_000_u16).prop_map(Padding::Multiple),
            (1..5_000_u16).prop_map(Padding::Full),
        ],
        slack in (0..40_usize, 0..40_usize),
        v6: bool,
    ) {
        let settings = all_settings().nth(which).unwrap().with_padding(padding);
        let bounded = matches!(padding, Padding::Minimal | Padding::Multiple(..=256));
        if settings.encapsulation() == Encapsulation::Transport && !bounded {
            return Ok(());
        }
        let (mut sealing, mut opening) = pair(&settings);
        let packet = if v6 { ipv6(length) } else { ipv4(length) };
        let start = sealing.headroom() + slack.0;
        let mut buffer = vec![0; start];
        buffer.extend(&packet);
        buffer.resize(buffer.len() + sealing.tailroom() + slack.1, 0);
        match sealing.seal(Tick(0), &mut buffer, start..start + packet.len()) {
            Ok(wire) => {
                let wire = wire.bytes().to_vec();
                prop_assert!(wire.len() <= sealing.headroom() + packet.len() + sealing.tailroom());
                prop_assert_eq!(opened(&mut opening, &wire), Ok(packet));
            }
            Err(error) => {
                prop_assert_eq!(error, PacketError::TooLong);
                prop_assert!(matches!(padding, Padding::Full(most) if usize::from(most) < packet.len()));
            }
        }
    }

    #[test]
    fn nothing_that_arrives_makes_a_context_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), which in 0..36_usize) {
        let settings = all_settings().nth(which).unwrap();
        let (_, mut opening) = pair(&settings);
        for prefix in [&[][..], &[0, 0, 0x10, 1], &ipv4(28)[..20]] {
            let arrived = [prefix, &bytes].concat();
            prop_assert!(opened(&mut opening, &arrived).is_err());
            let _ = EncryptedPacket::read(&arrived, settings.mode(), settings.encapsulation());
        }
        prop_assert_eq!(opening.window().highest(), None);
    }
}
