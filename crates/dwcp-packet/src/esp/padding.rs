//! What stands behind a packet: to fill the block, and to hide the length (RFC 4303 §2.4, §2.7).

use super::{Encapsulation, PacketError, SetupError};

/// How long packets are made, so that their lengths tell less.
///
/// A packet's padding proper is at most 255 bytes, since one byte says how long it is. In tunnel mode more fits between packet and padding,
/// because the inner header says where the packet ends (traffic flow confidentiality, RFC 4303 §2.7). Transport mode has nothing of
/// the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Padding {
    /// As little as the mode needs: up to 3 bytes, up to 15 with CBC. The length tells that of the packet.
    #[default]
    Minimal,
    /// What is encrypted is a multiple of so many bytes, itself rounded up to what the mode needs (4, or 16 with CBC). In tunnel mode
    /// 1 to 65 000, in transport mode 1 to 256.
    Multiple(u16),
    /// Every packet is as long as one of so many bytes, 1 to 65 000: give the MTU of the inner interface. Longer packets are refused with
    /// [`PacketError::TooLong`]. Tunnel mode alone.
    Full(u16),
}

impl Padding {
    /// Whether it can be had in `encapsulation`.
    pub(super) fn validate(self, encapsulation: Encapsulation) -> Result<(), SetupError> {
        let most = match (self, encapsulation) {
            (Self::Minimal, _) => return Ok(()),
            (Self::Multiple(_) | Self::Full(_), Encapsulation::Tunnel) => MOST,
            (Self::Multiple(_), Encapsulation::Transport) => 256,
            (Self::Full(_), Encapsulation::Transport) => 0,
        };
        let (Self::Multiple(length) | Self::Full(length)) = self else { return Ok(()) };
        if (1..=most).contains(&length) { Ok(()) } else { Err(SetupError::Padding) }
    }

    /// What stands behind a payload of `length` bytes, if the whole has to be a multiple of `align`.
    #[inline]
    pub(super) fn behind(self, length: usize, align: usize) -> Result<Trailer, PacketError> {
        let least = length + Trailer::FIXED;
        let whole = match self {
            // A division for each packet would be felt; the alignments are powers of two.
            Self::Minimal => (least + align - 1) & !(align - 1),
            Self::Multiple(of) => least.next_multiple_of(usize::from(of).max(1).next_multiple_of(align)),
            Self::Full(most) if length <= usize::from(most) => {
                (usize::from(most) + Trailer::FIXED).next_multiple_of(align)
            }
            Self::Full(_) => return Err(PacketError::TooLong),
        };
        // Padding proper first, as every receiver knows it; what it can not hold goes before it.
        let fill = whole - least;
        let padding = fill.min(PATTERN.len());
        Ok(Trailer { confidentiality: fill - padding, padding })
    }

    /// The most that stands behind any payload.
    pub(super) fn most_behind(self, align: usize) -> usize {
        match self {
            Self::Minimal => Trailer::FIXED + align - 1,
            Self::Multiple(of) => Trailer::FIXED + usize::from(of).max(1).next_multiple_of(align) - 1,
            Self::Full(most) => Trailer::FIXED + usize::from(most) + align - 1,
        }
    }
}

/// What stands between a payload and the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    /// Zeros that hide the length: traffic flow confidentiality padding.
    pub(super) confidentiality: usize,
    /// 1, 2, 3 and so on; at most 255 bytes.
    pub(super) padding: usize,
}

impl Trailer {
    /// The length of the padding, and the next header.
    pub(super) const FIXED: usize = 2;

    pub(super) fn len(self) -> usize {
        self.confidentiality + self.padding + Self::FIXED
    }

    /// Writes itself to `room`, which is as long as itself.
    #[inline]
    pub(super) fn write(self, room: &mut [u8], next_header: u8) -> Option<()> {
        let (confidentiality, rest) = room.split_at_mut_checked(self.confidentiality)?;
        let (padding, fixed) = rest.split_at_mut_checked(self.padding)?;
        confidentiality.fill(0);
        // A loop rather than a copy: there are three of them, as a rule.
        padding.iter_mut().zip(&PATTERN).for_each(|(byte, value)| *byte = *value);
        let fixed: &mut [u8; Self::FIXED] = fixed.try_into().ok()?;
        *fixed = [u8::try_from(self.padding).ok()?, next_header];
        Some(())
    }

    /// How long the payload in `body` is with what hides its length, and its next header. `None` when the padding lies.
    ///
    /// # Security
    /// To be called on what has authenticated, and on nothing else.
    #[inline]
    pub(super) fn read(body: &[u8]) -> Option<(usize, u8)> {
        let (rest, &[length, next_header]) = body.split_last_chunk::<{ Self::FIXED }>()?;
        let payload = rest.len().checked_sub(usize::from(length))?;
        let padding = rest.get(payload..)?;
        padding.iter().eq(PATTERN.iter().take(padding.len())).then_some((payload, next_header))
    }
}

/// RFC 4303 §2.4: the padding counts up from 1.
static PATTERN: [u8; 255] = {
    let mut pattern = [0; 255];
    let mut at = 0;
    let mut value: u8 = 1;
    while at < pattern.len() {
        pattern[at] = value;
        at += 1;
        value = value.wrapping_add(1);
    }
    pattern
};

/// Beyond it headers and tag would not fit beside what hides the length.
const MOST: u16 = 65_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_ends_on_the_border_that_was_asked_for() {
        let paddings = [1, 4, 7, 16, 100, 256, 1_400, 65_000];
        let paddings = paddings.iter().flat_map(|&n| [Padding::Multiple(n), Padding::Full(n)]);
        for padding in paddings.chain([Padding::Minimal]) {
            for align in [4, 16] {
                for length in [0, 1, 2, 3, 13, 14, 15, 16, 20, 253, 254, 255, 256, 1_399, 1_400] {
                    let Ok(trailer) = padding.behind(length, align) else {
                        assert!(matches!(padding, Padding::Full(most) if usize::from(most) < length));
                        continue;
                    };
                    let mut body = vec![0xaa; length + trailer.len()];
                    assert!(trailer.len() <= padding.most_behind(align));
                    trailer.write(&mut body[length..], 41).unwrap();
                    let read = Trailer::read(&body);
                    assert_eq!(read, Some((length + trailer.confidentiality, 41)), "{padding:?} {length}");
                    assert_eq!(body.len() % align, 0);
                    match padding {
                        Padding::Minimal => assert!(trailer.padding < align && trailer.confidentiality == 0),
                        Padding::Multiple(of) => {
                            assert_eq!(body.len() % usize::from(of).next_multiple_of(align), 0);
                        }
                        Padding::Full(most) => {
                            assert_eq!(body.len(), (usize::from(most) + 2).next_multiple_of(align));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn padding_that_lies_is_seen_in_every_byte() {
        let trailer = Trailer { confidentiality: 0, padding: 255 };
        let mut body = [0; 257];
        trailer.write(&mut body, 4).unwrap();
        assert_eq!(Trailer::read(&body), Some((0, 4)));
        for at in 0..256 {
            let mut lying = body;
            lying[at] ^= 0x40;
            assert_eq!(Trailer::read(&lying), None, "{at}");
        }
        assert_eq!(Trailer::read(&body[1..]), None, "longer than there are bytes");
        assert_eq!(Trailer::read(&[]), None);
        assert_eq!(Trailer::read(&[4]), None);
        assert_eq!(Trailer::read(&[0, 4]), Some((0, 4)));
    }

    #[test]
    fn transport_mode_has_no_more_than_one_byte_can_count() {
        let (tunnel, transport) = (Encapsulation::Tunnel, Encapsulation::Transport);
        for length in [1, 256, 257, 65_000] {
            assert_eq!(Padding::Multiple(length).validate(tunnel), Ok(()));
            assert_eq!(Padding::Full(length).validate(tunnel), Ok(()));
            assert_eq!(Padding::Full(length).validate(transport), Err(SetupError::Padding));
            assert_eq!(Padding::Multiple(length).validate(transport).is_ok(), length <= 256);
        }
        for length in [0, 65_001] {
            assert_eq!(Padding::Multiple(length).validate(tunnel), Err(SetupError::Padding));
            assert_eq!(Padding::Full(length).validate(tunnel), Err(SetupError::Padding));
        }
        for length in 0..600 {
            let trailer = Padding::Multiple(256).behind(length, 16).unwrap();
            assert_eq!(trailer.confidentiality, 0);
        }
    }
}
