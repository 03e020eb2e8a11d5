//! CRLs and deltas written octet by octet: also those that no encoder makes.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by several files, and a test fails by panicking"
)]

use dwcp_base::UnixTime;
use rcgen::{KeyPair, SigningKey};

/// What a list says; each field has the form that is written.
#[derive(Clone)]
pub(crate) struct List {
    /// The content of the version; `None` leaves it out.
    pub(crate) version: Option<u8>,
    /// The whole DER `Name`.
    pub(crate) issuer: Vec<u8>,
    pub(crate) this_update: UnixTime,
    pub(crate) next_update: Option<UnixTime>,
    /// Whole entries, one after the other.
    pub(crate) entries: Vec<u8>,
    /// Whole extensions.
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl List {
    /// An empty complete CRL of the subject of `certificate`, from a minute before `now` until a day after it.
    pub(crate) fn of(certificate: &[u8], number: u64, now: UnixTime) -> Self {
        Self {
            version: Some(1),
            issuer: subject(certificate),
            this_update: UnixTime::from_secs(now.secs() - 60),
            next_update: Some(UnixTime::from_secs(now.secs() + 86_400)),
            entries: Vec::new(),
            extensions: vec![extension(20, false, &integer(number))],
        }
    }

    /// As a delta on top of the complete CRL of this number.
    pub(crate) fn delta(mut self, base: u64) -> Self {
        self.extensions.push(extension(27, true, &integer(base)));
        self
    }

    /// With the content of an issuing distribution point.
    pub(crate) fn about(mut self, point: &[u8]) -> Self {
        self.extensions.push(extension(28, true, &tlv(0x30, point)));
        self
    }

    pub(crate) fn listing(mut self, serial: &[u8], reason: Option<u8>) -> Self {
        self.entries.extend(entry(serial, reason));
        self
    }

    pub(crate) fn lasting(mut self, this_update: UnixTime, next_update: UnixTime) -> Self {
        (self.this_update, self.next_update) = (this_update, Some(next_update));
        self
    }

    /// Signed with ECDSA on P-256 and SHA-256.
    pub(crate) fn sign(&self, key: &KeyPair) -> Vec<u8> {
        let algorithm = tlv(0x30, &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
        let mut fields = self.version.map(|version| vec![2, 1, version]).unwrap_or_default();
        fields.extend_from_slice(&algorithm);
        fields.extend_from_slice(&self.issuer);
        fields.extend(time(self.this_update));
        fields.extend(self.next_update.map(time).unwrap_or_default());
        if !self.entries.is_empty() {
            fields.extend(tlv(0x30, &self.entries));
        }
        if !self.extensions.is_empty() {
            fields.extend(tlv(0xa0, &tlv(0x30, &self.extensions.concat())));
        }
        let fields = tlv(0x30, &fields);
        let signature = tlv(3, &[&[0][..], &key.sign(&fields).unwrap()].concat());
        tlv(0x30, &[fields, algorithm, signature].concat())
    }
}

/// An entry; the serial number is the content of its INTEGER.
pub(crate) fn entry(serial: &[u8], reason: Option<u8>) -> Vec<u8> {
    let mut fields = tlv(2, serial);
    fields.extend_from_slice(b"\x17\x0d260101000000Z");
    if let Some(reason) = reason {
        fields.extend(tlv(0x30, &extension(21, false, &[10, 1, reason])));
    }
    tlv(0x30, &fields)
}

/// An extension of id-ce.
pub(crate) fn extension(id: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let mark: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    tlv(0x30, &[&[6, 3, 0x55, 0x1d, id][..], mark, &tlv(4, value)].concat())
}

/// The `distributionPoint` field with one URI as full name.
pub(crate) fn full_name(uri: &str) -> Vec<u8> {
    tlv(0xa0, &tlv(0xa0, &tlv(0x86, uri.as_bytes())))
}

pub(crate) fn integer(number: u64) -> Vec<u8> {
    let octets = number.to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count().min(7);
    let mut content = octets[zeros..].to_vec();
    if content[0] >= 0x80 {
        content.insert(0, 0);
    }
    tlv(2, &content)
}

pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut whole = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => whole.push(short),
        _ => {
            let octets = content.len().to_be_bytes();
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            whole.push(0x80 | u8::try_from(octets.len() - zeros).unwrap());
            whole.extend_from_slice(&octets[zeros..]);
        }
    }
    whole.extend_from_slice(content);
    whole
}

/// A GeneralizedTime.
pub(crate) fn time(at: UnixTime) -> Vec<u8> {
    let text: String = at.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    tlv(0x18, format!("{text}Z").as_bytes())
}

/// The subject of a certificate, whole.
pub(crate) fn subject(certificate: &[u8]) -> Vec<u8> {
    let content = |der: &[u8]| {
        let header = if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7f) };
        let length = match der[1] {
            short @ 0..0x80 => usize::from(short),
            _ => der[2..header].iter().fold(0, |length, octet| length << 8 | usize::from(*octet)),
        };
        (header, header + length)
    };
    let (outer, _) = content(certificate);
    let (inner, _) = content(&certificate[outer..]);
    let mut at = outer + inner;
    // Version, serial number, algorithm, issuer and validity stand before it.
    for _ in 0..5 {
        at += content(&certificate[at..]).1;
    }
    certificate[at..at + content(&certificate[at..]).1].to_vec()
}
