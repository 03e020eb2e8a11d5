//! The receiving side of a link: which epochs open, and until when.

use super::opener::spi_of;
use super::{
    Announcement, DecryptionContext, LinkKeys, Opened, PacketCounters, PacketError, PacketSettings,
    SetupError, Spi,
};
use dwcp_base::Tick;
use std::fmt;

/// Opens what one peer seals, epoch after epoch, told apart by SPI. At most four keys are held: the one in force, the one before it, and the newest
/// two of which nothing came yet. Two, since the peer may seal under the first while the answer to the second is under way.
///
/// - An announced epoch comes into force with its first authentic packet; an announcement alone ends nothing.
/// - What is older than the epoch in force opens until a packet arrived whose number in the new one is as high as the window is long, or the
///   time between the soft and the hard limit has passed (60 s).
/// - Every key is wiped at its own hard age, by whatever is called next; [`expire`](Self::expire) is for a link on which nothing comes.
/// - Epochs only rise. An announcement that is repeated changes nothing, and one that is older than what was announced is refused.
pub struct Inbound {
    keys: LinkKeys,
    settings: PacketSettings,
    /// The highest that was announced.
    epoch: u32,
    /// Of which nothing came yet, the newest.
    announced: Option<Epoch>,
    /// The one announced before it. It may have been passed over: then it is older than the one in force, and goes as `previous` does.
    waiting: Option<Epoch>,
    current: Option<Epoch>,
    previous: Option<Epoch>,
    /// When what is older than the epoch in force is over.
    until: Tick,
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
    ///
    /// # Security
    /// It remembers nothing of an earlier one. Where the secret of `keys` outlives a process, a new one takes old announcements, and packets under
    /// them, once more: say with [`after_epoch`](Self::after_epoch) where it goes on.
    pub fn new(keys: LinkKeys, settings: PacketSettings) -> Result<Self, SetupError> {
        settings.validate()?;
        Ok(Self {
            keys,
            settings,
            epoch: 0,
            announced: None,
            waiting: None,
            current: None,
            previous: None,
            until: Tick(0),
            past: PacketCounters::default(),
        })
    }

    /// Takes no announcement of epoch `epoch` or an earlier one: the highest that was ever learned under these keys, as
    /// [`highest_learned`](Self::highest_learned) told it.
    #[must_use]
    pub fn after_epoch(self, epoch: u32) -> Self {
        Self { epoch: self.epoch.max(epoch), ..self }
    }

    /// Takes an announcement that the peer sent over an authenticated channel. After that the peer can be told to go ahead.
    ///
    /// One that is known already is taken again without effect. Of those of which nothing came yet, the newest two stay.
    ///
    /// # Errors
    /// [`SetupError::StaleEpoch`] when it is older than what was announced, or another one of the same number; [`SetupError::Mismatch`]
    /// when it is of another mode, encapsulation or kind of sequence number than the settings say; [`SetupError::SpiInUse`] when its index is
    /// that of a key that is or was in force and still opens. Nothing has changed then.
    pub fn learn(&mut self, now: Tick, announcement: &Announcement) -> Result<(), SetupError> {
        self.retire(now);
        let held = [&self.announced, &self.waiting, &self.current];
        if held.into_iter().flatten().any(|epoch| epoch.announcement == *announcement) {
            return Ok(());
        }
        if announcement.epoch() <= self.epoch {
            return Err(SetupError::StaleEpoch);
        }
        let spi = announcement.spi();
        if self.held().any(|epoch| epoch.is(spi) && !self.is_ahead(epoch)) {
            return Err(SetupError::SpiInUse);
        }
        let context = DecryptionContext::of(&self.keys, announcement, &self.settings, now)?;
        self.epoch = announcement.epoch();
        // A peer that announces an index again, of which nothing came, has given up what it announced it for.
        for slot in [&mut self.announced, &mut self.waiting] {
            bury(&mut self.past, slot.take_if(|epoch| epoch.is(spi)));
        }
        let newest = self.announced.replace(Epoch { context, announcement: *announcement });
        if newest.is_some() {
            bury(&mut self.past, std::mem::replace(&mut self.waiting, newest));
        }
        Ok(())
    }

    /// Opens a packet under the key of its SPI, as [`DecryptionContext::open`] does.
    ///
    /// # Errors
    /// As there; [`PacketError::UnknownSpi`] where none of the keys has its SPI, and for a key that is over. What does not authenticate
    /// changes no epoch.
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
        for held in [&mut self.current, &mut self.previous] {
            if let Some(epoch) = held
                && epoch.is(spi)
            {
                return epoch.context.open(now, packet);
            }
        }
        let slot = self.slot(spi);
        let opened = match slot {
            Some(epoch) if epoch.is(spi) => epoch.context.open(now, packet),
            _ => return Err(self.stray(PacketError::UnknownSpi)),
        };
        // Its window moves with the first authentic packet, whatever that holds, and with nothing else.
        if slot.as_ref().is_some_and(|epoch| epoch.context.window().highest().is_some()) {
            self.advance(now, spi);
        }
        opened
    }

    /// Lets go of every key that is over at `now`, which wipes it.
    ///
    /// All other calls do this too. On a link on which nothing comes nobody would: call it from a timer, every second or so.
    pub fn expire(&mut self, now: Tick) {
        self.retire(now);
    }

    /// The highest epoch that was learned, whatever came of it: what a receiver writes down whose root outlives its process. Zero before the
    /// first.
    pub fn highest_learned(&self) -> u32 {
        self.epoch
    }

    /// The epoch in force: the newest of which an authentic packet came, unless its time is over.
    pub fn epoch(&self) -> Option<u32> {
        self.current.as_ref().map(|epoch| epoch.announcement.epoch())
    }

    /// How many keys open packets at `now`: at most four.
    pub fn live_keys(&mut self, now: Tick) -> usize {
        self.retire(now);
        self.held().count()
    }

    /// What all keys did so far, and what came for none of them.
    pub fn counters(&self) -> PacketCounters {
        self.held().fold(self.past, |sum, epoch| sum.plus(epoch.context.counters()))
    }

    fn held(&self) -> impl Iterator<Item = &Epoch> {
        [&self.announced, &self.waiting, &self.current, &self.previous].into_iter().flatten()
    }

    /// Whether an epoch is newer than the one in force.
    fn is_ahead(&self, epoch: &Epoch) -> bool {
        Some(epoch.announcement.epoch()) > self.epoch()
    }

    /// Puts the epoch of `spi` in force if it is newer; the one that was becomes the previous one.
    #[cold]
    fn advance(&mut self, now: Tick, spi: Spi) {
        if !self.held().any(|epoch| epoch.is(spi) && self.is_ahead(epoch)) {
            return;
        }
        // One that was passed over before goes now: two epochs have come into force since it was announced.
        let current = self.epoch();
        let passed = self.waiting.take_if(|epoch| Some(epoch.announcement.epoch()) < current);
        bury(&mut self.past, passed);
        let new = self.slot(spi).take();
        let old = std::mem::replace(&mut self.current, new);
        if let Some(epoch) = &self.current {
            let (number, spi) = (epoch.announcement.epoch(), epoch.context.spi());
            tracing::debug!(epoch = number, %spi, "packets come under a new key");
        }
        bury(&mut self.past, std::mem::replace(&mut self.previous, old));
        self.until = now.plus(self.settings.limits.grace());
    }

    /// Where the announced epoch of `spi` is, if there is one.
    fn slot(&mut self, spi: Spi) -> &mut Option<Epoch> {
        match &self.announced {
            Some(epoch) if epoch.is(spi) => &mut self.announced,
            _ => &mut self.waiting,
        }
    }

    /// Lets go of every epoch past its hard age, and of those before the one in force when their grace is over.
    #[inline]
    fn retire(&mut self, now: Tick) {
        for slot in [&mut self.announced, &mut self.waiting, &mut self.current, &mut self.previous] {
            if slot.as_ref().is_some_and(|epoch| epoch.context.is_over(now)) {
                bury(&mut self.past, slot.take());
            }
        }
        if self.previous.is_some() || self.waiting.is_some() {
            self.retire_old(now);
        }
    }

    fn retire_old(&mut self, now: Tick) {
        let Some(current) = &self.current else { return };
        let seen = current.context.window().highest();
        if now >= self.until || seen.is_some_and(|highest| highest >= u64::from(self.settings.window)) {
            let epoch = current.announcement.epoch();
            bury(&mut self.past, self.previous.take());
            bury(&mut self.past, self.waiting.take_if(|waiting| waiting.announcement.epoch() < epoch));
        }
    }

    #[cold]
    fn stray(&mut self, error: PacketError) -> PacketError {
        self.past.note(Err(error));
        error
    }
}

/// Lets go of a key, and keeps what it counted.
fn bury(past: &mut PacketCounters, gone: Option<Epoch>) {
    if let Some(epoch) = gone {
        *past = past.plus(epoch.context.counters());
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
