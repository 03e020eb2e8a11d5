//! Times in files: RFC 3339 in UTC, in the one way that they can be written.

use dwcp_base::UnixTime;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time between the years 0000 and 9999; later and earlier ones become these ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(UnixTime);

impl Stamp {
    pub(crate) fn time(self) -> UnixTime {
        self.0
    }

    /// As it stands in files.
    pub(crate) fn text(self) -> String {
        self.0.to_string()
    }
}

impl From<UnixTime> for Stamp {
    fn from(time: UnixTime) -> Self {
        Self(time.clamp(UnixTime::from_secs(FIRST), UnixTime::from_secs(LAST)))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        // One text a time: what authenticates the time authenticates its text.
        match UnixTime::parse_rfc3339(text) {
            Some(time) if time.to_string() == text => Ok(Self(time)),
            _ => Err(D::Error::invalid_value(Unexpected::Other("text"), &"a time in UTC as RFC 3339")),
        }
    }
}

/// 0000-01-01T00:00:00Z.
const FIRST: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_text() {
        for text in [
            "\"0000-01-01T00:00:00Z\"",
            "\"2026-09-21T14:13:20Z\"",
            "\"2026-09-21T14:13:20.250Z\"",
            "\"9999-12-31T23:59:59Z\"",
        ] {
            let stamp: Stamp = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&stamp).unwrap(), text);
            assert_eq!(format!("\"{}\"", stamp.text()), text);
        }
        for text in ["\"2026-09-21T14:13:20.000Z\"", "\"2026-09-21T14:13:20.2500Z\"", "\"\"", "7"] {
            assert!(serde_json::from_str::<Stamp>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_clock_beyond_all_reason_still_makes_a_time_that_reads() {
        for (millis, text) in [(i64::MAX, "9999-12-31T23:59:59Z"), (i64::MIN, "0000-01-01T00:00:00Z")] {
            let stamp = Stamp::from(UnixTime::from_millis(millis));
            assert_eq!(stamp.text(), text);
            assert_eq!(serde_json::from_str::<Stamp>(&format!("\"{text}\"")).unwrap(), stamp);
        }
    }
}
