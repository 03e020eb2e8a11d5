//! No packet allocates, in whatever mode, sealed or opened, authentic or forged.
#![cfg(feature = "esp")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]

#[path = "support/esp.rs"]
mod support;

use allocation_counter::measure;
use dwcp_base::Tick;
use dwcp_crypto::Side;
use dwcp_packet::{AllowedSources, Inbound, Outbound, PacketError, PacketSettings, Slot};
use support::{all_settings, ipv4, keys, manual, material, placed, spi};

/// Runs `work` and says that it took no memory.
fn without_allocation<T>(work: impl FnOnce() -> T) -> T {
    let mut out = None;
    let taken = measure(|| out = Some(work()));
    assert_eq!(taken.count_total, 0, "{taken:?}");
    out.unwrap()
}

fn allowing(settings: PacketSettings) -> PacketSettings {
    settings.with_sources(AllowedSources::new(["10.0.0.0/8".parse().unwrap()]).unwrap())
}

#[test]
fn no_packet_allocates() {
    for settings in all_settings() {
        let settings = allowing(settings);
        let (mut sealing, mut opening) = manual(&settings);
        for length in [28, 100, 1_400] {
            let (mut buffer, at) = placed(&sealing, &ipv4(length));
            let start = at.start - sealing.headroom();
            let length = without_allocation(|| {
                let out = sealing.seal(Tick(1), &mut buffer, at).unwrap();
                assert!(out.fields().map(|field| field.length).sum::<usize>() == out.bytes().len());
                out.bytes().len()
            });
            let wire = buffer[start..start + length].to_vec();
            let (mut forged, mut short) = (wire.clone(), wire[..20].to_vec());
            forged[length - 1] ^= 1;
            let (mut again, mut wire) = (wire.clone(), wire);
            without_allocation(|| {
                assert_eq!(opening.open(Tick(1), &mut forged).unwrap_err(), PacketError::Forged);
                assert!(opening.open(Tick(1), &mut short).is_err());
                assert!(opening.open(Tick(1), &mut wire).is_ok());
                assert_eq!(opening.open(Tick(1), &mut again).unwrap_err(), PacketError::Replayed);
            });
        }
        let (mut buffer, at) = placed(&sealing, &ipv4(100));
        without_allocation(|| sealing.seal_dummy(Tick(1), &mut buffer, at).map(|_| ()).unwrap());
    }
}

#[test]
fn no_batch_allocates_and_no_link_does_between_keys() {
    let settings = allowing(PacketSettings::default());
    let mut out = Outbound::new(keys(Side::Initiator), settings.clone()).unwrap();
    let mut into = Inbound::new(keys(Side::Responder), settings.clone()).unwrap();
    let told = out.announce(Tick(0), spi(0x1001)).unwrap();
    into.learn(Tick(0), &told).unwrap();
    out.activate(1).unwrap();
    let mut places: Vec<_> = (0..32).map(|n| placed(out.current().unwrap(), &ipv4(40 + n))).collect();
    let mut slots: Vec<_> = places.iter_mut().map(|(buffer, at)| Slot::new(buffer, at.clone())).collect();
    without_allocation(|| {
        assert_eq!(out.seal_batch(Tick(1), &mut slots), 32);
        assert_eq!(into.open_batch(Tick(1), &mut slots), 32);
    });
    let key = material(settings.mode());
    let shared =
        dwcp_packet::SharedDecryptionContext::from_keys(&settings, spi(0x1001), key, Tick(0)).unwrap();
    let (mut sealing, _) = manual(&settings);
    let (mut buffer, at) = placed(&sealing, &ipv4(200));
    let length = sealing.seal(Tick(0), &mut buffer, at).unwrap().bytes().len();
    without_allocation(|| assert!(shared.open(Tick(0), &mut buffer[..length]).is_ok()));
}
