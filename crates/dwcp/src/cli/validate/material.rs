//! The files of a validation, cut into certificates and lists. Whether one of those is as it should be is part of the verdict.

use super::pool;
use crate::cli::args_validate::Validate;
use crate::cli::exit::{Exit, Failure};
use crate::cli::input;
use dwcp_pki::inspect::documents;
use dwcp_pki::{Crl, DeltaCrl, Document, ParseError};
use rustls_pki_types::CertificateDer;
use std::path::{Path, PathBuf};

/// All that was read.
pub(super) struct Material {
    /// As it was presented, leaf first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// The chain, and what a path may need of the other certificates.
    pub(super) candidates: Vec<CertificateDer<'static>>,
    pub(super) roots: Vec<CertificateDer<'static>>,
    pub(super) lists: Lists,
    /// OCSP responses, as they came.
    pub(super) answers: Vec<Vec<u8>>,
}

/// Revocation lists, and those that can not be read.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) complete: Vec<Crl>,
    pub(super) deltas: Vec<DeltaCrl>,
    pub(super) unreadable: Vec<(PathBuf, ParseError)>,
}

impl Material {
    /// Reads every file that the command line names.
    pub(super) fn read(args: &Validate) -> Result<Self, Failure> {
        let paths = [&args.chain, &args.roots, &args.intermediates, &args.crl, &args.ocsp];
        if paths.into_iter().flatten().filter(|path| input::is_standard(path)).count() > 1 {
            let why = "`-` stands for it more than once";
            let fix = "put all but one of them into files";
            return Err(Failure::plain(Exit::Usage, "standard input can be read once", why, fix));
        }
        let chain = certificates(&args.chain)?;
        let candidates = pool::with_issuers(&chain, &certificates(&args.intermediates)?);
        let (roots, lists) = (certificates(&args.roots)?, Lists::read(&args.crl)?);
        Ok(Self { candidates, chain, roots, lists, answers: answers(&args.ocsp)? })
    }
}

impl Lists {
    fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut lists = Self::default();
        for path in paths {
            for der in cut(path, Document::Crl, LARGEST_LIST)? {
                match Crl::from_der(&der) {
                    Ok(crl) => lists.complete.push(crl),
                    Err(error) => match DeltaCrl::from_der(&der) {
                        Ok(delta) => lists.deltas.push(delta),
                        Err(_) => lists.unreadable.push((path.clone(), error)),
                    },
                }
            }
        }
        Ok(lists)
    }
}

/// What they say, and whether they are responses at all, is for the verdict.
fn answers(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, Failure> {
    let read = |path: &PathBuf| {
        let what = format!("{} was not read", called(path));
        input::bytes(path, LARGEST_ANSWER, &what).map(|bytes| bytes.to_vec())
    };
    paths.iter().map(read).collect()
}

fn certificates(paths: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(cut(path, Document::Certificate, LARGEST_FILE)?.into_iter().map(CertificateDer::from));
    }
    Ok(all)
}

fn cut(path: &Path, wanted: Document, limit: u64) -> Result<Vec<Vec<u8>>, Failure> {
    let what = format!("{} was not read", called(path));
    let bytes = input::bytes(path, limit, &what)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    documents(&bytes, wanted, limit).map_err(|error| {
        let fix = match error {
            ParseError::TooLarge { .. } | ParseError::Malformed { .. } => "take the file apart",
            _ if wanted == Document::Crl => "name a file with revocation lists, in PEM or DER",
            _ => "name a file with certificates, in PEM or DER",
        };
        Failure::new(Exit::Failure, what, &error, fix).coded(&error)
    })
}

/// A file as an error names it.
pub(super) fn called(path: &Path) -> String {
    if input::is_standard(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// A megabyte holds far more certificates than a path.
const LARGEST_FILE: u64 = 1 << 20;
/// Base64 of the largest list that is read.
const LARGEST_LIST: u64 = 92 << 20;
/// Far above what a response may have that counts.
const LARGEST_ANSWER: u64 = 64 << 10;
