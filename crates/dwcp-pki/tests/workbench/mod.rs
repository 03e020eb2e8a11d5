//! An authority in a directory, and what is asked of it.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use dwcp_base::{Coded, Disk, LocalDisk, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityError, AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy, Serial,
    SubjectName,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn create(disk: Arc<dyn Disk>, directory: &Path) -> Result<CertificateAuthority, AuthorityError> {
    CertificateAuthority::create(disk, directory, &AuthorityParams::new("Test Root"), NOW)
}

/// One that was made on a disk without faults.
pub(crate) fn authority(directory: &Path) -> CertificateAuthority {
    create(Arc::new(LocalDisk), directory).unwrap()
}

pub(crate) fn open(directory: &Path) -> Result<CertificateAuthority, AuthorityError> {
    CertificateAuthority::open(Arc::new(LocalDisk), directory)
}

pub(crate) fn open_code(directory: &Path) -> &'static str {
    open(directory).unwrap_err().code()
}

pub(crate) fn names(texts: &[&str]) -> Vec<SubjectName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A request for these names, by a key of its own.
pub(crate) fn request(texts: &[&str]) -> CertificateRequest {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    CertificateRequest::generate(&key, &names(texts)).unwrap()
}

/// Issues to a key of its own, and gives the serial number.
pub(crate) fn issue(ca: &CertificateAuthority) -> Result<Serial, AuthorityError> {
    let request = request(&["DNS:a.example.org"]);
    Ok(ca.issue(&request, &IssuancePolicy::default(), NOW)?.leaf().serial())
}

pub(crate) fn serials(ca: &CertificateAuthority) -> Vec<Serial> {
    ca.issued().unwrap().iter().map(|record| record.serial).collect()
}
