//! Opening without input or output: ciphertext is put in, authenticated plaintext comes out.

use super::StreamLayout;
use super::buffer::WipedBuffer;
use super::engine::{End, StreamOpener};
use super::layout::TAG;
use super::seal_core::batch;
use crate::CryptoError;
use std::num::NonZeroUsize;

/// Collects a batch of slots and one byte more, which tells whether the stream goes on, and opens it in place.
pub(super) struct OpenCore {
    opener: StreamOpener,
    /// Input that was read before the key was known; it comes first.
    early: Vec<u8>,
    buffer: WipedBuffer,
    most: u64,
    /// How many slots the current batch has, the index of its first, and how many bytes they are.
    slots: u64,
    first: u64,
    want: usize,
    have: usize,
    /// Bytes of plaintext at the beginning of the buffer, when the slots of the batch were gathered into one span.
    gathered: Option<usize>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// Ciphertext comes in.
    Filling,
    /// Plaintext goes out, from the slot at `at` with `index`, of which `position` bytes are gone.
    Showing {
        at: usize,
        index: u64,
        position: usize,
        end: End,
    },
    /// The end was seen and proven.
    Done,
    Failed(CryptoError),
}

impl OpenCore {
    /// Goes on after `start`, which is the header that `opener` was made of and whatever else was read to find the key.
    pub(super) fn new(mut opener: StreamOpener, start: Vec<u8>, threads: NonZeroUsize) -> Self {
        opener.set_threads(threads);
        let layout = *opener.layout();
        let most = batch(layout.slot_of(1), threads);
        let capacity = usize::try_from(most).unwrap_or(1) * layout.slot_of(1) + 1;
        let mut early = start;
        early.drain(..layout.header_len());
        let mut core = Self {
            opener,
            early,
            buffer: WipedBuffer::new(capacity),
            most,
            slots: most,
            first: 0,
            want: 0,
            have: 0,
            gathered: None,
            state: State::Filling,
        };
        core.begin(0, most);
        core
    }

    pub(super) fn layout(&self) -> &StreamLayout {
        self.opener.layout()
    }

    /// Where ciphertext may be put next, empty unless it is wanted.
    pub(super) fn room(&mut self) -> Result<&mut [u8], CryptoError> {
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        while matches!(self.state, State::Filling) && !self.early.is_empty() {
            let room = &mut self.buffer[self.have..=self.want];
            let count = room.len().min(self.early.len());
            room[..count].copy_from_slice(&self.early[..count]);
            self.early.drain(..count);
            self.received(count)?;
        }
        Ok(match self.state {
            State::Filling => &mut self.buffer[self.have..=self.want],
            _ => &mut [],
        })
    }

    /// Says that `count` bytes were put where [`room`](Self::room) said; 0 says that there are no more.
    pub(super) fn received(&mut self, count: usize) -> Result<(), CryptoError> {
        self.have += count;
        self.buffer.touch(self.have);
        if count > 0 && self.have <= self.want {
            return Ok(());
        }
        let (length, end) =
            if self.have > self.want { (self.want, End::More) } else { (self.have, End::Last) };
        match self.open(length, end) {
            Ok(()) => {
                self.gather(length);
                self.state = State::Showing { at: 0, index: self.first, position: 0, end };
                Ok(())
            }
            Err(error) => {
                self.fail(error);
                Err(error)
            }
        }
    }

    /// Authenticated plaintext that has not been taken yet. Empty when ciphertext is wanted or the stream has ended.
    pub(super) fn plaintext(&mut self) -> &[u8] {
        while let State::Showing { at, index, position, end } = self.state {
            if let Some(length) = self.gathered {
                if position < length {
                    return &self.buffer[position..length];
                }
                self.after(end);
                break;
            }
            let length = match end {
                End::More => self.want,
                End::Last => self.have,
            };
            if at >= length {
                self.after(end);
                break;
            }
            let slot = self.layout().slot_of(index).min(length - at);
            if position < slot - TAG {
                return &self.buffer[at + position..at + slot - TAG];
            }
            self.state = State::Showing { at: at + slot, index: index + 1, position: 0, end };
        }
        &[]
    }

    /// Says that `count` bytes of the plaintext were taken.
    pub(super) fn taken(&mut self, count: usize) {
        if let State::Showing { position, .. } = &mut self.state {
            *position += count;
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Forgets what it holds and goes on at segment `index`: the next ciphertext is that slot's.
    pub(super) fn restart(&mut self, index: u64) {
        self.early = Vec::new();
        self.have = 0;
        // One segment answers a small read; whoever reads on gets longer and longer batches.
        self.begin(index, 1);
        self.state = State::Filling;
    }

    /// How many bytes of the stream after the header this has been given and not passed on as plaintext or counted.
    pub(super) fn given(&self) -> u64 {
        let early = self.early.len() as u64;
        self.layout().offset_of(self.first).saturating_add(self.have as u64).saturating_add(early)
    }

    pub(super) fn opener(&self) -> &StreamOpener {
        &self.opener
    }

    fn begin(&mut self, index: u64, slots: u64) {
        self.first = index;
        self.slots = slots.min(self.most);
        let length = self.layout().offset_of(index + self.slots) - self.layout().offset_of(index);
        self.want = usize::try_from(length).unwrap_or(0).min(self.buffer.len() - 1);
    }

    fn after(&mut self, end: End) {
        if end == End::Last {
            self.state = State::Done;
            return;
        }
        // The byte that told of more is the first of the next batch.
        self.buffer[0] = self.buffer[self.want];
        self.have = 1;
        self.begin(self.first + self.slots, self.slots * 2);
        self.state = State::Filling;
    }

    /// Closes the gaps between small slots, so that a batch goes out in one piece instead of hundreds.
    fn gather(&mut self, length: usize) {
        let layout = *self.layout();
        self.gathered = None;
        if layout.slot_of(1) > GATHERED_BELOW {
            return;
        }
        let (mut index, mut at, mut to) = (self.first, 0, 0);
        while at < length {
            let slot = layout.slot_of(index).min(length - at);
            self.buffer.copy_within(at..at + slot - TAG, to);
            (at, to, index) = (at + slot, to + slot - TAG, index + 1);
        }
        self.gathered = Some(to);
    }

    fn open(&mut self, length: usize, end: End) -> Result<(), CryptoError> {
        // A stream that was cut between two segments ends with a whole one. To tell that from an altered one, the last
        // slot is kept.
        let (index, at) = self.last_slot(length);
        let kept = (end == End::Last && length - at == self.layout().slot_of(index))
            .then(|| self.buffer[at..length].to_vec());
        self.opener.open(self.first, &mut self.buffer[..length], end).map_err(|error| {
            let followed = kept.is_some_and(|mut slot| self.opener.is_followed(index, &mut slot));
            if followed { CryptoError::Truncated } else { error }
        })
    }

    /// The last slot of the first `length` bytes: its index and where it begins.
    fn last_slot(&self, length: usize) -> (u64, usize) {
        let (mut index, mut at) = (self.first, 0);
        while at + self.layout().slot_of(index) < length {
            at += self.layout().slot_of(index);
            index += 1;
        }
        (index, at)
    }

    pub(super) fn fail(&mut self, error: CryptoError) {
        self.state = State::Failed(error);
    }
}

/// Above this a copy costs more than the calls that it saves.
const GATHERED_BELOW: usize = 32 << 10;
