//! Ticket keys that several processes share: what is read is written as it was, and has a listener's tickets.
#![no_main]
use dwcp_crypto::Secret;
use dwcp_tls::TicketKeySet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(keys) = TicketKeySet::from_bytes(&Secret::from(data.to_vec())) else { return };
    assert_eq!(keys.to_bytes().expose(), data);
    assert!(keys.for_listener("l").is_ok());
    assert!(keys.rotated().is_ok());
});
