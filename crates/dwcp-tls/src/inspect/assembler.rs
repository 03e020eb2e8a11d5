//! Puts the ClientHello together from bytes as they arrive, cut anywhere.

use super::error::InspectError;
use super::hello::ClientHello;
use super::record::{ContentType, LARGEST_PLAINTEXT, RECORD_HEADER, RecordHeader};
use crate::settings::{LARGEST_CLIENT_HELLO, LARGEST_HANDSHAKE};

/// Collects the first handshake message of a connection: segments and records may be cut anywhere, down to a byte each.
///
/// It holds what arrived of the message and at most 512 bytes more; a message that is too long is refused by its header, before
/// any of it is stored. After an error every further call gives that error.
#[derive(Clone, Debug, Default)]
pub struct HelloAssembler {
    message: Vec<u8>,
    header: [u8; RECORD_HEADER],
    /// How many bytes of the record's header there are.
    headed: usize,
    /// What the current record still holds.
    left: usize,
    /// Bytes of the wire that were taken.
    taken: usize,
    whole: bool,
    failed: Option<InspectError>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All bytes were taken, and more are needed.
    More,
    /// The message is whole.
    Whole {
        /// How many of the bytes that were pushed last belong to it; those behind are for somebody else.
        taken: usize,
    },
}

impl HelloAssembler {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the connection.
    ///
    /// # Errors
    /// [`InspectError`]: a message of more than [`LARGEST_MESSAGE`], more than
    /// [`LARGEST_HANDSHAKE`](crate::LARGEST_HANDSHAKE) bytes on the wire, empty or oversized records, an alert or a
    /// change_cipher_spec before or in the middle (RFC 9846 §5 allows the latter behind a whole ClientHello only), another
    /// message, or anything behind it in its last record.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress, InspectError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let pushed = self.advance(bytes);
        self.failed = pushed.err();
        pushed
    }

    /// The handshake message with its header of four bytes, once it is whole.
    pub fn message(&self) -> Option<&[u8]> {
        self.whole.then_some(self.message.as_slice())
    }

    /// The ClientHello, once it is whole.
    ///
    /// # Errors
    /// What [`push`](Self::push) failed with, [`InspectError::Incomplete`], or what [`ClientHello::parse`] says.
    pub fn hello(&self) -> Result<ClientHello<'_>, InspectError> {
        match (self.failed, self.message()) {
            (Some(failed), _) => Err(failed),
            (None, None) => Err(InspectError::Incomplete),
            (None, Some(message)) => ClientHello::parse(message),
        }
    }

    /// How much memory it holds, in bytes.
    pub fn held(&self) -> usize {
        self.message.capacity()
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<Progress, InspectError> {
        let mut rest = bytes;
        while !self.whole {
            if rest.is_empty() {
                return Ok(Progress::More);
            }
            if self.taken >= LARGEST_HANDSHAKE {
                return Err(InspectError::TooManyBytes { limit: LARGEST_HANDSHAKE });
            }
            let most = rest.len().min(LARGEST_HANDSHAKE - self.taken);
            let used = match rest.get(..most) {
                Some(allowed) if self.left == 0 => self.head(allowed)?,
                Some(allowed) => self.body(allowed)?,
                None => return Ok(Progress::More),
            };
            self.taken += used;
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(Progress::Whole { taken: bytes.len() - rest.len() })
    }

    /// Reads on in the header of a record, and returns how many bytes that took.
    fn head(&mut self, bytes: &[u8]) -> Result<usize, InspectError> {
        let missing = self.header.iter_mut().skip(self.headed);
        let used = missing.zip(bytes).map(|(slot, byte)| *slot = *byte).count();
        self.headed += used;
        // The first byte of the connection tells other protocols apart, and they may wait for an answer before they send a fifth.
        let [first, ..] = self.header;
        let found = ContentType::from(first);
        if self.headed >= 1 && found != ContentType::Handshake {
            return Err(if self.message.is_empty() {
                InspectError::NotHandshake(found)
            } else {
                InspectError::Interleaved(found)
            });
        }
        if self.headed == RECORD_HEADER {
            let header = RecordHeader::read(self.header, LARGEST_PLAINTEXT)?;
            if header.length == 0 {
                return Err(InspectError::RecordEmpty);
            }
            (self.left, self.headed) = (header.length, 0);
        }
        Ok(used)
    }

    /// Reads on in what a record holds, and returns how many bytes that took.
    fn body(&mut self, bytes: &[u8]) -> Result<usize, InspectError> {
        let mut used = 0;
        // The header of the message first: it says whether there is anything to be stored.
        while self.message.len() < MESSAGE_HEADER && self.left > 0 {
            let Some(byte) = bytes.get(used) else { return Ok(used) };
            if self.message.is_empty() && *byte != CLIENT_HELLO {
                return Err(InspectError::NotClientHello(*byte));
            }
            self.message.push(*byte);
            self.left -= 1;
            used += 1;
        }
        let Some(length) = announced(&self.message) else { return Ok(used) };
        if length > LARGEST_MESSAGE {
            return Err(InspectError::HelloOversized { length, limit: LARGEST_MESSAGE });
        }
        let missing = length - self.message.len();
        let part = bytes.get(used..).unwrap_or_default();
        let part = part.get(..part.len().min(self.left).min(missing)).unwrap_or_default();
        if self.message.capacity() - self.message.len() < part.len() {
            self.message.reserve_exact(part.len().max(missing.min(ROOM)));
        }
        self.message.extend_from_slice(part);
        self.left -= part.len();
        if self.message.len() == length {
            if self.left > 0 {
                return Err(InspectError::Trailing { extra: self.left });
            }
            self.whole = true;
        }
        Ok(used + part.len())
    }
}

/// The length of a message by its own account, with its header.
fn announced(message: &[u8]) -> Option<usize> {
    let [_, high, middle, low] = *message.first_chunk::<MESSAGE_HEADER>()?;
    let body = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    Some(MESSAGE_HEADER + body)
}

/// The largest handshake message that is put together: as many bytes as a server reads for a ClientHello, 16 KiB.
pub const LARGEST_MESSAGE: usize = LARGEST_CLIENT_HELLO;

/// The number of the message (RFC 9846 §4).
pub(super) const CLIENT_HELLO: u8 = 1;

/// A type and a length of three bytes.
pub(super) const MESSAGE_HEADER: usize = 4;

/// How much room is made at a time for a message that comes in crumbs.
const ROOM: usize = 512;
