//! Captures: they are read to an end whatever they say, and what is found in them lies within their bytes.
#![no_main]
use dwcp::capture::{frames, is_capture};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(found) = frames(bytes) else { return };
    assert!(is_capture(bytes));
    let within = bytes.as_ptr_range();
    for (at, frame) in found.enumerate() {
        let Ok(frame) = frame else { continue };
        assert_eq!(frame.number, at as u64 + 1);
        assert!(frame.bytes.is_empty() || within.contains(&frame.bytes.as_ptr()));
        if let Some(packet) = frame.ip() {
            assert!(packet.len() <= frame.bytes.len() && matches!(packet[0] >> 4, 4 | 6));
        }
    }
});
