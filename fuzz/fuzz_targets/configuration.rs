//! Configuration files.
#![no_main]
use dwcp::config::{GoDuration, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = text.parse::<GoDuration>();
    if let Err(problem) = parse(text, &[]) {
        assert!(!problem.fix.is_empty() && !problem.what.is_empty());
    }
});
