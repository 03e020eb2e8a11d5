//! What is tried on a sealed packet: flipped bits, the packet itself, and the packet again.

use super::key::again;
use dwcp_base::Tick;
use dwcp_crypto::Secret;
use dwcp_packet::{
    DecryptionContext, EncryptedPacket, FieldKind, PacketError, PacketMetadata, PacketSettings, SetupError,
};
use zeroize::Zeroizing;

/// What the opening side made of a packet.
pub(super) struct Trial {
    /// The buffer, decrypted in place.
    pub(super) buffer: Zeroizing<Vec<u8>>,
    /// The packet that was in it.
    pub(super) packet: Zeroizing<Vec<u8>>,
    pub(super) metadata: PacketMetadata,
    pub(super) sequence: u64,
    /// Copies with one bit flipped, and how many of them were refused.
    pub(super) flipped: usize,
    pub(super) refused: usize,
    /// What the same packet a second time was.
    pub(super) second: Option<PacketError>,
}

/// Tries all of it under one key and one window, in that order: what was forged before must not keep the packet itself out.
///
/// # Errors
/// [`SetupError`] for key or settings, then what the packet itself was refused with.
pub(super) fn on(
    sealed: &EncryptedPacket<'_>,
    settings: &PacketSettings,
    material: &Secret,
    now: Tick,
) -> Result<Result<Trial, PacketError>, SetupError> {
    let mut receiver = DecryptionContext::from_keys(settings, sealed.spi(), again(material), now)?;
    let (mut flipped, mut refused) = (0, 0);
    for (at, bit) in places(sealed) {
        let mut copy = Zeroizing::new(sealed.bytes().to_vec());
        if let Some(byte) = copy.get_mut(at) {
            *byte ^= bit;
            flipped += 1;
            refused += usize::from(receiver.open(now, &mut copy).is_err());
        }
    }
    let mut buffer = Zeroizing::new(sealed.bytes().to_vec());
    let (packet, metadata, sequence) = match receiver.open(now, &mut buffer) {
        Ok(opened) => match opened.metadata() {
            Ok(metadata) => (Zeroizing::new(opened.bytes().to_vec()), metadata, opened.sequence()),
            // A tunnel carries it; there is nothing certain to tell of it.
            Err(_) => return Ok(Err(PacketError::Malformed)),
        },
        Err(error) => return Ok(Err(error)),
    };
    let mut copy = Zeroizing::new(sealed.bytes().to_vec());
    let second = receiver.open(now, &mut copy).err();
    Ok(Ok(Trial { buffer, packet, metadata, sequence, flipped, refused, second }))
}

/// The first bit and the last of each field that a tag covers. The IP header of transport mode is none of those.
fn places(sealed: &EncryptedPacket<'_>) -> impl Iterator<Item = (usize, u8)> {
    let covered = sealed.fields().filter(|field| field.kind != FieldKind::IpHeader);
    covered.flat_map(|field| [(field.offset, 0x80), (field.range().end - 1, 0x01)])
}
