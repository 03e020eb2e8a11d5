//! The name a client asks for and the protocols it speaks.

use super::cursor::Cursor;
use super::error::{Fault, InspectError};
use std::net::IpAddr;

/// What stands in `server_name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedFor<'a> {
    Name(&'a str),
    Address(IpAddr),
}

/// The application protocols on offer, most preferred first (RFC 7301 §3.1); each of 1 to 255 bytes.
#[derive(Clone, Debug)]
pub struct Protocols<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Protocols<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.cursor.short(PROTOCOL, 1, 255).ok().map(|name| name.rest())
    }
}

impl<'a> Protocols<'a> {
    pub(super) fn none() -> Self {
        Self { cursor: Cursor::new(&[]) }
    }

    /// Reads the content of the extension.
    pub(super) fn read(mut body: Cursor<'a>) -> Result<Self, InspectError> {
        let list = body.long("protocol_name_list", 2)?;
        body.end("protocol_name_list")?;
        let mut names = list;
        while !names.is_empty() {
            names.short(PROTOCOL, 1, 255)?;
        }
        Ok(Self { cursor: list })
    }
}

/// RFC 6066 §3: a list of names by type. There is one type, and one name of each, so the list has one entry.
pub(super) fn read_server_name(mut body: Cursor<'_>) -> Result<AskedFor<'_>, InspectError> {
    let mut list = body.long("server_name_list", 1)?;
    body.end("server_name_list")?;
    let entry = list;
    if list.byte("name_type")? != HOST_NAME {
        return Err(entry.fault("name_type", Fault::Value));
    }
    let name = list.long("host_name", 1)?;
    if !list.is_empty() {
        let again = list.rest().first() == Some(&HOST_NAME);
        return Err(list.fault("server_name_list", if again { Fault::Twice } else { Fault::LeftOver }));
    }
    let text = std::str::from_utf8(name.rest()).map_err(|_| name.fault("host_name", Fault::Characters))?;
    // RFC 6066 §3 permits no addresses. Clients send them all the same, and servers ignore them.
    if let Ok(address) = text.parse() {
        return Ok(AskedFor::Address(address));
    }
    if text.len() > LONGEST_NAME {
        return Err(name.fault("host_name", Fault::TooLong));
    }
    if is_name(text) { Ok(AskedFor::Name(text)) } else { Err(name.fault("host_name", Fault::Characters)) }
}

/// Letters, digits, dashes and underscores in labels of 1 to 63; no dot at the end, and no number as the last label, which
/// some would read as an address.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last_is_number =
        text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    text.split('.').all(label) && !last_is_number
}

const PROTOCOL: &str = "protocol_name";

const HOST_NAME: u8 = 0;

const LONGEST_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_and_dashes() {
        for good in ["a", "a.example", "A-1.example", "_dmarc.a.example", "1.a", "xn--bcher-kva.example"] {
            assert!(is_name(good), "{good}");
        }
        let long = "a".repeat(64);
        for bad in
            ["", ".", "a.", ".a", "a..b", "-a", "a-.b", "a b", "a\0b", "a/b", "*.a", "é.a", "1.2.3", &long]
        {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
