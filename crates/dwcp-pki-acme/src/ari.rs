//! When an authority would like a certificate to be renewed (RFC 9773).

use crate::{AcmeError, KeptAdvice, Said, verdict};
use dwcp_base::UnixTime;
use dwcp_https::HttpsUrl;
use dwcp_pki::Certificate;
use instant_acme::{CertificateIdentifier, RenewalInfo};
use std::time::Duration;

/// What an authority says about the renewal of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// When to renew: a point that was drawn from the authority's window and stays the same while the window does, across restarts too. A
    /// time in the past means now. `None` when the authority has no advice.
    pub renew_at: Option<UnixTime>,
    /// Ask again then, and not before: 1 minute to 24 hours from when it was asked.
    pub ask_again: UnixTime,
    /// A page that explains the window.
    pub explanation: Option<String>,
}

impl Advice {
    pub(crate) fn none(ask_again: UnixTime) -> Self {
        Self { renew_at: None, ask_again, explanation: None }
    }

    pub(crate) fn kept(kept: &KeptAdvice) -> Self {
        let (renew_at, ask_again) = (Some(kept.renew_at), kept.ask_again);
        Self { renew_at, ask_again, explanation: kept.explanation.clone() }
    }
}

/// The identifier of a certificate: its authority key identifier and its serial (RFC 9773 §4.1); `None` where it has no such key identifier.
pub(crate) fn identifier(certificate: &Certificate) -> Option<String> {
    CertificateIdentifier::try_from(certificate.certificate_der()).ok().map(|id| id.to_string())
}

/// Reads a window and takes a point of it: that of before while the window is the same, else one by `random`.
///
/// # Errors
/// [`AcmeError::Answer`] for what is no window, or one that ends before it begins.
pub(crate) fn read(
    body: &[u8],
    before: Option<&KeptAdvice>,
    random: u64,
    ask_again: UnixTime,
) -> Result<KeptAdvice, AcmeError> {
    let broken = |what: &str| AcmeError::Answer { what: Said::new(what) };
    let info: RenewalInfo =
        serde_json::from_slice(body).map_err(|_| broken("what it says about renewal is not a window"))?;
    let window = info.suggested_window;
    let (start, end) = (window.start.unix_timestamp(), window.end.unix_timestamp());
    let (start, end) = (UnixTime::from_secs(start), UnixTime::from_secs(end));
    if end < start {
        return Err(broken("its window of renewal ends before it begins"));
    }
    let renew_at = match before {
        Some(before) if (before.start, before.end) == (start, end) => before.renew_at,
        _ => point(start, end, random),
    };
    // A page is shown to an operator, so it is an address and no more.
    let page = info.explanation_url.and_then(|text| text.parse::<HttpsUrl>().ok());
    Ok(KeptAdvice { start, end, renew_at, ask_again, explanation: page.map(|url| url.to_string()) })
}

/// RFC 9773 §4.2: a uniformly random time within the window.
fn point(start: UnixTime, end: UnixTime, random: u64) -> UnixTime {
    let width = u128::from(u64::try_from(start.until(end).as_millis()).unwrap_or(u64::MAX));
    // The upper half of a product is uniform where a remainder is not quite.
    let offset = (width * u128::from(random)) >> 64;
    start.plus(Duration::from_millis(u64::try_from(offset).unwrap_or(u64::MAX)))
}

/// When to ask again: as the authority says, between 1 minute and 24 hours; 6 hours where it says nothing.
pub(crate) fn ask_again(now: UnixTime, retry_after: Option<Duration>) -> UnixTime {
    now.plus(verdict::clamped(retry_after.unwrap_or(UNSAID)))
}

const UNSAID: Duration = Duration::from_secs(6 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(start: &str, end: &str) -> Vec<u8> {
        format!(r#"{{"suggestedWindow":{{"start":"{start}","end":"{end}"}},"explanationURL":"https://ca.example/why"}}"#)
            .into_bytes()
    }

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    #[test]
    fn a_point_is_drawn_once_for_a_window_and_anew_for_another() {
        let body = window("2027-01-02T04:00:00Z", "2027-01-03T04:00:00Z");
        let first = read(&body, None, u64::MAX / 2, NOW).unwrap();
        let noon = UnixTime::parse_rfc3339("2027-01-02T16:00:00Z").unwrap();
        assert!(first.renew_at.until(noon) <= Duration::from_millis(1) && first.renew_at <= noon);
        // Another process draws another number; the point stays.
        let again = read(&body, Some(&first), 7, NOW).unwrap();
        assert_eq!(again.renew_at, first.renew_at);
        let moved =
            read(&window("2026-01-02T04:00:00Z", "2026-01-03T04:00:00Z"), Some(&first), 0, NOW).unwrap();
        assert_eq!(moved.renew_at.to_string(), "2026-01-02T04:00:00Z");
        assert_eq!(moved.explanation.as_deref(), Some("https://ca.example/why"));
    }

    #[test]
    fn at_p14_a_window_in_the_past_is_a_time_in_the_past_and_not_an_error() {
        let past = read(&window("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"), None, 99, NOW).unwrap();
        assert!(past.renew_at < NOW);
    }

    #[test]
    fn a_window_that_is_none_is_refused_and_odd_pages_are_not_shown() {
        for bad in ["", "{}", "[]", r#"{"suggestedWindow":{"start":"x","end":"y"}}"#] {
            assert!(read(bad.as_bytes(), None, 0, NOW).is_err(), "{bad}");
        }
        assert!(read(&window("2027-01-03T04:00:00Z", "2027-01-02T04:00:00Z"), None, 0, NOW).is_err());
        let body = br#"{"suggestedWindow":{"start":"2027-01-01T00:00:00Z","end":"2027-01-01T00:00:00Z"},"explanationURL":"javascript:x"}"#;
        assert_eq!(read(body, None, u64::MAX, NOW).unwrap().explanation, None);
    }

    #[test]
    fn at_p5_the_next_question_is_asked_within_a_minute_and_a_day() {
        for (said, after) in
            [(None, 21_600), (Some(0), 60), (Some(7_200), 7_200), (Some(1_000_000_000), 86_400)]
        {
            let at = ask_again(NOW, said.map(Duration::from_secs));
            assert_eq!(NOW.until(at), Duration::from_secs(after), "{said:?}");
        }
    }

    proptest! {
        #[test]
        fn a_point_is_within_its_window(start in -9_000_000_000i64..9_000_000_000, width in 0i64..9_000_000_000, random: u64) {
            let (start, end) = (UnixTime::from_secs(start), UnixTime::from_secs(start + width));
            let point = point(start, end, random);
            prop_assert!(start <= point && point <= end);
        }

        #[test]
        fn hostile_answers_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, None, 1, NOW);
        }
    }
}
