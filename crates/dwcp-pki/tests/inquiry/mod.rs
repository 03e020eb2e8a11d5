//! An authority with a responder, and the questions that are put to it.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::workbench::*;
use dwcp_base::UnixTime;
use dwcp_pki::{
    CertIdHash, CertStatus, Certificate, CertificateAuthority, IssuancePolicy, OcspRequest, OcspResponder,
    OcspResponse, RevocationReason,
};
use std::sync::Arc;

pub(crate) struct Bench {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) ca: Arc<CertificateAuthority>,
    pub(crate) responder: OcspResponder,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca = Arc::new(authority(directory.path()));
        let responder = OcspResponder::new(Arc::clone(&ca));
        Self { directory, ca, responder }
    }

    pub(crate) fn leaf(&self) -> Certificate {
        let wanted = request(&["DNS:a.example.org"]);
        self.ca.issue(&wanted, &IssuancePolicy::default(), NOW).unwrap().leaf().clone()
    }

    pub(crate) fn ask(&self, leaf: &Certificate) -> OcspRequest {
        OcspRequest::for_certificate(leaf, self.ca.certificate(), CertIdHash::Sha1).unwrap()
    }

    pub(crate) fn revoke(&self, leaf: &Certificate, reason: RevocationReason, at: UnixTime) {
        let _ = self.ca.revoke(&leaf.serial(), reason, at).unwrap();
    }

    /// The DER of the answer about a certificate, and what it says.
    pub(crate) fn answer(&self, leaf: &Certificate, at: UnixTime) -> (Vec<u8>, CertStatus) {
        let answer = self.responder.answer(self.ask(leaf).der(), at);
        assert!(answer.problem().is_none(), "{:?}", answer.problem());
        let response = OcspResponse::from_der(answer.der()).unwrap();
        let verdict = response.verify(leaf, self.ca.certificate(), None, at).unwrap();
        assert_eq!(answer.keep_until(), verdict.next_update());
        (answer.der().to_vec(), verdict.status())
    }
}

/// A request in which some bytes stand for others of the same length.
pub(crate) fn edited(request: &OcspRequest, from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = request.der().windows(from.len()).position(|window| window == from).unwrap();
    let mut der = request.der().to_vec();
    der[at..at + to.len()].copy_from_slice(to);
    der
}
