//! The right to seal one packet.

use std::sync::atomic::{AtomicU64, Ordering};

/// The right to seal one packet under one number, which was spent when the turn was given.
///
/// It is used up by sealing, so that no number seals twice; a turn that is dropped leaves a gap in the numbers and nothing else.
///
/// ```compile_fail,E0382
/// # use dwcp_crypto::{CryptoError, packet::{PacketParts, PacketSealer}};
/// fn twice(sealer: &mut PacketSealer, first: PacketParts<'_>, second: PacketParts<'_>) -> Result<(), CryptoError> {
///     let turn = sealer.turn(100)?;
///     sealer.seal(turn, first, &mut [0; 16])?;
///     sealer.seal(turn, second, &mut [0; 16]) // the turn is gone
/// }
/// ```
#[derive(Debug)]
#[must_use = "a number was spent for it"]
pub struct Turn {
    number: u64,
    bytes: usize,
    sealer: SealerId,
}

impl Turn {
    pub(super) fn new(number: u64, bytes: usize, sealer: SealerId) -> Self {
        Self { number, bytes, sealer }
    }

    /// The number of the packet: the first of a key is 1. It is public and travels with the packet.
    #[inline]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes of head, body and tail the packet has at most.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    pub(super) fn sealer(&self) -> SealerId {
        self.sealer
    }
}

/// Which sealer of this process gave a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SealerId(u64);

impl SealerId {
    /// One that no other sealer of this process has: 2^64 of them do not run out.
    pub(super) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
