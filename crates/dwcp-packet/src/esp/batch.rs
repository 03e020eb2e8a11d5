//! Many packets in one call, without allocation.

use super::{
    DecryptionContext, EncryptionContext, Inbound, Opened, Outbound, PacketError, SharedDecryptionContext,
};
use dwcp_base::Tick;
use std::fmt;
use std::ops::Range;

/// A buffer of a batch: where the packet lies in it, and what became of it.
pub struct Slot<'b> {
    buffer: &'b mut [u8],
    range: Range<usize>,
    refusal: Option<PacketError>,
}

impl<'b> Slot<'b> {
    /// A packet at `range` of `buffer`. To be sealed it needs room before and behind it.
    pub fn new(buffer: &'b mut [u8], range: Range<usize>) -> Self {
        Self { buffer, range, refusal: None }
    }

    /// Where the packet lies now.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The packet; nothing where the range is not in the buffer, or after a refusal.
    pub fn bytes(&self) -> &[u8] {
        match self.refusal {
            None => self.buffer.get(self.range.clone()).unwrap_or_default(),
            Some(_) => &[],
        }
    }

    /// Why it was not sealed or opened.
    pub fn refusal(&self) -> Option<PacketError> {
        self.refusal
    }

    /// Takes the next packet into the same buffer.
    pub fn reuse(&mut self, range: Range<usize>) -> &mut [u8] {
        (self.range, self.refusal) = (range.clone(), None);
        self.buffer.get_mut(range).unwrap_or_default()
    }

    fn seal(
        &mut self,
        seal: impl FnOnce(&mut [u8], Range<usize>) -> Result<usize, PacketError>,
        before: usize,
    ) -> bool {
        match seal(self.buffer, self.range.clone()) {
            Ok(length) => {
                let start = self.range.start.saturating_sub(before);
                (self.range, self.refusal) = (start..start + length, None);
                true
            }
            Err(error) => {
                self.refusal = Some(error);
                false
            }
        }
    }

    fn open(&mut self, open: impl for<'p> FnOnce(&'p mut [u8]) -> Result<Opened<'p>, PacketError>) -> bool {
        let start = self.range.start;
        let opened = match self.buffer.get_mut(self.range.clone()) {
            Some(packet) => open(packet).map(|opened| opened.range()),
            None => Err(PacketError::NoRoom),
        };
        match opened {
            Ok(range) => {
                (self.range, self.refusal) = (start + range.start..start + range.end, None);
                true
            }
            Err(error) => {
                self.refusal = Some(error);
                false
            }
        }
    }
}

impl fmt::Debug for Slot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({:?} of {} bytes, {:?})", self.range, self.buffer.len(), self.refusal)
    }
}

impl EncryptionContext {
    /// Seals packet after packet, and stops at the first that can not be: how many were sealed. The slot at that index, if there is one,
    /// has the reason; those behind it are untouched.
    #[must_use = "the slots from this number on were not sealed"]
    pub fn seal_batch(&mut self, now: Tick, slots: &mut [Slot<'_>]) -> usize {
        let before = self.headroom();
        let seal = |slot: &mut Slot<'_>| {
            slot.seal(|buffer, at| self.seal(now, buffer, at).map(|sealed| sealed.bytes().len()), before)
        };
        slots.iter_mut().map(seal).take_while(|sealed| *sealed).count()
    }
}

impl Outbound {
    /// As [`EncryptionContext::seal_batch`].
    #[must_use = "the slots from this number on were not sealed"]
    pub fn seal_batch(&mut self, now: Tick, slots: &mut [Slot<'_>]) -> usize {
        match (self.current_mut(), slots) {
            (Some(context), slots) => context.seal_batch(now, slots),
            (None, [first, ..]) => {
                first.refusal = Some(PacketError::KeyExhausted);
                0
            }
            (None, []) => 0,
        }
    }
}

impl DecryptionContext {
    /// Opens every packet that can be: how many were. One that is refused says so in its slot and stands in no other's way.
    pub fn open_batch(&mut self, now: Tick, slots: &mut [Slot<'_>]) -> usize {
        slots.iter_mut().filter_map(|slot| slot.open(|packet| self.open(now, packet)).then_some(())).count()
    }
}

impl SharedDecryptionContext {
    /// As [`DecryptionContext::open_batch`].
    pub fn open_batch(&self, now: Tick, slots: &mut [Slot<'_>]) -> usize {
        slots.iter_mut().filter_map(|slot| slot.open(|packet| self.open(now, packet)).then_some(())).count()
    }
}

impl Inbound {
    /// As [`DecryptionContext::open_batch`], with packets of several epochs among each other.
    pub fn open_batch(&mut self, now: Tick, slots: &mut [Slot<'_>]) -> usize {
        slots.iter_mut().filter_map(|slot| slot.open(|packet| self.open(now, packet)).then_some(())).count()
    }
}
