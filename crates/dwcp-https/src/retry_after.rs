//! How long a server asks to be left alone.

use dwcp_base::UnixTime;
use std::time::Duration;

/// Reads a `Retry-After` (RFC 9110 §10.2.3): a number of seconds, or a date as IMF-fixdate, counted from `now`. A date that has passed is
/// zero; more than [`LONGEST_WAIT`] is that. `None` for anything else: negative numbers, fractions, obsolete dates.
pub fn retry_after(text: &str, now: UnixTime) -> Option<Duration> {
    let text = text.trim_matches([' ', '\t']);
    if text.len() > LONGEST {
        return None;
    }
    let wait = match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What no number of 64 bits holds is long all the same.
        true => text.parse().map_or(Duration::MAX, Duration::from_secs),
        false => now.until(UnixTime::parse_http_date(text)?),
    };
    Some(wait.min(LONGEST_WAIT))
}

/// A day: nobody is left alone for longer because of what one answer said, since certificates end meanwhile.
pub const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Characters: more than any date has.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> UnixTime {
        UnixTime::parse_rfc3339("2026-11-22T17:00:00Z").unwrap()
    }

    #[test]
    fn seconds_and_dates_are_read() {
        for (text, seconds) in [
            ("0", 0),
            ("120", 120),
            (" 7\t", 7),
            ("Sun, 22 Nov 2026 17:00:30 GMT", 30),
            ("Sun, 22 Nov 2026 17:00:00 GMT", 0),
        ] {
            assert_eq!(retry_after(text, now()), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn at_p5_what_would_stop_us_for_good_is_a_day_and_what_has_passed_is_now() {
        for text in [
            "1000000000",
            "18446744073709551616",
            "99999999999999999999999999",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(retry_after(text, now()), Some(LONGEST_WAIT), "{text}");
        }
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now()), Some(Duration::ZERO));
    }

    #[test]
    fn at_p5_what_is_neither_is_nothing() {
        for text in [
            "",
            " ",
            "-1",
            "+1",
            "1.5",
            "1e9",
            "0x10",
            "soon",
            "120 s",
            "1, 2",
            "٣",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 22 Nov 2026 17:00:30 CET",
            "2026-11-22T17:00:30Z",
        ] {
            assert_eq!(retry_after(text, now()), None, "{text}");
        }
        assert_eq!(retry_after(&"1".repeat(65), now()), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_anybody_wait_for_more_than_a_day(text in "\\PC{0,80}", millis: i64) {
            if let Some(wait) = retry_after(&text, UnixTime::from_millis(millis)) {
                prop_assert!(wait <= LONGEST_WAIT);
            }
        }

        #[test]
        fn seconds_are_taken_at_their_word(seconds in 0_u64..=86_400) {
            prop_assert_eq!(retry_after(&seconds.to_string(), now()), Some(Duration::from_secs(seconds)));
        }
    }
}
