//! IP packets as a tunnel gets them: metadata, transport mode's headers, and whether a peer may send from their source.
#![no_main]
use dwcp_packet::{AllowedSources, PacketMetadata, Prefix};
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/dwcp-packet/tests/support/invariants.rs"]
mod invariants;

fuzz_target!(|data: &[u8]| {
    if !invariants::hold(data) {
        return;
    }
    let metadata = PacketMetadata::read(data).unwrap();
    let width = if metadata.source.is_ipv4() { 32 } else { 128 };
    let Ok(own) = Prefix::new(metadata.source, width) else { return };
    assert_eq!(own.to_string().parse::<Prefix>(), Ok(own));
    assert!(own.contains(metadata.source));
    let permitted = AllowedSources::new([own]).unwrap().permit(&metadata).is_ok();
    assert!(!permitted || metadata.home_address.is_none_or(|home| metadata.source == home));
    assert!(AllowedSources::default().permit(&metadata).is_err());
});
