//! The receiving side of a link: which epochs open, and until when.

use super::opener::spi_of;
use super::{
    Announcement, DecryptionContext, LinkKeys, Opened, PacketCounters, PacketError, PacketSettings,
    SetupError, Spi,
};
use dwcp_base::Tick;
use std::fmt;

/// Opens what one peer seals, epoch after epoch, told apart by SPI. At most three keys are held: one that was announced and of which nothing
/// came yet, the one in force, and the one before it.
///
/// - An announced epoch comes into force with its first authentic packet; an announcement alone ends nothing.
/// - The one before opens until a packet arrived whose number in the new one is as high as the window is long, or the time between the soft and
///   the hard limit has passed (60 s), or its own hard limit comes.
/// - Epochs only rise. An announcement that is repeated changes nothing, and one that is older than what was announced is refused.
pub struct Inbound {
    keys: LinkKeys,
    settings: PacketSettings,
    /// The highest that was announced.
    epoch: u32,
    announced: Option<Epoch>,
    current: Option<Epoch>,
    previous: Option<(Epoch, Tick)>,
    /// Packets for nobody, and what the keys did that are gone.
    past: PacketCounters,
}

struct Epoch {
    context: DecryptionContext,
    announcement: Announcement,
}

impl Inbound {
    /// A link of which nothing was announced as yet.
    ///
    /// # Errors
    /// [`SetupError::Padding`] or [`SetupError::Window`] for settings that can not be had.
    pub fn new(keys: LinkKeys, settings: PacketSettings) -> Result<Self, SetupError> {
        settings.validate()?;
        Ok(Self {
            keys,
            settings,
            epoch: 0,
            announced: None,
            current: None,
            previous: None,
            past: PacketCounters::default(),
        })
    }

    /// Takes an announcement that the peer sent over an authenticated channel. After that the peer can be told to go ahead.
    ///
    /// One that is known already is taken again without effect. A newer one takes the place of one of which nothing came yet.
    ///
    /// # Errors
    /// [`SetupError::StaleEpoch`] when it is older than what was announced, or another one of the same number; [`SetupError::Mismatch`]
    /// when it is of another mode, encapsulation or kind of sequence number than the settings say; [`SetupError::SpiInUse`] when its index is
    /// that of a key that still opens. Nothing has changed then.
    pub fn learn(&mut self, now: Tick, announcement: &Announcement) -> Result<(), SetupError> {
        let held = [&self.announced, &self.current];
        if held.into_iter().flatten().any(|epoch| epoch.announcement == *announcement) {
            return Ok(());
        }
        if announcement.epoch() <= self.epoch {
            return Err(SetupError::StaleEpoch);
        }
        self.retire(now);
        let spi = announcement.spi();
        if self.current.as_ref().is_some_and(|epoch| epoch.is(spi))
            || self.previous.as_ref().is_some_and(|(epoch, _)| epoch.is(spi))
        {
            return Err(SetupError::SpiInUse);
        }
        let context = DecryptionContext::of(&self.keys, announcement, &self.settings, now)?;
        self.epoch = announcement.epoch();
        let replaced = self.announced.replace(Epoch { context, announcement: *announcement });
        self.bury(replaced);
        Ok(())
    }

    /// Opens a packet under the key of its SPI, as [`DecryptionContext::open`] does.
    ///
    /// # Errors
    /// As there; [`PacketError::UnknownSpi`] where none of the three keys has its SPI. What does not authenticate changes no epoch.
    ///
    /// # Security
    /// One key is tried for a packet, never several: a packet made to open under more than one of them tells its maker nothing.
    #[inline]
    pub fn open<'b>(&mut self, now: Tick, packet: &'b mut [u8]) -> Result<Opened<'b>, PacketError> {
        self.retire(now);
        let spi = match spi_of(packet, self.settings.encapsulation) {
            Ok(spi) => spi,
            Err(error) => return Err(self.stray(error)),
        };
        if let Some(epoch) = &mut self.current
            && epoch.is(spi)
        {
            return epoch.context.open(now, packet);
        }
        if let Some((epoch, _)) = &mut self.previous
            && epoch.is(spi)
        {
            return epoch.context.open(now, packet);
        }
        let opened = match &mut self.announced {
            Some(epoch) if epoch.is(spi) => epoch.context.open(now, packet),
            _ => return Err(self.stray(PacketError::UnknownSpi)),
        };
        // Its window moves with the first authentic packet, whatever that holds, and with nothing else.
        if self.announced.as_ref().is_some_and(|epoch| epoch.context.window().highest().is_some()) {
            self.advance(now);
        }
        opened
    }

    /// The epoch in force: the newest of which an authentic packet came.
    pub fn epoch(&self) -> Option<u32> {
        self.current.as_ref().map(|epoch| epoch.announcement.epoch())
    }

    /// How many keys open packets at `now`: at most three.
    pub fn live_keys(&mut self, now: Tick) -> usize {
        self.retire(now);
        [self.announced.is_some(), self.current.is_some(), self.previous.is_some()]
            .into_iter()
            .filter(|held| *held)
            .count()
    }

    /// What all keys did so far, and what came for none of them.
    pub fn counters(&self) -> PacketCounters {
        let held =
            [self.announced.as_ref(), self.current.as_ref(), self.previous.as_ref().map(|(old, _)| old)];
        held.into_iter().flatten().fold(self.past, |sum, epoch| sum.plus(epoch.context.counters()))
    }

    /// Puts the announced epoch in force; the one that was becomes the previous one.
    #[cold]
    fn advance(&mut self, now: Tick) {
        let old = std::mem::replace(&mut self.current, self.announced.take());
        if let Some(epoch) = &self.current {
            let (number, spi) = (epoch.announcement.epoch(), epoch.context.spi());
            tracing::debug!(epoch = number, %spi, "packets come under a new key");
        }
        let until = now.plus(self.settings.limits.grace());
        let older = std::mem::replace(&mut self.previous, old.map(|epoch| (epoch, until)));
        self.bury(older.map(|(epoch, _)| epoch));
    }

    /// Lets go of the previous epoch when its grace is over.
    #[inline]
    fn retire(&mut self, now: Tick) {
        let Some((_, until)) = &self.previous else { return };
        let seen = self.current.as_ref().and_then(|epoch| epoch.context.window().highest());
        if now >= *until || seen.is_some_and(|highest| highest >= u64::from(self.settings.window)) {
            let gone = self.previous.take();
            self.bury(gone.map(|(epoch, _)| epoch));
        }
    }

    fn bury(&mut self, gone: Option<Epoch>) {
        if let Some(epoch) = gone {
            self.past = self.past.plus(epoch.context.counters());
        }
    }

    #[cold]
    fn stray(&mut self, error: PacketError) -> PacketError {
        self.past.note(Err(error));
        error
    }
}

impl Epoch {
    #[inline]
    fn is(&self, spi: Spi) -> bool {
        self.context.spi() == spi
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Inbound(epoch {:?}, {:?})",
            self.epoch(),
            self.current.as_ref().map(|epoch| &epoch.context)
        )
    }
}
