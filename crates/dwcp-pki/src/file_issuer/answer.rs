//! What lies where an answer is expected: one of this very request, or something that is no reason to stop waiting.

use crate::certificate::printable;
use crate::{
    Certificate, CertificateChain, CertificateRequest, Issued, ParseError, RevocationMode, TrustError,
    TrustStore, ValidationError,
};
use dwcp_base::{SecretFileError, read_bounded};
use dwcp_crypto::digest::sha256;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where the files of one request are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) request: PathBuf,
    pub(super) chain: PathBuf,
    pub(super) refusal: PathBuf,
    pub(super) roots: PathBuf,
}

/// What was found at one look.
pub(super) enum Found {
    /// The answer.
    Answer(Box<Issued>),
    /// The issuer says no, in these words.
    Refused(String),
    /// Nothing of this request.
    Nothing,
    /// Something that is not whole, or not yet: the next look may find more.
    Unfinished(Unfinished),
    /// Another request took the place of this one.
    Displaced,
}

/// Why what lies there is no answer.
#[derive(Debug, Error)]
pub enum Unfinished {
    /// A file can not be read, or is no file.
    #[error("a file of the answer was not read")]
    File(#[source] SecretFileError),
    /// The certificates are malformed, as a file is that is still being written.
    #[error("the answer does not hold a chain of certificates")]
    Chain(#[source] ParseError),
    /// The roots are malformed.
    #[error("the file of roots does not hold certificates")]
    Roots(#[source] ParseError),
    /// The roots can not be trusted: none, too many, or no authorities.
    #[error("the roots are not usable")]
    Trust(#[source] TrustError),
    /// The chain leads to none of the roots, as one does whose end is missing.
    #[error("the answer does not lead to one of the roots")]
    Unrooted(#[source] ValidationError),
}

/// The error of a request whose files another one overwrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("another request took the place of this one: two providers use one name in one directory")]
pub struct Displaced;

/// Looks once. Every file is read bounded and from one descriptor, and no error ends the waiting.
pub(super) fn look(files: &Files, request: &CertificateRequest, text: &str) -> Found {
    match read(&files.request, LARGEST_REQUEST) {
        Ok(Some(there)) if there != text.as_bytes() => return Found::Displaced,
        // An issuer may take the request away with it.
        _ => {}
    }
    if let Ok(Some(words)) = read(&files.refusal, LARGEST_REFUSAL)
        && let Some(words) = refusal_of(text, &words)
    {
        return Found::Refused(words);
    }
    let chain = match read(&files.chain, LARGEST_CHAIN) {
        Ok(Some(text)) => text,
        Ok(None) => return Found::Nothing,
        Err(error) => return Found::Unfinished(Unfinished::File(error)),
    };
    let chain = match CertificateChain::from_pem(&chain) {
        Ok(chain) => chain,
        Err(error) => return Found::Unfinished(Unfinished::Chain(error)),
    };
    // What answers an earlier request stays there until it is overwritten.
    if chain.leaf().key_pin() != request.key_pin() {
        return Found::Nothing;
    }
    match rooted(&files.roots, &chain) {
        Ok(roots) => Found::Answer(Box::new(Issued { chain: without(&roots, chain), roots })),
        Err(unfinished) => Found::Unfinished(unfinished),
    }
}

/// The chain without roots, which many tools append and nobody presents.
fn without(roots: &[Certificate], chain: CertificateChain) -> CertificateChain {
    let presented: Vec<_> = chain.iter().filter(|one| !roots.contains(one)).cloned().collect();
    CertificateChain::new(presented).unwrap_or(chain)
}

/// The roots, if the chain leads to one: a chain of which only the leaf is there yet does not.
fn rooted(path: &Path, chain: &CertificateChain) -> Result<Vec<Certificate>, Unfinished> {
    let text = read_bounded(path, LARGEST_CHAIN).map_err(Unfinished::File)?;
    let roots = Certificate::bundle_from_pem(&text).map_err(Unfinished::Roots)?;
    let anchors = roots.iter().map(|root| root.certificate_der().clone()).collect();
    let store = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).map_err(Unfinished::Trust)?;
    store.covers(chain).map_err(Unfinished::Unrooted)?;
    Ok(roots)
}

/// The words of a refusal, if it is one of this request: its first line begins with the SHA-256 of the request's file, as `sha256sum` writes it.
fn refusal_of(request: &str, text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let (first, words) = text.split_once('\n').unwrap_or((&text, ""));
    let hash: String = sha256(request.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let of_this = first.get(..hash.len()).is_some_and(|start| start.eq_ignore_ascii_case(&hash));
    of_this.then(|| printable(words.trim()))
}

/// What a file holds; `None` where there is none.
fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, SecretFileError> {
    match read_bounded(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(SecretFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

const LARGEST_REQUEST: u64 = 128 << 10;
const LARGEST_CHAIN: u64 = 1 << 20;
const LARGEST_REFUSAL: u64 = 4 << 10;
