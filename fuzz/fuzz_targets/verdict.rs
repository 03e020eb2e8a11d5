//! The verdict frame: whatever is read is written back the same.
#![no_main]
use dwcp_channel::Verdict;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: [u8; Verdict::LENGTH]| {
    if let Ok(verdict) = Verdict::from_bytes(&frame) {
        assert_eq!(verdict.to_bytes(), frame);
    }
});
