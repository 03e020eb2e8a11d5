//! Delta CRLs: nothing is both, and what one lists it does not take off hold.
#![no_main]
use dwcp_pki::{Crl, DeltaCrl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = DeltaCrl::from_pem(data);
    if let Ok(delta) = DeltaCrl::from_der(data) {
        assert!(Crl::from_der(data).is_err());
        assert_eq!(delta.serials().count(), delta.len());
        for serial in delta.serials() {
            assert!(delta.contains(&serial) && !delta.removes(&serial));
        }
    }
});
