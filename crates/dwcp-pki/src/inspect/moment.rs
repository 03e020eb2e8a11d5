//! Points in time as documents write them: UTCTime and GeneralizedTime (RFC 5280 §4.1.2.5), and what is odd about them.

use super::text;
use super::tlv::{Fault, GENERALIZED_TIME, UTC_TIME, Value};
use dwcp_base::UnixTime;

/// A point in time, with the text that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// The time; `None` where the text names none.
    pub at: Option<UnixTime>,
    /// The text of the document, escaped.
    pub text: String,
    /// Which rule of RFC 5280 §4.1.2.5 its form breaks; one of a fixed set of sentences.
    pub oddity: Option<&'static str>,
}

impl Moment {
    /// Whether it says that there is no end (RFC 5280 §4.1.2.5): the last second of the year 9999.
    pub fn is_no_end(&self) -> bool {
        self.text == NO_END
    }

    pub(super) fn is_time(tag: Option<u8>) -> bool {
        matches!(tag, Some(UTC_TIME | GENERALIZED_TIME))
    }

    pub(super) fn read(value: &Value<'_>) -> Result<Self, Fault> {
        match value.tag {
            UTC_TIME => Ok(Self::of(value.content, 2)),
            GENERALIZED_TIME => Ok(Self::of(value.content, 4)),
            _ => Err(value.fault("no UTCTime or GeneralizedTime where one belongs")),
        }
    }

    /// A GeneralizedTime whose tag was looked at.
    pub(super) fn generalized(value: &Value<'_>) -> Self {
        Self::of(value.content, 4)
    }

    fn of(content: &[u8], year_digits: usize) -> Self {
        let parsed = std::str::from_utf8(content).ok().and_then(|text| parse(text, year_digits));
        let Some((at, oddity)) = parsed else {
            return Self { at: None, text: text::of_bytes(content), oddity: Some("it is no time") };
        };
        Self { at: Some(at), text: text::of_bytes(content), oddity }
    }
}

/// The time, and what of its form is not as RFC 5280 has it.
fn parse(text: &str, year_digits: usize) -> Option<(UnixTime, Option<&'static str>)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let mut pairs = number.get(year_digits..)?.as_bytes().chunks(2).map(|pair| match pair {
        [tens, ones] => Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0')),
        _ => None,
    });
    let year: u32 = number.get(..year_digits)?.parse().ok()?;
    let year = match (year_digits, year) {
        (4, year) => year,
        // RFC 5280 §4.1.2.5.1: 50 and later is the 20th century.
        (_, year @ 50..) => 1_900 + year,
        (_, year) => 2_000 + year,
    };
    let (month, day, hour) = (pairs.next()??, pairs.next()??, pairs.next()??);
    let minute = pairs.next().map_or(Some(None), |minute| minute.map(Some))?;
    let second = pairs.next().map_or(Some(None), |second| second.map(Some))?;
    if pairs.next().is_some() {
        return None;
    }
    let (fraction, zone) = split_fraction(rest);
    let local = UnixTime::parse_rfc3339(&format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{:02}:{:02}Z",
        minute.unwrap_or(0),
        second.unwrap_or(0)
    ))?;
    let offset = offset_seconds(zone)?;
    let at = UnixTime::from_secs(local.secs() - i64::from(offset.unwrap_or(0)));
    let oddity = if offset.is_none() {
        Some("it names no zone")
    } else if zone != "Z" {
        Some("it is not in UTC")
    } else if second.is_none() {
        Some("it has no seconds")
    } else if !fraction.is_empty() {
        Some("it has a fraction of a second")
    } else if year_digits == 4 && (1950..2050).contains(&year) {
        Some("it is a GeneralizedTime of a year that UTCTime has")
    } else {
        None
    };
    Some((at, oddity))
}

/// The fraction with its point, and what follows it.
fn split_fraction(rest: &str) -> (&str, &str) {
    if !rest.starts_with(['.', ',']) {
        return ("", rest);
    }
    let end = rest.get(1..).unwrap_or("").bytes().take_while(u8::is_ascii_digit).count() + 1;
    rest.split_at(end)
}

/// Seconds east of UTC: zero for `Z`, inner `None` where no zone is named, outer `None` for what is no zone.
fn offset_seconds(zone: &str) -> Option<Option<i32>> {
    match zone {
        "Z" => return Some(Some(0)),
        "" => return Some(None),
        _ => {}
    }
    let digits =
        zone.get(1..).filter(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))?;
    let number: i32 = digits.parse().ok()?;
    let seconds = (number / 100 * 60 + number % 100) * 60;
    match zone.as_bytes().first() {
        Some(b'+') => Some(Some(seconds)),
        Some(b'-') => Some(Some(-seconds)),
        _ => None,
    }
}

const NO_END: &str = "99991231235959Z";

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, year_digits: usize) -> (String, Option<&'static str>) {
        let moment = Moment::of(text.as_bytes(), year_digits);
        (moment.at.map_or_else(|| "none".to_owned(), |at| at.to_string()), moment.oddity)
    }

    #[test]
    fn at_x14_the_borders_of_both_forms_are_read() {
        for (text, digits, time) in [
            ("491231235959Z", 2, "2049-12-31T23:59:59Z"),
            ("500101000000Z", 2, "1950-01-01T00:00:00Z"),
            ("20500101000000Z", 4, "2050-01-01T00:00:00Z"),
            ("99991231235959Z", 4, "9999-12-31T23:59:59Z"),
            ("00000101000000Z", 4, "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(shown(text, digits), (time.to_owned(), None), "{text}");
        }
    }

    #[test]
    fn odd_forms_are_read_and_named_and_nonsense_is_no_time() {
        for (text, digits, time, oddity) in [
            ("2601010000Z", 2, "2026-01-01T00:00:00Z", "no seconds"),
            ("260101020000+0200", 2, "2026-01-01T00:00:00Z", "not in UTC"),
            ("20260101000000", 4, "2026-01-01T00:00:00Z", "no zone"),
            ("20500101000000.5Z", 4, "2050-01-01T00:00:00Z", "fraction"),
            ("20260101000000Z", 4, "2026-01-01T00:00:00Z", "UTCTime has"),
        ] {
            let (at, why) = shown(text, digits);
            assert!(at == time && why.unwrap().contains(oddity), "{text}: {at} {why:?}");
        }
        for (text, digits) in [
            ("", 2),
            ("Z", 2),
            ("260230000000Z", 2),
            ("261301000000Z", 2),
            ("260101240000Z", 2),
            ("260101006000Z", 2),
            ("2601010000000Z", 2),
            ("26010100000000Z", 2),
            ("260101000000+1", 2),
            ("260101000000ZZ", 2),
            ("2026", 4),
            ("é", 4),
            ("26010100000é", 2),
        ] {
            assert_eq!(shown(text, digits), ("none".to_owned(), Some("it is no time")), "{text}");
        }
    }
}
