//! Authentic packets that hold what no sender may send: a peer with the key is a peer, not a friend.
#![cfg(feature = "esp")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]

#[path = "support/esp.rs"]
mod support;

use dwcp_base::{Blame, Coded, Tick};
use dwcp_crypto::packet::{PacketCipher, PacketParts, PacketSealer};
use dwcp_packet::{
    AllowedSources, Encapsulation, EncryptionMode, PacketError, PacketSettings, SharedDecryptionContext,
};
use support::{ipv4, ipv6, manual, material, opened, pair, sealed, spi};

/// Seals any body under the key that [`manual`] has, 64-bit numbers, tunnel mode: what a peer can do that follows no rule.
struct Unruly {
    mode: EncryptionMode,
    sealer: PacketSealer,
}

impl Unruly {
    fn new(mode: EncryptionMode) -> Self {
        let cipher = match mode {
            EncryptionMode::Aes256CbcHmacSha256 => PacketCipher::Aes256CbcHmacSha256,
            EncryptionMode::ChaCha20Poly1305 => PacketCipher::ChaCha20Poly1305,
            _ => PacketCipher::Aes256Gcm,
        };
        Self { mode, sealer: PacketSealer::new(cipher, material(mode)).unwrap() }
    }

    fn seal(&mut self, body: &[u8]) -> Vec<u8> {
        let turn = self.sealer.turn(12 + body.len()).unwrap();
        let number = turn.number().to_be_bytes();
        let (mut body, aead) = (body.to_vec(), self.mode.is_aead());
        let spi = [0, 0, 0x10, 1];
        let head = if aead { [&spi[..], &number].concat() } else { [&spi[..], &number[4..]].concat() };
        let mut iv = vec![0; if aead { 8 } else { 16 }];
        let mut tag = [0; 16];
        let tail = if aead { &[][..] } else { &number[..4] };
        self.sealer
            .seal(turn, PacketParts { head: &head, iv: &mut iv, body: &mut body, tail }, &mut tag)
            .unwrap();
        [&spi[..], &number[4..], &iv, &body, &tag].concat()
    }
}

const MODES: [EncryptionMode; 3] =
    [EncryptionMode::Aes256Gcm, EncryptionMode::ChaCha20Poly1305, EncryptionMode::Aes256CbcHmacSha256];

/// A packet in a body of whole blocks with right padding.
fn body(packet: &[u8], next: u8) -> Vec<u8> {
    let padding = (packet.len() + 2).next_multiple_of(16) - packet.len() - 2;
    let mut body = packet.to_vec();
    body.extend((1..=padding).map(|value| u8::try_from(value).unwrap()));
    body.extend([u8::try_from(padding).unwrap(), next]);
    body
}

/// Seals `body`, and what the receiver says. After an error all of the body is zeros.
fn verdict(mode: EncryptionMode, body: &[u8]) -> Result<Vec<u8>, PacketError> {
    let settings = PacketSettings::new(mode);
    let (_, mut opening) = manual(&settings);
    let mut wire = Unruly::new(mode).seal(body);
    let verdict = opening.open(Tick(0), &mut wire).map(|out| out.bytes().to_vec());
    assert_eq!(opening.window().highest(), Some(1), "it was authentic, so its number is taken");
    if verdict.is_err() {
        let start = if mode.is_aead() { 16 } else { 24 };
        assert!(wire[start..start + body.len()].iter().all(|byte| *byte == 0));
    }
    verdict
}

#[test]
fn what_the_unruly_seal_by_the_rules_opens() {
    for mode in MODES {
        assert_eq!(verdict(mode, &body(&ipv4(100), 4)), Ok(ipv4(100)), "{mode}");
        assert_eq!(verdict(mode, &body(&ipv6(100), 41)), Ok(ipv6(100)), "{mode}");
    }
}

#[test]
fn padding_that_lies_is_malformed_whatever_the_lie() {
    for mode in MODES {
        let whole = body(&ipv4(57), 4);
        let at = whole.len();
        assert_eq!(whole[at - 2], 5);
        // The length: more than there is, less than there is. None at all is no lie: what follows the inner packet hides its length then.
        for length in (1..=255).filter(|length| *length != 5) {
            let mut lying = whole.clone();
            lying[at - 2] = length;
            assert_eq!(verdict(mode, &lying), Err(PacketError::Malformed), "{mode} {length}");
        }
        // Each byte of it.
        for byte in 0..usize::from(whole[at - 2]) {
            let mut lying = whole.clone();
            lying[at - 3 - byte] ^= 0x80;
            assert_eq!(verdict(mode, &lying), Err(PacketError::Malformed), "{mode} {byte}");
        }
        // Padding of 255 bytes and an inner packet of none.
        let mut only: Vec<u8> = (1..=254).collect();
        only.extend([254, 4]);
        assert_eq!(verdict(mode, &only), Err(PacketError::Malformed));
    }
}

#[test]
fn only_whole_packets_of_the_version_that_is_announced_come_out() {
    for mode in MODES {
        for next in (0..=255).filter(|next| !matches!(next, 4 | 59)) {
            assert_eq!(verdict(mode, &body(&ipv4(100), next)), Err(PacketError::Malformed), "{next}");
        }
        assert_eq!(verdict(mode, &body(&ipv6(100), 4)), Err(PacketError::Malformed));
        assert_eq!(verdict(mode, &body(&ipv4(100), 59)), Err(PacketError::Dummy));
        assert_eq!(verdict(mode, &body(&[], 59)), Err(PacketError::Dummy));
        assert_eq!(verdict(mode, &body(&[], 4)), Err(PacketError::Malformed));
        // An inner packet that says it is longer than it is; one that is shorter than a header.
        for length in [0, 1, 19, 28, 99] {
            assert_eq!(verdict(mode, &body(&ipv4(100)[..length], 4)), Err(PacketError::Malformed));
            assert_eq!(verdict(mode, &body(&ipv6(100)[..length], 41)), Err(PacketError::Malformed));
        }
        // What hides the length is cut off, whatever it holds (RFC 4303 §2.7).
        let hiding = [ipv4(100), vec![0xa5; 300]].concat();
        assert_eq!(verdict(mode, &body(&hiding, 4)), Ok(ipv4(100)));
    }
}

#[test]
fn a_peer_sends_from_its_own_addresses_alone() {
    let allowed = |prefixes: &[&str]| {
        AllowedSources::new(prefixes.iter().map(|prefix| prefix.parse().unwrap())).unwrap()
    };
    for (prefixes, v4, v6) in [
        (&["10.0.0.1/32", "2001:db8::/64"][..], true, true),
        (&["10.0.0.0/31"], true, false),
        (&["10.0.0.2/32"], false, false),
        (&["::/0"], false, true),
        (&[], false, false),
    ] {
        for encapsulation in [Encapsulation::Tunnel, Encapsulation::Transport] {
            let settings = PacketSettings::default().with_encapsulation(encapsulation);
            let (mut sealing, _) = manual(&settings);
            let (_, mut opening) = manual(&settings.with_sources(allowed(prefixes)));
            for (packet, may) in [(ipv4(90), v4), (ipv6(90), v6)] {
                let expected = if may { Ok(packet.clone()) } else { Err(PacketError::WrongSource) };
                assert_eq!(opened(&mut opening, &sealed(&mut sealing, &packet)), expected, "{prefixes:?}");
            }
            let refused = 2 - u64::from(v4) - u64::from(v6);
            assert_eq!(opening.counters().wrong_source, refused);
            assert_eq!(opening.window().highest(), Some(2));
        }
    }
}

#[test]
fn at_c10_congestion_bits_and_hop_limits_come_out_as_they_went_in() {
    // Nothing of the outer header is copied inwards: a tunnel that wants to decides by the metadata of what came out.
    let (mut sealing, mut opening) = pair(&PacketSettings::default());
    let mut packet = ipv4(100);
    (packet[1], packet[8]) = (3, 1);
    let mut wire = sealed(&mut sealing, &packet);
    let mut out = opening.open(Tick(0), &mut wire).unwrap();
    let metadata = out.metadata().unwrap();
    assert_eq!((metadata.traffic_class, metadata.hop_limit), (3, 1));
    assert!(metadata.dont_fragment, "what is to be told to a sender whose packet is too large");
    out.bytes_mut()[8] = 0;
    assert_eq!(out.into_bytes()[8], 0);
}

#[test]
fn errors_say_no_more_than_anybody_can_see_and_whom_to_blame() {
    for error in [
        PacketError::Forged,
        PacketError::Malformed,
        PacketError::Replayed,
        PacketError::TooOld,
        PacketError::UnknownSpi,
        PacketError::WrongSource,
        PacketError::TooManyForgeries,
    ] {
        assert_eq!(error.blame(), Blame::Peer);
        assert!(error.code().starts_with("packet."));
    }
    for error in
        [PacketError::KeyExhausted, PacketError::NoRoom, PacketError::NotAPacket, PacketError::TooLong]
    {
        assert_eq!(error.blame(), Blame::Local);
    }
    assert_eq!(PacketError::Dummy.blame(), Blame::Network);
    assert_eq!(PacketError::Forged.to_string(), "the packet is not authentic");
}

#[test]
fn several_queues_open_every_packet_once() {
    let settings = PacketSettings::default();
    let (mut sealing, _) = manual(&settings);
    let key = material(settings.mode());
    let opening = SharedDecryptionContext::from_keys(&settings, spi(0x1001), key, Tick(0)).unwrap();
    let wires: Vec<_> = (0..4_000).map(|n| sealed(&mut sealing, &ipv4(40 + n % 100))).collect();
    let opened: u64 = std::thread::scope(|scope| {
        let queues: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = 0;
                    for wire in &wires {
                        let mut copy = wire.clone();
                        match opening.open(Tick(1), &mut copy) {
                            Ok(_) => mine += 1,
                            Err(error) => {
                                assert_eq!(error, PacketError::Replayed);
                                // Either it was not touched, or it was opened twice at once and holds zeros.
                                assert!(copy == *wire || copy[16..copy.len() - 16].iter().all(|b| *b == 0));
                            }
                        }
                    }
                    mine
                })
            })
            .collect();
        queues.into_iter().map(|queue| queue.join().unwrap()).sum()
    });
    assert_eq!(opened, 4_000);
    let counters = opening.counters();
    assert_eq!((counters.opened, counters.replayed), (4_000, 12_000));
}

/// Hop-by-hop options, routes and fragments stand before ESP: behind it they would be read by nobody who guards the way.
#[test]
fn at_c9_headers_that_stand_before_esp_do_not_come_through_behind_it() {
    let settings = PacketSettings::default().with_encapsulation(Encapsulation::Transport);
    for (next, verdict) in [
        (0, Err(PacketError::Malformed)),
        (43, Err(PacketError::Malformed)),
        (44, Err(PacketError::Malformed)),
        (59, Err(PacketError::Dummy)),
        (17, Ok(())),
    ] {
        let mut receiver = manual(&settings).1;
        let esp = Unruly::new(EncryptionMode::Aes256Gcm).seal(&body(&[0; 24], next));
        let mut wire = ipv4(40)[..20].to_vec();
        wire.extend(esp);
        let length = u16::try_from(wire.len()).unwrap().to_be_bytes();
        wire[2..4].copy_from_slice(&length);
        (wire[9], wire[10], wire[11]) = (50, 0, 0);
        let sum: u32 = wire[..20].chunks(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]]))).sum();
        let folded = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
        wire[10..12].copy_from_slice(&folded.to_be_bytes());
        assert_eq!(opened(&mut receiver, &wire).map(|_| ()), verdict, "{next}");
    }
}
