//! Distinguished names: as a list of attributes, and as RFC 4514 text.

use super::text;
use super::tlv::{Cursor, Fault, SEQUENCE, SET, Value};
use super::{Oid, hex};
use std::fmt::{self, Write};

/// A distinguished name, attributes in the order in which they were encoded.
///
/// Its text is RFC 4514: last part first, a multi-valued part joined with `+`. What could move a terminal is written as hex
/// pairs of its UTF-8 octets, which is that standard's own way, so that the text still names the same attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DistinguishedName {
    /// The attributes.
    pub attributes: Vec<NameAttribute>,
}

/// One attribute of a distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameAttribute {
    /// Which part of the name it stands in, counted from 0; several attributes may share one (RFC 5280 §4.1.2.4).
    pub part: usize,
    /// Its type.
    pub oid: Oid,
    /// The string type of its value; `None` where that is no string.
    pub kind: Option<&'static str>,
    /// Its value, escaped; `#` and the hexadecimal DER where it is no string.
    pub value: String,
    rfc4514: String,
}

impl DistinguishedName {
    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The first attribute of this name, `CN` for example.
    pub fn first(&self, name: &str) -> Option<&NameAttribute> {
        self.attributes.iter().find(|attribute| attribute.oid.name() == Some(name))
    }

    pub(super) fn next(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        Self::read(&cursor.expect(SEQUENCE, "no Name where one belongs")?)
    }

    /// From the DER of a whole Name.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Fault> {
        Self::next(&mut Cursor::new(der, 0))
    }

    /// From the SEQUENCE of its parts.
    pub(super) fn read(name: &Value<'_>) -> Result<Self, Fault> {
        let mut attributes = Vec::new();
        let mut parts = name.inside();
        let mut part = 0;
        while let Some(set) = parts.next()? {
            read_part(&set, part, &mut attributes)?;
            part += 1;
        }
        Ok(Self { attributes })
    }

    /// From the content of a part alone, as a distribution point may name itself (RFC 5280 §4.2.1.13).
    pub(super) fn of_part(set: &Value<'_>) -> Result<Self, Fault> {
        let mut attributes = Vec::new();
        read_attributes(set, 0, &mut attributes)?;
        Ok(Self { attributes })
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.attributes.last().map_or(0, |attribute| attribute.part);
        let mut rest = self.attributes.as_slice();
        while let Some(part) = rest.last().map(|attribute| attribute.part) {
            let start = rest.partition_point(|attribute| attribute.part < part);
            let (before, these) = rest.split_at(start);
            for (at, attribute) in these.iter().enumerate() {
                let between = if at > 0 {
                    "+"
                } else if part < last {
                    ","
                } else {
                    ""
                };
                f.write_str(between)?;
                match attribute.oid.name() {
                    Some(name) => write!(f, "{name}={}", attribute.rfc4514)?,
                    None => write!(f, "{}={}", attribute.oid, attribute.rfc4514)?,
                }
            }
            rest = before;
        }
        Ok(())
    }
}

fn read_part(set: &Value<'_>, part: usize, out: &mut Vec<NameAttribute>) -> Result<(), Fault> {
    if set.tag != SET {
        return Err(set.fault("a part of a Name that is no SET"));
    }
    if set.content.is_empty() {
        return Err(set.fault("a part of a Name without an attribute"));
    }
    read_attributes(set, part, out)
}

fn read_attributes(set: &Value<'_>, part: usize, out: &mut Vec<NameAttribute>) -> Result<(), Fault> {
    let mut attributes = set.inside();
    while !attributes.is_empty() {
        let mut fields = attributes.expect(SEQUENCE, "an attribute of a Name that is no SEQUENCE")?.inside();
        let oid = Oid::next(&mut fields)?;
        let missing = fields.fault("an attribute of a Name without a value");
        let value = fields.next()?.ok_or(missing)?;
        fields.finish()?;
        out.push(NameAttribute::new(part, oid, &value));
    }
    Ok(())
}

impl NameAttribute {
    fn new(part: usize, oid: Oid, value: &Value<'_>) -> Self {
        let kind = text::kind(value.tag);
        let decoded = text::decoded(value.tag, value.content);
        // RFC 4514 §2.4: what is no string, or has no short name, is written as its DER.
        let in_hex = || format!("#{}", hex(value.whole));
        let rfc4514 = match &decoded {
            Some(text) if oid.name().is_some() => rfc4514(text),
            _ => in_hex(),
        };
        let value = match decoded {
            Some(text) => text::escaped(&text),
            None => text::shown(value.tag, value.content).unwrap_or_else(in_hex),
        };
        Self { part, oid, kind, value, rfc4514 }
    }
}

/// RFC 4514 §2.4, with hex pairs for what is invisible as well.
fn rfc4514(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let first = at == 0;
        let last = at + character.len_utf8() == text.len();
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', character]),
            '#' if first => out.push_str("\\#"),
            ' ' if first || last => out.push_str("\\ "),
            _ if text::is_inert(character) => out.push(character),
            _ => {
                for octet in character.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a string does not fail.
                    let _ = write!(out, "\\{octet:02X}");
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_rfc_4514_is_escaped_as_it_says() {
        for (text, escaped) in [
            ("a,b+c", "a\\,b\\+c"),
            ("#a#", "\\#a#"),
            (" a b ", "\\ a b\\ "),
            ("\u{1b}[2J\0", "\\1B[2J\\00"),
            ("a\u{202e}b", "a\\E2\\80\\AEb"),
            ("Zürich", "Zürich"),
        ] {
            assert_eq!(rfc4514(text), escaped);
        }
    }

    #[test]
    fn parts_are_written_last_first_and_joined() {
        // C=CH, then O=x + OU=y, then an attribute nobody knows.
        let der = [
            0x30, 0x32, 0x31, 0x0b, 0x30, 0x09, 6, 3, 0x55, 4, 6, 0x13, 2, b'C', b'H', 0x31, 0x14, 0x30, 8,
            6, 3, 0x55, 4, 10, 0x0c, 1, b'x', 0x30, 8, 6, 3, 0x55, 4, 11, 0x0c, 1, b'y', 0x31, 0x0d, 0x30,
            0x0b, 6, 6, 0x2a, 3, 4, 5, 6, 7, 2, 1, 5,
        ];
        let name = DistinguishedName::next(&mut Cursor::new(&der, 0)).unwrap();
        assert_eq!(name.to_string(), "1.2.3.4.5.6.7=#020105,O=x+OU=y,C=CH");
        assert_eq!(name.first("OU").unwrap().value, "y");
        assert_eq!(name.attributes.iter().map(|a| a.part).collect::<Vec<_>>(), [0, 1, 1, 2]);
    }
}
