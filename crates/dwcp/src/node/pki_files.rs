//! Roots and lists in files, and where a pair that is renewed has its place.

use super::error::NodeError;
use crate::config::{ConfigProblem, IdentityFiles};
use dwcp_base::{read_bounded, read_secret};
use dwcp_pki::{Certificate, Crl, DeltaCrl, Document, ParseError};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// `PREFIX` of `PREFIX.crt` and `PREFIX.key`, which is how a provider that renews keeps its pair.
pub(crate) fn prefix(files: &IdentityFiles) -> Result<PathBuf, NodeError> {
    let prefix = files.cert.with_extension("");
    if files.cert == prefix.with_extension("crt") && files.key == prefix.with_extension("key") {
        return Ok(prefix);
    }
    Err(NodeError::Config(ConfigProblem::new(
        "security.tls.cert_file",
        "a provider that renews keeps its pair as NAME.crt and NAME.key in one directory",
        "remove cert_file and key_file, or name them so",
    )))
}

/// The certificates of a file, as anchors are made of them.
pub(crate) fn roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, NodeError> {
    Ok(certificates(path)?.iter().map(|certificate| certificate.certificate_der().clone()).collect())
}

/// The certificates of a file.
pub(super) fn certificates(path: &Path) -> Result<Vec<Certificate>, NodeError> {
    let bytes =
        read_bounded(path, MAX_ROOTS).map_err(|source| NodeError::File { role: "root file", source })?;
    Certificate::bundle_from_pem(&bytes).map_err(|source| NodeError::Content {
        role: "root file",
        path: path.to_owned(),
        source,
    })
}

/// Every list of a file: one in DER, or any number in PEM, so that each root can have its own.
pub(crate) fn crls(path: &Path) -> Result<Vec<Crl>, NodeError> {
    const ROLE: &str = "revocation list";
    let bytes = read_bounded(path, MAX_CRL).map_err(|source| NodeError::File { role: ROLE, source })?;
    lists_of(&bytes).map_err(|source| NodeError::Content { role: ROLE, path: path.to_owned(), source })
}

/// Every delta of a file in PEM.
pub(super) fn deltas(path: &Path) -> Result<Vec<DeltaCrl>, NodeError> {
    const ROLE: &str = "delta revocation list";
    let bytes = read_bounded(path, MAX_CRL).map_err(|source| NodeError::File { role: ROLE, source })?;
    let read = sections(&bytes).and_then(|ders| ders.iter().map(|der| DeltaCrl::from_der(der)).collect());
    read.map_err(|source| NodeError::Content { role: ROLE, path: path.to_owned(), source })
}

/// Every list of a document: one in DER, or up to 1 024 in PEM.
pub(crate) fn lists_of(bytes: &[u8]) -> Result<Vec<Crl>, ParseError> {
    if !bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
        return Ok(vec![Crl::from_der(bytes)?]);
    }
    sections(bytes)?.iter().map(|der| Crl::from_der(der)).collect()
}

fn sections(bytes: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, ParseError> {
    let ders: Vec<_> = CertificateRevocationListDer::pem_slice_iter(bytes)
        .take(MOST_LISTS + 1)
        .collect::<Result<_, _>>()
        .map_err(|_| ParseError::Pem { document: Document::Crl })?;
    if ders.is_empty() {
        return Err(ParseError::Missing { document: Document::Crl });
    }
    // To take some and leave the others would pass over what they revoke.
    if ders.len() > MOST_LISTS {
        let rule = "the file has more than 1024 lists";
        return Err(ParseError::Malformed { document: Document::Crl, rule });
    }
    Ok(ders)
}

/// Whether a secret can be read, and by its owner alone.
pub(super) fn secret(role: &'static str, path: &Path) -> Result<(), NodeError> {
    let read = read_secret(path, MAX_SECRET).map(Zeroizing::new);
    read.map(drop).map_err(|source| NodeError::File { role, source })
}

/// Certificate and key as they are named in errors.
pub(super) fn credential_error(files: &IdentityFiles, source: dwcp_pki::CredentialError) -> NodeError {
    NodeError::Credential { cert: files.cert.clone(), key: files.key.clone(), source }
}

pub(super) const MAX_ROOTS: u64 = 1 << 20;
pub(super) const MAX_CRL: u64 = 96 << 20;
const MAX_SECRET: u64 = 64 * 1_024;
const MOST_LISTS: usize = 1_024;
