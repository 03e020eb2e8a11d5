//! Text of strangers, as text that a terminal, a log line and a diff show as it is.

use super::tlv::{
    BMP_STRING, IA5_STRING, NUMERIC_STRING, PRINTABLE_STRING, TELETEX_STRING, UNIVERSAL_STRING, UTF8_STRING,
    VISIBLE_STRING,
};
use std::fmt::Write;

/// `text` with `\u{…}` for what moves a cursor, reorders or hides its surroundings, and `\\` for a backslash, so that
/// every text has one escaped form and each escaped form one text.
///
/// Escaped are control characters (C0, DEL, C1), line and paragraph separators, bidirectional marks, embeddings, overrides
/// and isolates, zero-width and other invisible characters, tag characters and private or unassigned noncharacters.
#[must_use]
pub fn escaped(text: &str) -> String {
    if is_plain(text.as_bytes()) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|character| push(&mut out, character));
    out
}

/// Whether there is nothing to escape, as in nearly every name.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\')
}

pub(super) fn push(out: &mut String, character: char) {
    if character == '\\' {
        out.push_str("\\\\");
    } else if is_inert(character) {
        out.push(character);
    } else {
        out.extend(character.escape_unicode());
    }
}

/// Whether a character stands for itself wherever it is shown.
pub(super) fn is_inert(character: char) -> bool {
    !(character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}'))
}

/// Bytes that ought to be ASCII or UTF-8; a byte that is part of neither becomes `\x..`.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    if let Some(plain) = std::str::from_utf8(bytes).ok().filter(|_| is_plain(bytes)) {
        return plain.to_owned();
    }
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push(&mut out, character));
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// The text of a string type of ASN.1, not yet escaped, or `None` where the tag is none or the content is no such text.
///
/// TeletexString is read as Latin-1, as everybody does; the others as what they are.
pub(super) fn decoded(tag: u8, content: &[u8]) -> Option<String> {
    match tag {
        UTF8_STRING | NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING => {
            std::str::from_utf8(content).ok().map(str::to_owned)
        }
        TELETEX_STRING => Some(content.iter().map(|byte| char::from(*byte)).collect()),
        BMP_STRING if content.len().is_multiple_of(2) => {
            let units =
                content.chunks_exact(2).map(|pair| pair.iter().fold(0, |n, b| n << 8 | u16::from(*b)));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        UNIVERSAL_STRING if content.len().is_multiple_of(4) => {
            let units =
                content.chunks_exact(4).map(|four| four.iter().fold(0, |n, b| n << 8 | u32::from(*b)));
            units.map(char::from_u32).collect()
        }
        _ => None,
    }
}

/// The text of a string type, escaped; text that is none of its type falls back to its bytes.
pub(super) fn shown(tag: u8, content: &[u8]) -> Option<String> {
    match decoded(tag, content) {
        Some(text) => Some(escaped(&text)),
        None if is_string(tag) => Some(of_bytes(content)),
        None => None,
    }
}

pub(super) fn is_string(tag: u8) -> bool {
    kind(tag).is_some()
}

/// The name of a string type.
pub(super) fn kind(tag: u8) -> Option<&'static str> {
    Some(match tag {
        UTF8_STRING => "UTF8String",
        NUMERIC_STRING => "NumericString",
        PRINTABLE_STRING => "PrintableString",
        TELETEX_STRING => "TeletexString",
        IA5_STRING => "IA5String",
        VISIBLE_STRING => "VisibleString",
        UNIVERSAL_STRING => "UniversalString",
        BMP_STRING => "BMPString",
        _ => return None,
    })
}

/// Lower-case hexadecimal, two digits an octet.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_reorders_or_hides_is_written_out() {
        assert_eq!(
            escaped("a\u{1b}[2J\nb\u{202e}c\u{200b}\u{9b}\u{2066}\\d ü 漢"),
            "a\\u{1b}[2J\\u{a}b\\u{202e}c\\u{200b}\\u{9b}\\u{2066}\\\\d ü 漢"
        );
        assert_eq!(of_bytes(b"a\xff\xc3\xbc\0"), "a\\xffü\\u{0}");
    }

    #[test]
    fn every_string_type_is_read_or_falls_back_to_its_bytes() {
        assert_eq!(shown(BMP_STRING, &[0x00, 0xfc, 0x20, 0x2e]).unwrap(), "ü\\u{202e}");
        assert_eq!(shown(BMP_STRING, &[0xd8, 0x00]).unwrap(), "\\xd8\\u{0}");
        assert_eq!(shown(BMP_STRING, &[0x41]).unwrap(), "A");
        assert_eq!(shown(UNIVERSAL_STRING, &[0, 1, 0xf6, 0]).unwrap(), "\u{1f600}");
        assert_eq!(shown(UNIVERSAL_STRING, &[0xff; 4]).unwrap(), "\\xff\\xff\\xff\\xff");
        assert_eq!(shown(TELETEX_STRING, &[0xfc, 0x9b]).unwrap(), "ü\\u{9b}");
        assert_eq!(shown(UTF8_STRING, &[0xc3]).unwrap(), "\\xc3");
        assert_eq!(shown(0x02, &[1]), None);
    }
}
