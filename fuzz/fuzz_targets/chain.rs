//! What a peer presents: length-prefixed certificates, judged against an anchor that is among them.
#![no_main]
use dwcp_base::UnixTime;
use dwcp_pki::{Purpose, RevocationMode, TrustStore};
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::CertificateDer;

fuzz_target!(|data: &[u8]| {
    let mut presented = Vec::new();
    let mut rest = data;
    while let Some((length, tail)) = rest.split_at_checked(2) {
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let Some((der, tail)) = tail.split_at_checked(length) else { break };
        presented.push(CertificateDer::from(der.to_vec()));
        rest = tail;
    }
    let anchors = presented.last().cloned().into_iter().collect();
    if let Ok(trust) = TrustStore::new(anchors, Vec::new(), RevocationMode::Off) {
        let _ = trust.validate(&presented, Purpose::Any, UnixTime::from_secs(1_800_000_000));
    }
});
