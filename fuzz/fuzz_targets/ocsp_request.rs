//! OCSP requests, from the body of a POST and from the path of a GET.
#![no_main]
use dwcp_pki::OcspRequest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(path) = std::str::from_utf8(data) {
        let _ = OcspRequest::from_get_path(path);
    }
    if let Ok(request) = OcspRequest::from_der(data) {
        assert!((1..=16).contains(&request.serials().count()));
        assert!(request.nonce().is_none_or(|nonce| (1..=128).contains(&nonce.as_bytes().len())));
        let path = request.to_get_path();
        assert!(path.len() > 8 << 10 || OcspRequest::from_get_path(&path).as_ref() == Ok(&request));
    }
});
