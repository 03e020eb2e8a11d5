//! The lines of the index: what each says, and how a damaged one is told.
//!
//! A line is `checksum body` and a line feed. The checksum is 32 hexadecimal digits: the first half of SHA-256 over the
//! line before's checksum and this body, so that a line can neither change nor vanish from between others unseen. The
//! body's fields stand one space apart; names come last and hold no spaces.

use crate::authority::RevocationReason;
use crate::{Certificate, KeyPin, Serial, SubjectName};
use dwcp_base::UnixTime;
use dwcp_crypto::digest;

/// The checksum of a line, or of nothing before the first.
pub(super) type Checksum = [u8; 16];

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// The first line: the format's version and whose index it is.
    Authority { key_pin: KeyPin },
    /// A certificate that was about to be returned.
    Issued(IssuedEntry),
    /// A certificate that is no longer good.
    Revoked { at: UnixTime, serial: Serial, reason: RevocationReason },
}

/// What the index knows of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::authority) struct IssuedEntry {
    pub(in crate::authority) at: UnixTime,
    pub(in crate::authority) serial: Serial,
    pub(in crate::authority) not_before: UnixTime,
    pub(in crate::authority) not_after: UnixTime,
    pub(in crate::authority) key_pin: KeyPin,
    pub(in crate::authority) names: Vec<SubjectName>,
}

impl IssuedEntry {
    /// What is kept of `certificate`, which was made at `at`.
    pub(in crate::authority) fn of(certificate: &Certificate, at: UnixTime) -> Self {
        Self {
            at,
            serial: certificate.serial(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            key_pin: certificate.key_pin(),
            names: certificate.names().to_vec(),
        }
    }
}

impl Entry {
    /// The line without its line feed, and its checksum.
    pub(super) fn encode(&self, before: &Checksum) -> (String, Checksum) {
        let body = match self {
            Self::Authority { key_pin } => format!("authority {VERSION} {key_pin}"),
            Self::Issued(entry) => {
                let IssuedEntry { at, serial, not_before, not_after, key_pin, names } = entry;
                let names: String = names.iter().map(|name| format!(" {name}")).collect();
                format!("issued {at} {serial} {not_before} {not_after} {key_pin}{names}")
            }
            Self::Revoked { at, serial, reason } => format!("revoked {at} {serial} {reason}"),
        };
        let checksum = checksum(before, body.as_bytes());
        let hex: String = checksum.iter().map(|octet| format!("{octet:02x}")).collect();
        (format!("{hex} {body}"), checksum)
    }

    /// Reads a line without its line feed.
    pub(super) fn decode(line: &[u8], before: &Checksum) -> Result<(Self, Checksum), &'static str> {
        let text = std::str::from_utf8(line).map_err(|_| "it is not text")?;
        let (hex, body) = text.split_once(' ').ok_or("it has no checksum")?;
        let checksum = checksum(before, body.as_bytes());
        let expected: String = checksum.iter().map(|octet| format!("{octet:02x}")).collect();
        if hex != expected {
            return Err("its checksum does not match");
        }
        let entry = Self::read_body(body).ok_or("its fields are not what its kind has")?;
        Ok((entry, checksum))
    }

    fn read_body(body: &str) -> Option<Self> {
        let mut fields = body.split(' ');
        let mut field = || fields.next();
        match field()? {
            "authority" => {
                let entry =
                    (field()? == VERSION).then_some(Self::Authority { key_pin: field()?.parse().ok()? })?;
                field().is_none().then_some(entry)
            }
            "issued" => {
                let at = UnixTime::parse_rfc3339(field()?)?;
                let serial = field()?.parse().ok()?;
                let not_before = UnixTime::parse_rfc3339(field()?)?;
                let not_after = UnixTime::parse_rfc3339(field()?)?;
                let key_pin = field()?.parse().ok()?;
                let names = fields.map(|name| name.parse().ok()).collect::<Option<_>>()?;
                Some(Self::Issued(IssuedEntry { at, serial, not_before, not_after, key_pin, names }))
            }
            "revoked" => {
                let at = UnixTime::parse_rfc3339(field()?)?;
                let entry =
                    Self::Revoked { at, serial: field()?.parse().ok()?, reason: field()?.parse().ok()? };
                field().is_none().then_some(entry)
            }
            _ => None,
        }
    }
}

fn checksum(before: &Checksum, body: &[u8]) -> Checksum {
    let digest = digest::sha256_of(&[before, body]);
    let mut half = Checksum::default();
    half.copy_from_slice(digest.split_at(16).0);
    half
}

const VERSION: &str = "1";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries() -> Vec<Entry> {
        let at = UnixTime::from_millis(1_700_000_000_123);
        vec![
            Entry::Authority { key_pin: KeyPin::from([7; 32]) },
            Entry::Issued(IssuedEntry {
                at,
                serial: "ab01".parse().unwrap(),
                not_before: UnixTime::from_secs(1_700_000_000),
                not_after: UnixTime::from_secs(1_700_086_400),
                key_pin: KeyPin::from([9; 32]),
                names: vec!["DNS:a.b".parse().unwrap(), "URI:spiffe://a.b/c".parse().unwrap()],
            }),
            Entry::Revoked { at, serial: "ab01".parse().unwrap(), reason: RevocationReason::KeyCompromise },
        ]
    }

    #[test]
    fn every_kind_makes_the_round_trip() {
        let mut before = Checksum::default();
        for entry in entries() {
            let (line, after) = entry.encode(&before);
            assert_eq!(Entry::decode(line.as_bytes(), &before), Ok((entry, after)));
            before = after;
        }
    }

    /// The vectors of the format's page, which a decoder of other hands computed.
    const VECTORS: [&str; 3] = [
        "0bf5d076da5c97604b413d708dab5b21 authority 1 sha256/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        "791008adedfc851d873f6a1b9c79995a issued 2026-09-21T14:13:20Z 0ab1 2026-09-21T14:12:20Z \
         2026-09-22T14:13:20Z sha256/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0= DNS:a.example.org \
         URI:spiffe://example.org/a",
        "48a3d45a0a7bbc76233e3b5c970bf56b revoked 2026-09-21T14:13:20.250Z 0ab1 keyCompromise",
    ];

    #[test]
    fn the_published_vectors_hold() {
        let mut before = Checksum::default();
        for line in VECTORS {
            let (entry, after) = Entry::decode(line.as_bytes(), &before).unwrap();
            assert_eq!(entry.encode(&before).0, line);
            before = after;
        }
        // The crate is also published without the page; where the page is there, it shows these lines and no others.
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/issuance-index.md");
        if let Ok(page) = std::fs::read_to_string(path) {
            let (_, rest) = page.split_once("```text\n").unwrap();
            let (published, _) = rest.split_once("```").unwrap();
            assert_eq!(published.lines().collect::<Vec<_>>(), VECTORS);
        }
    }

    #[test]
    fn no_flipped_bit_goes_unseen() {
        let before = [3; 16];
        for entry in entries() {
            let line = entry.encode(&before).0.into_bytes();
            for at in 0..line.len() * 8 {
                let mut changed = line.clone();
                changed[at / 8] ^= 1 << (at % 8);
                assert!(Entry::decode(&changed, &before).is_err(), "bit {at}");
            }
            assert!(Entry::decode(&line, &[4; 16]).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_body_with_a_right_checksum_is_judged_without_a_panic(body in "(authority|issued|revoked)[ -~]{0,200}") {
            let hex: String = checksum(&[0; 16], body.as_bytes()).iter().map(|o| format!("{o:02x}")).collect();
            let _ = Entry::decode(format!("{hex} {body}").as_bytes(), &[0; 16]);
        }
    }
}
