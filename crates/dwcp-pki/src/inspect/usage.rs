//! What a key may be used for: key usage, extended key usage, TLS features.

use super::tlv::{self, Cursor, Fault};
use super::{Number, Oid};

/// A BIT STRING whose bits have names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flags {
    /// The names of the bits that are set, in order.
    pub names: Vec<&'static str>,
    /// The numbers of bits that are set and have no name.
    pub unknown: Vec<usize>,
}

impl Flags {
    /// Whether the bit of this name is set.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    pub(super) fn of(octets: &[u8], names: &'static [&'static str]) -> Self {
        let mut flags = Self { names: Vec::new(), unknown: Vec::new() };
        for (at, octet) in octets.iter().enumerate().take(LONGEST) {
            for bit in 0..8 {
                if octet & (0x80 >> bit) == 0 {
                    continue;
                }
                match names.get(at * 8 + bit) {
                    Some(name) => flags.names.push(name),
                    None => flags.unknown.push(at * 8 + bit),
                }
            }
        }
        flags
    }
}

pub(super) fn flags(der: &[u8], at: usize, names: &'static [&'static str]) -> Result<Flags, Fault> {
    let value = Cursor::single(der, at)?;
    if value.tag != tlv::BIT_STRING {
        return Err(value.fault("no BIT STRING where one belongs"));
    }
    named_bits(&value, names)
}

/// The flags of a BIT STRING whose tag was looked at.
pub(super) fn named_bits(value: &tlv::Value<'_>, names: &'static [&'static str]) -> Result<Flags, Fault> {
    let (octets, unused) = tlv::bit_string(value)?;
    if octets.len() > LONGEST {
        return Err(value.fault("more flags than any standard has"));
    }
    let spare =
        octets.last().map_or(0, |last| last & 0xff_u8.checked_shr(8 - u32::from(unused)).unwrap_or(0));
    if spare != 0 {
        return Err(value.fault("bits that do not count, and are set all the same"));
    }
    Ok(Flags::of(octets, names))
}

pub(super) fn purposes(der: &[u8], at: usize) -> Result<Vec<Oid>, Fault> {
    let mut cursor = Cursor::single_sequence(der, at)?;
    if cursor.is_empty() {
        return Err(cursor.fault("a list of purposes without a purpose"));
    }
    let mut found = Vec::new();
    while !cursor.is_empty() {
        found.push(Oid::next(&mut cursor)?);
    }
    Ok(found)
}

pub(super) fn features(der: &[u8], at: usize) -> Result<Vec<Number>, Fault> {
    let mut cursor = Cursor::single_sequence(der, at)?;
    let mut found = Vec::new();
    while !cursor.is_empty() {
        found.push(Number::next(&mut cursor)?);
    }
    Ok(found)
}

/// Octets of flags; the longest standard has two.
const LONGEST: usize = 8;

/// RFC 5280 §4.2.1.3.
pub(super) static KEY_USAGES: &[&str] = &[
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

pub(super) static NETSCAPE_TYPES: &[&str] =
    &["sslClient", "sslServer", "smime", "objectSigning", "reserved", "sslCA", "smimeCA", "objectSigningCA"];

/// RFC 5280 §4.2.1.13; bit 0 is never set.
pub(super) static REASONS: &[&str] = &[
    "unused",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "privilegeWithdrawn",
    "aACompromise",
];
