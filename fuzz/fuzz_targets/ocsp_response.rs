//! OCSP responses, judged for a certificate whose issuer signed none of them.
#![no_main]
use dwcp_base::{LocalDisk, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, Certificate, CertificateAuthority, CertificateRequest, IssuancePolicy, OcspResponse,
};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, OnceLock};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fuzz_target!(|data: &[u8]| {
    if let Ok(response) = OcspResponse::from_der(data) {
        assert_eq!(response.der(), data);
        let (leaf, issuer) = pair();
        assert!(response.verify(leaf, issuer, None, NOW).is_err());
    }
});

/// A leaf and its issuer, made once.
fn pair() -> &'static (Certificate, Certificate) {
    static PAIR: OnceLock<(Certificate, Certificate)> = OnceLock::new();
    PAIR.get_or_init(|| {
        let directory = std::env::temp_dir().join(format!("dwcp-fuzz-{}", std::process::id()));
        let params = AuthorityParams::new("Root");
        let ca = CertificateAuthority::create(Arc::new(LocalDisk), &directory, &params, NOW).unwrap();
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        let request = CertificateRequest::generate(&key, &["DNS:a.example".parse().unwrap()]).unwrap();
        let chain = ca.issue(&request, &IssuancePolicy::default(), NOW).unwrap();
        let _ = std::fs::remove_dir_all(&directory);
        (chain.leaf().clone(), ca.certificate().clone())
    })
}
