//! Revocation lists, also as part of a trust store.
#![no_main]
use dwcp_pki::{Crl, RevocationMode, TrustStore};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Crl::from_pem(data);
    if let Ok(crl) = Crl::from_der(data) {
        for serial in crl.serials() {
            assert!(crl.contains(serial));
        }
        // No anchors: refused, but not before the list was looked at.
        let _ = TrustStore::new(Vec::new(), vec![crl], RevocationMode::Required);
    }
});
