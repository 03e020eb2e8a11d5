//! The moment that `--at` names.

use dwcp_base::UnixTime;

/// Reads RFC 3339 §5.6, from 1970 to 9999: any offset, fractions down to the millisecond, a leap second as the one before it.
pub(in crate::cli) fn parse(text: &str) -> Result<UnixTime, String> {
    read(text).filter(|at| (0..=LAST).contains(&at.secs())).ok_or_else(|| {
        "write a time of 1970 to 9999 as 2026-11-22T12:00:00Z or 2026-11-22T13:00:00+01:00".into()
    })
}

fn read(text: &str) -> Option<UnixTime> {
    // Letters may be small (§5.6); what is left of the text is digits and signs.
    let text = text.to_ascii_uppercase();
    let (local, offset) = match text.strip_suffix('Z') {
        Some(local) => (local, 0),
        None => {
            let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
            (local, minutes(offset)?)
        }
    };
    // §5.7: a leap second, which the seconds of POSIX do not count.
    let leap = local.get(16..19) == Some(":60");
    let local = if leap { format!("{}:59{}", local.get(..16)?, local.get(19..)?) } else { local.to_owned() };
    let local = UnixTime::parse_rfc3339(&format!("{local}Z"))?;
    let at = UnixTime::from_millis(local.millis() - offset * 60_000);
    (!leap || at.secs().rem_euclid(86_400) == 86_399).then_some(at)
}

/// `+01:00` in minutes.
fn minutes(offset: &str) -> Option<i64> {
    let sign = match offset.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let number = |text: &str, end: i64| -> Option<i64> {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok())?.filter(|number| *number < end)
    };
    Some(sign * (number(hours, 24)? * 60 + number(minutes, 60)?))
}

/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_standard_writes_them() {
        for (text, said) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
            ("2026-11-22t12:00:00z", "2026-11-22T12:00:00Z"),
            ("2026-11-22T12:00:00.5Z", "2026-11-22T12:00:00.500Z"),
            ("2026-11-22T12:00:00+01:00", "2026-11-22T11:00:00Z"),
            ("2026-11-22T23:30:00-01:30", "2026-11-23T01:00:00Z"),
            ("2026-11-22T12:00:00-00:00", "2026-11-22T12:00:00Z"),
            ("1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("2017-01-01T00:59:60+01:00", "2016-12-31T23:59:59Z"),
            ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"),
        ] {
            assert_eq!(parse(text).map(|at| at.to_string()).as_deref(), Ok(said), "{text}");
        }
    }

    #[test]
    fn every_moment_that_is_shown_can_be_asked_for() {
        for step in 0..2_000 {
            let at = UnixTime::from_millis(LAST * 1_000 / 2_000 * step + step);
            assert_eq!(parse(&at.to_string()), Ok(at));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22T12:00:00",
            "2026-11-22 12:00:00Z",
            "2026-11-22T12:00Z",
            "2026-02-30T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T12:00:60Z",
            "2026-11-22T12:00:00.Z",
            "2026-11-22T12:00:00+24:00",
            "2026-11-22T12:00:00+01:60",
            "2026-11-22T12:00:00+1:00",
            "2026-11-22T12:00:00+0100",
            "2026-11-22T12:00:00ZZ",
            "2026-11-22T12:00:00€00",
            "€€€€€€€€",
            "+2026-11-22T12:00:00Z",
            "10000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-00:01",
            " 2026-11-22T12:00:00Z",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
