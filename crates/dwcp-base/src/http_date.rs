//! Dates as other machines write them in HTTP.

use crate::UnixTime;

impl UnixTime {
    /// Reads an IMF-fixdate (RFC 9110 §5.6.7), for example `Sun, 06 Nov 1994 08:49:37 GMT`; `None` for anything else, obsolete forms
    /// included. The name of the day is not compared with the date.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let (_, rest) = text.trim().split_once(", ")?;
        let mut parts = rest.split(' ');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        let (time, zone) = (parts.next()?, parts.next()?);
        let month = MONTHS.iter().position(|name| *name == month)? + 1;
        if zone != "GMT" || parts.next().is_some() || day.len() != 2 || year.len() != 4 || time.len() != 8 {
            return None;
        }
        Self::parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z"))
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_the_standard_writes_its_own_and_in_no_other_way() {
        let read = UnixTime::parse_http_date;
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), UnixTime::parse_rfc3339("1994-11-06T08:49:37Z"));
        assert_eq!(read("Tue, 29 Feb 2028 12:00:00 GMT"), UnixTime::parse_rfc3339("2028-02-29T12:00:00Z"));
        for other in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 28:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
