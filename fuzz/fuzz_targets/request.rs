//! Certificate requests.
#![no_main]
use dwcp_pki::CertificateRequest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = CertificateRequest::from_pem(data);
    if let Ok(request) = CertificateRequest::from_der(data) {
        let _ = (request.names().len(), request.key_pin());
    }
});
