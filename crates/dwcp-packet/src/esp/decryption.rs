//! The opening side of one key, for one receiver and for several queues.

use super::counters::SharedCounters;
use super::opener::Opener;
use super::{Announcement, LinkKeys, Opened, PacketCounters, PacketError, PacketSettings, SetupError, Spi};
use crate::{ReplayWindow, SharedReplayWindow};
use dwcp_base::Tick;
use dwcp_crypto::Secret;
use std::fmt;

/// One key of one direction, which opens, with its replay window.
pub struct DecryptionContext {
    opener: Opener,
    window: ReplayWindow,
    counters: PacketCounters,
}

impl DecryptionContext {
    /// Opens what the peer seals in the epoch that it announced.
    ///
    /// Whether the epoch is a new one is for the caller to know; [`Inbound`](super::Inbound) keeps epochs for its caller, and lets go of keys that
    /// are over. A context that answers [`PacketError::Expired`] is to be dropped, which wipes its key.
    ///
    /// # Errors
    /// [`SetupError::Mismatch`] when the announcement is of another mode, encapsulation or kind of sequence numbers than `settings`;
    /// [`SetupError::Window`], [`SetupError::Padding`].
    ///
    /// # Security
    /// **One context for each announcement.** A second one has a window of its own, which has seen nothing, and takes every packet again
    /// that the first one took.
    pub fn of(
        keys: &LinkKeys,
        announcement: &Announcement,
        settings: &PacketSettings,
        now: Tick,
    ) -> Result<Self, SetupError> {
        Self::with(Opener::of(keys, announcement, settings, now)?)
    }

    /// Opens under `material` that was agreed on by other means.
    ///
    /// With 64-bit numbers a packet that is older than the window is inferred to be 2^32 newer (RFC 4303 appendix A2.1), and does not
    /// authenticate: it is [`PacketError::Forged`] here, where [`of`](Self::of) knows that no sender goes that far and says
    /// [`PacketError::TooOld`].
    ///
    /// # Errors
    /// [`SetupError::Crypto`] for material of another length; [`SetupError::Window`], [`SetupError::Padding`].
    ///
    /// # Security
    /// As for [`of`](Self::of): a second context of the same material, after a restart too, takes again what was taken already. To look at
    /// packets once more that is no harm; to act on them it is.
    pub fn from_keys(
        settings: &PacketSettings,
        spi: Spi,
        material: Secret,
        now: Tick,
    ) -> Result<Self, SetupError> {
        Self::with(Opener::from_keys(settings, spi, material, now)?)
    }

    fn with(opener: Opener) -> Result<Self, SetupError> {
        let window = ReplayWindow::new(opener.settings().window).map_err(|_| SetupError::Window)?;
        Ok(Self { opener, window, counters: PacketCounters::default() })
    }

    /// Opens a packet in place: what it held stays where it lies, and [`Opened`] says where that is. In transport mode the IP header moves
    /// up to it.
    ///
    /// `packet` is what arrived: from the SPI on in tunnel mode, the whole IP packet in transport mode.
    ///
    /// # Errors
    /// [`PacketError`] says why not. What does not authenticate changes nothing but counters. After an error the encrypted part is either as
    /// it came or zeros: there is no plaintext in it.
    #[inline]
    pub fn open<'b>(&mut self, now: Tick, packet: &'b mut [u8]) -> Result<Opened<'b>, PacketError> {
        let opened = self.opener.open(&mut self.window, now, packet);
        self.counters.note(opened.as_ref().map(|opened| opened.range().len()).map_err(|error| *error));
        opened
    }

    /// The index in its packets.
    pub fn spi(&self) -> Spi {
        self.opener.spi()
    }

    /// Whether the key is past its hard age at `now`: it opens nothing more, and should be dropped.
    #[inline]
    pub(super) fn is_over(&self, now: Tick) -> bool {
        self.opener.is_over(now)
    }

    /// The window: what was accepted, up to where.
    pub fn window(&self) -> &ReplayWindow {
        &self.window
    }

    /// What it did so far.
    pub fn counters(&self) -> PacketCounters {
        self.counters
    }
}

impl fmt::Debug for DecryptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionContext({}, {}, {:?})", self.spi(), self.opener.settings().mode, self.window)
    }
}

/// A [`DecryptionContext`] for several receive queues at once: without a lock, and no number is accepted twice.
pub struct SharedDecryptionContext {
    opener: Opener,
    window: SharedReplayWindow,
    counters: SharedCounters,
}

impl SharedDecryptionContext {
    /// As [`DecryptionContext::of`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Security
    /// As there: several queues share one context.
    pub fn of(
        keys: &LinkKeys,
        announcement: &Announcement,
        settings: &PacketSettings,
        now: Tick,
    ) -> Result<Self, SetupError> {
        Self::with(Opener::of(keys, announcement, settings, now)?)
    }

    /// As [`DecryptionContext::from_keys`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Security
    /// As there.
    pub fn from_keys(
        settings: &PacketSettings,
        spi: Spi,
        material: Secret,
        now: Tick,
    ) -> Result<Self, SetupError> {
        Self::with(Opener::from_keys(settings, spi, material, now)?)
    }

    fn with(opener: Opener) -> Result<Self, SetupError> {
        let window = SharedReplayWindow::new(opener.settings().window).map_err(|_| SetupError::Window)?;
        Ok(Self { opener, window, counters: SharedCounters::default() })
    }

    /// As [`DecryptionContext::open`], from any thread.
    ///
    /// # Errors
    /// As there. Of two packets of one number that arrive at once, one is [`PacketError::Replayed`], and holds zeros.
    #[inline]
    pub fn open<'b>(&self, now: Tick, packet: &'b mut [u8]) -> Result<Opened<'b>, PacketError> {
        let opened = self.opener.open(&mut &self.window, now, packet);
        self.counters.note(opened.as_ref().map(|opened| opened.range().len()).map_err(|error| *error));
        opened
    }

    /// The index in its packets.
    pub fn spi(&self) -> Spi {
        self.opener.spi()
    }

    /// What it did so far. Counters of other threads may be a moment behind.
    pub fn counters(&self) -> PacketCounters {
        self.counters.snapshot()
    }
}

impl fmt::Debug for SharedDecryptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedDecryptionContext({}, {})", self.spi(), self.opener.settings().mode)
    }
}
