//! A packet that was authentic, and what it held.

use super::Spi;
use crate::{IpError, PacketMetadata};
use std::fmt;
use std::ops::Range;

/// An IP packet that came out of a sealed one. Only a context that opens makes it, after the tag, the window, the padding, the packet's
/// own lengths and its source were in order.
pub struct Opened<'b> {
    pub(super) packet: &'b mut [u8],
    pub(super) range: Range<usize>,
    pub(super) sequence: u64,
    pub(super) spi: Spi,
}

impl<'b> Opened<'b> {
    /// The IP packet, without padding.
    pub fn bytes(&self) -> &[u8] {
        // The range was taken from the slice when it was made.
        self.packet.get(self.range.clone()).unwrap_or_default()
    }

    /// The IP packet to write to, for whoever lowers its hop limit or sets its congestion bits.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.packet.get_mut(self.range.clone()).unwrap_or_default()
    }

    /// The IP packet, for as long as the buffer lives.
    pub fn into_bytes(self) -> &'b mut [u8] {
        self.packet.get_mut(self.range).unwrap_or_default()
    }

    /// Where in the buffer it lies.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The whole number of the packet that held it.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The index of the key that opened it.
    pub fn spi(&self) -> Spi {
        self.spi
    }

    /// What the packet says of itself, read now: about 20 ns that who only carries packets need not spend. In transport mode its header is
    /// not authenticated.
    ///
    /// # Errors
    /// [`IpError`] for headers that two readers could take for different things. Where [sources](super::PacketSettings::with_sources) are
    /// checked such a packet was never opened.
    pub fn metadata(&self) -> Result<PacketMetadata, IpError> {
        PacketMetadata::read(self.bytes())
    }
}

impl fmt::Debug for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({}, number {}, {} bytes)", self.spi, self.sequence, self.range.len())
    }
}
