//! Why a packet was not sealed or not opened, and why keys were not set up.

use super::ModeError;
use dwcp_base::{Blame, Coded};
use dwcp_crypto::CryptoError;

/// Why a packet was not sealed or not opened.
///
/// # Security
/// [`Forged`](Self::Forged) does not say what failed: key, tag, sequence number and every byte look alike, and the padding is never looked
/// at before the tag was. What does say more, says it of bytes that are in the clear anyway, or that the holder of the key has sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The buffer has not the room that sealing needs before or behind the packet, or the range is not in it.
    #[error("the buffer has no room for the sealed packet: see headroom and tailroom")]
    NoRoom,
    /// What is to be sealed is a packet that the other side would refuse: no IP packet, one of another length than it says, one whose headers
    /// break a rule; in transport mode also a fragment, one whose checksum is wrong, and one of protocol 59, which means a dummy there.
    #[error("what is to be sealed is no IP packet that the other side would take")]
    NotAPacket,
    /// What is to be sealed is longer than all packets are padded to, or than a packet can be.
    #[error("the packet is longer than a sealed one can be")]
    TooLong,
    /// The key has reached its hard limit of time, packets or bytes. It is wiped by now, and seals nothing more.
    #[error("the key has reached its limit: it seals nothing more")]
    KeyExhausted,
    /// The time of the key is over. It opens nothing more. A link lets go of such a key, so that it says [`UnknownSpi`](Self::UnknownSpi).
    #[error("the time of the key is over")]
    Expired,
    /// As many forgeries were tried on the key as it bears (RFC 9147 §4.5.3). It opens nothing more.
    #[error("too many forged packets were tried on the key")]
    TooManyForgeries,
    /// No key has the packet's index.
    #[error("no key has this SPI")]
    UnknownSpi,
    /// The packet is older than the replay window reaches.
    #[error("the packet is older than the replay window")]
    TooOld,
    /// The packet's number was accepted before.
    #[error("the packet was received before")]
    Replayed,
    /// The packet did not authenticate.
    #[error("the packet is not authentic")]
    Forged,
    /// The bytes are no ESP packet of this mode; or they are authentic, and hold what no sender may send.
    #[error("the packet is malformed")]
    Malformed,
    /// The packet is authentic, and what it holds comes from an address that this peer may not send from.
    #[error("the peer may not send from this address")]
    WrongSource,
    /// The packet is authentic and holds nothing: it was sent to hide when there is something to say (RFC 4303 §2.6). No fault of anybody's.
    #[error("the packet holds nothing")]
    Dummy,
}

impl Coded for PacketError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoRoom => "packet.buffer.short",
            Self::NotAPacket => "packet.content.invalid",
            Self::TooLong => "packet.content.oversized",
            Self::KeyExhausted => "packet.key.exhausted",
            Self::Expired => "packet.key.expired",
            Self::TooManyForgeries => "packet.forgeries.exceeded",
            Self::UnknownSpi => "packet.spi.unknown",
            Self::TooOld => "packet.sequence.old",
            Self::Replayed => "packet.sequence.replayed",
            Self::Forged => "packet.tag.forged",
            Self::Malformed => "packet.form.malformed",
            Self::WrongSource => "packet.source.denied",
            Self::Dummy => "packet.content.dummy",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::NoRoom | Self::NotAPacket | Self::TooLong | Self::KeyExhausted => Blame::Local,
            Self::Expired | Self::Dummy => Blame::Network,
            Self::TooManyForgeries
            | Self::UnknownSpi
            | Self::TooOld
            | Self::Replayed
            | Self::Forged
            | Self::Malformed
            | Self::WrongSource => Blame::Peer,
        }
    }
}

/// What the keys of packets say, in the words of packets.
impl From<CryptoError> for PacketError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::NotAuthentic => Self::Forged,
            CryptoError::TooManyForgeries => Self::TooManyForgeries,
            CryptoError::KeyExhausted => Self::KeyExhausted,
            CryptoError::MessageTooLarge => Self::TooLong,
            _ => Self::Malformed,
        }
    }
}

/// Why keys, settings or an announcement were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// An SPI below 256.
    #[error("an SPI is 256 or more: those below are reserved (RFC 4303 §2.1)")]
    ReservedSpi,
    /// The SPI belongs to another epoch that is still in use.
    #[error("the SPI belongs to another epoch that is still in use")]
    SpiInUse,
    /// A name of no mode.
    #[error(transparent)]
    Mode(#[from] ModeError),
    /// A padding that can not be had: a multiple of zero, a length of zero or above 65 000, or more than 256 in transport mode.
    #[error(
        "the padding can not be had: at most 65 000 bytes, and multiples of at most 256 in transport mode"
    )]
    Padding,
    /// A limit of zero or above the default, or a soft one that is not below its hard one.
    #[error("a limit can be lowered, not raised, and the soft one comes first")]
    Limits,
    /// A replay window smaller than 64 or larger than 65 536 packets.
    #[error("a replay window holds 64 to 65 536 packets")]
    Window,
    /// The bytes are no announcement, or one of a version or mode that is not known.
    #[error("the bytes are no announcement of this version")]
    Announcement,
    /// The announcement is of another mode, encapsulation or kind of sequence number than is expected.
    #[error("the announcement is of another mode than is expected")]
    Mismatch,
    /// The announcement is of an epoch that is over, or is not the one that was made last.
    #[error("the epoch is over")]
    StaleEpoch,
    /// The last epoch was reached: 2^32 − 1. A new root is needed.
    #[error("there are no more epochs under this root")]
    EpochsExhausted,
    /// No epoch was announced that could be put in force.
    #[error("no such epoch was announced")]
    NotAnnounced,
    /// The primitive refused: the material is of the wrong length, there is no randomness, or the binding is too long.
    #[error("the keys of the packets were refused")]
    Crypto(#[from] CryptoError),
}

impl Coded for SetupError {
    fn code(&self) -> &'static str {
        match self {
            Self::ReservedSpi => "packet.spi.reserved",
            Self::SpiInUse => "packet.spi.taken",
            Self::Mode(error) => error.code(),
            Self::Padding => "packet.padding.invalid",
            Self::Limits => "packet.limits.invalid",
            Self::Window => "packet.window.invalid",
            Self::Announcement => "packet.announcement.malformed",
            Self::Mismatch => "packet.announcement.mismatched",
            Self::StaleEpoch => "packet.epoch.stale",
            Self::EpochsExhausted => "packet.epochs.exhausted",
            Self::NotAnnounced => "packet.epoch.unannounced",
            Self::Crypto(error) => error.code(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::SpiInUse | Self::Announcement | Self::Mismatch | Self::StaleEpoch => Blame::Peer,
            Self::ReservedSpi
            | Self::Padding
            | Self::Limits
            | Self::Window
            | Self::EpochsExhausted
            | Self::NotAnnounced => Blame::Local,
            Self::Mode(error) => error.blame(),
            Self::Crypto(error) => error.blame(),
        }
    }
}
