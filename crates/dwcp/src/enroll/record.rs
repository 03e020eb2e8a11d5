//! What is kept of a token: all but its secret. One line of JSON, and no other text says the same.

use super::names::Grant;
use super::token::{TokenId, bytes_of_hex, hex};
use dwcp_base::UnixTime;
use dwcp_pki::{KeyPin, SpiffeId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is kept of a token. The format is `docs/formats/enrolment.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Which token.
    pub id: TokenId,
    /// SHA-256 of its secret.
    pub secret: [u8; 32],
    /// What it grants.
    pub grant: Grant,
    /// When it was made.
    pub created: UnixTime,
    /// The first moment in which it is good for nothing.
    pub expires: UnixTime,
    /// What became of it.
    pub state: TokenState,
}

/// What became of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenState {
    /// Nothing yet.
    Open,
    /// Somebody joined with it, or died trying.
    Spent {
        /// When.
        at: UnixTime,
        /// The key that was to be certified.
        pin: KeyPin,
        /// For which identity.
        identity: SpiffeId,
    },
    /// It was taken back.
    Revoked {
        /// When.
        at: UnixTime,
    },
}

impl TokenRecord {
    /// The bytes of its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (spent, revoked) = match &self.state {
            TokenState::Open => (None, None),
            TokenState::Spent { at, pin, identity } => {
                let spent =
                    Spent { at: at.to_string(), pin: pin.to_string(), identity: identity.to_string() };
                (Some(spent), None)
            }
            TokenState::Revoked { at } => (None, Some(at.to_string())),
        };
        let written = Written {
            version: VERSION,
            id: self.id.to_string(),
            secret_sha256: hex(&self.secret),
            name: self.grant.name.clone(),
            allow: self.grant.allow.clone(),
            created: self.created.to_string(),
            expires: self.expires.to_string(),
            spent,
            revoked,
        };
        // Texts and numbers into memory: it does not fail, and an empty record is refused where it is read.
        let mut bytes = serde_json::to_vec(&written).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads the bytes of a file; `None` for anything that [`to_bytes`](Self::to_bytes) does not write.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        let state = match (written.spent, written.revoked) {
            (None, None) => TokenState::Open,
            (Some(spent), None) => TokenState::Spent {
                at: UnixTime::parse_rfc3339(&spent.at)?,
                pin: spent.pin.parse().ok()?,
                identity: spent.identity.parse().ok()?,
            },
            (None, Some(at)) => TokenState::Revoked { at: UnixTime::parse_rfc3339(&at)? },
            (Some(_), Some(_)) => return None,
        };
        let read = Self {
            id: written.id.parse().ok()?,
            secret: bytes_of_hex(&written.secret_sha256)?,
            grant: Grant { name: written.name, allow: written.allow },
            created: UnixTime::parse_rfc3339(&written.created)?,
            expires: UnixTime::parse_rfc3339(&written.expires)?,
            state,
        };
        (written.version == VERSION && read.to_bytes() == bytes).then_some(read)
    }

    /// Whether it was made later than `now`, by more than clocks may differ: one of the two clocks is wrong, so its time can not be told.
    pub fn is_early(&self, now: UnixTime) -> bool {
        self.created > now.plus(CLOCK_SKEW)
    }

    /// Whether it can still be joined with at `now`.
    pub fn is_open(&self, now: UnixTime) -> bool {
        self.state == TokenState::Open && now < self.expires
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    id: String,
    secret_sha256: String,
    name: Option<String>,
    allow: Vec<String>,
    created: String,
    expires: String,
    spent: Option<Spent>,
    revoked: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Spent {
    at: String,
    pin: String,
    identity: String,
}

/// As much as certificates are dated back.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The lines of the format's page under this heading; `None` where the page is not there.
    fn published(heading: &str) -> Option<Vec<String>> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/enrolment.md");
        let page = std::fs::read_to_string(path).ok()?;
        let (_, rest) = page.split_once(heading).unwrap();
        let (_, rest) = rest.split_once("```json\n").unwrap();
        Some(rest.split("```").next().unwrap().lines().map(str::to_owned).collect())
    }

    #[test]
    fn the_published_vectors_are_read_and_written() {
        let Some(lines) = published("### Vectors of tokens") else { return };
        let read: Vec<_> = lines
            .iter()
            .map(|line| TokenRecord::from_bytes(format!("{line}\n").as_bytes()).expect(line))
            .collect();
        assert_eq!(read.len(), 3);
        assert!(read[0].is_open(UnixTime::from_secs(read[0].expires.secs() - 1)));
        assert!(!read[0].is_open(read[0].expires));
        assert!(matches!(read[1].state, TokenState::Spent { .. }));
        assert!(matches!(read[2].state, TokenState::Revoked { .. }));
        assert_eq!(read[2].grant.allow.len(), 2);
    }

    #[test]
    fn what_nobody_writes_nobody_reads() {
        let at = UnixTime::from_secs(1_790_000_000);
        let record = TokenRecord {
            id: "0123456789abcdef".parse().unwrap(),
            secret: [7; 32],
            grant: Grant::default(),
            created: at,
            expires: at,
            state: TokenState::Open,
        };
        let bytes = record.to_bytes();
        assert_eq!(TokenRecord::from_bytes(&bytes), Some(record));
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("\n", ""),
            ("\n", "\n\n"),
            ("{\"version\":1", "{ \"version\":1"),
            ("\"version\":1", "\"version\":2"),
            ("\"version\":1", "\"version\":1,\"version\":1"),
            ("0707", "07070"),
            ("\"revoked\":null", "\"revoked\":null,\"more\":1"),
            (",\"revoked\":null", ""),
            ("\"revoked\":null", "\"revoked\":\"yesterday\""),
            ("\"spent\":null", "\"spent\":{}"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert_eq!(TokenRecord::from_bytes(changed.as_bytes()), None, "{changed}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(TokenRecord::from_bytes(&bytes), None);
        }
    }
}
