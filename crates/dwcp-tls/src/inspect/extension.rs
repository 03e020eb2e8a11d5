//! The extensions of a ClientHello, in their order, as they came.

use super::code_points::ExtensionCode;
use super::cursor::Cursor;
use super::error::{Fault, InspectError};

/// One extension, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Its type.
    pub code: ExtensionCode,
    /// Its content, unread.
    pub body: &'a [u8],
    /// Where the content begins in the handshake message.
    pub offset: usize,
}

/// The extensions of a ClientHello in the order of the client, GREASE included; at most [`MOST_EXTENSIONS`].
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Extensions<'a> {
    pub(super) fn new(cursor: Cursor<'a>) -> Self {
        Self { cursor }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        // What was read once is read again in the same way.
        read(&mut self.cursor).ok()
    }
}

/// The next extension.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>) -> Result<Extension<'a>, InspectError> {
    let code = ExtensionCode::from(cursor.number("extension_type")?);
    let body = cursor.long("extension_data", 0)?;
    Ok(Extension { code, body: body.rest(), offset: body.offset() })
}

/// Notices what is there twice: RFC 9846 §4.2 allows each type once.
pub(super) struct Seen {
    low: u64,
    high: [u16; MOST_EXTENSIONS],
    many: usize,
    all: usize,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { low: 0, high: [0; MOST_EXTENSIONS], many: 0, all: 0 }
    }

    /// Notes an extension whose type stands at `offset`.
    pub(super) fn note(&mut self, code: ExtensionCode, offset: usize) -> Result<(), InspectError> {
        self.all += 1;
        if self.all > MOST_EXTENSIONS {
            return Err(InspectError::Malformed { field: "extensions", offset, fault: Fault::TooLong });
        }
        let number = code.code_point();
        let again = if number < 64 {
            let bit = 1 << number;
            let again = self.low & bit != 0;
            self.low |= bit;
            again
        } else {
            let again = self.high.iter().take(self.many).any(|seen| *seen == number);
            if let Some(slot) = self.high.get_mut(self.many) {
                *slot = number;
                self.many += 1;
            }
            again
        };
        if again { Err(InspectError::Repeated { extension: code, offset }) } else { Ok(()) }
    }
}

/// How many extensions a ClientHello may have to be read: 128, twice as many as were ever registered.
pub const MOST_EXTENSIONS: usize = 128;
