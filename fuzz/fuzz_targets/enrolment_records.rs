//! Records of tokens and members: what is read is written as it was.
#![no_main]
use dwcp::enroll::{Grant, Member, TokenRecord};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(record) = TokenRecord::from_bytes(data) {
        assert_eq!(record.to_bytes(), data);
    }
    if let Some(member) = Member::from_bytes(data) {
        assert_eq!(member.to_bytes(), data);
        assert!(member.serials.len() <= Member::LINE && member.names.len() <= Grant::MOST_NAMES);
    }
});
