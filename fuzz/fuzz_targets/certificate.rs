//! Certificates: whatever parses can be read in full and parses again from its own bytes.
#![no_main]
use dwcp_pki::Certificate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Certificate::bundle_from_pem(data);
    if let Ok(certificate) = Certificate::from_der(data) {
        let text = format!(
            "{certificate:?} {} {} {:?} {} {}",
            certificate.subject(),
            certificate.issuer(),
            certificate.names(),
            certificate.serial(),
            certificate.key_pin(),
        );
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "nothing in it can move a terminal");
        assert_eq!(Certificate::from_der(certificate.der()).unwrap().der(), data);
    }
});
