//! Two peers over UDP on loopback: traffic, new keys under way, and somebody in between who forges, repeats and reflects.
//!
//! `cargo run -p dwcp-packet --example link`. No set-up, under two seconds.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use dwcp_base::{Clock, SystemClock};
use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{Secret, Side};
use dwcp_packet::udp::{self, UdpPayload};
use dwcp_packet::{AllowedSources, Inbound, LinkKeys, Outbound, PacketError, PacketSettings, Padding, Spi};
use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let clock = SystemClock::new();
    // What a handshake gives both: a secret, and what binds it to them.
    let secret = Secret::build(32, dwcp_crypto::random::fill)?;
    let keys = |side| LinkKeys::new(Prk::extract(Hash::Sha256, b"", &secret), side, b"alice and bob");
    let settings = PacketSettings::default().with_padding(Padding::Full(1_280));
    let sources = AllowedSources::new(["10.7.0.1/32".parse()?])?;
    let mut alice = Outbound::new(keys(Side::Initiator)?, settings.clone())?;
    let mut bob = Inbound::new(keys(Side::Responder)?, settings.with_sources(sources))?;

    let (from, to) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    from.connect(to.local_addr()?)?;
    to.set_read_timeout(Some(Duration::from_secs(1)))?;

    let mut tally = Tally::default();
    let mut buffer = vec![0; 2_048];
    let mut arrived = vec![0; 2_048];
    for number in 0..PACKETS {
        let now = clock.tick();
        // A new key every thousand packets; in earnest it is due when `alice.state(now)` says so.
        if number % 1_000 == 0 {
            let told = alice.announce(now, Spi::new(0x1000 + number)?)?;
            bob.learn(now, &told)?; // over the channel of the handshake, and its answer back
            alice.activate(told.epoch())?;
        }
        let packet = packet(number);
        let at = 32..32 + packet.len();
        buffer[at.clone()].copy_from_slice(&packet);
        let wire = alice.seal(now, &mut buffer, at)?.bytes();
        match number % 4 {
            1 => drop(from.send(wire)?), // it comes twice
            2 => {
                let mut forged = wire.to_vec();
                let at = 8 + number as usize % (forged.len() - 8);
                forged[at] ^= 1 << (number % 8);
                from.send(&forged)?;
            }
            3 => drop(from.send(&udp::KEEPALIVE)?),
            _ => {}
        }
        from.send(wire)?;
        for _ in 0..=usize::from(number % 4 != 0) {
            let length = to.recv(&mut arrived)?;
            tally.lengths.insert(length);
            let datagram = &mut arrived[..length];
            match udp::payload(datagram) {
                UdpPayload::Esp(_) => match bob.open(clock.tick(), datagram) {
                    Ok(opened) => tally.opened += usize::from(opened.bytes() == packet),
                    Err(PacketError::Replayed) => tally.replayed += 1,
                    Err(PacketError::Forged) => tally.forged += 1,
                    // Whatever arrives, it does not end the loop: anybody can send to a port.
                    Err(_) => tally.others += 1,
                },
                _ => tally.others += 1,
            }
        }
    }
    let epoch = bob.epoch().unwrap_or_default();
    println!("{} packets opened over {epoch} keys, each as it was sent", tally.opened);
    println!(
        "{} repeated and {} forged ones refused, {} keepalives",
        tally.replayed, tally.forged, tally.others
    );
    println!("lengths that an eavesdropper saw: {:?}", tally.lengths);
    assert_eq!(tally.opened, PACKETS as usize, "nothing is lost on loopback");
    Ok(())
}

#[derive(Default)]
struct Tally {
    opened: usize,
    replayed: usize,
    forged: usize,
    others: usize,
    lengths: std::collections::BTreeSet<usize>,
}

/// A packet of its own length from 10.7.0.1 to 10.7.0.2.
fn packet(number: u32) -> Vec<u8> {
    let length = 64 + number * 37 % 1_200;
    let [_, _, high, low] = length.to_be_bytes();
    let mut packet = vec![0x45, 0, high, low, 0, 0, 0x40, 0, 64, 253, 0, 0, 10, 7, 0, 1, 10, 7, 0, 2];
    packet.resize(length as usize, 0x5a);
    packet
}

const PACKETS: u32 = 5_000;
