//! A daily span of hours in which renewals are welcome.

use dwcp_base::{Blame, Coded, UnixTime};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// A span that comes every day, written `03:00+2h`: it opens at that time (UTC) and lasts that long.
///
/// Opens at a whole minute and lasts from one minute to 24 hours, in whole minutes; it may reach into the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Minutes after midnight, UTC.
    opens: u16,
    /// Minutes, 1 to 1440.
    lasts: u16,
}

/// A text that is no [`Window`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a window is a time of day (UTC) and a length of one minute to 24 hours, such as 03:00+2h or 22:30+90m"
)]
pub struct BadWindow;

impl Window {
    /// How long it is open.
    pub fn length(&self) -> Duration {
        Duration::from_secs(u64::from(self.lasts) * 60)
    }

    /// The span that is open at `at`, or else the one that opens next: its start, and its end, which is no longer in it.
    pub fn next_from(&self, at: UnixTime) -> (UnixTime, UnixTime) {
        let last = self.last_opening(at);
        let opens = if at < last.plus(self.length()) { last } else { last.plus(DAY) };
        (opens, opens.plus(self.length()))
    }

    /// When it last opened at or before `at`.
    pub(crate) fn last_opening(&self, at: UnixTime) -> UnixTime {
        let opens = i64::from(self.opens) * 60;
        let day = at.secs().saturating_sub(opens).div_euclid(86_400);
        UnixTime::from_secs(day.saturating_mul(86_400).saturating_add(opens))
    }
}

impl FromStr for Window {
    type Err = BadWindow;

    fn from_str(text: &str) -> Result<Self, BadWindow> {
        // The longest is 00:00+23h59m.
        if text.len() > LONGEST_TEXT {
            return Err(BadWindow);
        }
        let (start, length) = text.split_once('+').ok_or(BadWindow)?;
        let (hour, minute) = start.split_once(':').ok_or(BadWindow)?;
        if hour.len() != 2 || minute.len() != 2 {
            return Err(BadWindow);
        }
        let (hour, minute) = (number(hour)?, number(minute)?);
        let (hours, rest) = match length.split_once('h') {
            Some((hours, rest)) => (number(hours)?, rest),
            None => (0, length),
        };
        let minutes = match rest.strip_suffix('m') {
            Some(minutes) => number(minutes)?,
            None if rest.is_empty() => 0,
            None => return Err(BadWindow),
        };
        let lasts = u32::from(hours) * 60 + u32::from(minutes);
        if hour > 23 || minute > 59 || !(1..=1_440).contains(&lasts) {
            return Err(BadWindow);
        }
        let lasts = u16::try_from(lasts).map_err(|_| BadWindow)?;
        Ok(Self { opens: hour * 60 + minute, lasts })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}+", self.opens / 60, self.opens % 60)?;
        match (self.lasts / 60, self.lasts % 60) {
            (0, minutes) => write!(f, "{minutes}m"),
            (hours, 0) => write!(f, "{hours}h"),
            (hours, minutes) => write!(f, "{hours}h{minutes}m"),
        }
    }
}

impl Coded for BadWindow {
    fn code(&self) -> &'static str {
        "pki.window.malformed"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

fn number(digits: &str) -> Result<u16, BadWindow> {
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadWindow);
    }
    digits.parse().map_err(|_| BadWindow)
}

const DAY: Duration = Duration::from_secs(86_400);
const LONGEST_TEXT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> UnixTime {
        UnixTime::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_window_is_read_and_written() {
        for (text, written) in [
            ("03:00+2h", "03:00+2h"),
            ("22:30+90m", "22:30+1h30m"),
            ("00:00+24h", "00:00+24h"),
            ("23:59+1m", "23:59+1m"),
            ("01:05+1h05m", "01:05+1h5m"),
        ] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), written);
        }
        for bad in [
            "",
            "3:00+2h",
            "03:00",
            "03:00+",
            "03:00+0h",
            "03:00+0m",
            "03:00+25h",
            "03:00+24h1m",
            "24:00+1h",
            "12:60+1h",
            "03:00+2",
            "03:00+h",
            "03:00+2h30",
            "03:00-2h",
            "03:00+2d",
            " 03:00+2h",
            "03:00+2h ",
            "+3:00+2h",
            "03:00++2h",
            "03:00+99999m",
            "٠٣:00+2h",
        ] {
            assert_eq!(bad.parse::<Window>(), Err(BadWindow), "{bad}");
        }
    }

    #[test]
    fn the_next_span_is_the_open_one_or_the_one_that_opens_next() {
        let window: Window = "23:00+2h".parse().unwrap();
        let next = |text| window.next_from(at(text)).0.to_string();
        assert_eq!(next("2026-11-22T22:59:59Z"), "2026-11-22T23:00:00Z");
        assert_eq!(next("2026-11-22T23:00:00Z"), "2026-11-22T23:00:00Z");
        assert_eq!(next("2026-11-23T00:59:59.999Z"), "2026-11-22T23:00:00Z");
        assert_eq!(next("2026-11-23T01:00:00Z"), "2026-11-23T23:00:00Z");
        assert_eq!(next("1969-12-31T12:00:00Z"), "1969-12-31T23:00:00Z");
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_and_read_the_same(text in "[0-9:+hm]{0,16}") {
            if let Ok(window) = text.parse::<Window>() {
                prop_assert_eq!(window.to_string().parse::<Window>(), Ok(window));
            }
        }

        #[test]
        fn the_next_span_ends_after_its_moment_and_begins_within_a_day(
            opens in 0_u16..1_440, lasts in 1_u16..=1_440, millis in -4_000_000_000_000_i64..4_000_000_000_000,
        ) {
            let (window, at) = (Window { opens, lasts }, UnixTime::from_millis(millis));
            let (start, end) = window.next_from(at);
            prop_assert!(at < end && at.until(start) < DAY);
            prop_assert_eq!(start.until(end), window.length());
            prop_assert_eq!(start.secs().rem_euclid(86_400), i64::from(opens) * 60);
        }
    }
}
