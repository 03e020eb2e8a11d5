//! What a sender tells its peer before it seals under a new key.

use super::{Encapsulation, EncryptionMode, ExtendedSequence, PacketSettings, SetupError, Spi};

/// The beginning of an epoch: what the peer needs beside the root to derive the same key.
///
/// 44 bytes, to be carried over a channel that authenticates its sender and loses nothing. It holds no secret: 32 random bytes of it go into
/// the derivation, so that no two epochs share a key, whatever was restarted, restored or started twice. The format is in
/// `docs/formats/esp-announcement.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Announcement {
    mode: EncryptionMode,
    encapsulation: Encapsulation,
    sequence: ExtendedSequence,
    spi: Spi,
    epoch: u32,
    random: [u8; 32],
}

impl Announcement {
    /// How many bytes there are, always.
    pub const LENGTH: usize = 44;

    pub(super) fn new(settings: &PacketSettings, spi: Spi, epoch: u32, random: [u8; 32]) -> Self {
        let PacketSettings { mode, encapsulation, sequence, .. } = *settings;
        Self { mode, encapsulation, sequence, spi, epoch, random }
    }

    /// The bytes to send.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut flags = 0;
        if self.sequence == ExtendedSequence::On {
            flags |= EXTENDED;
        }
        if self.encapsulation == Encapsulation::Transport {
            flags |= TRANSPORT;
        }
        let mut bytes = [0; Self::LENGTH];
        let parts: [&[u8]; 4] = [
            &[VERSION, self.mode.code(), flags, 0],
            &self.spi.to_bytes(),
            &self.epoch.to_be_bytes(),
            &self.random,
        ];
        bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(byte, value)| *byte = *value);
        bytes
    }

    /// Reads what was received. Every announcement has one text of bytes, and all others are refused.
    ///
    /// # Errors
    /// [`SetupError::Announcement`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SetupError> {
        Self::read(bytes).ok_or(SetupError::Announcement)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&[version, mode, flags, reserved], rest) = bytes.split_first_chunk()?;
        let (spi, rest) = rest.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let random = rest.try_into().ok()?;
        if version != VERSION || reserved != 0 || flags & !(EXTENDED | TRANSPORT) != 0 {
            return None;
        }
        let epoch = u32::from_be_bytes(*epoch);
        Some(Self {
            mode: EncryptionMode::from_code(mode)?,
            encapsulation: if flags & TRANSPORT == 0 {
                Encapsulation::Tunnel
            } else {
                Encapsulation::Transport
            },
            sequence: if flags & EXTENDED == 0 { ExtendedSequence::Off } else { ExtendedSequence::On },
            spi: Spi::new(u32::from_be_bytes(*spi)).ok()?,
            epoch: (epoch != 0).then_some(epoch)?,
            random,
        })
    }

    /// The number of the epoch. The first is 1, and numbers only rise.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The index in its packets.
    pub fn spi(&self) -> Spi {
        self.spi
    }

    /// What its packets are sealed with.
    pub fn mode(&self) -> EncryptionMode {
        self.mode
    }

    /// Whether it is of the mode, encapsulation and sequence numbers that `settings` expect: nothing is negotiated here, so that nothing
    /// can be talked down.
    pub(super) fn matches(&self, settings: &PacketSettings) -> Result<(), SetupError> {
        let theirs = (self.mode, self.encapsulation, self.sequence);
        let ours = (settings.mode, settings.encapsulation, settings.sequence);
        if theirs == ours { Ok(()) } else { Err(SetupError::Mismatch) }
    }
}

const VERSION: u8 = 1;
const EXTENDED: u8 = 1;
const TRANSPORT: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_announcement_is_read_back_and_every_other_byte_is_refused() {
        for mode in EncryptionMode::ALL {
            for encapsulation in [Encapsulation::Tunnel, Encapsulation::Transport] {
                for sequence in [ExtendedSequence::On, ExtendedSequence::Off] {
                    let settings =
                        PacketSettings::new(mode).with_encapsulation(encapsulation).with_sequence(sequence);
                    let spi = Spi::new(0x1001).unwrap();
                    let told = Announcement::new(&settings, spi, u32::MAX, [9; 32]);
                    assert_eq!(Announcement::from_bytes(&told.to_bytes()), Ok(told));
                    assert_eq!(told.matches(&settings), Ok(()));
                }
            }
        }
        let told = Announcement::new(&PacketSettings::default(), Spi::MIN, 1, [0; 32]).to_bytes();
        let changed = |at: usize, value: u8| {
            let mut bytes = told;
            bytes[at] = value;
            Announcement::from_bytes(&bytes)
        };
        // Version, mode, flags, reserved, a reserved SPI, epoch zero.
        for (at, value) in [(0, 0), (0, 2), (1, 0), (1, 10), (2, 4), (2, 0x81), (3, 1), (6, 0), (11, 0)] {
            assert_eq!(changed(at, value), Err(SetupError::Announcement), "{at} {value}");
        }
        for length in (0..44).chain([45]) {
            let mut bytes = told.to_vec();
            bytes.resize(length, 0);
            assert_eq!(Announcement::from_bytes(&bytes), Err(SetupError::Announcement), "{length}");
        }
    }

    #[test]
    fn at_c5_an_announcement_of_another_mode_or_without_extended_numbers_is_no_match() {
        let expected = PacketSettings::default();
        for other in [
            PacketSettings::new(EncryptionMode::Aes128Gcm),
            PacketSettings::default().with_sequence(ExtendedSequence::Off),
            PacketSettings::default().with_encapsulation(Encapsulation::Transport),
        ] {
            let told = Announcement::new(&other, Spi::MIN, 1, [0; 32]);
            assert_eq!(told.matches(&expected), Err(SetupError::Mismatch));
        }
    }
}
