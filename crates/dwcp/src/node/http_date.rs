//! Dates as HTTP writes them.

use dwcp_base::UnixTime;

/// IMF-fixdate (RFC 9110 §5.6.7), for example `Sun, 06 Nov 1994 08:49:37 GMT`; whole seconds.
pub(super) fn http_date(at: UnixTime) -> String {
    let at = UnixTime::from_secs(at.secs());
    // 1970 began on a Thursday.
    let weekday = usize::try_from((at.secs().div_euclid(86_400) + 4).rem_euclid(7)).unwrap_or_default();
    let text = at.to_string();
    let (date, time) = text.trim_end_matches('Z').split_once('T').unwrap_or_default();
    let mut parts = date.rsplitn(3, '-');
    let (day, month, year) = (parts.next(), parts.next(), parts.next());
    let month = month.and_then(|month| month.parse::<usize>().ok()).and_then(|month| month.checked_sub(1));
    let month = month.and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    format!(
        "{}, {} {month} {} {time} GMT",
        WEEKDAYS[weekday],
        day.unwrap_or_default(),
        year.unwrap_or_default()
    )
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_standard_writes_its_own() {
        for (text, written) in [
            ("1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT"),
            ("2028-02-29T12:00:00.750Z", "Tue, 29 Feb 2028 12:00:00 GMT"),
        ] {
            assert_eq!(http_date(UnixTime::parse_rfc3339(text).unwrap()), written);
        }
    }
}
