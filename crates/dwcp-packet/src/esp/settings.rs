//! What both ends of a link agree on beside keys, and what each decides for itself.

use super::layout::Layout;
use super::{EncryptionMode, Limits, Padding, SetupError};
use crate::{AllowedSources, ReplayWindow};
use std::sync::Arc;

/// What is encrypted of an IP packet (RFC 4303 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encapsulation {
    /// All of it. What carries the sealed packet is the caller's: a UDP datagram, or an IP header of its own.
    #[default]
    Tunnel,
    /// What the IP header carries. The header stays in the clear, **and is not authenticated**: addresses in it are what the network says.
    Transport,
}

/// How long sequence numbers are. Four bytes of them are in each packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExtendedSequence {
    /// 64 bits, the upper half inferred and authenticated (RFC 4303 §2.2.1).
    #[default]
    On,
    /// 32 bits, for peers that know no others. The key's limits end it long before a number could come again.
    Off,
}

/// How packets of one direction are made.
///
/// Mode, encapsulation and sequence numbers have to be the same at both ends; an announcement that says otherwise is refused. Padding is the
/// sender's affair, window and sources are the receiver's.
#[derive(Clone, Debug)]
pub struct PacketSettings {
    pub(super) mode: EncryptionMode,
    pub(super) encapsulation: Encapsulation,
    pub(super) sequence: ExtendedSequence,
    pub(super) padding: Padding,
    pub(super) limits: Limits,
    pub(super) window: u32,
    pub(super) sources: Option<Arc<AllowedSources>>,
}

impl PacketSettings {
    /// Tunnel mode, 64-bit sequence numbers, minimal padding, default limits, a window of 8 192 packets, any source.
    pub fn new(mode: EncryptionMode) -> Self {
        Self {
            mode,
            encapsulation: Encapsulation::default(),
            sequence: ExtendedSequence::default(),
            padding: Padding::default(),
            limits: Limits::default(),
            window: ReplayWindow::DEFAULT,
            sources: None,
        }
    }

    /// Another encapsulation.
    #[must_use]
    pub fn with_encapsulation(self, encapsulation: Encapsulation) -> Self {
        Self { encapsulation, ..self }
    }

    /// Other sequence numbers.
    #[must_use]
    pub fn with_sequence(self, sequence: ExtendedSequence) -> Self {
        Self { sequence, ..self }
    }

    /// Another padding. Whether it can be had shows when keys are made.
    #[must_use]
    pub fn with_padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// Lower limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Another replay window: 64 to 65 536 packets. Whether it can be had shows when keys are made.
    #[must_use]
    pub fn with_window(self, packets: u32) -> Self {
        Self { window: packets, ..self }
    }

    /// The addresses that the peer may send from; packets from others are refused after they authenticated, and so are those whose headers
    /// two readers could take for different things ([`PacketError::Malformed`](super::PacketError::Malformed)).
    ///
    /// # Security
    /// Without it a peer can send in anybody's name, and no more than the lengths of its packets is verified. In transport mode the address
    /// that is compared is itself not authenticated.
    #[must_use]
    pub fn with_sources(self, sources: AllowedSources) -> Self {
        Self { sources: Some(Arc::new(sources)), ..self }
    }

    /// How many bytes a buffer needs before a packet: 8 to 24.
    pub fn headroom(&self) -> usize {
        Layout::of(self.mode).before()
    }

    /// How many bytes a buffer needs behind a packet at most, whatever its length.
    pub fn tailroom(&self) -> usize {
        let layout = Layout::of(self.mode);
        self.padding.most_behind(layout.align) + layout.tag
    }

    /// What packets are sealed with.
    pub fn mode(&self) -> EncryptionMode {
        self.mode
    }

    /// What is encrypted of a packet.
    pub fn encapsulation(&self) -> Encapsulation {
        self.encapsulation
    }

    /// How long sequence numbers are.
    pub fn sequence(&self) -> ExtendedSequence {
        self.sequence
    }

    /// How long packets are made.
    pub fn padding(&self) -> Padding {
        self.padding
    }

    /// How long a key is used.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn validate(&self) -> Result<(), SetupError> {
        if !(ReplayWindow::MIN..=ReplayWindow::MAX).contains(&self.window) {
            return Err(SetupError::Window);
        }
        self.padding.validate(self.encapsulation)
    }
}

/// AES-256-GCM.
impl Default for PacketSettings {
    fn default() -> Self {
        Self::new(EncryptionMode::default())
    }
}
