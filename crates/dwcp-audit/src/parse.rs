//! Reads one line back, and only in the spelling that the writer uses.

use crate::chain::Hash;
use crate::encode::{MAX_NUMBER, Parts};
use crate::entry::Entry;
use crate::event::{Details, Repeated, SecurityEvent};
use crate::text::Text;
use dwcp_base::UnixTime;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::fmt;

/// What is wrong with a line taken by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadLine {
    /// It is not the canonical JSON of an entry.
    Malformed,
    /// It is, but its hash is not that of its content.
    WrongHash,
}

/// The entry in `line` (without newline), its own hash checked.
pub(crate) fn entry(line: &[u8]) -> Result<Entry, BadLine> {
    let text = std::str::from_utf8(line).map_err(|_| BadLine::Malformed)?;
    let raw: Line = serde_json::from_str(text).map_err(|_| BadLine::Malformed)?;
    let entry = checked(raw, text).ok_or(BadLine::Malformed)?;
    let mut canonical = String::with_capacity(text.len() + 1);
    let hash = entry.parts().write_line(&mut canonical);
    let body = canonical.len().saturating_sub(HASH_MEMBER + 1);
    // The same body under another hash is a broken chain; anything else that differs is another spelling.
    if canonical.as_bytes().get(..body) != line.get(..body) || canonical.len() != line.len() + 1 {
        return Err(BadLine::Malformed);
    }
    if hash != entry.hash() {
        return Err(BadLine::WrongHash);
    }
    if canonical.as_bytes().strip_suffix(b"\n") != Some(line) {
        return Err(BadLine::Malformed);
    }
    Ok(entry)
}

fn checked(raw: Line, text: &str) -> Option<Entry> {
    let time = |t: &str| UnixTime::parse_rfc3339(t);
    let short = |t: Option<String>| t.map_or(Some(None), |t| Text::exact(t).map(Some));
    let known_shape = raw.kind.len() <= 64 && raw.kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if raw.seq == 0 || raw.seq > MAX_NUMBER || !known_shape || raw.kind.is_empty() {
        return None;
    }
    let repeated = match (raw.count, raw.first, raw.last) {
        (None, None, None) => None,
        (Some(count), Some(first), Some(last)) => {
            Some(Repeated { count, first: time(&first)?, last: time(&last)? })
        }
        _ => return None,
    };
    Some(Entry {
        sequence: raw.seq,
        time: time(&raw.time)?,
        kind: raw.kind,
        details: Details {
            severity: raw.severity.parse().ok()?,
            origin: raw.origin.parse().ok()?,
            peer: short(raw.peer)?,
            source: short(raw.source)?,
            code: short(raw.code)?,
            message: short(raw.message)?,
            fields: raw.fields.0,
            repeated,
        },
        previous: raw.prev.parse::<Hash>().ok()?,
        hash: raw.hash.parse::<Hash>().ok()?,
        line: text.to_owned(),
    })
}

impl Entry {
    fn parts(&self) -> Parts<'_> {
        Parts {
            sequence: self.sequence,
            time: self.time,
            kind: &self.kind,
            details: &self.details,
            previous: self.previous,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u64,
    time: String,
    kind: String,
    severity: String,
    origin: String,
    peer: Option<String>,
    source: Option<String>,
    code: Option<String>,
    message: Option<String>,
    #[serde(default)]
    fields: Fields,
    count: Option<u64>,
    first: Option<String>,
    last: Option<String>,
    prev: String,
    hash: String,
}

/// The details in their order; a map type would lose it and hide a name given twice.
#[derive(Default)]
struct Fields(Vec<(Text, Text)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of at most 16 short strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields: Vec<(Text, Text)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            let (Some(name), Some(value)) = (Text::exact(name), Text::exact(value)) else {
                return Err(A::Error::custom("a text over the limit"));
            };
            if fields.len() == SecurityEvent::MAX_FIELDS || fields.iter().any(|(n, _)| *n == name) {
                return Err(A::Error::custom("too many fields, or one twice"));
            }
            fields.push((name, value));
        }
        Ok(Fields(fields))
    }
}

/// Length of `,"hash":"…"}`.
const HASH_MEMBER: usize = 9 + 64 + 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::EventKind;
    use proptest::prelude::*;

    fn line_of(event: &SecurityEvent) -> String {
        let mut line = String::new();
        Parts::of_event(7, UnixTime::from_millis(1_700_000_000_123), event, Hash::ZERO).write_line(&mut line);
        line.pop();
        line
    }

    #[test]
    fn another_spelling_of_the_same_content_is_refused() {
        let line =
            line_of(&SecurityEvent::local(EventKind::NodeStarted).field("a", "\u{1b}").field("b", "x"));
        assert!(entry(line.as_bytes()).is_ok());
        for (from, to) in [
            ("\"seq\":7", "\"seq\": 7"),
            ("\"seq\":7", "\"seq\":7,\"seq\":7"),
            ("\"seq\":7", "\"seq\":7.0"),
            ("\\u001b", "\\u001B"),
            ("\"x\"", "\"\\u0078\""),
            ("\"b\":", "\"a\":"),
            ("{\"seq\"", "{\"extra\":1,\"seq\""),
            (".123Z", ".1230Z"),
        ] {
            assert!(line.contains(from), "{from}");
            let other = line.replacen(from, to, 1);
            assert_eq!(entry(other.as_bytes()).err(), Some(BadLine::Malformed), "{to}");
        }
        let wrong = line.replace("\"x\"", "\"y\"");
        assert_eq!(entry(wrong.as_bytes()).err(), Some(BadLine::WrongHash));
    }

    proptest! {
        #[test]
        fn any_event_makes_the_round_trip(
            peer in any::<String>(), message in any::<String>(),
            values in proptest::collection::vec(any::<String>(), 0..3), millis in 0..253_402_300_799_999_i64,
        ) {
            let names = ["one", "two", "three"];
            let mut event = SecurityEvent::peer(EventKind::AuthFailure, &peer).message(&message);
            for (name, value) in names.into_iter().zip(&values) {
                event = event.field(name, value);
            }
            let time = UnixTime::from_millis(millis);
            event.details.repeated = (millis % 2 == 0).then_some(Repeated { count: 3, first: time, last: time });
            let mut line = String::new();
            let hash = Parts::of_event(1, time, &event, Hash::ZERO).write_line(&mut line);
            let read = entry(line.trim_end().as_bytes()).unwrap();
            prop_assert_eq!(read.hash(), hash);
            prop_assert_eq!(&read.details, &event.details);
            prop_assert_eq!(read.time(), time);
        }

        #[test]
        fn no_input_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = entry(&bytes);
        }
    }
}
