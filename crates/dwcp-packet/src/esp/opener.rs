//! How a packet is opened, whoever remembers which numbers were seen.

use super::context::{Authenticated, Parts};
use super::inner;
use super::layout::Layout;
use super::sealed::{Place, header, place};
use super::{
    Announcement, Encapsulation, ExtendedSequence, LinkKeys, Opened, PacketError, PacketSettings, SetupError,
    Spi,
};
use crate::transport::Split;
use crate::{Replay, ReplayWindow, SharedReplayWindow, esn};
use dwcp_base::Tick;
use dwcp_crypto::Secret;
use dwcp_crypto::packet::{PacketOpener, SealedParts};
use std::ops::Range;

/// One key of one direction, without its window.
pub(super) struct Opener {
    key: PacketOpener,
    settings: PacketSettings,
    layout: Layout,
    spi: Spi,
    until: Tick,
    /// The highest number that the sender ever uses.
    last: u64,
}

impl Opener {
    /// The key of an announced epoch.
    pub(super) fn of(
        keys: &LinkKeys,
        announced: &Announcement,
        settings: &PacketSettings,
        now: Tick,
    ) -> Result<Self, SetupError> {
        announced.matches(settings)?;
        let material = keys.material(keys.side().other(), announced)?;
        let opener = Self::from_keys(settings, announced.spi(), material, now)?;
        // A sender that announces keeps to these limits, so that a number beyond them needs no look.
        Ok(Self { last: super::Limits::default().hard_packets(), ..opener })
    }

    /// The key of `material`.
    pub(super) fn from_keys(
        settings: &PacketSettings,
        spi: Spi,
        material: Secret,
        now: Tick,
    ) -> Result<Self, SetupError> {
        settings.validate()?;
        Ok(Self {
            key: PacketOpener::new(settings.mode.cipher(), material)?,
            settings: settings.clone(),
            layout: Layout::of(settings.mode),
            spi,
            until: settings.limits.life(now, u64::MAX).hard,
            last: u64::MAX,
        })
    }

    /// Opens a packet in place. `seen` changes when it has authenticated, and then whatever it holds.
    #[inline]
    pub(super) fn open<'b>(
        &self,
        seen: &mut impl Seen,
        now: Tick,
        packet: &'b mut [u8],
    ) -> Result<Opened<'b>, PacketError> {
        if self.is_over(now) {
            return Err(PacketError::Expired);
        }
        let Place { at, end, outer } = place(packet, self.settings.encapsulation)?;
        let esp = packet.get(at..end).ok_or(PacketError::Malformed)?;
        let (spi, low) = header(esp)?;
        if spi != self.spi {
            return Err(PacketError::UnknownSpi);
        }
        let body = self.layout.body_of(esp.len()).ok_or(PacketError::Malformed)?;
        let number = self.number(seen, low)?;
        seen.check(number)?;

        let frame = packet.get_mut(..end).ok_or(PacketError::Malformed)?;
        let parts = Parts::of(frame, at, self.layout.iv, body).ok_or(PacketError::Malformed)?;
        let authenticated = Authenticated::new(&self.settings, spi, number);
        let sealed = SealedParts {
            head: authenticated.head(),
            iv: parts.iv,
            body: parts.body,
            tail: authenticated.tail(),
        };
        self.key.open(number, sealed, parts.tag)?;

        // It is authentic: now the window may move, and what is inside may be looked at.
        let start = at + self.layout.before();
        let held = seen.accept(number).and_then(|()| self.content(frame, outer, start..start + body));
        match held {
            Ok(range) => Ok(Opened { packet: frame, range, sequence: number, spi }),
            Err(error) => {
                // Nothing is left for whoever does not look at the verdict.
                if let Some(plain) = frame.get_mut(start..start + body) {
                    plain.fill(0);
                }
                Err(error)
            }
        }
    }

    /// Whether the key is past its hard age.
    #[inline]
    pub(super) fn is_over(&self, now: Tick) -> bool {
        now >= self.until
    }

    pub(super) fn spi(&self) -> Spi {
        self.spi
    }

    pub(super) fn settings(&self) -> &PacketSettings {
        &self.settings
    }

    /// The whole sequence number (RFC 4303 §2.2.1, appendix A2.1), unless no sender of this key has it.
    #[inline]
    fn number(&self, seen: &impl Seen, low: u32) -> Result<u64, PacketError> {
        let number = match self.settings.sequence {
            ExtendedSequence::On => {
                esn::infer(seen.highest(), seen.size(), low).ok_or(PacketError::TooOld)?
            }
            ExtendedSequence::Off => u64::from(low),
        };
        match number {
            // RFC 4303 §3.3.3: the first packet is number 1.
            0 => Err(PacketError::Malformed),
            _ if number <= self.last => Ok(number),
            // What is older than the window looks like 2^32 more.
            _ if number > u64::from(u32::MAX) => Err(PacketError::TooOld),
            _ => Err(PacketError::Forged),
        }
    }

    /// Where the IP packet is in a frame whose body at `body` is authentic plaintext.
    #[inline]
    fn content(
        &self,
        frame: &mut [u8],
        outer: Option<Split>,
        body: Range<usize>,
    ) -> Result<Range<usize>, PacketError> {
        let start = body.start;
        let plain = frame.get(body).ok_or(PacketError::Malformed)?;
        let (length, next) = super::padding::Trailer::read(plain).ok_or(PacketError::Malformed)?;
        let payload = plain.get(..length).ok_or(PacketError::Malformed)?;
        let sources = self.settings.sources.as_deref();
        let Some(split) = outer else {
            return Ok(start..start + inner::judge(payload, next, sources)?);
        };
        if next == inner::NO_NEXT_HEADER {
            return Err(PacketError::Dummy);
        }
        if inner::stands_before(next) {
            return Err(PacketError::Malformed);
        }
        // The IP header goes back to where it was, and says again what it carried.
        let range = self.layout.before()..start + length;
        frame.copy_within(..split.before(), range.start);
        let header = frame.get_mut(range.start..start).ok_or(PacketError::Malformed)?;
        split.rewrite(header, next, range.len()).map_err(|_| PacketError::Malformed)?;
        let packet = frame.get(range.clone()).ok_or(PacketError::Malformed)?;
        inner::permitted(packet, sources)?;
        Ok(range)
    }
}

/// Which numbers were seen.
pub(super) trait Seen {
    fn highest(&self) -> Option<u64>;
    fn size(&self) -> u32;
    fn check(&self, number: u64) -> Result<(), PacketError>;
    fn accept(&mut self, number: u64) -> Result<(), PacketError>;
}

impl Seen for ReplayWindow {
    #[inline]
    fn highest(&self) -> Option<u64> {
        Self::highest(self)
    }

    #[inline]
    fn size(&self) -> u32 {
        Self::size(self)
    }

    #[inline]
    fn check(&self, number: u64) -> Result<(), PacketError> {
        Ok(Self::check(self, number)?)
    }

    #[inline]
    fn accept(&mut self, number: u64) -> Result<(), PacketError> {
        Ok(Self::accept(self, number)?)
    }
}

/// The one that several queues share: of two packets of one number that are opened at once, one is accepted.
impl Seen for &SharedReplayWindow {
    #[inline]
    fn highest(&self) -> Option<u64> {
        SharedReplayWindow::highest(self)
    }

    #[inline]
    fn size(&self) -> u32 {
        SharedReplayWindow::size(self)
    }

    #[inline]
    fn check(&self, number: u64) -> Result<(), PacketError> {
        Ok(SharedReplayWindow::check(self, number)?)
    }

    #[inline]
    fn accept(&mut self, number: u64) -> Result<(), PacketError> {
        Ok(SharedReplayWindow::accept(self, number)?)
    }
}

impl From<Replay> for PacketError {
    fn from(replay: Replay) -> Self {
        match replay {
            Replay::TooOld => Self::TooOld,
            Replay::Seen => Self::Replayed,
        }
    }
}

/// The SPI of what arrived, by which its key is found.
#[inline]
pub(super) fn spi_of(packet: &[u8], encapsulation: Encapsulation) -> Result<Spi, PacketError> {
    let Place { at, end, .. } = place(packet, encapsulation)?;
    Ok(header(packet.get(at..end).ok_or(PacketError::Malformed)?)?.0)
}
