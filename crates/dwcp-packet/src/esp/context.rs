//! The sealing side of one key: it numbers packets, and stops before it may not.

use super::fields::Body;
use super::inner::{ESP, NO_NEXT_HEADER, next_header, stands_before};
use super::layout::{HEADER, LONGEST, Layout};
use super::limits::Life;
use super::{
    Announcement, Encapsulation, EncryptedPacket, ExtendedSequence, KeyState, LinkKeys, PacketCounters,
    PacketError, PacketSettings, SetupError, Spi,
};
use crate::transport::{self, Split};
use dwcp_base::Tick;
use dwcp_crypto::Secret;
use dwcp_crypto::packet::{PacketParts, PacketSealer};
use std::fmt;
use std::ops::Range;

/// One key of one direction, which seals.
///
/// It counts its packets itself, from 1, and seals none twice under one number: there is no way to name a number. It is not `Clone`, so that no
/// second counter runs under the same key. The key is wiped by the first call of [`seal`](Self::seal), [`seal_dummy`](Self::seal_dummy) or
/// [`expire`](Self::expire) that finds it past a hard [limit](super::Limits); where nothing is sent, that is `expire`, for the caller to make.
pub struct EncryptionContext {
    /// Gone once a hard limit was reached.
    sealer: Option<PacketSealer>,
    settings: PacketSettings,
    layout: Layout,
    spi: Spi,
    life: Life,
    /// How many bytes the key covered, of which the algorithm bears so many.
    covered: u64,
    counters: PacketCounters,
}

impl EncryptionContext {
    /// Begins epoch `epoch` (1 or more, and more than the one before): draws what makes its key new, and derives it.
    ///
    /// The peer needs the announcement before the first packet. [`Outbound`](super::Outbound) keeps epochs for its caller.
    ///
    /// # Errors
    /// [`SetupError::Padding`] or [`SetupError::Window`] for settings that can not be had, [`SetupError::StaleEpoch`] for epoch zero, and
    /// [`SetupError::Crypto`] without randomness.
    ///
    /// # Security
    /// Two calls do not give the same key, across restarts and two senders that share the root: 32 bytes of the system's random numbers go
    /// into each. That rests on those bytes being fresh. Two clones of one machine's snapshot can draw the same ones until their kernel
    /// mixes in something new (on Linux from 5.18 at once, where the machine has a VM generation ID): have it do so before either begins.
    ///
    /// Within an epoch **the key has one user**. A machine that is restored into the middle of one, or a process that forks, counts on from
    /// the same number twice until the hard limit, at most 180 s; two packets under one number give away both and, with GCM, the power to
    /// forge. Begin a new epoch after resuming, and after a fork seal on one side only: make links after a daemon has detached itself.
    pub fn begin(
        keys: &LinkKeys,
        epoch: u32,
        spi: Spi,
        settings: &PacketSettings,
        now: Tick,
    ) -> Result<(Self, Announcement), SetupError> {
        let announcement = keys.announce(settings, spi, epoch)?;
        let material = keys.material(keys.side(), &announcement)?;
        Ok((Self::from_keys(settings, spi, material, now)?, announcement))
    }

    /// Seals under `material` that was agreed on by other means: IKE, a manual security association, a test vector.
    ///
    /// `material` is of [`EncryptionMode::material_len`](super::EncryptionMode::material_len) bytes: key and salt, or AES key and HMAC key.
    ///
    /// # Errors
    /// [`SetupError::Crypto`] for material of another length, [`SetupError::Padding`] or [`SetupError::Window`].
    ///
    /// # Security
    /// **One context for each material, ever.** A second one starts at number 1 again, and two packets under one number give away both and,
    /// with GCM, the power to forge. Keys that are stored must not seal again after a restart; [`begin`](Self::begin) has no such
    /// condition. What is said there of restored machines and of processes that fork holds here for the life of the material.
    pub fn from_keys(
        settings: &PacketSettings,
        spi: Spi,
        material: Secret,
        now: Tick,
    ) -> Result<Self, SetupError> {
        settings.validate()?;
        let sealer = PacketSealer::new(settings.mode.cipher(), material)?;
        Ok(Self {
            sealer: Some(sealer),
            settings: settings.clone(),
            layout: Layout::of(settings.mode),
            spi,
            life: settings.limits.life(now, settings.mode.cipher().byte_limit()),
            covered: 0,
            counters: PacketCounters::default(),
        })
    }

    /// Seals the IP packet at `at` in place: it stays where it lies, headers are put before it and the tag behind.
    ///
    /// The buffer needs [`headroom`](Self::headroom) bytes before the packet and at most [`tailroom`](Self::tailroom) behind it. In transport
    /// mode the packet's own header moves to the front, by as many bytes.
    ///
    /// # Errors
    /// [`PacketError::KeyExhausted`] from the first hard limit on, always. [`PacketError::NoRoom`], [`PacketError::NotAPacket`] and
    /// [`PacketError::TooLong`] leave buffer and counter as they were.
    #[inline]
    pub fn seal<'b>(
        &mut self,
        now: Tick,
        buffer: &'b mut [u8],
        at: Range<usize>,
    ) -> Result<EncryptedPacket<'b>, PacketError> {
        self.ready(now)?;
        let packet = buffer.get(at.clone()).ok_or(PacketError::NoRoom)?;
        let split = self.split(packet)?;
        let next = match split {
            // RFC 4303 §2.6: the receiver would take the first for a dummy.
            Some(split) if split.protocol() == NO_NEXT_HEADER || stands_before(split.protocol()) => {
                return Err(PacketError::NotAPacket);
            }
            Some(split) => split.protocol(),
            None => next_header(packet)?,
        };
        let length = at.len();
        let sealed = self.wrap(buffer, at, split, next)?;
        self.counters.bytes += length as u64;
        Ok(sealed)
    }

    /// Seals a dummy of the length of `at`, which the receiver drops (RFC 4303 §2.6), so that silence looks like talk. What lies there is
    /// overwritten with zeros; in transport mode the IP header at its start stays.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_dummy<'b>(
        &mut self,
        now: Tick,
        buffer: &'b mut [u8],
        at: Range<usize>,
    ) -> Result<EncryptedPacket<'b>, PacketError> {
        self.ready(now)?;
        let room = buffer.get(at.clone()).ok_or(PacketError::NoRoom)?;
        let split = self.split(room)?;
        let sealed = self.wrap(buffer, at, split, NO_NEXT_HEADER)?;
        self.counters.dummies += 1;
        Ok(sealed)
    }

    /// Wipes the key if it is past a hard limit at `now`, for good, and says where it stands.
    ///
    /// A link that seals does this by itself. One on which nothing is sent would keep its key: call this from a timer, every second or so.
    pub fn expire(&mut self, now: Tick) -> KeyState {
        let state = self.state(now);
        if state == KeyState::Stopped {
            self.sealer = None;
        }
        state
    }

    /// Where the key stands between its limits. A new epoch is due from [`KeyState::RekeyDue`] on.
    #[inline]
    pub fn state(&self, now: Tick) -> KeyState {
        match &self.sealer {
            Some(_) => self.life.state(now, self.counters.sealed, self.covered),
            None => KeyState::Stopped,
        }
    }

    /// How many bytes a buffer needs before a packet: 8 to 24.
    pub fn headroom(&self) -> usize {
        self.settings.headroom()
    }

    /// How many bytes a buffer needs behind a packet at most, whatever its length.
    pub fn tailroom(&self) -> usize {
        self.settings.tailroom()
    }

    /// The index in its packets.
    pub fn spi(&self) -> Spi {
        self.spi
    }

    /// How its packets are made.
    pub fn settings(&self) -> &PacketSettings {
        &self.settings
    }

    /// What it did so far.
    pub fn counters(&self) -> PacketCounters {
        self.counters
    }

    /// Stops for good at a hard limit: what was reached once stays so, and the key is wiped.
    #[inline]
    fn ready(&mut self, now: Tick) -> Result<(), PacketError> {
        match self.expire(now) {
            KeyState::Stopped => Err(PacketError::KeyExhausted),
            KeyState::Fresh | KeyState::RekeyDue => Ok(()),
        }
    }

    /// In transport mode, what of a packet stays in the clear.
    #[inline]
    fn split(&self, packet: &[u8]) -> Result<Option<Split>, PacketError> {
        match self.settings.encapsulation {
            Encapsulation::Tunnel => Ok(None),
            Encapsulation::Transport => match transport::split(packet) {
                Ok(split) if split.total_len() == packet.len() => Ok(Some(split)),
                _ => Err(PacketError::NotAPacket),
            },
        }
    }

    /// Puts headers, padding and tag around what lies at `at`, of which what `split` says stays in the clear.
    #[inline]
    fn wrap<'b>(
        &mut self,
        buffer: &'b mut [u8],
        at: Range<usize>,
        split: Option<Split>,
        next: u8,
    ) -> Result<EncryptedPacket<'b>, PacketError> {
        let Layout { iv, tag, align } = self.layout;
        let before = split.map_or(0, |split| split.before());
        let payload = at.len().checked_sub(before).ok_or(PacketError::NotAPacket)?;
        let trailer = self.settings.padding.behind(payload, align)?;
        let start = at.start.checked_sub(self.layout.before()).ok_or(PacketError::NoRoom)?;
        let end = at.end.checked_add(trailer.len() + tag).ok_or(PacketError::NoRoom)?;
        if end - start > LONGEST {
            return Err(PacketError::TooLong);
        }
        let frame = buffer.get_mut(start..end).ok_or(PacketError::NoRoom)?;
        let body = payload + trailer.len();
        let sealer = self.sealer.as_mut().ok_or(PacketError::KeyExhausted)?;
        // From here on a number is spent, whatever happens.
        let covers = MOST_HEAD + body;
        let Ok(turn) = sealer.turn(covers) else {
            self.sealer = None;
            return Err(PacketError::KeyExhausted);
        };
        self.covered += covers as u64;
        let number = turn.number();
        let [_, _, _, _, low @ ..] = number.to_be_bytes();
        if let Some(split) = split {
            // RFC 4303 §3.1.1: the IP header moves to the front, and says that ESP follows.
            let length = frame.len();
            frame.copy_within(self.layout.before()..self.layout.before() + before, 0);
            let header = frame.get_mut(..before).ok_or(PacketError::NoRoom)?;
            split.rewrite(header, ESP, length).map_err(|_| PacketError::TooLong)?;
        }
        let parts = Parts::of(frame, before, iv, body).ok_or(PacketError::NoRoom)?;
        let (content, behind) = parts.body.split_at_mut_checked(payload).ok_or(PacketError::NoRoom)?;
        if next == NO_NEXT_HEADER {
            content.fill(0);
        }
        trailer.write(behind, next).ok_or(PacketError::TooLong)?;
        let [a, b, c, d] = self.spi.to_bytes();
        let [e, f, g, h] = low;
        *parts.header = [a, b, c, d, e, f, g, h];
        let authenticated = Authenticated::new(&self.settings, self.spi, number);
        let sealed = PacketParts {
            head: authenticated.head(),
            iv: parts.iv,
            body: parts.body,
            tail: authenticated.tail(),
        };
        sealer.seal(turn, sealed, parts.tag)?;
        self.counters.sealed += 1;
        let body = Body::Known { payload, trailer };
        Ok(EncryptedPacket::sealed(frame, before, self.layout, body, self.spi, number))
    }
}

impl fmt::Debug for EncryptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.sealer.is_some() { "sealing" } else { "stopped" };
        write!(
            f,
            "EncryptionContext({}, {}, {} sealed, {state})",
            self.spi, self.settings.mode, self.counters.sealed
        )
    }
}

/// The parts of a packet in a buffer.
pub(super) struct Parts<'b> {
    pub(super) header: &'b mut [u8; HEADER],
    pub(super) iv: &'b mut [u8],
    pub(super) body: &'b mut [u8],
    pub(super) tag: &'b mut [u8],
}

impl<'b> Parts<'b> {
    /// The parts of the packet that begins at `at`; what follows the body is the tag.
    #[inline]
    pub(super) fn of(frame: &'b mut [u8], at: usize, iv: usize, body: usize) -> Option<Self> {
        let (_, rest) = frame.split_at_mut_checked(at)?;
        let (header, rest) = rest.split_first_chunk_mut()?;
        let (iv, rest) = rest.split_at_mut_checked(iv)?;
        let (body, tag) = rest.split_at_mut_checked(body)?;
        Some(Self { header, iv, body, tag })
    }
}

/// What is authenticated beside the body: the SPI and all of the sequence number.
pub(super) struct Authenticated {
    bytes: [u8; MOST_HEAD],
    head: usize,
    tail: usize,
}

impl Authenticated {
    /// RFC 4106 §5 and RFC 7634 §2: SPI and the whole number. With encrypt-then-MAC the upper half comes last (RFC 4303 §2.2.1).
    #[inline]
    pub(super) fn new(settings: &PacketSettings, spi: Spi, number: u64) -> Self {
        let [a, b, c, d] = spi.to_bytes();
        let [h0, h1, h2, h3, l0, l1, l2, l3] = number.to_be_bytes();
        match (settings.sequence, settings.mode.is_aead()) {
            (ExtendedSequence::On, true) => {
                Self { bytes: [a, b, c, d, h0, h1, h2, h3, l0, l1, l2, l3], head: MOST_HEAD, tail: MOST_HEAD }
            }
            (ExtendedSequence::On, false) => {
                Self { bytes: [a, b, c, d, l0, l1, l2, l3, h0, h1, h2, h3], head: HEADER, tail: HEADER }
            }
            (ExtendedSequence::Off, _) => {
                Self { bytes: [a, b, c, d, l0, l1, l2, l3, 0, 0, 0, 0], head: HEADER, tail: MOST_HEAD }
            }
        }
    }

    #[inline]
    pub(super) fn head(&self) -> &[u8] {
        self.bytes.get(..self.head).unwrap_or_default()
    }

    #[inline]
    pub(super) fn tail(&self) -> &[u8] {
        self.bytes.get(self.tail..).unwrap_or_default()
    }
}

/// SPI and 64 bits of sequence number.
const MOST_HEAD: usize = HEADER + 4;
