//! Envelopes: whatever is read is written back the same, and bytes that are no envelope end with a refusal.
#![no_main]
use dwcp_crypto::Envelope;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(envelope) = Envelope::from_json(data) {
        assert_eq!(Envelope::from_json(envelope.to_json().as_bytes()).unwrap(), envelope);
    }
});
