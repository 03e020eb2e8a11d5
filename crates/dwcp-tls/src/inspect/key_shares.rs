//! The groups a client sent a key for.

use super::code_points::GroupCode;
use super::cursor::Cursor;
use super::error::{Fault, InspectError};

/// The groups in `key_share` (RFC 9846 §4.2.8), most preferred first; at most [`MOST_KEY_SHARES`].
#[derive(Clone, Debug)]
pub struct KeyShareGroups<'a> {
    cursor: Cursor<'a>,
}

impl Iterator for KeyShareGroups<'_> {
    type Item = GroupCode;

    fn next(&mut self) -> Option<GroupCode> {
        entry(&mut self.cursor).ok()
    }
}

impl<'a> KeyShareGroups<'a> {
    pub(super) fn none() -> Self {
        Self { cursor: Cursor::new(&[]) }
    }

    /// Reads the content of the extension: no group twice.
    pub(super) fn read(mut body: Cursor<'a>) -> Result<Self, InspectError> {
        let list = body.long("client_shares", 0)?;
        body.end("client_shares")?;
        let mut shares = list;
        let mut many = 0;
        while !shares.is_empty() {
            let start = shares;
            let group = entry(&mut shares)?;
            if (Self { cursor: list }).take(many).any(|earlier| earlier == group) {
                return Err(start.fault("client_shares", Fault::Twice));
            }
            many += 1;
            if many > MOST_KEY_SHARES {
                return Err(start.fault("client_shares", Fault::TooLong));
            }
        }
        Ok(Self { cursor: list })
    }
}

fn entry(shares: &mut Cursor<'_>) -> Result<GroupCode, InspectError> {
    let group = GroupCode::from(shares.number("group")?);
    shares.long("key_exchange", 1)?;
    Ok(group)
}

/// How many key shares a ClientHello may have to be read: 16, where honest clients send one to three.
pub const MOST_KEY_SHARES: usize = 16;
