//! The sending side of a link: epoch after epoch, each announced before it is used.

use super::{
    Announcement, EncryptedPacket, EncryptionContext, KeyState, LinkKeys, PacketCounters, PacketError,
    PacketSettings, SetupError, Spi,
};
use dwcp_base::Tick;
use std::fmt;
use std::ops::Range;

/// Seals for one peer, and moves from key to key without losing a packet: prepare, tell, then use.
///
/// 1. When [`state`](Self::state) is not fresh, [`announce`](Self::announce) makes the next key; packets go on under the old one.
/// 2. The caller carries the announcement to the peer, over a channel that authenticates it.
/// 3. Once the peer has said that it knows, [`activate`](Self::activate) puts the new key in force.
///
/// If an answer is lost, step 1 gives the same announcement again. If none ever comes, sealing ends at the hard limit.
pub struct Outbound {
    keys: LinkKeys,
    settings: PacketSettings,
    /// Of the newest key that was made.
    epoch: u32,
    /// Of the key in force; 0 before the first.
    active: u32,
    current: Option<EncryptionContext>,
    /// Of the key before it, which still opens at the peer.
    previous: Option<Spi>,
    next: Option<(EncryptionContext, Announcement)>,
    /// What the keys did that are gone.
    past: PacketCounters,
}

impl Outbound {
    /// A link without a key as yet.
    ///
    /// # Errors
    /// [`SetupError::Padding`] or [`SetupError::Window`] for settings that can not be had.
    pub fn new(keys: LinkKeys, settings: PacketSettings) -> Result<Self, SetupError> {
        settings.validate()?;
        Ok(Self {
            keys,
            settings,
            epoch: 0,
            active: 0,
            current: None,
            previous: None,
            next: None,
            past: PacketCounters::default(),
        })
    }

    /// Goes on after epoch `epoch`, where a root outlives a process: a peer that remembers an epoch takes no earlier one.
    ///
    /// It is about being understood; no key repeats even where it is wrong.
    #[must_use]
    pub fn after_epoch(self, epoch: u32) -> Self {
        Self { epoch: self.epoch.max(epoch), ..self }
    }

    /// The newest epoch that was announced, in force or not: what a sender writes down whose root outlives its process. Zero before the
    /// first.
    pub fn highest_announced(&self) -> u32 {
        self.epoch
    }

    /// The announcement of the next epoch, under `spi`. While one of that SPI waits to be activated and is fresh, it is the same again; with
    /// another SPI it is a new one, for a peer that refused the first.
    ///
    /// # Errors
    /// [`SetupError::SpiInUse`] for the index of the key in force and of the one before it, which the peer may still hold;
    /// [`SetupError::EpochsExhausted`] after 2^32 − 1 epochs, and [`SetupError::Crypto`] without randomness.
    pub fn announce(&mut self, now: Tick, spi: Spi) -> Result<Announcement, SetupError> {
        if let Some((context, announcement)) = &self.next
            && announcement.spi() == spi
            && context.state(now) == KeyState::Fresh
        {
            return Ok(*announcement);
        }
        let current = self.current.as_ref().map(EncryptionContext::spi);
        if [current, self.previous].contains(&Some(spi)) {
            return Err(SetupError::SpiInUse);
        }
        let epoch = self.epoch.checked_add(1).ok_or(SetupError::EpochsExhausted)?;
        let next = EncryptionContext::begin(&self.keys, epoch, spi, &self.settings, now)?;
        let announcement = next.1;
        (self.epoch, self.next) = (epoch, Some(next));
        Ok(announcement)
    }

    /// Puts the announced epoch in force: the peer knows it. Of the one that is in force already it changes nothing.
    ///
    /// # Errors
    /// [`SetupError::NotAnnounced`] for any other than the one that waits.
    pub fn activate(&mut self, epoch: u32) -> Result<(), SetupError> {
        // An answer that comes twice is no fault.
        if self.current.is_some() && epoch == self.active {
            return Ok(());
        }
        let (context, _) = self
            .next
            .take_if(|(_, announcement)| announcement.epoch() == epoch)
            .ok_or(SetupError::NotAnnounced)?;
        self.active = epoch;
        tracing::debug!(epoch, spi = %context.spi(), "packets are sealed under a new key");
        if let Some(old) = self.current.replace(context) {
            self.previous = Some(old.spi());
            self.past = self.past.plus(old.counters());
        }
        Ok(())
    }

    /// As [`EncryptionContext::expire`], for the key in force and the one that waits: for a link on which nothing is sent.
    pub fn expire(&mut self, now: Tick) -> KeyState {
        if let Some((next, _)) = &mut self.next {
            next.expire(now);
        }
        self.current.as_mut().map_or(KeyState::Stopped, |current| current.expire(now))
    }

    /// As [`EncryptionContext::seal`], under the key in force.
    ///
    /// # Errors
    /// As there; [`PacketError::KeyExhausted`] also before the first epoch.
    #[inline]
    pub fn seal<'b>(
        &mut self,
        now: Tick,
        buffer: &'b mut [u8],
        at: Range<usize>,
    ) -> Result<EncryptedPacket<'b>, PacketError> {
        self.current.as_mut().ok_or(PacketError::KeyExhausted)?.seal(now, buffer, at)
    }

    /// Where the key in force stands; [`KeyState::Stopped`] before the first.
    pub fn state(&self, now: Tick) -> KeyState {
        self.current.as_ref().map_or(KeyState::Stopped, |current| current.state(now))
    }

    /// The key in force.
    pub fn current(&self) -> Option<&EncryptionContext> {
        self.current.as_ref()
    }

    /// What all keys did so far.
    pub fn counters(&self) -> PacketCounters {
        self.current.as_ref().map_or(self.past, |current| self.past.plus(current.counters()))
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut EncryptionContext> {
        self.current.as_mut()
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbound(epoch {}, {:?})", self.epoch, self.current)
    }
}
