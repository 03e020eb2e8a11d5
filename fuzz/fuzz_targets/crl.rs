//! Revocation lists and lookups in them, also as part of a trust store.
#![no_main]
use dwcp_pki::{Crl, RevocationMode, Serial, TrustStore};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Crl::from_pem(data);
    if let Ok(crl) = Crl::from_der(data) {
        let serials: Vec<Serial> = crl.serials().collect();
        assert!(serials.is_sorted_by(|one, two| one < two) && serials.len() == crl.len());
        assert!(serials.iter().all(|serial| crl.contains(serial)));
        // What is looked up is any stretch of the document, too.
        for octets in data.windows(20).chain(data.windows(1)) {
            if let Ok(serial) = Serial::from_be_bytes(octets) {
                assert_eq!(crl.contains(&serial), serials.binary_search(&serial).is_ok());
            }
        }
        // No anchors: refused, but not before the list was looked at.
        let _ = TrustStore::new(Vec::new(), vec![crl], RevocationMode::Required);
    }
});
