//! A sealed packet, and where its fields are.

use super::fields::{Body, Fields};
use super::inner::ESP;
use super::layout::{HEADER, Layout};
use super::{Encapsulation, EncryptionMode, PacketError, Spi};
use crate::transport::{self, Split};
use std::fmt;

/// A packet as it is sent: `SPI sequence [IV] body tag` (RFC 4303 §2), in transport mode behind its IP header.
///
/// In tunnel mode these bytes are the payload of a UDP datagram (RFC 3948) or of an IP packet with protocol 50.
#[derive(Clone, Copy)]
pub struct EncryptedPacket<'b> {
    bytes: &'b [u8],
    /// Where ESP begins.
    at: usize,
    layout: Layout,
    body: Body,
    spi: Spi,
    sequence: u64,
}

impl<'b> EncryptedPacket<'b> {
    pub(super) fn sealed(
        bytes: &'b [u8],
        at: usize,
        layout: Layout,
        body: Body,
        spi: Spi,
        sequence: u64,
    ) -> Self {
        Self { bytes, at, layout, body, spi, sequence }
    }

    /// Looks at a packet that came from somewhere: what is in the clear, and nothing of it verified.
    ///
    /// In tunnel mode `bytes` are those from the SPI on; in transport mode those of the whole IP packet.
    ///
    /// # Errors
    /// [`PacketError::Malformed`] when they can not be a packet of that mode.
    pub fn read(
        bytes: &'b [u8],
        mode: EncryptionMode,
        encapsulation: Encapsulation,
    ) -> Result<Self, PacketError> {
        let layout = Layout::of(mode);
        let place = place(bytes, encapsulation)?;
        let bytes = bytes.get(..place.end).ok_or(PacketError::Malformed)?;
        let esp = bytes.get(place.at..).ok_or(PacketError::Malformed)?;
        let (spi, sequence) = header(esp)?;
        let body = Body::Closed(layout.body_of(esp.len()).ok_or(PacketError::Malformed)?);
        Ok(Self { bytes, at: place.at, layout, body, spi, sequence: u64::from(sequence) })
    }

    /// What is sent: from the IP header on in transport mode, else from the SPI on.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// The index of its key.
    pub fn spi(&self) -> Spi {
        self.spi
    }

    /// Its number. Of one that was [read](Self::read) it is the lower half, which is all that is sent.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Every field in the order of the bytes, without gaps. Those within the body are known of a packet that was just sealed; of one
    /// that was [read](Self::read) the body is one field.
    pub fn fields(&self) -> Fields {
        Fields::of(self.at, self.layout, self.body)
    }
}

impl fmt::Debug for EncryptedPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedPacket({}, number {}, {} bytes)", self.spi, self.sequence, self.bytes.len())
    }
}

/// Where ESP is in what arrived.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) at: usize,
    pub(super) end: usize,
    /// In transport mode, the headers before it.
    pub(super) outer: Option<Split>,
}

/// Finds ESP: at the start in tunnel mode, behind the IP header in transport mode. Fragments are put together before (RFC 4303 §3.4.1).
#[inline]
pub(super) fn place(bytes: &[u8], encapsulation: Encapsulation) -> Result<Place, PacketError> {
    match encapsulation {
        Encapsulation::Tunnel => Ok(Place { at: 0, end: bytes.len(), outer: None }),
        Encapsulation::Transport => match transport::locate(bytes) {
            Ok(split) if split.protocol() == ESP => {
                Ok(Place { at: split.before(), end: split.total_len(), outer: Some(split) })
            }
            _ => Err(PacketError::Malformed),
        },
    }
}

/// SPI and lower half of the sequence number.
#[inline]
pub(super) fn header(esp: &[u8]) -> Result<(Spi, u32), PacketError> {
    let &[a, b, c, d, e, f, g, h] = esp.first_chunk::<HEADER>().ok_or(PacketError::Malformed)?;
    let spi = Spi::new(u32::from_be_bytes([a, b, c, d])).map_err(|_| PacketError::UnknownSpi)?;
    Ok((spi, u32::from_be_bytes([e, f, g, h])))
}
