//! The records of an ACME cache: there is one text for each.
#![no_main]

use dwcp_pki_acme::{AccountRecord, LastRecord, OrderRecord, PauseRecord};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = AccountRecord::parse(bytes) {
        assert_eq!(record.to_text().expect("what was read").as_slice(), bytes);
    }
    if let Ok(record) = OrderRecord::parse(bytes) {
        assert_eq!(record.to_text().expect("what was read").as_slice(), bytes);
    }
    if let Ok(record) = LastRecord::parse(bytes) {
        assert_eq!(record.to_text().expect("what was read").as_slice(), bytes);
    }
    if let Ok(record) = PauseRecord::parse(bytes) {
        assert_eq!(record.to_text().expect("what was read").as_slice(), bytes);
    }
});
