//! Links whose announcements cross, get lost and are refused, and links that fall silent: no packet is lost, no key outlives its time.
#![cfg(feature = "esp")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/esp.rs"]
mod support;

use dwcp_base::Tick;
use dwcp_crypto::Side;
use dwcp_packet::{
    Announcement, EncryptionContext, Inbound, KeyState, Outbound, PacketError, PacketSettings, SetupError,
};
use support::{Dice, ipv4, keys, pair, placed, spi};

fn second(n: u64) -> Tick {
    Tick(n * 1_000_000_000)
}

fn ends() -> (Outbound, Inbound) {
    let settings = PacketSettings::default().with_window(64);
    let out = Outbound::new(keys(Side::Initiator), settings.clone()).unwrap();
    (out, Inbound::new(keys(Side::Responder), settings).unwrap())
}

/// Announced and learned; the sender has not heard of it yet.
fn told(out: &mut Outbound, into: &mut Inbound, now: Tick, index: u32) -> Announcement {
    let told = out.announce(now, spi(index)).unwrap();
    into.learn(now, &told).unwrap();
    told
}

fn rekey(out: &mut Outbound, into: &mut Inbound, now: Tick, index: u32) {
    let told = told(out, into, now, index);
    out.activate(told.epoch()).unwrap();
}

fn send(out: &mut Outbound, now: Tick) -> Vec<u8> {
    let (mut buffer, at) = placed(out.current().unwrap(), &ipv4(80));
    out.seal(now, &mut buffer, at).unwrap().bytes().to_vec()
}

fn receive(into: &mut Inbound, now: Tick, wire: &[u8]) -> Result<(), PacketError> {
    into.open(now, &mut wire.to_vec()).map(|out| assert_eq!(out.bytes(), ipv4(80)))
}

#[test]
fn at_c12_a_second_announcement_does_not_end_a_key_that_is_sealed_under() {
    let (mut out, mut into) = ends();
    rekey(&mut out, &mut into, Tick(0), 300);
    let late = send(&mut out, Tick(0));
    // The answer to the second is lost, so the sender goes on under the first.
    told(&mut out, &mut into, second(1), 301);
    assert_eq!(receive(&mut into, second(1), &send(&mut out, second(1))), Ok(()));
    assert_eq!(receive(&mut into, second(1), &late), Ok(()));
    assert_eq!((into.epoch(), into.live_keys(second(1))), (Some(1), 2));
    // It is heard at last.
    out.activate(2).unwrap();
    assert_eq!(receive(&mut into, second(2), &send(&mut out, second(2))), Ok(()));
    assert_eq!((into.epoch(), into.live_keys(second(2))), (Some(2), 2));

    // A link on which nothing was said through two keys: packets of the one that was passed over are late, not lost.
    let (mut out, mut into) = ends();
    rekey(&mut out, &mut into, Tick(0), 300);
    let oldest = [send(&mut out, Tick(0)), send(&mut out, Tick(0))];
    receive(&mut into, Tick(0), &oldest[0]).unwrap();
    rekey(&mut out, &mut into, second(1), 301);
    let late: Vec<_> = (0..3).map(|_| send(&mut out, second(1))).collect();
    rekey(&mut out, &mut into, second(2), 302);
    receive(&mut into, second(2), &send(&mut out, second(2))).unwrap();
    assert_eq!(receive(&mut into, second(2), &late[0]), Ok(()));
    assert_eq!(receive(&mut into, second(2), &late[0]), Err(PacketError::Replayed));
    assert_eq!(receive(&mut into, second(2), &oldest[1]), Ok(()));
    assert_eq!((into.epoch(), into.live_keys(second(2))), (Some(3), 3), "an older epoch does not come back");
    // What was passed over goes with what was before it.
    assert_eq!(receive(&mut into, Tick(second(62).0 - 1), &late[1]), Ok(()));
    assert_eq!(receive(&mut into, second(62), &late[2]), Err(PacketError::UnknownSpi));
    assert_eq!(into.live_keys(second(62)), 1);
    assert_eq!((into.counters().opened, into.counters().replayed), (5, 1));
}

#[test]
fn at_c5_four_keys_are_held_and_those_passed_over_leave_first() {
    let (mut out, mut into) = ends();
    rekey(&mut out, &mut into, Tick(0), 300);
    let wires: Vec<_> = (1..=6)
        .map(|n| {
            let wire = send(&mut out, Tick(0));
            if n < 6 {
                rekey(&mut out, &mut into, Tick(0), 300 + n);
            }
            wire
        })
        .collect();
    // Of six announced, the newest two are known.
    for wire in &wires[..4] {
        assert_eq!(receive(&mut into, Tick(0), wire), Err(PacketError::UnknownSpi));
    }
    assert_eq!(into.live_keys(Tick(0)), 2);
    receive(&mut into, Tick(0), &wires[4]).unwrap();
    receive(&mut into, Tick(0), &wires[5]).unwrap();
    assert_eq!((into.epoch(), into.live_keys(Tick(0))), (Some(6), 2));
    for n in 6..20 {
        rekey(&mut out, &mut into, Tick(0), 300 + n);
        assert!(into.live_keys(Tick(0)) <= 4);
    }
    receive(&mut into, Tick(0), &send(&mut out, Tick(0))).unwrap();
    assert_eq!(into.epoch(), Some(20));
    // In force, before it, passed over; and two more announced leave four.
    for n in 20..22 {
        rekey(&mut out, &mut into, Tick(0), 300 + n);
        assert_eq!(into.live_keys(Tick(0)), 4);
    }
}

#[test]
fn a_refused_index_is_answered_with_another_one() {
    let (mut out, mut into) = ends();
    for index in [300, 301] {
        rekey(&mut out, &mut into, Tick(0), index);
        receive(&mut into, Tick(0), &send(&mut out, Tick(0))).unwrap();
    }
    // The sender knows which two the receiver may hold.
    for index in [300, 301] {
        assert_eq!(out.announce(second(1), spi(index)), Err(SetupError::SpiInUse));
    }
    // The receiver refuses one for a reason of its own, and the next is not the same again.
    let first = out.announce(second(1), spi(302)).unwrap();
    assert_eq!(out.announce(second(2), spi(302)), Ok(first), "nothing was refused");
    let other = out.announce(second(2), spi(999)).unwrap();
    assert_eq!((other.spi(), other.epoch()), (spi(999), first.epoch() + 1));
    assert_eq!(into.learn(second(2), &other), Ok(()));
    assert_eq!(out.activate(first.epoch()), Err(SetupError::NotAnnounced));
    out.activate(other.epoch()).unwrap();
    receive(&mut into, second(2), &send(&mut out, second(2))).unwrap();

    // An index that was announced, and never used, is free for the next announcement; one that opens is not.
    let announced = |epoch, index| {
        let settings = PacketSettings::default();
        EncryptionContext::begin(&keys(Side::Initiator), epoch, spi(index), &settings, Tick(0)).unwrap().1
    };
    for epoch in [10, 11, 12] {
        into.learn(second(2), &announced(epoch, 400)).unwrap();
        assert_eq!(into.live_keys(second(2)), 3);
    }
    for index in [999, 301] {
        assert_eq!(into.learn(second(2), &announced(13, index)), Err(SetupError::SpiInUse));
    }
}

#[test]
fn an_answer_that_comes_twice_is_no_fault_whatever_waits() {
    let (mut out, mut into) = ends();
    assert_eq!(out.activate(0), Err(SetupError::NotAnnounced));
    rekey(&mut out, &mut into, Tick(0), 300);
    let next = told(&mut out, &mut into, Tick(1), 301);
    assert_eq!(out.activate(1), Ok(()), "again, while the next one waits");
    assert_eq!(out.current().unwrap().spi(), spi(300));
    assert_eq!(out.activate(next.epoch()), Ok(()));
    assert_eq!(out.current().unwrap().spi(), spi(301));
    for epoch in [0, 1, 3] {
        assert_eq!(out.activate(epoch), Err(SetupError::NotAnnounced), "{epoch}");
    }
}

#[test]
fn at_c1_keys_of_a_silent_link_are_gone_at_their_hard_age() {
    let (mut out, mut into) = ends();
    rekey(&mut out, &mut into, Tick(0), 300);
    let wire = send(&mut out, Tick(0));
    receive(&mut into, Tick(0), &wire).unwrap();
    told(&mut out, &mut into, second(10), 301);
    told(&mut out, &mut into, second(20), 302);
    assert_eq!(out.expire(Tick(second(180).0 - 1)), KeyState::RekeyDue);
    assert!(format!("{out:?}").contains("sealing"));
    assert_eq!(out.expire(second(180)), KeyState::Stopped);
    assert!(format!("{out:?}").contains("stopped"), "nobody sealed, and it is wiped");
    assert_eq!(out.state(Tick(0)), KeyState::Stopped, "for good");

    // Each at its own age, whether it was announced, in force or before that.
    for (now, live) in [(Tick(second(180).0 - 1), 3), (second(180), 2), (second(190), 1), (second(200), 0)] {
        into.expire(now);
        assert_eq!(into.live_keys(now), live, "{now:?}");
    }
    assert_eq!(into.epoch(), None);
    assert_eq!(into.counters().opened, 1, "what was counted stays");
    assert_eq!(receive(&mut into, second(200), &wire), Err(PacketError::UnknownSpi));

    // The previous one goes at its own age too, though its grace has not passed.
    let (mut out, mut into) = ends();
    rekey(&mut out, &mut into, Tick(0), 300);
    let late = send(&mut out, Tick(0));
    receive(&mut into, Tick(0), &send(&mut out, Tick(0))).unwrap();
    rekey(&mut out, &mut into, second(170), 301);
    receive(&mut into, second(170), &send(&mut out, second(170))).unwrap();
    assert_eq!(into.live_keys(Tick(second(180).0 - 1)), 2);
    assert_eq!(into.live_keys(second(180)), 1);
    assert_eq!(receive(&mut into, second(180), &late), Err(PacketError::UnknownSpi));

    // A key that waits to be activated is wiped as well.
    let (mut out, mut into) = ends();
    let next = told(&mut out, &mut into, Tick(0), 300);
    out.expire(second(180));
    out.activate(next.epoch()).unwrap();
    assert!(format!("{out:?}").contains("stopped"));

    let (mut sealing, _) = pair(&PacketSettings::default());
    assert_eq!(sealing.expire(second(120)), KeyState::RekeyDue);
    assert_eq!(sealing.expire(second(180)), KeyState::Stopped);
    assert!(format!("{sealing:?}").contains("stopped"));
}

#[test]
fn at_c5_a_receiver_that_says_where_it_goes_on_takes_nothing_twice() {
    let (mut out, mut into) = ends();
    let told = out.announce(Tick(0), spi(300)).unwrap();
    into.learn(Tick(0), &told).unwrap();
    out.activate(told.epoch()).unwrap();
    let wire = send(&mut out, Tick(0));
    receive(&mut into, Tick(0), &wire).unwrap();
    // It starts again, under the same root.
    let fresh = || Inbound::new(keys(Side::Responder), PacketSettings::default().with_window(64)).unwrap();
    // An epoch that was learned and of which nothing came counts, and so does one whose time is over.
    let unused = out.announce(Tick(0), spi(305)).unwrap();
    into.learn(Tick(0), &unused).unwrap();
    into.expire(second(400));
    assert_eq!((into.epoch(), into.highest_learned(), out.highest_announced()), (None, 2, 2));
    let mut into = fresh().after_epoch(into.highest_learned());
    assert_eq!(into.learn(Tick(1), &unused), Err(SetupError::StaleEpoch));
    assert_eq!(into.learn(Tick(1), &told), Err(SetupError::StaleEpoch));
    assert_eq!(receive(&mut into, Tick(1), &wire), Err(PacketError::UnknownSpi));
    rekey(&mut out, &mut into, Tick(1), 301);
    receive(&mut into, Tick(1), &send(&mut out, Tick(1))).unwrap();
}

#[test]
fn at_c2_forged_packets_of_an_announced_key_move_no_epoch() {
    let (mut out, mut into) = ends();
    rekey(&mut out, &mut into, Tick(0), 300);
    receive(&mut into, Tick(0), &send(&mut out, Tick(0))).unwrap();
    let late = send(&mut out, Tick(0));
    rekey(&mut out, &mut into, Tick(0), 301);
    let wire = send(&mut out, Tick(0));
    for bit in 0..wire.len() * 8 {
        let mut forged = wire.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(receive(&mut into, Tick(0), &forged).is_err(), "bit {bit}");
    }
    for length in 0..wire.len() {
        assert!(receive(&mut into, Tick(0), &wire[..length]).is_err(), "{length}");
    }
    let mut dice = Dice(2);
    for _ in 0..1_000 {
        let mut random = wire.clone();
        dice.fill(&mut random[8..]);
        assert_eq!(receive(&mut into, Tick(0), &random), Err(PacketError::Forged));
    }
    assert_eq!((into.epoch(), into.live_keys(Tick(0))), (Some(1), 2));
    // No grace has begun: long after it would be over the old key opens as before, and the true packet moves the epoch.
    assert_eq!(receive(&mut into, second(179), &late), Ok(()));
    assert_eq!(receive(&mut into, second(179), &wire), Ok(()));
    assert_eq!(into.epoch(), Some(2));
}
