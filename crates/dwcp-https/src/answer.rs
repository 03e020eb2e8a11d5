//! One answer.

use dwcp_base::UnixTime;
use reqwest::header::HeaderMap;
use std::fmt;
use std::time::Duration;

/// What came back: any status but that of a redirect, and a body within its limit.
pub struct Answer {
    /// The status, 200 to 599 (RFC 9110 §15).
    pub status: u16,
    /// How long the server asks to be left alone, where it says so: see [`retry_after`](crate::retry_after). A date counts from the
    /// server's own where it tells its time, so that clocks that differ do no harm.
    pub retry_after: Option<Duration>,
    /// What time it is there, to the second, where the server says so.
    pub date: Option<UnixTime>,
    /// The body as it came.
    pub body: Vec<u8>,
    pub(crate) headers: HeaderMap,
}

impl Answer {
    /// Whether the status is one of the 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of a name, whatever its case; `None` where there is none, or it is no text of ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers that are texts of ASCII: at most 64, names in small letters.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }
}

/// The body and the headers may hold secrets, so they are not shown.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("date", &self.date)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}
