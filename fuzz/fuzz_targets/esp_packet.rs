//! ESP packets: what arrives at an opener, what a peer with the key seals, and announcements.
#![no_main]
use dwcp_base::Tick;
use dwcp_crypto::Secret;
use dwcp_packet::{
    Announcement, DecryptionContext, Encapsulation, EncryptedPacket, EncryptionContext, EncryptionMode, Padding,
    PacketSettings, Spi, udp,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [which, pad, rest @ ..] = data else { return };
    if let Ok(told) = Announcement::from_bytes(rest) {
        assert_eq!(told.to_bytes(), rest);
    }
    let _ = udp::payload(rest);
    let mode = EncryptionMode::ALL[usize::from(which % 9)];
    let encapsulation = if which & 0x80 == 0 { Encapsulation::Tunnel } else { Encapsulation::Transport };
    let settings = PacketSettings::new(mode)
        .with_encapsulation(encapsulation)
        .with_padding(if *pad == 0 { Padding::Minimal } else { Padding::Multiple((*pad).into()) });
    let spi = Spi::new(0x1001).unwrap();
    let material = || Secret::from(vec![7; mode.material_len()]);
    let mut opening = DecryptionContext::from_keys(&settings, spi, material(), Tick(0)).unwrap();

    // What nobody sealed does not open and leaves no trace.
    assert!(opening.open(Tick(0), &mut rest.to_vec()).is_err());
    assert_eq!(opening.window().highest(), None);
    if let Ok(packet) = EncryptedPacket::read(rest, mode, encapsulation) {
        let end = packet.fields().fold(0, |end, field| {
            assert_eq!(field.offset, end);
            field.range().end
        });
        assert_eq!(end, packet.bytes().len());
    }

    // What can be sealed opens as it was, if the reader of IP packets takes it.
    let mut sealing = EncryptionContext::from_keys(&settings, spi, material(), Tick(0)).unwrap();
    let at = sealing.headroom()..sealing.headroom() + rest.len();
    let mut buffer = vec![0; at.end + sealing.tailroom()];
    buffer[at.clone()].copy_from_slice(rest);
    let Ok(wire) = sealing.seal(Tick(0), &mut buffer, at) else { return };
    let mut wire = wire.bytes().to_vec();
    if let Ok(opened) = opening.open(Tick(0), &mut wire) {
        assert!(opened.bytes().len() == rest.len());
        assert!(encapsulation == Encapsulation::Transport || opened.bytes() == rest);
    }
    assert_eq!(opening.window().highest(), Some(1));
});
