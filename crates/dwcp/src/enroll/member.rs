//! What is kept of a node that joined. One line of JSON, and no other text says the same.

use super::names::Grant;
use super::token::TokenId;
use dwcp_base::UnixTime;
use dwcp_pki::{Serial, SpiffeId, SubjectName};
use serde::{Deserialize, Serialize};

/// What is kept of a node that joined. The format is `docs/formats/enrolment.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub identity: SpiffeId,
    /// Its names, that identity among them, as they were granted; at most [`Grant::MOST_NAMES`].
    pub names: Vec<SubjectName>,
    /// How long its newest certificate lives, in seconds.
    pub ttl: u64,
    /// The serials of its last certificates, the newest first; one or two.
    pub serials: Vec<Serial>,
    /// The token that it joined with.
    pub token: TokenId,
    /// When it joined.
    pub joined: UnixTime,
    /// When its newest certificate was issued.
    pub renewed: UnixTime,
}

impl Member {
    /// How many certificates of a member can renew: the newest, and the one before, whose holder may never have got the newest.
    pub const LINE: usize = 2;

    /// Notes the certificate that follows `from`, whatever came after that one: if its answer was lost as well, `from` can still renew.
    pub(super) fn renewed_by(&mut self, from: Serial, serial: Serial, ttl: u64, now: UnixTime) {
        self.serials = vec![serial, from];
        self.ttl = ttl;
        self.renewed = now;
    }

    /// The bytes of its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let written = Written {
            version: VERSION,
            identity: self.identity.to_string(),
            names: self.names.iter().map(ToString::to_string).collect(),
            ttl: self.ttl,
            serials: self.serials.iter().map(ToString::to_string).collect(),
            token: self.token.to_string(),
            joined: self.joined.to_string(),
            renewed: self.renewed.to_string(),
        };
        // Texts and numbers into memory: it does not fail, and an empty record is refused where it is read.
        let mut bytes = serde_json::to_vec(&written).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads the bytes of a file; `None` for anything that [`to_bytes`](Self::to_bytes) does not write.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        if !(1..=Self::LINE).contains(&written.serials.len()) || written.names.len() > Grant::MOST_NAMES {
            return None;
        }
        let read = Self {
            identity: written.identity.parse().ok()?,
            names: written.names.iter().map(|name| name.parse().ok()).collect::<Option<_>>()?,
            ttl: written.ttl,
            serials: written.serials.iter().map(|serial| serial.parse().ok()).collect::<Option<_>>()?,
            token: written.token.parse().ok()?,
            joined: UnixTime::parse_rfc3339(&written.joined)?,
            renewed: UnixTime::parse_rfc3339(&written.renewed)?,
        };
        (written.version == VERSION && read.to_bytes() == bytes).then_some(read)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    identity: String,
    names: Vec<String>,
    ttl: u64,
    serials: Vec<String>,
    token: String,
    joined: String,
    renewed: String,
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_are_read_and_written() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/enrolment.md");
        let Ok(page) = std::fs::read_to_string(path) else { return };
        let (_, rest) = page.split_once("### Vectors of members").unwrap();
        let (_, rest) = rest.split_once("```json\n").unwrap();
        let lines: Vec<&str> = rest.split("```").next().unwrap().lines().collect();
        assert_eq!(lines.len(), 2);
        for line in lines {
            let member = Member::from_bytes(format!("{line}\n").as_bytes()).expect(line);
            assert!(member.names.iter().any(|name| name.spiffe_id().as_ref() == Some(&member.identity)));
            assert_eq!(Member::from_bytes(line.as_bytes()), None, "a line has its end");
        }
    }

    #[test]
    fn the_line_has_the_newest_and_the_one_it_came_from() {
        let at = UnixTime::from_secs(1_790_000_000);
        let serial = |text: &str| text.parse::<Serial>().unwrap();
        let mut member = Member {
            identity: "spiffe://d/node/b".parse().unwrap(),
            names: vec!["URI:spiffe://d/node/b".parse().unwrap()],
            ttl: 60,
            serials: vec![serial("01")],
            token: "0123456789abcdef".parse().unwrap(),
            joined: at,
            renewed: at,
        };
        member.renewed_by(serial("01"), serial("02"), 60, at);
        assert_eq!(member.serials, [serial("02"), serial("01")]);
        // The answer with 02 was lost; 01 asks again, and 02 is out.
        member.renewed_by(serial("01"), serial("03"), 60, at);
        assert_eq!(member.serials, [serial("03"), serial("01")]);
        member.renewed_by(serial("03"), serial("04"), 60, at);
        assert_eq!(member.serials, [serial("04"), serial("03")]);
        assert_eq!(Member::from_bytes(&member.to_bytes()), Some(member.clone()));
        member.serials.clear();
        assert_eq!(Member::from_bytes(&member.to_bytes()), None);
        member.serials = ["05", "06", "07"].map(serial).to_vec();
        assert_eq!(Member::from_bytes(&member.to_bytes()), None);
    }
}
