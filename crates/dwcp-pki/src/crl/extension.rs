//! Extensions of a list and of its entries, which share one form (RFC 5280 §4.1), walked in place.

use crate::tlv::{BOOLEAN, Cursor, OCTET_STRING, OID, SEQUENCE, Value};

/// One extension.
pub(super) struct Extension<'a> {
    /// The content of its identifier.
    pub(super) id: &'a [u8],
    pub(super) critical: bool,
    pub(super) value: &'a [u8],
}

impl<'a> Extension<'a> {
    fn read(value: Value<'a>) -> Option<Self> {
        let mut fields = value.values(SEQUENCE)?;
        let id = fields.take(OID)?.content;
        let critical = if fields.peek() == Some(BOOLEAN) {
            match fields.take(BOOLEAN)?.content {
                [0xff] => true,
                // Not DER, since it is the default, and seen all the same.
                [0] => false,
                _ => return None,
            }
        } else {
            false
        };
        let value = fields.take(OCTET_STRING)?.content;
        fields.is_empty().then_some(Self { id, critical, value })
    }
}

/// Hands each extension of a `SEQUENCE OF` to `take`, at most [`MOST_EXTENSIONS`].
pub(super) fn each<'a>(
    list: Cursor<'a>,
    malformed: &'static str,
    mut take: impl FnMut(Extension<'a>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let mut list = list;
    let mut left = MOST_EXTENSIONS;
    while let Some(value) = list.next().map_err(|_| malformed)? {
        left = left.checked_sub(1).ok_or("it has more than 64 extensions in one place")?;
        take(Extension::read(value).ok_or(malformed)?)?;
    }
    Ok(())
}

/// Puts what may stand there once into its place.
pub(super) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err("an extension stands in it twice"),
    }
}

const MOST_EXTENSIONS: usize = 64;
