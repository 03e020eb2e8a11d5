//! Go-style durations (`720h`, `1h30m`, `250ms`), as the configuration writes them.

use serde::{Deserialize, Deserializer, de::Error as _};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration in Go's notation: numbers with a unit of `ns us µs ms s m h`, added up. Never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub Duration);

impl FromStr for GoDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is no duration: write for example 30s, 5m or 720h");
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        if text.is_empty() || text.len() > MAX_TEXT {
            return Err(refused());
        }
        let mut total = Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refused)?;
            let (number, tail) = rest.split_at(digits);
            let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let seconds = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?.1;
            let value: f64 = number.parse().map_err(|_| refused())?;
            let part = Duration::try_from_secs_f64(value * seconds).map_err(|_| refused())?;
            total = total.checked_add(part).ok_or_else(refused)?;
            rest = tail;
        }
        Ok(Self(total))
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => f.write_str("0s"),
            _ if millis.is_multiple_of(3_600_000) => write!(f, "{}h", millis / 3_600_000),
            _ if millis.is_multiple_of(60_000) => write!(f, "{}m", millis / 60_000),
            _ if millis.is_multiple_of(1_000) => write!(f, "{}s", millis / 1_000),
            _ => write!(f, "{millis}ms"),
        }
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

const MAX_TEXT: usize = 64;
const UNITS: [(&str, f64); 7] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_writes_and_refuses_the_rest() {
        let seconds = |text: &str| text.parse::<GoDuration>().map(|d| d.0.as_secs_f64());
        assert_eq!(seconds("720h"), Ok(2_592_000.0));
        assert_eq!(seconds("1h30m"), Ok(5_400.0));
        assert_eq!(seconds("1.5s"), Ok(1.5));
        assert_eq!(seconds("0"), Ok(0.0));
        for bad in ["", "5", "-5s", "5 s", "s", "1d", "1..5s", "1e9s", "999999999999999999999h", "٣s"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prints_the_largest_whole_unit() {
        for text in ["720h", "90s", "250ms", "0s", "5m"] {
            let shown = text.parse::<GoDuration>().map(|d| d.to_string());
            assert_eq!(shown.as_deref(), Ok(text));
        }
    }
}
