//! Join tokens: what is read is written as it was, but for the white space around it.
#![no_main]
use dwcp::enroll::{JoinToken, TokenId, TokenSecret, checked_address};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = (text.parse::<TokenId>(), text.parse::<TokenSecret>());
    if let Ok(token) = JoinToken::parse(text) {
        assert_eq!(token.to_text().as_str(), text.trim_ascii());
        assert!(checked_address(&token.address).is_some());
    }
});
