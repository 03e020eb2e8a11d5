//! What a peer presents: length-prefixed certificates, judged against an anchor that is among them.
#![no_main]
use dwcp_base::{Coded, UnixTime};
use dwcp_pki::{Profile, Purpose, RevocationMode, TrustStore, ValidationError};
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::CertificateDer;

const NOW: UnixTime = UnixTime::from_secs(1_704_067_200);

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
    let Ok(trust) = TrustStore::new(anchors, Vec::new(), RevocationMode::Off) else { return };
    let interop = trust.clone().with_profile(Profile::Interop);
    for purpose in [Purpose::Any, Purpose::Server] {
        let code = |verdict: Result<_, ValidationError>| verdict.map(|_| ()).map_err(|error| error.code());
        let first = code(trust.validate(&presented, purpose, NOW));
        // The issuers may be known now.
        assert_eq!(code(trust.validate(&presented, purpose, NOW)), first);
        assert!(interop.validate(&presented, purpose, NOW).is_ok() || first.is_err());
    }
});
