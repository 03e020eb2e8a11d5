//! Dates as text, and clocks that step back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use dwcp_base::{Tick, UnixTime};
use std::time::Duration;

#[test]
fn rfc3339_makes_the_round_trip_and_refuses_what_is_no_date() {
    for text in
        ["1970-01-01T00:00:00Z", "2050-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-02-29T12:30:01.250Z"]
    {
        assert_eq!(UnixTime::parse_rfc3339(text).map(|t| t.to_string()).as_deref(), Some(text));
    }
    for text in [
        "2023-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01",
        "",
        "2024-01-01T00:00:00",
        "+024-01-01T00:00:00Z",
        "2024-01-01T00:00:00.Z",
    ] {
        assert_eq!(UnixTime::parse_rfc3339(text), None, "{text}");
    }
}

#[test]
fn a_clock_that_steps_back_gives_no_negative_duration() {
    assert_eq!(Tick(5).since(Tick(9)), Duration::ZERO);
    assert_eq!(UnixTime::from_secs(9).until(UnixTime::from_secs(5)), Duration::ZERO);
}
