//! OCSP responses that come along.

use super::{Given, Row};
use crate::lab::*;
use dwcp_base::{LocalDisk, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    CertIdHash, Certificate, CertificateAuthority, CertificateRequest, IssuancePolicy, OcspRefusal,
    OcspRequest, OcspResponder, RevocationReason,
};
use rustls_pki_types::CertificateDer;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An authority with its responder, and a leaf of its own.
struct Office {
    _directory: tempfile::TempDir,
    copy: PathBuf,
    authority: Arc<CertificateAuthority>,
    responder: OcspResponder,
    leaf: Certificate,
}

impl Office {
    fn new() -> Self {
        let (directory, authority) = mesh_authority();
        let authority = Arc::new(authority);
        let copy = directory.path().join("copy");
        copy_all(&directory.path().join("ca"), &copy);
        let leaf = issue(&authority);
        let responder = OcspResponder::new(Arc::clone(&authority));
        Self { _directory: directory, copy, authority, responder, leaf }
    }

    fn response(&self, at: UnixTime) -> Vec<u8> {
        self.about(&self.leaf, at)
    }

    fn about(&self, leaf: &Certificate, at: UnixTime) -> Vec<u8> {
        let asked =
            OcspRequest::for_certificate(leaf, self.authority.certificate(), CertIdHash::Sha1).unwrap();
        self.responder.answer(asked.der(), at).der().to_vec()
    }

    /// The answer of the same authority as it was before it issued the leaf.
    fn answer_of_a_copy_without_it(&self) -> Vec<u8> {
        let authority = CertificateAuthority::open(Arc::new(LocalDisk), &self.copy).unwrap();
        let asked =
            OcspRequest::for_certificate(&self.leaf, authority.certificate(), CertIdHash::Sha1).unwrap();
        OcspResponder::new(Arc::new(authority)).answer(asked.der(), NOW).der().to_vec()
    }

    fn revoke(&self, at: UnixTime) {
        let _ = self.authority.revoke(&self.leaf.serial(), RevocationReason::KeyCompromise, at).unwrap();
    }

    fn crl(&self, at: UnixTime) -> Given {
        Given::complete(self.authority.crl(at).unwrap().der())
    }

    fn row(&self, name: &'static str, given: Vec<Given>, responses: Vec<Vec<u8>>) -> Row {
        let der = |certificate: &Certificate| CertificateDer::from(certificate.der().to_vec());
        let (anchor, leaf) = (der(self.authority.certificate()), der(&self.leaf));
        Row { name, anchor, leaf, given, responses }
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copied = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &copied),
            false => {
                fs::copy(entry.path(), copied).unwrap();
            }
        }
    }
}

fn issue(authority: &CertificateAuthority) -> Certificate {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let name = "URI:spiffe://mesh.example/web".parse().unwrap();
    let request = CertificateRequest::generate(&key, &[name]).unwrap();
    authority.issue(&request, &IssuancePolicy::default(), NOW).unwrap().leaf().clone()
}

pub(super) fn all() -> Vec<Row> {
    let office = Office::new();
    let good = office.response(NOW);
    let lapsed = office.response(NOW.minus(30 * DAY));
    let fresh = office.crl(NOW);
    let stale = office.crl(NOW.minus(2 * DAY));
    let mut broken = good.clone();
    *broken.last_mut().unwrap() ^= 1;
    let colleague = issue(&office.authority);
    let mut rows = vec![
        office.row("no CRL, a good response", vec![], vec![good.clone()]),
        office.row("a stale CRL, a good response", vec![stale], vec![good.clone()]),
        office.row("no CRL, a good response that lapsed", vec![], vec![lapsed.clone()]),
        office.row("a fresh CRL, a good response that lapsed", vec![fresh.clone()], vec![lapsed]),
        office.row(
            "no CRL, a good response about another certificate",
            vec![],
            vec![office.about(&colleague, NOW)],
        ),
        office.row("no CRL, a good response with a signature that is wrong", vec![], vec![broken]),
        office.row("no CRL, a response that can not be read", vec![], vec![b"x".to_vec()]),
        office.row(
            "no CRL, a response larger than 16 KiB",
            vec![],
            vec![[&good[..], &[0; 16 << 10]].concat()],
        ),
        office.row("no CRL, seventeen good responses", vec![], vec![good.clone(); 17]),
        office.row(
            "no CRL, a responder that does not answer",
            vec![],
            vec![OcspRefusal::TryLater.der().to_vec()],
        ),
    ];
    let unknown = office.answer_of_a_copy_without_it();
    rows.push(office.row("no CRL, a responder that does not know the certificate", vec![], vec![unknown]));
    let revoked = Office::new();
    let (before, silent) = (revoked.response(NOW), revoked.crl(NOW));
    revoked.revoke(NOW.minus(30 * DAY));
    let old = revoked.response(NOW.minus(30 * DAY));
    let now = revoked.response(NOW);
    let listing = revoked.crl(NOW);
    rows.extend([
        revoked.row("no CRL, a response that says revoked", vec![], vec![now.clone()]),
        revoked.row("a fresh CRL, a response that said revoked long ago", vec![silent], vec![old]),
        revoked.row(
            "a response that says revoked, and one that can not be read",
            vec![],
            vec![b"x".to_vec(), now],
        ),
        revoked.row("listed in a CRL, a good response", vec![listing], vec![before]),
    ]);
    rows
}
