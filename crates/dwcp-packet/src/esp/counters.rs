//! What one direction of a link did, in numbers.

use super::PacketError;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was sealed or opened, and what was refused, since the keys were made. A copy: it does not move any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PacketCounters {
    /// Packets sealed, dummies included.
    pub sealed: u64,
    /// Packets opened and handed out.
    pub opened: u64,
    /// Bytes of the IP packets that were sealed or handed out.
    pub bytes: u64,
    /// Packets that did not authenticate.
    pub forged: u64,
    /// Packets whose number was accepted before.
    pub replayed: u64,
    /// Packets older than the replay window.
    pub too_old: u64,
    /// Packets of no known SPI, or after the time of their key.
    pub unknown: u64,
    /// Packets that are no ESP, or authentic and malformed.
    pub malformed: u64,
    /// Authentic packets from an address that the peer may not send from.
    pub wrong_source: u64,
    /// Dummies made, or received and dropped.
    pub dummies: u64,
}

impl PacketCounters {
    /// Counts what became of a packet that arrived: how long what it holds is, or why it was refused.
    pub(super) fn note(&mut self, outcome: Result<usize, PacketError>) {
        match outcome {
            Ok(length) => {
                self.opened += 1;
                self.bytes += length as u64;
            }
            Err(error) => {
                if let Some(counter) = self.counter_of(error) {
                    *counter += 1;
                }
            }
        }
    }

    /// The sum of two directions, epochs or queues.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sealed: self.sealed + other.sealed,
            opened: self.opened + other.opened,
            bytes: self.bytes + other.bytes,
            forged: self.forged + other.forged,
            replayed: self.replayed + other.replayed,
            too_old: self.too_old + other.too_old,
            unknown: self.unknown + other.unknown,
            malformed: self.malformed + other.malformed,
            wrong_source: self.wrong_source + other.wrong_source,
            dummies: self.dummies + other.dummies,
        }
    }

    fn counter_of(&mut self, error: PacketError) -> Option<&mut u64> {
        match error {
            PacketError::Forged | PacketError::TooManyForgeries => Some(&mut self.forged),
            PacketError::Replayed => Some(&mut self.replayed),
            PacketError::TooOld => Some(&mut self.too_old),
            PacketError::UnknownSpi | PacketError::Expired => Some(&mut self.unknown),
            PacketError::Malformed => Some(&mut self.malformed),
            PacketError::WrongSource => Some(&mut self.wrong_source),
            PacketError::Dummy => Some(&mut self.dummies),
            PacketError::NoRoom
            | PacketError::NotAPacket
            | PacketError::TooLong
            | PacketError::KeyExhausted => None,
        }
    }
}

/// The same for several queues at once.
#[derive(Debug, Default)]
pub(super) struct SharedCounters {
    opened: AtomicU64,
    bytes: AtomicU64,
    forged: AtomicU64,
    replayed: AtomicU64,
    too_old: AtomicU64,
    unknown: AtomicU64,
    malformed: AtomicU64,
    wrong_source: AtomicU64,
    dummies: AtomicU64,
}

impl SharedCounters {
    pub(super) fn note(&self, outcome: Result<usize, PacketError>) {
        // One packet's worth, added where it belongs; none of them orders anything else.
        let mut one = PacketCounters::default();
        one.note(outcome);
        for (total, more) in [
            (&self.opened, one.opened),
            (&self.bytes, one.bytes),
            (&self.forged, one.forged),
            (&self.replayed, one.replayed),
            (&self.too_old, one.too_old),
            (&self.unknown, one.unknown),
            (&self.malformed, one.malformed),
            (&self.wrong_source, one.wrong_source),
            (&self.dummies, one.dummies),
        ] {
            if more != 0 {
                total.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn snapshot(&self) -> PacketCounters {
        let read = |total: &AtomicU64| total.load(Ordering::Relaxed);
        PacketCounters {
            sealed: 0,
            opened: read(&self.opened),
            bytes: read(&self.bytes),
            forged: read(&self.forged),
            replayed: read(&self.replayed),
            too_old: read(&self.too_old),
            unknown: read(&self.unknown),
            malformed: read(&self.malformed),
            wrong_source: read(&self.wrong_source),
            dummies: read(&self.dummies),
        }
    }
}
