//! What health pages and operators are told of authorities.

use crate::AcmeError;
use dwcp_base::{Coded, UnixTime};
use std::error::Error as StdError;
use std::time::Duration;

/// How the provider stands with each of its authorities, in the order they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeState {
    /// One for each authority.
    pub issuers: Vec<IssuerState>,
    /// The name of the authority that issued last, in this process.
    pub in_use: Option<String>,
}

/// How the provider stands with one authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerState {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub directory: String,
    /// The URL of our account, once it is known in this process.
    pub account: Option<String>,
    /// When it last issued, in this process.
    pub issued: Option<UnixTime>,
    /// What went wrong last; `None` after a success.
    pub last_error: Option<IssuerError>,
    /// When it may be asked again, while that is to come. A pause that the authority asked for is known from the start.
    pub next_try: Option<UnixTime>,
}

/// What went wrong with an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerError {
    /// The stable code.
    pub code: &'static str,
    /// The error's text with those of its causes, of at most 1 000 characters.
    pub message: String,
    /// What an operator can do about it.
    pub fix: String,
    /// When it happened.
    pub at: UnixTime,
    /// Since when there has been no success, in this process.
    pub since: UnixTime,
    /// How many attempts have failed in a row.
    pub attempts: u32,
}

impl IssuerState {
    pub(crate) fn new(name: &str, directory: &str) -> Self {
        let (name, directory) = (name.to_owned(), directory.to_owned());
        Self { name, directory, account: None, issued: None, last_error: None, next_try: None }
    }

    pub(crate) fn failed(&mut self, error: &AcmeError, now: UnixTime) {
        let before = self.last_error.as_ref();
        self.last_error = Some(IssuerError {
            code: error.code(),
            message: told(error),
            fix: error.fix(),
            at: now,
            since: before.map_or(now, |before| before.since),
            attempts: before.map_or(0, |before| before.attempts).saturating_add(1),
        });
    }

    pub(crate) fn succeeded(&mut self, now: UnixTime) {
        (self.issued, self.last_error, self.next_try) = (Some(now), None, None);
    }

    /// Whether it failed so lately that others are asked before it: 1 minute after one failure, twice as long after each further one, up to an
    /// hour.
    pub(crate) fn is_out_of_favour(&self, now: UnixTime) -> bool {
        self.last_error.as_ref().is_some_and(|error| {
            let doublings = error.attempts.saturating_sub(1).min(6);
            let length = (FIRST_DISFAVOUR * 2_u32.saturating_pow(doublings)).min(LONGEST_DISFAVOUR);
            now >= error.at && error.at.until(now) < length
        })
    }
}

/// An error's text with those of its causes.
pub(crate) fn told(error: &AcmeError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.chars().take(LONGEST_TEXT).collect()
}

const FIRST_DISFAVOUR: Duration = Duration::from_secs(60);
const LONGEST_DISFAVOUR: Duration = Duration::from_secs(3_600);
const LONGEST_TEXT: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_keeps_failing_is_asked_last_for_longer_and_longer_yet_at_most_an_hour() {
        let mut state = IssuerState::new("a", "https://a.example/");
        let mut now = UnixTime::from_secs(1_800_000_000);
        let began = now;
        assert!(!state.is_out_of_favour(now));
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            state.failed(&AcmeError::WrongKey, now);
            let until = now.plus(Duration::from_secs(minutes * 60));
            assert!(state.is_out_of_favour(until.minus(Duration::from_secs(1))), "{minutes}");
            assert!(!state.is_out_of_favour(until), "{minutes}");
            // A clock that was set back does not keep it out for good.
            assert!(!state.is_out_of_favour(now.minus(Duration::from_secs(9))));
            now = until;
        }
        assert_eq!(state.last_error.as_ref().unwrap().since, began);
        state.succeeded(now);
        assert!(state.last_error.is_none() && !state.is_out_of_favour(now));
    }
}
